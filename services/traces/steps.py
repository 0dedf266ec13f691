"""The steps of a trace, each from one row: the rows are the record, nothing is written twice."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from models import (
    ActionRun,
    ActionRunState,
    Author,
    DeliveryState,
    Direction,
    FailedAttempt,
    Message,
    MessageState,
    Rehearsal,
    RehearsalState,
    Replay,
    ReplayKind,
    Turn,
    TurnState,
    WebhookDelivery,
)
from services.provider_kit.registry import get_manifest
from services.traces.repository import TraceRows


class _Stage(IntEnum):
    """The order of steps that share a time."""

    RECEIVED = 1
    ROUTED = 2
    STORED = 3
    TURN = 4
    ACTION = 5
    OUTBOX = 6
    SENDING = 7
    OUTCOME = 8


class Step(NamedTuple):
    """One step of a message's way, before it is placed in time."""

    at: datetime
    stage: _Stage
    title: str
    detail: str
    status: str
    took: timedelta | None = None
    """How long it lasted, if it is more than a moment."""


_DELIVERY_STATUS = {DeliveryState.PROCESSED: "ok", DeliveryState.IGNORED: "info", DeliveryState.DEAD: "failed"}
_DELIVERY_TITLE = {
    DeliveryState.PROCESSED: "Routed",
    DeliveryState.IGNORED: "Ignored",
    DeliveryState.DEAD: "Given up: waits for a person",
}
_PROVEN = "signature valid, stored before it was acknowledged"
_WAITS = {
    "waits_for_limit": "Held back by a limit",
    "waits_for_pace": "Held back by the provider's pace",
    "waits_for_provider": "Held back: the provider takes nothing at the moment",
    "waits_for_connection": "Held back: the connection is not in use",
}
"""What a message waits for → the step's title."""
_RUNNERS = {"playbook": "the playbook", "model": "the model"}
_OPEN_TURNS = (TurnState.DUE, TurnState.RUNNING)
_OPEN_DELIVERIES = (DeliveryState.RECEIVED, DeliveryState.PROCESSING, DeliveryState.FAILED)
_OPEN_RUNS = (ActionRunState.AWAITING_APPROVAL, ActionRunState.QUEUED, ActionRunState.RUNNING)
_RUN_OUTCOMES = {
    ActionRunState.SUCCEEDED: ("Carried out by {provider}", "ok"),
    ActionRunState.FAILED: ("{provider} did not carry it out", "failed"),
    ActionRunState.CANCELLED: ("Cancelled", "failed"),
    ActionRunState.UNKNOWN: ("Outcome at {provider} unknown", "failed"),
}
_OPEN_REHEARSALS = (RehearsalState.DUE, RehearsalState.RUNNING)
_REPLAYS = {
    ReplayKind.PROCESS: "had it processed again",
    ReplayKind.REHEARSE: "asked for a draft of another answer",
    ReplayKind.SEND: "had the answer sent again",
}
_OPEN_MESSAGES = (MessageState.QUEUED, MessageState.SENDING)


def list_steps(rows: TraceRows) -> Iterator[Step]:
    """Return all steps of a trace, in no order."""
    for delivery in rows.deliveries:
        yield from _delivery_steps(delivery, rows)
    for message in rows.messages:
        if message.direction is Direction.INBOUND:
            yield Step(
                message.created_at,
                _Stage.STORED,
                f"Message from {rows.contact.name if rows.contact else message.author_label} stored",
                "",
                "ok",
            )
        else:
            yield from _outbound_steps(message, _provider_name(rows, message.connection_id))
            yield from _wait_steps(message, rows)
    for turn in rows.turns:
        yield from _turn_steps(turn, rows)
    for run in rows.runs:
        yield from _run_steps(run, rows)
    for replay in rows.replays:
        yield _replay_step(replay)
    for rehearsal in rows.rehearsals:
        yield from _rehearsal_steps(rehearsal, rows)
    for failure in rows.failures:
        yield _failure_step(failure)


