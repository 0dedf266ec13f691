"""What the page about an agent's actions shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from app import routes
from services.actions import ActionRunView, AvailableActionView

STATES: tuple[tuple[str, str], ...] = (
    ("", "All"),
    ("awaiting_approval", "Waiting"),
    ("succeeded", "Done"),
    ("failed", "Failed"),
    ("rejected", "Rejected"),
    ("unknown", "Unknown"),
)
"""State → its name, as filters."""
_CHIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "awaiting_approval": ("Waits for you", "soon"),
        "queued": ("Approved", "soon"),
        "running": ("At work", "soon"),
        "succeeded": ("Done", "ok"),
        "failed": ("Failed", "broken"),
        "rejected": ("Rejected", "off"),
        "cancelled": ("Not carried out", "off"),
        "unknown": ("Unknown", "broken"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One action, and how far the agent may go with it."""

    key: str
    connection_id: str
    action: str
    label: str
    description: str
    note: str
    """Whether it changes something, and who granted it."""
    mode: str
    is_writing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A connection with its actions."""

    name: str
    logo: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One value that an action was given."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of an action."""

    id: str
    title: str
    """What is done, in words."""
    where: str
    """Through which connection, and for whom."""
    chip: str
    chip_kind: str
    is_waiting: bool
    at: str
    said: str
    """What came of it, or why nothing did."""
    decided: str
    details: tuple[Detail, ...]
    trace: str
    conversation: str


def groups_of(views: Sequence[AvailableActionView]) -> tuple[Group, ...]:
    """Return the actions by connection, in the order given."""
    groups: dict[str, list[AvailableActionView]] = {}
    for view in views:
        groups.setdefault(str(view.connection_id), []).append(view)
    return tuple(
        Group(
            name=f"{found[0].provider_name} · {found[0].connection_name}",
            logo=f"/providers/{found[0].provider}.svg",
            grants=tuple(_grant(view) for view in found),
        )
        for found in groups.values()
    )


def run_of(view: ActionRunView) -> Run:
    """Return one execution as shown."""
    chip, kind = _CHIPS.get(view.state, (view.state, "off"))
    for_whom = f" · for {view.contact_name}" if view.contact_name else ""
    return Run(
        id=str(view.id),
        title=view.description,
        where=f"{view.provider_name} · {view.connection_name}{for_whom}",
        chip=chip,
        chip_kind=kind,
        is_waiting=view.state == "awaiting_approval",
        at=view.created_at.isoformat(),
        said=view.said,
        decided=_decided(view),
        details=tuple(Detail(label=_label(name), value=_value(value)) for name, value in view.input.items()),
        trace=routes.trace(view.trace_id),
        conversation=routes.agent_conversations(view.agent_id, show="all", conversation_id=view.conversation_id)
        if view.conversation_id
        else "",
    )


def _grant(view: AvailableActionView) -> Grant:
    is_writing = view.risk == "writes"
    kind = "changes something outside" if is_writing else "only reads"
    by = f", granted by {view.granted_by}" if view.mode and view.granted_by else ""
    return Grant(
        key=f"{view.connection_id}/{view.action}",
        connection_id=str(view.connection_id),
        action=view.action,
        label=view.label,
        description=view.description,
        note=f"{kind}{by}",
        mode=view.mode,
        is_writing=is_writing,
    )


def _decided(view: ActionRunView) -> str:
    if not view.decided_by:
        return ""
    verdict = "Rejected" if view.state == "rejected" else "Approved"
    note = f": “{view.decision_note}”" if view.decision_note else ""
    return f"{verdict} by {view.decided_by}{note}"


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in cast("Sequence[object]", value)) or "none"
    return str(value) if value not in (None, "") else "none"
