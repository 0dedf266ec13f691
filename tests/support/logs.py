"""Logging of the process, as it was before a test that sets it up."""

import logging
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

import structlog


@contextmanager
def restored_logging() -> Generator[None]:
    """Put the process's logging back as it was at the end of the block."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    loggers = [logger for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    levels = {logger: logger.level for logger in loggers}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.excepthook, threading.excepthook = hooks
        logging.captureWarnings(False)
        for logger in root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.setLevel(levels.get(logger, logging.NOTSET))
        structlog.contextvars.clear_contextvars()
