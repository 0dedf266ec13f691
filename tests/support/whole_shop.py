"""A shop with all that a tenant can have: a calendar and a mailbox too, rules for channels, letters, files, actions."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from sqlmodel import col, select

from models import ActionRun, ActionRunState, GrantMode, Membership
from services import channels, connections
from services.actions import set_grant
from services.connections import ConnectionView, connect_with_keys
from services.conversations import list_conversations
from services.email import SenderForm, create_sender, sync_domains
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.tenants import Actor
from services.tenants.repository import find_user
from services.tenants.sessions import open_session
from tests.support.line import CHANNEL, Line, Shop, webhook_url
from tests.support.sandbox_google import BRI
from tests.support.sandbox_mail import MIA, Letter, WrittenMail

CALENDAR, MAIL = "google_calendar", "resend"
ACTION = "post_message"


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeShop(Shop):
    """A shop whose agent also has a calendar and an address."""

    google: ConnectionView
    mail: ConnectionView
    address: str
    """What its agent writes from."""


def open_whole_shop(line: Line, name: str, *, is_second: bool = False) -> WholeShop:
    """Create a tenant that is connected everywhere; a second one has other accounts, but the same Google account."""
    shop = line.open_shop(name, is_second=is_second)
    google = connect_google(line, shop)
    mail, address = connect_mail(line, shop, is_second=is_second)
    line.work()
    [channel] = channels.list_channels(
        line.kernel, actor=shop.actor, connection_id=shop.slack.id, query=CHANNEL
    ).channels
    channels.set_policy(
        line.kernel, actor=shop.actor, connection_id=shop.slack.id, channel_id=channel.id, mode="mentions"
    )
    parts = {field.name: getattr(shop, field.name) for field in fields(Shop)}
    return WholeShop(**parts, google=google, mail=mail, address=address)


def connect_google(line: Line, shop: Shop, *, account: str = BRI) -> ConnectionView:
    """Connect a Google account's calendar by consent, through the operator's client."""
    actor = in_browser(line.kernel, shop.actor)
    url = connections.begin_oauth(line.kernel, actor=actor, provider=CALENDAR, agent_id=shop.agent.id)
    query = parse_qs(urlsplit(line.sandbox.google.consent(url, account=account)).query)
    outcome = connections.finish_oauth(line.kernel, actor=actor, provider=CALENDAR, query=query)
    assert outcome.ok and outcome.connection_id, outcome
    return connections.get_connection(line.kernel, actor=actor, connection_id=outcome.connection_id)


def connect_mail(line: Line, shop: Shop, *, is_second: bool = False) -> tuple[ConnectionView, str]:
    """Connect a Resend account, and give the shop's agent an address on its domain."""
    identities = line.sandbox.identities
    identity = identities.other_resend if is_second else identities.resend
    view = connect_with_keys(
        line.kernel,
        actor=shop.actor,
        provider=MAIL,
        scheme_id="keys",
        agent_id=shop.agent.id,
        values={"api_key": identity.api_key, "signing_secret": identity.webhook_secret},
    )
    line.sandbox.mail.set_webhook_url(webhook_url(view, "events"), account=identity.account_id)
    sync_domains(line.kernel, actor=shop.actor, connection_id=view.id)
    address = f"{shop.agent.name.lower()}@{identity.domain}"
    create_sender(
        line.kernel,
        actor=shop.actor,
        connection_id=view.id,
        agent_id=shop.agent.id,
        form=SenderForm(address=address),
    )
    return view, address


def in_browser(kernel: Kernel, actor: Actor) -> Actor:
    """Sign the tenant's first person in: consent is bound to a browser."""
    tenant_id = actor.tenant_id
    with kernel.unit_of_work(tenant_id) as work:
        membership = work.session.exec(
            select(Membership).where(col(Membership.tenant_id) == tenant_id).order_by(col(Membership.id)).limit(1)
        ).one()
        user = find_user(work.session, membership.user_id)
        assert user is not None
        return open_session(work.session, membership=membership, user=user, now=kernel.clock.now()).actor


def write_letter(line: Line, shop: WholeShop, words: str, *, file: str, message_id: str = "") -> WrittenMail:
    """Let Mia write a letter with a file to the shop's agent."""
    attachment = {
        "filename": "plan.txt",
        "content_type": "text/plain",
        "content": base64.b64encode(file.encode()).decode(),
    }
    letter = Letter(attachments=[attachment], message_id=message_id)
    return line.sandbox.mail.write(to=shop.address, text=words, subject=words, sender=MIA, letter=letter)


def add_runs(
    kernel: Kernel, shop: Shop, *, words: str, states: Sequence[ActionRunState] = tuple(ActionRunState)
) -> Mapping[ActionRunState, UUID]:
    """Let a shop's agent have asked to post something in Slack, once for each state; none is due for a week.

    Returns:
        The runs' ids.
    """
    conversation = list_conversations(kernel, actor=shop.actor, state="all").items[0]
    set_grant(
        kernel,
        actor=shop.actor,
        agent_id=shop.agent.id,
        connection_id=shop.slack.id,
        action=ACTION,
        mode=GrantMode.APPROVAL,
    )
    now = datetime.now(UTC)
    first = ActionRun(
        tenant_id=shop.actor.tenant_id,
        id=new_id(),
        agent_id=shop.agent.id,
        connection_id=shop.slack.id,
        conversation_id=conversation.id,
        call_key="1",
        action=ACTION,
        description=f"Post to {CHANNEL}: “{words}”",
        input={"channel": CHANNEL, "text": words},
        state=ActionRunState.AWAITING_APPROVAL,
        trace_id=new_id(),
        created_at=now,
        next_attempt_at=now + timedelta(days=7),
    )
    runs = {state: first.model_copy(update={"id": new_id(), "state": state}) for state in states}
    with kernel.unit_of_work(shop.actor.tenant_id) as work:
        for run in runs.values():
            work.session.add(ActionRun(**run.model_dump()))
    return {state: run.id for state, run in runs.items()}
