"""Finds Chromium for the browser journeys, or installs it: ``python -m tests.support.chromium`` says what it does."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGE = "chromium"
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MILLISECONDS = 20_000.0
"""How long is waited for what a page is to show; a page that shows it sooner costs nothing."""


class NoChromiumError(Exception):
    """There is none and none could be installed; the message says what to do."""


@functools.cache
def chromium() -> Path:
    """Return the program to run, installing one if there is none.

    Raises:
        NoChromiumError
    """
    return _given() or _on_path() or _of_playwright() or _install_by_system() or _install_by_playwright()


@contextmanager
def running_chromium() -> Generator[Browser]:
    """Start Chromium, with patient expectations."""
    expect.set_options(timeout=_PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=list(_ARGUMENTS))
        yield started
        started.close()


def _given() -> Path | None:
    given = os.environ.get("PATCHBAY_CHROMIUM")
    if not given:
        return None
    if not _runs(Path(given)):
        raise NoChromiumError(f"PATCHBAY_CHROMIUM={given} does not run.")
    return Path(given)


def _on_path() -> Path | None:
    found = (Path(path) for name in _NAMES if (path := shutil.which(name)))
    return next((path for path in found if _runs(path)), None)


def _of_playwright() -> Path | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() and _runs(path) else None


def _install_by_system() -> Path | None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    _say(f"no Chromium found: apt-get install {_PACKAGE}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", _PACKAGE]):
        subprocess.run([apt, *arguments], check=False, stdin=subprocess.DEVNULL, env=environment)
    return _on_path()


def _install_by_playwright() -> Path:
    _say("no Chromium found: playwright install chromium")
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False, stdin=subprocess.DEVNULL)
    found = _of_playwright()
    if found is None:
        raise NoChromiumError(
            "Neither apt-get nor Playwright could install a Chromium that runs here. "
            f"Install Chromium (apt-get install {_PACKAGE}), or set PATCHBAY_CHROMIUM to a program that runs."
        )
    return found


def _runs(program: Path) -> bool:
    """Return whether it starts: Playwright's download lacks system libraries on a bare machine."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _say(what: str) -> None:
    print(f"chromium: {what}", flush=True)


if __name__ == "__main__":
    try:
        _say(f"using {chromium()}")
    except NoChromiumError as problem:
        sys.exit(f"chromium: {problem}")
