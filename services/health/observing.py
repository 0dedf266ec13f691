"""Looks at a connection's health, keeps what it finds as rows, and puts notices for the owners into the outbox.

It runs hourly, after every change of a connection's status, and at the moment something is due to get worse. One look
at a time per connection; looking twice changes nothing. A finding's row and the notices about it are written in one
transaction: whatever dies when, each target is told once that it began and once that it is over.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from models import (
    Connection,
    ConnectionStatus,
    HealthFinding,
    HealthNotice,
    NoticeKind,
    NoticeState,
    NoticeTarget,
)
from services.connections import WORKING
from services.health import notice_repository, repository
from services.health.facts import Facts
from services.health.findings import RULES_BY_CODE, group_of, judge
from services.health.gathering import Case, gather, read_incidents, waits_for_provider
from services.health.kinds import Finding, Severity
from services.health.words import tell_began, tell_over
from services.kernel.db import UnitOfWork
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.kernel.leases import in_seconds
from services.kernel.log import bind_context, get_logger

EVERY = timedelta(hours=1)
_JITTER = 0.1
_SOONEST = timedelta(minutes=1)
_AFTER_CRASH = timedelta(minutes=5)
"""When a look that was cut off is taken again."""
_EVERY_ENDED = timedelta(days=1)
_TRY_AGAIN = timedelta(minutes=50)
"""How long a target that surely did not get a notice is left alone: until the next hourly look."""
_OVER_SEEN = timedelta(days=1)
"""How long after its end a trouble is still worth a word."""
NO_TARGET = "No place is set where owners are told."
ALL_BROKEN = "Each place where owners are told lies behind a connection that does not work."

logger = get_logger(__name__)


def observe(kernel: Kernel, *, tenant_id: UUID, connection_id: UUID | None = None) -> None:
    """Look at one connection, or at all of a tenant's. Running it twice does no harm."""
    ids = [connection_id] if connection_id else _list_ids(kernel, tenant_id)
    for item in ids:
        with bind_context(tenant_id=tenant_id, connection_id=item):
            _observe(kernel, tenant_id, item)


def request_observation(work: UnitOfWork, connection_id: UUID, *, now: datetime) -> None:
    """Have a connection looked at right after the commit, or by the sweeper's next round."""
    notice_repository.set_due(work, connection_id, now)
    work.wake("observe_health", connection_id)


def _list_ids(kernel: Kernel, tenant_id: UUID) -> list[UUID]:
    with kernel.unit_of_work(tenant_id) as work:
        return [row.id for row, _ in repository.list_connections(work.session, tenant_id=tenant_id)]


def _observe(kernel: Kernel, tenant_id: UUID, connection_id: UUID) -> None:
    """The next look is set before this one: a connection that cannot be judged is not tried again and again."""
    with kernel.unit_of_work(tenant_id) as work:
        row = notice_repository.find_connection(work.session, tenant_id=tenant_id, connection_id=connection_id)
        if row is None:
            return
        claimed_until = kernel.clock.now() + _AFTER_CRASH
        notice_repository.set_due(work, connection_id, claimed_until)
    incidents = read_incidents(kernel) if waits_for_provider(row) else None
    with kernel.unit_of_work(tenant_id) as work:
        notice_repository.lock_observation(work, connection_id)
        for case in gather(kernel, work, connection_id=connection_id, incidents=incidents):
            found = _keep(kernel, work, case)
            due_at = _next_look(case.connection.status, found, now=case.facts.now)
            notice_repository.set_due(work, connection_id, due_at, unless_changed_from=claimed_until)


def _keep(kernel: Kernel, work: UnitOfWork, case: Case) -> Sequence[Finding]:
    connection, facts = case.connection, case.facts
    found = [finding for finding in judge(facts) if finding.severity is not Severity.NOTE]
    before = notice_repository.list_open(work.session, tenant_id=work.tenant_id, connection_ids=[connection.id])
    over = notice_repository.list_over_untold(work, connection.id, since=facts.now - _OVER_SEEN)
    # Locked before any finding is written: whoever settles a notice locks in the same order.
    telling = _Telling(kernel, work, case, rows=[*before, *over])
    change = _write(work, connection, facts, found=found, before=before)
    telling.tell_began(change.open)
    telling.tell_over([*over, *change.resolved], still_open=[row for row, _ in change.open])
    if change.happened:
        work.notify("connection", connection.id)
    return found


