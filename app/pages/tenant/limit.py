"""What all agents together may send and do: shown with what is used, and read from what was typed. Without Reflex."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.kernel.errors import InvalidInput
from services.limits import ALARM_AT, LimitDraft, LimitView, LimitWindowView

GROUP = "all"
NUMBERS: tuple[tuple[str, str], ...] = (("per_minute", "a minute"), ("per_hour", "an hour"), ("per_day", "a day"))
EXCESSES: tuple[tuple[str, str], ...] = (
    ("wait", "Wait until there is room"),
    ("hand_over", "Hand over to a person"),
    ("drop", "Do not send, and say so"),
)
_SPANS = {"minute": "This minute", "hour": "This hour", "day": "Today"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How far one window is used."""

    name: str
    words: str
    percent: int
    """Of the limit, at most 100; 0 without one."""
    has_limit: bool
    chip: str
    """That little or nothing is left; empty otherwise."""
    chip_kind: str


def gauges(limit: LimitView) -> tuple[Gauge, ...]:
    """Return what is used of each window."""
    return tuple(_gauge(window) for window in limit.windows)


def shown_values(limit: LimitView) -> dict[str, str]:
    """Return what stands in the form, by field name."""
    numbers = zip(NUMBERS, limit.windows, strict=True)
    return {
        "excess": limit.excess,
        **{name: "" if window.most is None else str(window.most) for (name, _), window in numbers},
    }


def field_of(error: InvalidInput) -> str:
    """Return the form's name of the field that was refused."""
    return error.field.removeprefix(f"{GROUP}.")


def read_draft(form: Mapping[str, object]) -> LimitDraft:
    """Return what was typed.

    Raises:
        InvalidInput: something is no number; ``field`` names it.
    """
    minute, hour, day = (_number(form, name) for name, _ in NUMBERS)
    return LimitDraft(
        group=GROUP, per_minute=minute, per_hour=hour, per_day=day, excess=str(form.get("excess", "wait"))
    )


def _number(form: Mapping[str, object], name: str) -> int | None:
    typed = str(form.get(name, "")).strip().replace(",", "")
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise InvalidInput("Enter a whole number, or leave it empty for no limit.", field=name)
    return int(typed)


def _gauge(window: LimitWindowView) -> Gauge:
    anew = f"anew at {window.resets_at:%H:%M} UTC"
    name = _SPANS.get(window.span, window.span)
    if window.most is None:
        words = f"{window.used:,} used, no limit; {anew}"
        return Gauge(name=name, words=words, percent=0, has_limit=False, chip="", chip_kind="off")
    chip, kind = _alarm(window.used, window.most)
    return Gauge(
        name=name,
        words=f"{window.used:,} of {window.most:,} used, {window.left or 0:,} left; {anew}",
        percent=min(100, 100 * window.used // window.most),
        has_limit=True,
        chip=chip,
        chip_kind=kind,
    )


def _alarm(used: int, most: int) -> tuple[str, str]:
    if used >= most:
        return "Used up", "broken"
    return (f"{100 * used // most} % used", "soon") if used >= most * ALARM_AT else ("", "ok")
