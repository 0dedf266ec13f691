"""The worker process's kernel, built once and shared by its jobs."""

from services.kernel.kernel import Kernel

_kernels: list[Kernel] = []


def use_kernel(kernel: Kernel) -> None:
    """Give the process its kernel; the worker calls this before it takes the first job."""
    _kernels[:] = [kernel]


def get_kernel() -> Kernel:
    """Return the process's kernel.

    Raises:
        RuntimeError: a job was called outside a worker.
    """
    if not _kernels:
        raise RuntimeError("Jobs run in a worker: start `patchbay worker`, which calls use_kernel first.")
    return _kernels[0]