def _next_look(status: ConnectionStatus, found: Sequence[Finding], *, now: datetime) -> datetime:
    """Return when to look again: within the hour, or when something is due to get worse."""
    drawn = random.uniform(-1, 1)  # noqa: S311 (spreads load, guards nothing)
    times = [finding.worsens_at for finding in found if finding.worsens_at]
    every = _EVERY_ENDED if status is ConnectionStatus.DISCONNECTED else EVERY
    return min([now + every * (1 + _JITTER * drawn), *(max(at, now + _SOONEST) for at in times)])


@dataclass(slots=True)
class _Change:
    """What a look changed, and what is open with what is seen of it now."""

    open: list[tuple[HealthFinding, Finding]] = field(default_factory=list[tuple[HealthFinding, Finding]])
    resolved: list[HealthFinding] = field(default_factory=list[HealthFinding])
    happened: bool = False


def _write(
    work: UnitOfWork,
    connection: Connection,
    facts: Facts,
    *,
    found: Sequence[Finding],
    before: Sequence[HealthFinding],
) -> _Change:
    change = _Change()
    rows = {group_of(row.code): row for row in before}
    for finding in found:
        row = rows.pop(group_of(finding.code), None)
        if row and finding.anew_since and row.since < finding.anew_since:
            _resolve(work, row, facts, change)
            row = None
        change.happened |= row is None or (row.code, row.severity) != (finding.code, finding.severity.value)
        if row is None:
            row = _new_row(work, connection, finding)
            logger.info("health.finding.opened", code=finding.code, severity=finding.severity.value)
        row.code, row.severity, row.worsens_at = finding.code, finding.severity.value, finding.worsens_at
        row.since = min(row.since, finding.since)
        work.session.add(row)
        work.session.flush()
        change.open.append((row, finding))
    for row in rows.values():
        if _is_over(row, facts):
            _resolve(work, row, facts, change)
    return change


def _resolve(work: UnitOfWork, row: HealthFinding, facts: Facts, change: _Change) -> None:
    row.resolved_at = facts.now
    work.session.add(row)
    work.session.flush()
    change.resolved.append(row)
    change.happened = True
    logger.info("health.finding.resolved", code=row.code)


def _new_row(work: UnitOfWork, connection: Connection, finding: Finding) -> HealthFinding:
    return HealthFinding(
        tenant_id=work.tenant_id,
        id=new_id(),
        connection_id=connection.id,
        code=finding.code,
        severity=finding.severity.value,
        since=finding.since,
        worsens_at=finding.worsens_at,
    )


def _is_over(row: HealthFinding, facts: Facts) -> bool:
    """Return whether what is no longer seen is really gone; in some statuses nobody can tell."""
    rule = RULES_BY_CODE.get(row.code)
    return rule is None or facts.status is ConnectionStatus.DISCONNECTED or facts.status in rule.judged_in


