"""The kernel the pages work with: set once by the composition root, read by handlers."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import reflex as rx

from services.kernel.errors import ConfigurationError
from services.kernel.kernel import Kernel

P = ParamSpec("P")
T = TypeVar("T")

_kernels: list[Kernel] = []


def set_kernel(kernel: Kernel) -> None:
    """Give the pages their kernel; a later call replaces it."""
    _kernels[:] = [kernel]


def get_kernel() -> Kernel:
    """Return the process's kernel.

    Raises:
        ConfigurationError: the composition root has not set one.
    """
    if not _kernels:
        raise ConfigurationError("The pages have no kernel: app.app must call set_kernel() before it serves.")
    return _kernels[0]


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a synchronous service call in a thread, so that no other user waits for it."""
    return await rx.run_in_thread(functools.partial(function, *args, **kwargs))
