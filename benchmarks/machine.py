"""What the figures were taken on, and whether it had other things to do."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import psutil

_PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "slack-bolt", "reflex", "rq", "redis", "psycopg")
_BUSY = 0.25


def load_average() -> float:
    """Return how many processes wanted a processor over the last minute."""
    return os.getloadavg()[0]


def facts(*, postgres: str, load_before: float) -> Mapping[str, str]:
    """Return what somebody who compares figures needs to know, and nothing that says whose machine it is.

    Args:
        postgres: the server's version.
        load_before: the load average before anything was started.
    """
    return {
        "Processors": str(os.cpu_count()),
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Load average before": f"{load_before:.2f}",
        "Python": platform.python_version(),
        "PostgreSQL": postgres,
        **{name: _version(name) for name in _PACKAGES},
    }


def busy_warning(load: float, *, processors: int) -> str:
    """Return why figures are not to be relied on if the machine had other work to do; nothing if it was quiet."""
    if load <= processors * _BUSY:
        return ""
    return (
        f"Taken on a busy machine (load average {load:.1f} on {processors} processors before anything was measured): "
        "goals may be missed that a quiet one meets. Measure again on a quiet machine."
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
