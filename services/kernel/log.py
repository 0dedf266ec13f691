"""Structured logs: one readable line per event, or JSON, for our code and for the libraries alike.

Events are named ``area.thing.what_happened`` and carry ids only::

    log = get_logger(__name__)
    with bind_context(trace_id=delivery.trace_id, tenant_id=delivery.tenant_id):
        log.info("webhooks.delivery.accepted", delivery_id=delivery.id)

Whatever is logged passes ``redact.py`` once. Tracebacks are written without local variables.
"""

import json
import logging
import sys
import threading
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import structlog
from structlog.typing import EventDict, Processor

from services.kernel.redact import redact_event
from services.kernel.settings import Settings

_OWN_PACKAGES = ("app", "models", "services", "workers")
# These write headers, bodies or statement parameters at DEBUG or INFO.
_TALKATIVE = (
    "alembic.runtime.plugins",
    "asyncio", "botocore", "engineio", "google", "googleapiclient", "hpack", "httpcore", "httpcore2", "httpx",
    "httpx2", "multipart", "openai", "python_multipart", "requests_oauthlib", "slack_sdk", "socketio", "sqlalchemy",
    "twilio", "urllib3", "websockets",
)  # fmt: skip
_LEADING_KEYS = ("time", "level", "process", "event")
_COLOURS = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; pass ``__name__``."""
    return structlog.stdlib.get_logger(name)


@contextmanager
def bind_context(**ids: UUID | str | None) -> Generator[None]:
    """Attach ids to every event inside the block: ``trace_id``, ``tenant_id``, ``connection_id`` and the like.

    The context follows threads only through our own helpers and does not cross into a worker: bind it at each edge.
    ``None`` leaves an id out.
    """
    with structlog.contextvars.bound_contextvars(**{name: str(id) for name, id in ids.items() if id is not None}):
        yield


def configure_logging(settings: Settings, *, process: str, stream: TextIO | None = None) -> None:
    """Route all logs of this process, ours and the libraries', through one handler.

    Call it first thing in a process: RQ and uvicorn install handlers of their own where they find none (give
    uvicorn ``log_config=None``).

    Args:
        settings: ``log`` picks text or JSON, ``log_level`` applies to our own packages; libraries are heard from
            INFO on, those that would show headers or bodies from WARNING on.
        process: what runs here, such as ``web`` or ``worker-1``; stands in every line.
        stream: where the lines go; standard error if not given, so that commands keep standard output for results.
    """
    target = stream or sys.stderr
    handler = _SafeHandler(target)
    handler.setFormatter(_build_formatter(settings, process=process, colours=target.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = logging.getLevelNamesMapping()[settings.log_level]
    root.setLevel(max(level, logging.INFO))
    _take_over_existing_loggers()
    for name in _OWN_PACKAGES:
        logging.getLogger(name).setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def render_text(event: MutableMapping[str, Any], *, colours: bool) -> str:
    """Return an event as one line: time, level, process, name, then ``key=value``; a traceback follows, indented."""
    rest = {name: value for name, value in event.items() if name not in _LEADING_KEYS}
    trace = rest.pop("exception", None)
    level = str(event.get("level", "info"))
    words = [
        str(event.get("time", "")),
        f"{level:<7}",
        f"{_one_line(event.get('process', '')):<9}",
        _one_line(event.get("event", "")),
    ]
    pairs = [f"{_one_line(name)}={_quoted(value)}" for name, value in rest.items()]
    if colours:
        words = [f"{_DIM}{words[0]}{_RESET}", f"{_COLOURS.get(level, '')}{words[1]}{_RESET}", *words[2:]]
        pairs = [f"{_DIM}{pair}{_RESET}" for pair in pairs]
    line = " ".join([*words, *pairs])
    if not trace:
        return line
    return "\n".join([line, *(f"    {_one_line(part)}" for part in str(trace).splitlines())])


class _SafeHandler(logging.StreamHandler[TextIO]):
    """Writes lines; a record that cannot be rendered costs one plain line, never its raw arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the base class's name
        error = sys.exc_info()[0]
        if error is None or issubclass(error, BrokenPipeError):
            return
        try:
            self.stream.write(f"log.record.not_rendered logger={record.name} error={error.__name__}\n")
            self.flush()
        except (OSError, ValueError):
            return


def _build_formatter(settings: Settings, *, process: str, colours: bool) -> logging.Formatter:
    def add_process(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    def render(_logger: object, _method: str, event: EventDict) -> str:
        ordered = {name: event[name] for name in _LEADING_KEYS if name in event} | dict(event)
        if settings.log == "json":
            return json.dumps(ordered, separators=(",", ":"), allow_nan=False)
        return render_text(ordered, colours=colours)

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_CHAIN,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, add_process, render],
    )


def _rename_logger(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Say which library a foreign record comes from; our own events name their area themselves."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and not event.get("_from_structlog"):
        event["logger"] = record.name
    return event


_CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    _rename_logger,
    structlog.processors.format_exc_info,
    redact_event,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
]


def _take_over_existing_loggers() -> None:
    """Remove handlers that libraries installed, so that each record is written once and redacted."""
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    get_logger(__name__).critical("process.error.not_caught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _one_line(value: object) -> str:
    """Escape what would start a new line or steer a terminal."""
    text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _quoted(value: object) -> str:
    if isinstance(value, str):
        is_plain = value and value.isprintable() and not any(character in ' "=' for character in value)
        return value if is_plain else _one_line(json.dumps(value, ensure_ascii=False))
    return _one_line(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


# Wired at import: a process that forgets configure_logging still redacts, and tests see events as records.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_CHAIN,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
