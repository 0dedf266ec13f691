"""Replays: a person has deliveries processed again, answers drafted again, or answers sent again.

Each is one act with a reason, in the audit log, and happens once: rows are locked and looked at before they change,
and the same idempotency key is the same act, however often it is asked for.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from uuid import UUID

from models import DeliveryState, Replay, ReplayedDelivery, ReplayKind
from services import audit
from services.kernel.db import UnitOfWork
from services.kernel.errors import Conflict, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.sending import send_again
from services.tenants import Actor, Permission, require
from services.turns import add_rehearsals
from services.webhooks import replay_repository, repository
from services.webhooks.filters import DeliveryFilter, check_filter
from services.webhooks.replay_repository import Target
from services.webhooks.views import ReplayOptionView, ReplayView

MOST = 2_000
"""How many rows one replay starts again; the oldest first."""
LONGEST_REASON = 300
LONGEST_KEY = 80
MAY_DOUBLE = "may_double"
_KINDS = ", ".join(kind.value for kind in ReplayKind)
_NOTHING: Mapping[ReplayKind, str] = MappingProxyType(
    {
        ReplayKind.PROCESS: "It took effect already; to process it again would change nothing.",
        ReplayKind.REHEARSE: "No agent has answered to it, or one is about to.",
        ReplayKind.SEND: "There is no answer to it that did not arrive.",
    }
)
_UNDER_WAY = "It is being processed; wait until that has ended."
_PRUNED = "Its content was deleted for its age. Ask the provider to send it again."
_UNSURE = (
    "Nobody can tell whether the contact received the answer. Send it again only if it may arrive twice, and say so."
)


def replay(
    kernel: Kernel,
    *,
    actor: Actor,
    wanted: DeliveryFilter,
    kind: str,
    reason: str = "",
    dry_run: bool = False,
    may_double: bool = False,
    idempotency_key: str = "",
) -> ReplayView:
    """Replay one delivery, or all that a filter means; each keeps its trace.

    Args:
        kernel: the process's seams.
        actor: who asks.
        wanted: which; with ``delivery_id`` that one alone.
        kind: ``process``, ``rehearse`` or ``send``.
        reason: why, for the audit log; a dry run needs none.
        dry_run: only count.
        may_double: for ``send``: also what the contact may have received already.
        idempotency_key: the same key is the same act, however often it is asked for.

    Raises:
        Forbidden, NotFound
        InvalidInput: names the field.
        Conflict: there is nothing to replay of that delivery, or the key belongs to another act.
    """
    require(actor, Permission.DELIVERIES_REPLAY)
    chosen = _check(wanted, kind, reason, idempotency_key, dry_run=dry_run)
    with kernel.unit_of_work(actor.tenant_id) as work:
        if wanted.delivery_id and repository.find_delivery(work, wanted.delivery_id) is None:
            raise NotFound("There is no such delivery.")
        if dry_run:
            return _foresee(work, wanted, chosen, may_double=may_double)
        row = Replay(
            tenant_id=work.tenant_id,
            id=new_id(),
            kind=chosen,
            reason=_clean(reason),
            asked_by=actor.label,
            idempotency_key=idempotency_key,
            fingerprint=_fingerprint(wanted, chosen, may_double=may_double),
            matched=0,
            replayed=0,
            may_double=0,
            left_out=0,
            remaining=0,
            created_at=kernel.clock.now(),
        )
        if not replay_repository.add_replay(work, row):
            return _known(work, row)
        return _carry_out(work, actor, wanted, replay_repository.get_replay(work, row.id), may_double=may_double)


def list_options(work: UnitOfWork, delivery_id: UUID) -> tuple[ReplayOptionView, ...]:
    """Return what may be replayed of a delivery, and why the rest may not."""
    wanted = DeliveryFilter(delivery_id=delivery_id)
    options: list[ReplayOptionView] = []
    for kind in ReplayKind:
        count, unsure = replay_repository.count_targets(work, wanted, kind)
        refusal = "" if count else _why_nothing(work, delivery_id, kind)
        options.append(ReplayOptionView(kind=kind.value, replayable=count, may_double=unsure, refusal=refusal))
    return tuple(options)


def _check(wanted: DeliveryFilter, kind: str, reason: str, key: str, *, dry_run: bool) -> ReplayKind:
    check_filter(wanted)
    if kind not in list(ReplayKind):
        raise InvalidInput(f"Use one of {_KINDS}.", field="kind")
    if wanted.is_empty:
        raise InvalidInput("Say which deliveries are meant, such as those of one cause.", field="state")
    if not dry_run and not _clean(reason):
        raise InvalidInput("Say why, for the audit log.", field="reason")
    if len(_clean(reason)) > LONGEST_REASON:
        raise InvalidInput(f"Use at most {LONGEST_REASON} characters.", field="reason")
    if len(key) > LONGEST_KEY or "\x00" in key:
        raise InvalidInput(f"Use at most {LONGEST_KEY} characters.", field="idempotency_key")
    return ReplayKind(kind)


def _foresee(work: UnitOfWork, wanted: DeliveryFilter, kind: ReplayKind, *, may_double: bool) -> ReplayView:
    count, unsure = replay_repository.count_targets(work, wanted, kind)
    meant = count if may_double else count - unsure
    return ReplayView(
        id=None,
        kind=kind.value,
        dry_run=True,
        matched=replay_repository.count_matching(work, wanted),
        replayed=min(meant, MOST),
        may_double=unsure if may_double else 0,
        left_out=0 if may_double else unsure,
        remaining=max(meant - MOST, 0),
    )


def _carry_out(work: UnitOfWork, actor: Actor, wanted: DeliveryFilter, row: Replay, *, may_double: bool) -> ReplayView:
    before = _foresee(work, wanted, row.kind, may_double=may_double)
    targets = replay_repository.lock_targets(work, wanted, row.kind, with_unsure=may_double, limit=MOST)
    targets = _start(work, row, targets)
    if wanted.delivery_id and not targets:
        _refuse(work, wanted.delivery_id, row.kind, unsure=before.left_out)
    row.matched, row.replayed = before.matched, len(targets)
    row.may_double, row.left_out, row.remaining = before.may_double, before.left_out, before.remaining
    work.session.add(row)
    deliveries = {target.delivery_id: target for target in targets}
    replay_repository.add_replayed(work, [_replayed(row, target) for target in deliveries.values()])
    _record(work, actor, wanted, row)
    for delivery_id in list(deliveries)[:1]:
        work.notify("delivery", delivery_id)  # one is enough: whoever shows the list reads it again
    return _view(row)


def _start(work: UnitOfWork, row: Replay, targets: Sequence[Target]) -> Sequence[Target]:
    """Start rows again; return those that were."""
    ids = [target.id for target in targets]
    if row.kind is ReplayKind.PROCESS:
        replay_repository.process_again(work, ids)
        for delivery_id in ids:
            work.wake("process_delivery", delivery_id)
    elif row.kind is ReplayKind.SEND:
        send_again(work, ids)
    else:
        turns = [(target.id, target.trace_id) for target in targets]
        added = add_rehearsals(work, turns, asked_by=row.asked_by, now=row.created_at)
        return [target for target in targets if target.id in added]
    return targets


def _refuse(work: UnitOfWork, delivery_id: UUID, kind: ReplayKind, *, unsure: int) -> None:
    if unsure:
        raise Conflict(_UNSURE, code=MAY_DOUBLE)
    raise Conflict(_why_nothing(work, delivery_id, kind), code="not_replayable")


def _why_nothing(work: UnitOfWork, delivery_id: UUID, kind: ReplayKind) -> str:
    delivery = repository.find_delivery(work, delivery_id)
    if kind is not ReplayKind.PROCESS or delivery is None or delivery.state is DeliveryState.PROCESSED:
        return _NOTHING[kind]
    return _PRUNED if delivery.pruned_at else _UNDER_WAY


def _known(work: UnitOfWork, row: Replay) -> ReplayView:
    known = replay_repository.get_replay_by_key(work, row.idempotency_key)
    if known.fingerprint != row.fingerprint:
        raise Conflict("This idempotency key belongs to another replay; use a new one.", code="key_used")
    return _view(known)


def _replayed(row: Replay, target: Target) -> ReplayedDelivery:
    return ReplayedDelivery(
        tenant_id=row.tenant_id,
        id=new_id(),
        replay_id=row.id,
        delivery_id=target.delivery_id,
        state=target.delivery_state.value,
        reason=target.delivery_reason,
    )


def _record(work: UnitOfWork, actor: Actor, wanted: DeliveryFilter, row: Replay) -> None:
    detail = {"replay_id": str(row.id), "kind": row.kind.value, "reason": row.reason, "replayed": row.replayed}
    given = {f"filter.{name}": str(value) for name, value in asdict(wanted).items() if value}
    given.pop("filter.search", None)  # may hold anything
    audit.record(
        work,
        actor=actor,
        action="delivery.replayed",
        object_kind="webhook_delivery",
        object_id=wanted.delivery_id,
        detail={**detail, **given, "may_double": row.may_double},
    )


def _view(row: Replay) -> ReplayView:
    return ReplayView(
        id=row.id,
        kind=row.kind.value,
        dry_run=False,
        matched=row.matched,
        replayed=row.replayed,
        may_double=row.may_double,
        left_out=row.left_out,
        remaining=row.remaining,
    )


def _fingerprint(wanted: DeliveryFilter, kind: ReplayKind, *, may_double: bool) -> str:
    asked = {**{name: str(value) for name, value in asdict(wanted).items() if value}, "kind": kind.value}
    return hashlib.sha256(json.dumps([asked, may_double], sort_keys=True).encode()).hexdigest()


def _clean(reason: str) -> str:
    return " ".join(reason.replace("\x00", "").split())