def _delivery_steps(delivery: WebhookDelivery, rows: TraceRows) -> Iterator[Step]:
    provider = _provider_name(rows, delivery.connection_id)
    again = f"; sent again {delivery.duplicates}×, taken once" if delivery.duplicates else ""
    is_fetched = delivery.headers.get("patchbay-origin") == "fetched"
    how = "it could not be delivered, so we asked for it" if is_fetched else _PROVEN
    yield Step(
        delivery.received_at,
        _Stage.RECEIVED,
        f"{'Fetched' if is_fetched else 'Received'} from {provider}",
        f"{delivery.event_type}: {how}{again}",
        "ok",
        _between(delivery.received_at, delivery.stored_at),
    )
    if delivery.started_at:
        yield Step(delivery.started_at, _Stage.RECEIVED, "Processing began", f"Attempt {delivery.attempt}", "ok")
    if delivery.finished_at and delivery.state in _DELIVERY_TITLE:
        yield Step(
            delivery.finished_at,
            _Stage.ROUTED,
            _DELIVERY_TITLE[delivery.state],
            delivery.reason,
            _DELIVERY_STATUS[delivery.state],
        )


def _turn_steps(turn: Turn, rows: TraceRows) -> Iterator[Step]:
    name = rows.agent.name if rows.agent else "The agent"
    if turn.state is TurnState.SKIPPED:
        yield Step(turn.finished_at or turn.created_at, _Stage.TURN, f"{name} stayed silent", turn.reason, "info")
        return
    if turn.state is TurnState.DUE:
        yield Step(turn.created_at, _Stage.TURN, f"{name} is to answer", "", "waiting")
        return
    if turn.started_at:
        yield Step(turn.started_at, _Stage.TURN, f"{name} began to answer", f"Attempt {turn.attempt}", "ok")
    if turn.state is TurnState.DONE and turn.finished_at:
        tokens = f", {turn.input_tokens + turn.output_tokens} tokens" if turn.output_tokens else ""
        by = _RUNNERS.get(turn.runner, turn.runner)
        model = f" {turn.model}" if turn.model else ""
        yield Step(
            turn.finished_at,
            _Stage.TURN,
            f"Answered by {by}{model}{tokens}",
            turn.reason,
            "ok",
            _between(turn.started_at, turn.finished_at),
        )
    if turn.state is TurnState.DEAD and turn.finished_at:
        yield Step(turn.finished_at, _Stage.TURN, f"{name} could not answer", turn.reason, "failed")


def _run_steps(run: ActionRun, rows: TraceRows) -> Iterator[Step]:
    provider = _provider_name(rows, run.connection_id)
    name = rows.agent.name if rows.agent else "The agent"
    yield Step(run.created_at, _Stage.ACTION, f"{name} asked for an action of {provider}", run.description, "info")
    if run.state is ActionRunState.AWAITING_APPROVAL:
        yield Step(run.created_at, _Stage.ACTION, "Waits for a person's decision", "", "waiting")
    if run.decided_at:
        verdict, status = ("Rejected", "info") if run.state is ActionRunState.REJECTED else ("Approved", "ok")
        yield Step(run.decided_at, _Stage.ACTION, f"{verdict} by {run.decided_by}", run.decision_note, status)
    if run.started_at:
        yield Step(run.started_at, _Stage.SENDING, f"Asked {provider} for it", f"Attempt {run.attempt}", "ok")
    if run.finished_at and run.state in _RUN_OUTCOMES:
        title, status = _RUN_OUTCOMES[run.state]
        yield Step(
            run.finished_at,
            _Stage.OUTCOME,
            title.format(provider=provider),
            run.said or run.error_text,
            status,
            _between(run.started_at, run.finished_at),
        )


def _replay_step(replay: Replay) -> Step:
    return Step(replay.created_at, _Stage.RECEIVED, f"{replay.asked_by} {_REPLAYS[replay.kind]}", replay.reason, "info")


