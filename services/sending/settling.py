"""Writes down what came of claims, many in one transaction, and what it says of their connections."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from models import Connection
from services import attempts, connections
from services.kernel.clock import Clock
from services.kernel.db import UnitOfWork
from services.kernel.log import get_logger
from services.provider_kit.contract import SentMessage
from services.sending import repository
from services.sending.claiming import wake_at
from services.sending.machine import Accepted, Change, Failed, NotBegun, NotFound, Policy, settle
from services.sending.outbox import Result

logger = get_logger(__name__)


class Settling:
    """One batch being settled.

    Args:
        work: the transaction.
        policy: what an operator may set.
        clock: the process's clock, for what people are shown.
        draw: returns a fraction between 0 and 1.
    """

    def __init__(self, work: UnitOfWork, *, policy: Policy, clock: Clock, draw: Callable[[], float]) -> None:
        self._work, self._policy, self._clock, self._draw = work, policy, clock, draw
        self._now = connections.database_time(work.session)

    def run(self, results: Sequence[Result]) -> frozenset[UUID]:
        """Write all results down; return the messages whose lease was still held.

        Connections come before messages, as wherever both are locked.
        """
        away = self._note_on_connections(results)
        changes = {result.claim.message_id: self._change(result, away) for result in results}
        kept = repository.settle(
            self._work,
            [(item.claim.message_id, item.claim.token, changes[item.claim.message_id]) for item in results],
            now=self._clock.now(),
        )
        if len(kept) < len(results):
            logger.warning("sending.lease.was_lost", count=len(results) - len(kept))
        self._keep_failures([item for item in results if item.claim.message_id in kept], changes)
        self._tell([item for item in results if item.claim.message_id in kept], changes)
        return kept

    def _change(self, result: Result, away: Mapping[UUID, datetime]) -> Change:
        return settle(
            result.claim.standing,
            result.claim.act,
            result.outcome,
            policy=self._policy,
            now=self._now,
            jitter=self._draw(),
            provider_until=away.get(result.claim.connection_id),
        )

    def _note_on_connections(self, results: Sequence[Result]) -> Mapping[UUID, datetime]:
        """Keep the connections' state true to the calls; return when those may be called that do not answer."""
        rows = repository.find_connections(self._work, {item.claim.connection_id for item in results})
        for row in sorted(rows, key=lambda row: row.id):
            for item in results:
                if item.claim.connection_id == row.id:
                    self._note(row, item)
        return {row.id: row.circuit_next_at for row in rows if row.circuit_opened_at and row.circuit_next_at}

    def _note(self, connection: Connection, result: Result) -> None:
        now = self._clock.now()
        match result.outcome:
            case Accepted(sent=sent):
                connections.note_success(self._work, connection, now=now)
                self._keep_pace(connection, sent)
            case NotFound():
                connections.note_success(self._work, connection, now=now)
            case Failed(error=error):
                if connections.is_about_connection(error):
                    connections.note_failure(self._work, connection, error, now=now)
                connections.note_busy(self._work, connection, error, is_send=True, now=self._now)
            case NotBegun():
                pass

    def _keep_pace(self, connection: Connection, sent: SentMessage) -> None:
        """Make no call for as long as the provider said in its answer, as the next one would be refused."""
        if sent.pause is not None:
            connections.hold_back(self._work, connection, sent.pause, now=self._now)

    def _keep_failures(self, kept: Sequence[Result], changes: Mapping[UUID, Change]) -> None:
        failed = {item.claim.message_id: item.outcome.error for item in kept if isinstance(item.outcome, Failed)}
        if not failed:
            return
        for message in repository.find_messages(self._work, failed):
            retry_at = changes[message.id].retry_at
            attempts.record_failure(
                self._work,
                message,
                subject="message",
                error=failed[message.id],
                retry_seconds=(retry_at - self._now).total_seconds() if retry_at else None,
                now=self._clock.now(),
            )

    def _tell(self, kept: Sequence[Result], changes: Mapping[UUID, Change]) -> None:
        for item in kept:
            self._work.notify("conversation", item.claim.conversation_id)
            if isinstance(item.outcome, Accepted) and item.claim.outbound.email:
                self._work.notify("letter", item.claim.connection_id)  # its card counts them
            wake_at(self._work, changes[item.claim.message_id].next_at, now=self._now)
