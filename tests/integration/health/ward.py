"""Breaks and mends connections, and reads what owners were told."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col, select

from models import Connection, HealthFinding, HealthNotice
from services.connections import ConnectionView, test_connection
from services.health import NoticeTargetView, add_notice_target, observe
from tests.support.clock import FakeClock
from tests.support.line import CHANNEL, Line, Shop

OWNER_PHONE = "+14155550199"


@dataclass(slots=True, kw_only=True)
class Ward:
    """A shop under observation."""

    line: Line
    clock: FakeClock
    shop: Shop

    def tell_slack(self) -> NoticeTargetView:
        """Have owners told in a Slack channel."""
        return add_notice_target(
            self.line.kernel,
            actor=self.shop.actor,
            connection_id=self.shop.slack.id,
            channel_id=CHANNEL,
            label="#ops",
        )

    def tell_phone(self) -> NoticeTargetView:
        """Have owners told by text message."""
        return add_notice_target(
            self.line.kernel, actor=self.shop.actor, connection_id=self.shop.twilio.id, channel_id=OWNER_PHONE
        )

    def try_out(self, connection: ConnectionView, *, shop: Shop | None = None) -> bool:
        """Test a connection, a while after the last time; return whether it works."""
        self.clock.advance(timedelta(seconds=6))
        actor = (shop or self.shop).actor
        return test_connection(self.line.kernel, actor=actor, connection_id=connection.id).succeeded

    def break_phone(self) -> None:
        """Let Twilio refuse the credential once, which is enough."""
        self.line.sandbox.fail("twilio", "401")
        assert not self.try_out(self.shop.twilio)

    def break_slack(self) -> None:
        """Let Slack refuse the credential once, which is enough."""
        self.line.sandbox.fail("slack", "401")
        assert not self.try_out(self.shop.slack)

    def look(self, connection: ConnectionView | None = None) -> None:
        """Look at one connection, or at all, and do what that woke."""
        observe(
            self.line.kernel,
            tenant_id=self.shop.actor.tenant_id,
            connection_id=connection.id if connection else None,
        )
        self.line.work()

    def change(self, connection: ConnectionView, **values: Any) -> None:
        """Write into a connection's row, as time or a provider's module would."""
        with self.line.kernel.unit_of_work(self.shop.actor.tenant_id) as work:
            work.session.exec(
                update(Connection)
                .where(col(Connection.tenant_id) == work.tenant_id, col(Connection.id) == connection.id)
                .values(**values)
            )

    def add(self, *rows: Any) -> None:
        """Store rows."""
        with self.line.kernel.unit_of_work(self.shop.actor.tenant_id) as work:
            work.session.add_all(rows)

    def findings(self, connection: ConnectionView | None = None) -> list[HealthFinding]:
        """Return what was kept, in order."""
        with self.line.kernel.unit_of_work(self.shop.actor.tenant_id) as work:
            statement = select(HealthFinding).where(col(HealthFinding.tenant_id) == work.tenant_id)
            if connection:
                statement = statement.where(col(HealthFinding.connection_id) == connection.id)
            return list(work.session.exec(statement.order_by(col(HealthFinding.id))).all())

    def open_codes(self, connection: ConnectionView | None = None) -> list[str]:
        """Return the codes of what is not over."""
        return [row.code for row in self.findings(connection) if row.resolved_at is None]

    def notices(self) -> list[HealthNotice]:
        """Return the outbox, in order."""
        with self.line.kernel.unit_of_work(self.shop.actor.tenant_id) as work:
            statement = select(HealthNotice).where(col(HealthNotice.tenant_id) == work.tenant_id)
            return list(work.session.exec(statement.order_by(col(HealthNotice.id))).all())

    def told(self, service: str = "") -> list[str]:
        """Return what owners read, in order."""
        return [
            answer.text for answer in self.line.sandbox.answers(service=service) if answer.text.startswith("Patchbay:")
        ]

    def expire_leases(self) -> None:
        """Let all leases on notices run out, and all of them be due."""
        past = text("now() - interval '1 hour'")
        with self.line.kernel.unscoped_session("test") as session:
            session.exec(update(HealthNotice).values(next_attempt_at=past))
            session.exec(
                update(HealthNotice).where(col(HealthNotice.lease_until).is_not(None)).values(lease_until=past)
            )

    @property
    def notice_id(self) -> UUID:
        """The one notice there is."""
        [notice] = self.notices()
        return notice.id
