"""Child processes: what to run, how to start it so that it never outlives us, and how to stop it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOG_FILE_LIMIT = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """A system account that a child runs as; only root can hand a child to another one."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run and how."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    account: Account | None = None
    """Run as this account; as ourselves if not set."""
    log_file: Path | None = None
    """Where its output goes; to our own output if not set."""
    keep_output: bool = False
    """Keep what it prints on standard output for the caller to read once it has ended; for short answers only."""
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we die. Rows are leased, so that a killed worker loses nothing."""


def spawn(command: Command) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches only us and we stop the rest in order.

    On Linux the kernel ends the child when the calling *thread* ends (prctl(2), PR_SET_PDEATHSIG): call it from
    the main thread only.
    """
    output = _open_log(command.log_file) if command.log_file else None
    try:
        return subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if command.keep_output else output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid(), command.orphan_signal),
            **_identity(command.account),
        )
    finally:
        if output is not None:
            os.close(output)


def run(command: Command, *, timeout_seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end, as its account, and return what it printed."""
    return subprocess.run(
        command.argv,
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_seconds,
        check=False,
        preexec_fn=_die_with(os.getpid(), signal.SIGKILL),
        **_identity(command.account),
    )


def stop(
    children: Iterable[tuple[subprocess.Popen[bytes], signal.Signals]], *, grace_seconds: float
) -> list[subprocess.Popen[bytes]]:
    """Signal all children at once, wait, and kill by pid what is left after the grace.

    Returns:
        The children that had to be killed.
    """
    running = [(process, stop_signal) for process, stop_signal in children if process.poll() is None]
    for process, stop_signal in running:
        process.send_signal(stop_signal)
    deadline = time.monotonic() + grace_seconds
    killed: list[subprocess.Popen[bytes]] = []
    for process, _ in running:
        try:
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed.append(process)
    return killed


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float, interval_seconds: float = 0.02) -> bool:
    """Poll a condition until it holds or the time is over; return whether it holds."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval_seconds)
    return True


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: Account | None) -> _Identity:
    if account is None or account.uid == os.geteuid():
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _die_with(parent: int, orphan_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def preexec() -> None:
        # Runs after the change of account, which would clear the setting.
        libc.prctl(_PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return preexec


def _open_log(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_FILE_LIMIT:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
