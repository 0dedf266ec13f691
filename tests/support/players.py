"""Plays the providers' own sides: two accounts each, who writes from there, and what their owner sets up there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from sqlmodel import col, select
from starlette.testclient import TestClient

from models import CalendarEvent
from services.connections import ConnectionView, assign_number
from services.email import SenderForm, create_sender, sync_domains
from services.kernel.kernel import Kernel
from services.tenants import Actor
from tests.support.line import PLAYBOOK, webhook_url
from tests.support.sandbox import SandboxClient, Written
from tests.support.sandbox_google import BRI, OPS

QUESTION, ANSWER = PLAYBOOK[0].question, PLAYBOOK[0].answer


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
    service: str
    """What the sandbox calls the provider."""
    use_method: str
    """What the sandbox calls the request for which the connection is there: the one that sends a message."""
    use_job: str = "send_message"
    """The job that makes that request."""
    set_up: Callable[[Kernel, Actor, SandboxClient, ConnectionView], object]
    """Does what the owner does at the provider once connected, so that messages reach us."""
    write: Callable[[SandboxClient, ConnectionView, str], Written]
    """Lets a contact write to the first account, or somebody there do what we are told of."""
    uses: Callable[[Kernel, Actor, SandboxClient, ConnectionView], list[str]]
    """What the connection was good for so far, each by the words of ``use``."""
    use: str = ANSWER
    """What comes of one ``write``."""
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


def _set_up_resend(kernel: Kernel, actor: Actor, sandbox: SandboxClient, view: ConnectionView) -> None:
    sandbox.mail.set_webhook_url(webhook_url(view, "events"), account=sandbox.identities.resend.account_id)
    sync_domains(kernel, actor=actor, connection_id=view.id)
    assert view.agent_id
    form = SenderForm(address=_letters_to(view))
    create_sender(kernel, actor=actor, connection_id=view.id, agent_id=view.agent_id, form=form)


def _write_letter(sandbox: SandboxClient, view: ConnectionView, text: str) -> Written:
    written = sandbox.mail.write(to=_letters_to(view), text=text)
    return Written(message_id=written.id, channel=_letters_to(view), event_ids=written.event_ids)


def _letters_to(view: ConnectionView) -> str:
    return f"bri@{view.external_account_name}"


def _answers(_kernel: Kernel, _actor: Actor, sandbox: SandboxClient, view: ConnectionView) -> list[str]:
    return [item.text.strip() for item in sandbox.answers(service=player_of(view.provider).service)]


def _known_meetings(kernel: Kernel, actor: Actor, _sandbox: SandboxClient, view: ConnectionView) -> list[str]:
    wanted = select(CalendarEvent.title).where(
        col(CalendarEvent.tenant_id) == actor.tenant_id,
        col(CalendarEvent.connection_id) == view.id,
        col(CalendarEvent.title) == QUESTION,
    )
    with kernel.unit_of_work(actor.tenant_id) as work:
        return list(work.session.exec(wanted).all())


def _add_meeting(sandbox: SandboxClient, _view: ConnectionView, text: str) -> Written:
    added = sandbox.google.add(text)
    return Written(message_id=added.event, channel=BRI, event_ids=added.event_ids)


def _google_account(email: str) -> Account:
    def keys(_sandbox: SandboxClient) -> Mapping[str, object]:
        raise AssertionError("a calendar is connected by consent alone")

    return Account(name=email, keys=keys, consent=lambda sandbox, url: sandbox.google.consent(url, account=email))


def _slack_account(name: str, *, team: str, is_second: bool = False) -> Account:
    def keys(sandbox: SandboxClient) -> Mapping[str, object]:
        app = sandbox.identities.other_own_app if is_second else sandbox.identities.own_app
        return {"bot_token": app.bot_token, "signing_secret": app.signing_secret}

    return Account(name=name, keys=keys, consent=lambda sandbox, url: sandbox.consent(url, team=team))


def _resend_account(name: str, *, is_second: bool = False) -> Account:
    def keys(sandbox: SandboxClient) -> Mapping[str, object]:
        account = sandbox.identities.other_resend if is_second else sandbox.identities.resend
        return {"api_key": account.api_key, "signing_secret": account.webhook_secret, "domain": account.domain}

    return Account(name=name, keys=keys)


def _twilio_account(name: str, *, is_second: bool = False) -> Account:
    def keys(sandbox: SandboxClient) -> Mapping[str, object]:
        account = sandbox.identities.other_twilio if is_second else sandbox.identities.twilio
        return {"account_sid": account.account_sid, "auth_token": account.auth_token}

    return Account(name=name, keys=keys)


_PLAYERS = {
    "google_calendar": Player(
        first=_google_account(BRI),
        second=_google_account(OPS),
        service="google",
        use_method="calendar.events.list",
        use_job="sync_calendar",
        set_up=lambda _kernel, _actor, _sandbox, _view: None,
        write=_add_meeting,
        uses=_known_meetings,
        use=QUESTION,
        expire_tokens=lambda _sandbox: None,
    ),
    "resend": Player(
        first=_resend_account("northwind.example"),
        second=_resend_account("harborstudio.example", is_second=True),
        service="resend",
        use_method="emails.create",
        uses=_answers,
        set_up=_set_up_resend,
        write=_write_letter,
    ),
    "slack": Player(
        first=_slack_account("Northwind Creators", team="T0NORTHWIND"),
        second=_slack_account("Harbor Studio", team="T0HARBOR001", is_second=True),
        service="slack",
        use_method="chat.postMessage",
        uses=_answers,
        set_up=_set_up_slack,
        write=_write_in_slack,
        expire_tokens=lambda sandbox: sandbox.rotate_tokens(),
    ),
    "twilio": Player(
        first=_twilio_account("Northwind Creators"),
        second=_twilio_account("Harbor Studio", is_second=True),
        service="twilio",
        use_method="messages.create",
        uses=_answers,
        set_up=_set_up_twilio,
        write=lambda sandbox, view, text: sandbox.sms(text, to=view.numbers[0].number),
    ),
}
