"""A line on which deliveries and answers go wrong in the ways that the log is for."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlmodel import col, select

from models import (
    AuditEntry,
    Conversation,
    Direction,
    Message,
    MessageState,
    Rehearsal,
    Role,
    Turn,
    WebhookDelivery,
)
from services.kernel.errors import RetryLater
from services.kernel.settings import Settings
from services.tenants import Actor
from services.webhooks import DeliveryFilter, DeliveryView, ReplayView, list_deliveries, replay
from tests.support.line import Line, Shop, running_line

HOURS = "what are your opening hours"


@dataclass(slots=True)
class Log:
    """A connected tenant, and what its log needs to be looked at."""

    line: Line
    shop: Shop

    @property
    def actor(self) -> Actor:
        """An owner."""
        return self.shop.actor

    def as_role(self, role: Role) -> Actor:
        """Somebody with less."""
        return Actor(tenant_id=self.actor.tenant_id, kind="user", id=None, label="Vera", role=role)

    def write(self, words: str = HOURS) -> None:
        """Let a contact write, and wait until the webhook is stored."""
        self.line.sandbox.wait_for_webhooks(*self.line.sandbox.sms(words, to=self.shop.number).event_ids)

    def answer(self, words: str = HOURS) -> None:
        """Let a contact write, and do all the work."""
        self.write(words)
        self.line.work()

    def deliveries(self, **filters: str) -> list[DeliveryView]:
        """Return deliveries, the latest first."""
        wanted = DeliveryFilter(**filters)  # pyright: ignore[reportArgumentType]
        return list(list_deliveries(self.line.kernel, actor=self.actor, wanted=wanted).items)

    def sms(self, **filters: str) -> list[DeliveryView]:
        """Return the deliveries of text messages, the latest first; receipts come and go."""
        return [item for item in self.deliveries(**filters) if item.kind == "sms"]

    def break_processing(self, patch: pytest.MonkeyPatch, times: int = 1) -> list[DeliveryView]:
        """Let text messages arrive that cannot be processed until the attempts are used up; return them."""

        def fail(*_: object, **__: object) -> None:
            raise RetryLater("The directory is away.", code="directory_away", provider="twilio")

        with patch.context() as broken:
            broken.setattr("services.webhooks.effects.receive_message", fail)
            for _ in range(times):
                self.write()
            for _ in range(self.line.kernel.settings.max_attempts):
                self.line.work(with_sweep=True)
                self.make_due()
        return self.sms(state="dead")

    def make_due(self) -> None:
        """Let all leases run out, and all waiting work be due."""
        past = text("now() - interval '1 hour'")
        with self.line.kernel.unscoped_session("test") as session:
            for model in (WebhookDelivery, Turn, Message, Rehearsal):
                session.exec(update(model).values(next_attempt_at=past))
            for model in (WebhookDelivery, Turn, Message, Rehearsal, Conversation):
                session.exec(update(model).where(col(model.lease_until).is_not(None)).values(lease_until=past))

    def replay(self, kind: str, **asked: object) -> ReplayView:
        """Replay one delivery, if ``delivery_id`` is given, or what a filter means."""
        names = {"delivery_id", "connection_id", "state", "provider", "event_type", "cause", "since", "until", "search"}
        wanted = DeliveryFilter(**{name: asked.pop(name) for name in names & set(asked)})  # pyright: ignore[reportArgumentType]
        actor = asked.pop("actor", self.actor)
        options = {"reason": "The directory is back.", **asked}
        return replay(self.line.kernel, actor=actor, wanted=wanted, kind=kind, **options)  # pyright: ignore[reportArgumentType]

    def answers(self) -> int:
        """Return how many answers the provider has sent."""
        return len(self.line.sandbox.answers(service="twilio"))

    def outbound(self) -> Message:
        """Return the one answer in the outbox."""
        with self.line.kernel.unscoped_session("test") as session:
            return session.exec(select(Message).where(col(Message.direction) == Direction.OUTBOUND)).one()

    def set_outbound(self, state: MessageState) -> None:
        """Let it be as if something else had become of the one answer."""
        with self.line.kernel.unscoped_session("test") as session:
            session.exec(update(Message).where(col(Message.direction) == Direction.OUTBOUND).values(state=state))

    def rehearsals(self) -> list[Rehearsal]:
        """Return all rehearsals."""
        with self.line.kernel.unscoped_session("test") as session:
            return list(session.exec(select(Rehearsal)).all())

    def audited(self, action: str) -> list[tuple[UUID | None, dict[str, object]]]:
        """Return what the audit log says of an action: about what, and the detail."""
        with self.line.kernel.unscoped_session("test") as session:
            rows = session.exec(select(AuditEntry).where(col(AuditEntry.action) == action).order_by(col(AuditEntry.id)))
            return [(row.object_id, dict(row.detail)) for row in rows]


@pytest.fixture
def log(settings: Settings, tmp_path: Path) -> Generator[Log]:
    """A tenant whose deliveries are looked at."""
    with running_line(settings, tmp_path) as line:
        yield Log(line, line.open_shop("Northwind"))
