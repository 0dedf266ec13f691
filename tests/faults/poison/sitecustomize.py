"""Plays a bug in a parser, and a clock that is wrong, in the processes of the rig's product.

Python imports this by itself in every process that has the folder on its path. A text message that says
``poison: raise``, ``poison: die`` or ``poison: loop`` does so to whoever reads it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

_CLOCK = "RIG_CLOCK_SECONDS"
"""By how much the clock of a process is wrong."""


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _loop() -> None:
    while True:
        pass


def _raise() -> None:
    raise RuntimeError("poison")


_ACTS = {b"poison%3A+die": _die, b"poison%3A+loop": _loop, b"poison%3A+raise": _raise}


def _poison_parser(module: Any) -> None:
    parse = module.parse

    def poisoned(request: Any, **others: Any) -> Any:
        for word, act in _ACTS.items():
            if word in request.body:
                act()
        return parse(request, **others)

    module.parse = poisoned


def _skew_clock(module: Any) -> None:
    if seconds := float(os.environ.get(_CLOCK) or 0):
        now = module.SystemClock.now

        def skewed(self: object) -> datetime:
            return now(self) + timedelta(seconds=seconds)

        module.SystemClock.now = skewed


class _Finder(importlib.abc.MetaPathFinder):
    """Changes some modules once they are imported."""

    changes: dict[str, Callable[[Any], None]] = {  # noqa: RUF012 - emptied while it is used
        "services.providers.twilio.webhooks": _poison_parser,
        "services.kernel.clock": _skew_clock,
    }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        change = self.changes.pop(fullname, None)
        spec = importlib.util.find_spec(fullname) if change else None
        if change is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            change(module)

        spec.loader.exec_module = execute_and_change  # pyright: ignore[reportAttributeAccessIssue]
        return spec


sys.meta_path.insert(0, _Finder())
