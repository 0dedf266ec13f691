"""What the page about keys shows, computed from the vault's views."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.components.words import counted
from services.vault import KeyStatusView, KeyView, OpeningsView, RotationView

_CHIPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "pending": ("New, not in use yet", "soon"),
        "primary": ("In use", "ok"),
        "decrypt_only": ("Opens only", "off"),
        "retired": ("Switched off", "off"),
        "destroyed": ("Destroyed", "off"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One data key: never the key itself."""

    id: str
    short: str
    chip: str
    chip_kind: str
    secrets: str
    created_at: str
    wrapped_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The latest rotation, and how far it has come."""

    words: str
    is_under_way: bool
    percent: int
    progress: str
    waiting_for: tuple[str, ...]
    problem: str
    can_revert: bool
    kept_until: str
    started_by: str
    started_at: str


NO_ROTATION = Rotation(
    words="",
    is_under_way=False,
    percent=0,
    progress="",
    waiting_for=(),
    problem="",
    can_revert=False,
    kept_until="",
    started_by="",
    started_at="",
)


def key_of(view: KeyView) -> Key:
    """Return a key as shown."""
    chip, kind = _CHIPS.get(view.state.value, (view.state.value, "off"))
    return Key(
        id=str(view.id),
        short=str(view.id)[-12:],
        chip=chip,
        chip_kind=kind,
        secrets=counted(view.secret_count, "secret"),
        created_at=view.created_at.isoformat(),
        wrapped_by=view.kek_id,
    )


def rotation_of(view: RotationView | None) -> Rotation:
    """Return the latest rotation as shown."""
    if view is None:
        return NO_ROTATION
    total = max(view.rows_total, view.rows_done + view.rows_left, 1)
    done = total - view.rows_left
    return Rotation(
        words=view.words,
        is_under_way=view.is_under_way,
        percent=round(100 * done / total),
        progress=f"{done} of {counted(total, 'secret')} on the key that stays",
        waiting_for=tuple(_waiting(words) for words in view.waiting_for),
        problem=view.problem,
        can_revert=view.can_revert,
        kept_until=view.kept_until.isoformat() if view.kept_until else "",
        started_by=view.started_by,
        started_at=view.started_at.isoformat(),
    )


def dry_run(view: KeyStatusView) -> tuple[str, ...]:
    """Return what a rotation would do, counted; nothing is changed by asking."""
    kinds = process_kinds(view)
    seen = f"{counted(len(view.processes), 'process', 'processes')} ({', '.join(kinds)})" if kinds else "every process"
    return (
        f"A new data key is made, wrapped by the key-encryption key “{view.kek_ids[0]}”.",
        f"Before it is used, {seen} must have seen it.",
        f"{counted(view.secret_count, 'secret')} are re-encrypted in small batches, while messages go on as usual.",
        "The old key is then switched off, and kept for the way back until it is destroyed.",
    )


def process_kinds(view: KeyStatusView) -> list[str]:
    """Return what kinds of processes know the keys: a tenant is not told where on the server they run."""
    return sorted({_kind(process.name) for process in view.processes})


def kek_words(view: KeyStatusView) -> str:
    """Return which key-encryption keys this server has; where they lie is the operator's business."""
    front, *older = view.kek_ids
    return f"{front}, and {counted(len(older), 'older one')}" if older else front


def openings_words(view: OpeningsView) -> str:
    """Return how many secrets were opened lately, beside what is usual."""
    if not view.is_known:
        return "not known at the moment"
    usual = f"usual: {view.usual}" if view.usual else "nothing to compare with yet"
    return f"{view.within_an_hour} within an hour ({usual})"


def alarm_words(view: OpeningsView) -> str:
    """Return what to say when far more secrets are opened than usual; empty if that is not so."""
    if not view.is_unusual:
        return ""
    return (
        f"{view.within_an_hour} secrets were opened within an hour; usual are {view.usual}. Expect that after a storm"
        " of messages. If there was none, somebody may be reading them: change the keys at the services, then rotate"
        " the key here."
    )


def _kind(process: str) -> str:
    return process.partition(" (")[0]


def _waiting(words: str) -> str:
    process, _, reason = words.partition(": ")
    return f"{_kind(process)}: {reason}"
