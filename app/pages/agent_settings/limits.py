"""What the limits' part of the form shows, and what was typed into it. Without Reflex."""

from collections.abc import Mapping

from services.kernel.errors import InvalidInput
from services.limits import AgentLimitsView, LimitDraft, LimitView, LimitWindowView

GROUPS: tuple[tuple[str, str], ...] = (
    ("slack", "Slack"),
    ("email", "E-mail"),
    ("sms", "SMS"),
    ("chat", "Chat"),
    ("actions", "Actions"),
)
NUMBERS: tuple[tuple[str, str], ...] = (("per_minute", "a minute"), ("per_hour", "an hour"), ("per_day", "a day"))
EXCESSES: tuple[tuple[str, str], ...] = (
    ("wait", "Wait until there is room"),
    ("hand_over", "Hand over to a person"),
    ("drop", "Do not send, and say so"),
)


def shown_values(view: AgentLimitsView) -> dict[str, str]:
    """Return what stands in the form, by field name."""
    values: dict[str, str] = {}
    for limit in view.limits:
        values[f"{limit.group}_excess"] = limit.excess
        for (name, _), window in zip(NUMBERS, limit.windows, strict=True):
            values[f"{limit.group}_{name}"] = "" if window.most is None else str(window.most)
    return values


def used_words(view: AgentLimitsView) -> dict[str, str]:
    """Return what is used of each window, by field name."""
    return {
        f"{limit.group}_{name}": _used(window)
        for limit in view.limits
        for (name, _), window in zip(NUMBERS, limit.windows, strict=True)
    }


def company_words(limit: LimitView) -> str:
    """Return what holds for all agents together, in one sentence."""
    numbers = [
        f"{window.most:,} {words}, {window.used:,} used"
        for (_, words), window in zip(NUMBERS, limit.windows, strict=True)
        if window.most is not None
    ]
    return f"All agents together: {'; '.join(numbers)}." if numbers else "All agents together: no limit."


def field_of(error: InvalidInput) -> str:
    """Return the form's name of the field that the service refused."""
    return error.field.replace(".", "_")


def read_drafts(form: Mapping[str, object]) -> tuple[LimitDraft, ...]:
    """Return what was typed.

    Raises:
        InvalidInput: something is no number; ``field`` names it.
    """
    return tuple(
        LimitDraft(
            group=group,
            per_minute=_number(form, f"{group}_per_minute"),
            per_hour=_number(form, f"{group}_per_hour"),
            per_day=_number(form, f"{group}_per_day"),
            excess=str(form.get(f"{group}_excess", "wait")),
        )
        for group, _ in GROUPS
    )


def _number(form: Mapping[str, object], name: str) -> int | None:
    typed = str(form.get(name, "")).strip().replace(",", "")
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise InvalidInput("Enter a whole number, or leave it empty for no limit.", field=name)
    return int(typed)


def _used(window: LimitWindowView) -> str:
    left = "" if window.left is None else f", {window.left:,} left"
    return f"{window.used:,} used{left}; anew at {window.resets_at:%H:%M} UTC"
