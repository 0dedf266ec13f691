"""Plays the providers' own sides: two accounts each, who writes from there, and what their owner sets up there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.testclient import TestClient

from services.connections import ConnectionView, assign_number
from services.kernel.kernel import Kernel
from services.tenants import Actor
from tests.support.line import webhook_url
from tests.support.sandbox import SandboxClient, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An external account, as its owner would connect it."""

    name: str
    keys: Callable[[SandboxClient], Mapping[str, object]]
    """What the owner pastes, by field name."""
    consent: Callable[[SandboxClient, str], str] | None = None
    """Says yes on the consent page and returns where the browser is sent; None if there is no such page."""

    def walk(
        self, web: TestClient, sandbox: SandboxClient, *, url: str, headers: Mapping[str, str]
    ) -> dict[str, list[str]]:
        """Walk from our own address to the consent page and back, and return what the page is told."""
        assert self.consent, f"“{self.name}” has a consent page to go to: its account in _PLAYERS needs a consent"
        there = web.get(url, headers=headers)
        assert there.status_code == 303, there.text
        back = web.get(self.consent(sandbox, there.headers["location"]), headers=headers)
        assert back.status_code == 303, back.text
        return parse_qs(urlsplit(back.headers["location"]).query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Plays a provider's side for as long as a connection lives."""

    first: Account
    second: Account
    send_method: str
    """What the sandbox calls the request that sends a message."""
    set_up: Callable[[Kernel, Actor, SandboxClient, ConnectionView], object]
    """Does what the owner does at the provider once connected, so that messages reach us."""
    write: Callable[[SandboxClient, ConnectionView, str], Written]
    """Lets a contact write to the first account."""
    expire_tokens: Callable[[SandboxClient], None] | None = None
    """Lets the tokens handed out from now on end; None if the provider's never do."""


def player_of(slug: str) -> Player:
    """Return the player of a provider.

    Raises:
        AssertionError: it has none; says what to add.
    """
    assert slug in _PLAYERS, (
        f"nobody plays “{slug}”: let the sandbox play it (two accounts in app/sandbox/identities.py), and add a "
        f"Player for it to _PLAYERS in tests/support/players.py"
    )
    return _PLAYERS[slug]


def _set_up_slack(_kernel: Kernel, _actor: Actor, sandbox: SandboxClient, view: ConnectionView) -> None:
    if not view.uses_operator_app:
        sandbox.set_events_url(webhook_url(view, "events"), app=sandbox.identities.own_app.app_id)


def _write_in_slack(sandbox: SandboxClient, view: ConnectionView, text: str) -> Written:
    return sandbox.slack_message(text, app="" if view.uses_operator_app else sandbox.identities.own_app.app_id)


def _set_up_twilio(kernel: Kernel, actor: Actor, _sandbox: SandboxClient, view: ConnectionView) -> None:
    assign_number(kernel, actor=actor, connection_id=view.id, number_id=view.numbers[0].id, agent_id=view.agent_id)


def _slack_account(name: str, *, team: str, is_second: bool = False) -> Account:
    def keys(sandbox: SandboxClient) -> Mapping[str, object]:
        app = sandbox.identities.other_own_app if is_second else sandbox.identities.own_app
        return {"bot_token": app.bot_token, "signing_secret": app.signing_secret}

    return Account(name=name, keys=keys, consent=lambda sandbox, url: sandbox.consent(url, team=team))


def _twilio_account(name: str, *, is_second: bool = False) -> Account:
    def keys(sandbox: SandboxClient) -> Mapping[str, object]:
        account = sandbox.identities.other_twilio if is_second else sandbox.identities.twilio
        return {"account_sid": account.account_sid, "auth_token": account.auth_token}

    return Account(name=name, keys=keys)


_PLAYERS = {
    "slack": Player(
        first=_slack_account("Northwind Creators", team="T0NORTHWIND"),
        second=_slack_account("Harbor Studio", team="T0HARBOR001", is_second=True),
        send_method="chat.postMessage",
        set_up=_set_up_slack,
        write=_write_in_slack,
        expire_tokens=lambda sandbox: sandbox.rotate_tokens(),
    ),
    "twilio": Player(
        first=_twilio_account("Northwind Creators"),
        second=_twilio_account("Harbor Studio", is_second=True),
        send_method="messages.create",
        set_up=_set_up_twilio,
        write=lambda sandbox, view, text: sandbox.sms(text, to=view.numbers[0].number),
    ),
}
