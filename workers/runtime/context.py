"""The kernel of this process: built once, on first use, from the environment."""

import functools

from services.kernel.kernel import Kernel, build_kernel
from services.kernel.settings import Settings


@functools.cache
def process_kernel() -> Kernel:
    """Return the kernel that all jobs of this process share.

    Raises:
        ConfigurationError: a database, Redis or key is missing.
    """
    return build_kernel(Settings())