def _rehearsal_steps(rehearsal: Rehearsal, rows: TraceRows) -> Iterator[Step]:
    name = rows.agent.name if rows.agent else "The agent"
    if rehearsal.state in _OPEN_REHEARSALS or rehearsal.finished_at is None:
        yield Step(rehearsal.created_at, _Stage.TURN, f"{name} is to answer again, into a draft", "", "waiting")
    elif rehearsal.state is RehearsalState.DEAD:
        yield Step(rehearsal.finished_at, _Stage.TURN, f"{name} could not draft an answer", rehearsal.reason, "failed")
    else:
        by = _RUNNERS.get(rehearsal.runner, rehearsal.runner)
        would = [f"would use {action}" for action in rehearsal.actions]
        would += ["would hand over"] if rehearsal.would_hand_over else []
        detail = " · ".join([rehearsal.text, *would, rehearsal.reason])
        yield Step(rehearsal.finished_at, _Stage.TURN, f"Draft by {by}, not sent", detail, "info")


def _outbound_steps(message: Message, provider: str) -> Iterator[Step]:
    who = message.author_label if message.author is Author.USER else "Answer"
    yield Step(message.created_at, _Stage.OUTBOX, f"{who} put into the outbox", "", "ok")
    if message.attempted_at:
        yield Step(message.attempted_at, _Stage.SENDING, f"Handed to {provider}", f"Attempt {message.attempt}", "ok")
    if message.sent_at:
        segments = f"{message.segments} segment{'s' if message.segments != 1 else ''}" if message.segments else ""
        yield Step(
            message.sent_at,
            _Stage.OUTCOME,
            f"Accepted by {provider}",
            segments,
            "ok",
            _between(message.attempted_at, message.sent_at),
        )
    if message.delivered_at:
        yield Step(message.delivered_at, _Stage.OUTCOME, "Delivered", f"{provider} reports it", "ok")
    last = message.delivered_at or message.sent_at or message.attempted_at or message.created_at
    if message.state is MessageState.FAILED:
        yield Step(last, _Stage.OUTCOME, "Not delivered", message.error_text, "failed")
    elif message.state is MessageState.UNKNOWN:
        yield Step(last, _Stage.OUTCOME, "Outcome unknown", message.error_text, "failed")
    elif message.state in _OPEN_MESSAGES:
        yield Step(last, _Stage.OUTCOME, "Waits to be sent", message.error_text, "waiting")


def _wait_steps(message: Message, rows: TraceRows) -> Iterator[Step]:
    """Return what a message waited for: each reason lasts until the next, or until the message was tried."""
    waits = [wait for wait in rows.waits if wait.message_id == message.id]
    ends = [*(wait.began_at for wait in waits[1:]), message.attempted_at]
    for wait, end in zip(waits, ends, strict=False):
        took = _between(wait.began_at, end)
        is_over = took is not None or message.state not in _OPEN_MESSAGES
        title = _WAITS.get(wait.code, "Held back")
        yield Step(wait.began_at, _Stage.OUTBOX, title, wait.words, "info" if is_over else "waiting", took)


def _between(begin: datetime | None, end: datetime | None) -> timedelta | None:
    return end - begin if begin and end and end >= begin else None


def _failure_step(failure: FailedAttempt) -> Step:
    again = f" Tried again at {failure.next_attempt_at:%H:%M:%S} UTC." if failure.next_attempt_at else ""
    title = f"Attempt {failure.attempt} of the {failure.subject} failed"
    return Step(failure.created_at, _Stage.OUTCOME, title, f"{failure.message}{again}", "failed")


def _provider_name(rows: TraceRows, connection_id: UUID) -> str:
    connection = rows.connections.get(connection_id)
    return get_manifest(connection.provider).name if connection else "The provider"


def is_finished(rows: TraceRows) -> bool:
    """Return whether nothing more is to come, apart from delivery receipts."""
    return not (
        any(row.state in _OPEN_DELIVERIES for row in rows.deliveries)
        or any(row.state in _OPEN_TURNS for row in rows.turns)
        or any(row.state in _OPEN_RUNS for row in rows.runs)
        or any(row.state in _OPEN_REHEARSALS for row in rows.rehearsals)
        or any(row.state in _OPEN_MESSAGES for row in rows.messages)
    )
