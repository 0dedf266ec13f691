"""A line whose agent is a scripted model that may act in Slack and send text messages."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text, update
from sqlmodel import col, select

from models import ActionRun, Conversation, GrantMode, Message, Turn
from services.actions import ActionRunView, list_runs, set_grant
from services.kernel.settings import Settings
from tests.support.clock import FakeClock
from tests.support.line import CHANNEL, Line, Shop, running_line
from tests.support.sandbox import AcceptedMessage

POST = "slack__post_message"
SMS = "twilio__send_sms"
PHONE = "+14155550142"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The line, a tenant on it, and shorthand for what the tests do over and over."""

    line: Line
    shop: Shop
    clock: FakeClock

    def grant(self, action: str, mode: GrantMode | None) -> None:
        """Let the agent use an action of its Slack or Twilio connection."""
        connection = self.shop.slack if action == "post_message" else self.shop.twilio
        set_grant(
            self.line.kernel,
            actor=self.shop.actor,
            agent_id=self.shop.agent.id,
            connection_id=connection.id,
            action=action,
            mode=mode,
        )

    def script(self, *replies: str | Mapping[str, object]) -> None:
        """Say what the model answers next."""
        self.line.sandbox.script_model(*replies)

    def write(self, words: str = "Please tell the team I am late.") -> None:
        """Let the contact write a direct message in Slack, and do all the work that follows."""
        app = self.line.sandbox.identities.own_app.app_id
        self.line.settle(*self.line.sandbox.slack_message(words, app=app).event_ids)

    def text(self, words: str = "Please text me the address.") -> None:
        """Let the contact send a text message, and do all the work that follows."""
        self.line.settle(*self.line.sandbox.sms(words, to=self.shop.number, sender=PHONE).event_ids)

    def runs(self) -> tuple[ActionRunView, ...]:
        """Return the log, the oldest first."""
        return list_runs(self.line.kernel, actor=self.shop.actor).items[::-1]

    def posts(self) -> list[AcceptedMessage]:
        """Return what was posted to the channel."""
        return self.line.sandbox.answers(service="slack", channel=CHANNEL)

    def said(self) -> list[str]:
        """Return what the agent wrote to the contact."""
        with self.line.kernel.unscoped_session("test") as session:
            statement = select(Message.text).where(col(Message.direction) == "outbound").order_by(col(Message.id))
            return list(session.exec(statement).all())

    def expire(self) -> None:
        """Let all leases run out, and all waiting work be due."""
        past = text("now() - interval '1 hour'")
        with self.line.kernel.unscoped_session("test") as session:
            for model in (Turn, Message, ActionRun):
                session.exec(update(model).values(next_attempt_at=past))
            for model in (Turn, Message, ActionRun, Conversation):
                session.exec(update(model).where(col(model.lease_until).is_not(None)).values(lease_until=past))

    def go_on(self) -> None:
        """Let all leases run out and do what the sweeper finds."""
        self.expire()
        self.line.work(with_sweep=True)


def calling(*calls: tuple[str, Mapping[str, Any] | str]) -> Mapping[str, object]:
    """Return what a model says that wants tools: names with arguments, or with JSON that is none."""
    return {
        "tool_calls": [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
                },
            }
            for index, (name, arguments) in enumerate(calls)
        ]
    }


def posting(words: str = "Mia is late.") -> Mapping[str, object]:
    """Return what a model says that wants a message posted to the channel."""
    return calling((POST, {"channel": CHANNEL, "text": words}))


@pytest.fixture
def desk(settings: Settings, clock: FakeClock, tmp_path: Path) -> Generator[Desk]:
    """A tenant whose agent answers by a model that the test scripts."""
    with running_line(settings, tmp_path) as line:
        asked = line.kernel.settings.model_copy(
            update={
                "openai_base_url": f"{line.sandbox.base_url}/openai/v1",
                "openai_api_key": SecretStr(line.sandbox.identities.model_api_key),
                "openai_model": "sandbox-1",
            }
        )
        kernel = replace(line.kernel, settings=asked, clock=clock)
        running = Line(kernel, line.queue, line.sandbox, line.address, line.door)
        yield Desk(line=running, shop=running.open_shop("Northwind"), clock=clock)