class _Telling:
    """Puts notices about one connection into the outbox."""

    def __init__(self, kernel: Kernel, work: UnitOfWork, case: Case, *, rows: Sequence[HealthFinding]) -> None:
        self._kernel, self._work = kernel, work
        self._connection, self._facts = case.connection, case.facts
        self._place = f"{case.facts.provider} ({case.facts.account})"
        self._notices: dict[UUID | None, list[HealthNotice]] = {}
        for notice in notice_repository.list_notices(work, {row.batch_id for row in rows if row.batch_id}):
            self._notices.setdefault(notice.batch_id, []).append(notice)
        self._targets = notice_repository.list_targets(work.session, tenant_id=work.tenant_id)

    def tell_began(self, items: Sequence[tuple[HealthFinding, Finding]]) -> None:
        """Tell of all findings that nobody was told of yet, in one notice per target."""
        untold = [(row, finding) for row, finding in items if not row.told_at and self._is_untold(row)]
        if not untold:
            return
        findings = [finding for _, finding in untold]
        tired = {item.target_id for row, _ in untold for item in self._of(row) if self._is_tired(item)}
        chosen = [target for target in self._usable(findings) if target.id not in tired]
        if not chosen:
            for row, _ in untold:
                row.untold_reason = row.untold_reason or (ALL_BROKEN if self._targets else NO_TARGET)
                self._work.session.add(row)
            return
        text = tell_began(
            findings,
            place=self._place,
            connection_id=self._connection.id,
            public_url=self._kernel.settings.public_url,
        )
        batch_id = self._add(chosen, kind=NoticeKind.BEGAN, text=text)
        for row, _ in untold:
            row.batch_id, row.untold_reason = batch_id, ""
            self._work.session.add(row)

    def tell_over(self, rows: Sequence[HealthFinding], *, still_open: Sequence[HealthFinding]) -> None:
        """Tell those who were told that it began; nobody is told of the end of what they never heard of."""
        open_groups = {group_of(row.code) for row in still_open}
        over = [row for row in rows if group_of(row.code) not in open_groups]
        heard: set[UUID] = set()
        for row in over:
            for notice in self._of(row):
                if notice.state is NoticeState.QUEUED and self._is_all_over(notice, still_open):
                    self._drop(notice)
                elif notice.state is not NoticeState.FAILED:
                    heard.add(notice.target_id)
        # After a disconnect by a person nothing is well again: there is nothing to tell.
        if not heard or self._facts.status is ConnectionStatus.DISCONNECTED:
            return
        chosen = [target for target in self._usable(()) if target.id in heard]
        if not chosen:
            return
        text = tell_over(
            list(dict.fromkeys(row.code for row in over)),
            place=self._place,
            provider=self._facts.provider,
            still_open=len(still_open),
        )
        batch_id = self._add(chosen, kind=NoticeKind.OVER, text=text)
        for row in over:
            row.resolution_batch_id = batch_id
            self._work.session.add(row)

    def _of(self, row: HealthFinding) -> Sequence[HealthNotice]:
        return self._notices.get(row.batch_id, ())

    def _is_untold(self, row: HealthFinding) -> bool:
        return all(notice.state is NoticeState.FAILED for notice in self._of(row))

    @staticmethod
    def _is_all_over(notice: HealthNotice, still_open: Sequence[HealthFinding]) -> bool:
        return all(row.batch_id != notice.batch_id for row in still_open)

    def _is_tired(self, notice: HealthNotice) -> bool:
        ended_at = notice.finished_at or notice.created_at
        return notice.state is NoticeState.FAILED and self._facts.now - ended_at < _TRY_AGAIN

    def _usable(self, findings: Sequence[Finding]) -> list[NoticeTarget]:
        """Return the targets that a notice can reach: never through the connection that it says is broken."""
        is_blocked = any(RULES_BY_CODE[finding.code].blocks_sending for finding in findings)
        return [
            target
            for target, connection in self._targets
            if connection.status in WORKING and not (is_blocked and connection.id == self._connection.id)
        ]

    def _add(self, targets: Sequence[NoticeTarget], *, kind: NoticeKind, text: str) -> UUID:
        batch_id = new_id()
        for target in targets:
            notice_id = new_id()
            self._work.session.add(
                HealthNotice(
                    tenant_id=self._work.tenant_id,
                    id=notice_id,
                    connection_id=self._connection.id,
                    target_id=target.id,
                    batch_id=batch_id,
                    kind=kind,
                    text=text,
                    state=NoticeState.QUEUED,
                    next_attempt_at=in_seconds(0),
                    created_at=self._facts.now,
                )
            )
            self._work.wake("send_notice", notice_id)
        self._work.session.flush()
        return batch_id

    def _drop(self, notice: HealthNotice) -> None:
        """Take back a notice that has not left: what it says is over."""
        notice.state, notice.finished_at = NoticeState.FAILED, self._facts.now
        notice.error_text = "It was over before anybody could be told."
        self._work.session.add(notice)
