"""Senders, domains and the card: who may set them, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from models import AuditEntry, EmailDomain, Message, MessageState, Role
from services import connections
from services.email import (
    SenderForm,
    create_sender,
    delete_sender,
    find_sender,
    get_card,
    list_domains,
    list_senders,
    propose_sender,
    update_sender,
)
from services.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import DnsRecord, SendingDomain
from services.tenants import Actor
from tests.integration.agents.conftest import actor_of
from tests.integration.email.post import DOMAIN, Post, set_zone
from tests.support.clock import FakeClock

RECORD = DnsRecord(type="MX", name="send", value="feedback.example", purpose="SPF", status="verified", priority="10")
DOMAINS = (
    SendingDomain(id="d1", name="Northwind.example", status="verified", can_receive=True, records=(RECORD,)),
    SendingDomain(id="d2", name="pending.example", status="pending"),
)


@pytest.fixture
def post_with_domains(post: Post) -> Post:
    keep(post, DOMAINS)
    return post


def keep(post: Post, domains: tuple[SendingDomain, ...]) -> None:
    with post.kernel.unit_of_work(post.actor.tenant_id) as work:
        connections.store_domains(work, post.connection(work), domains, now=post.clock.now())


def create(post: Post, address: str, *, actor: Actor | None = None, **values: str) -> None:
    create_sender(
        post.kernel,
        actor=actor or post.actor,
        connection_id=post.connection_id,
        agent_id=post.agent.id,
        form=SenderForm(address=address, **values),
    )


def test_domains_are_shown_with_their_records(post_with_domains: Post) -> None:
    ready, pending = post_with_domains.domains()
    assert (ready.name, ready.can_send, ready.can_receive) == (DOMAIN, True, True)
    assert (pending.name, pending.status, pending.can_send) == ("pending.example", "pending", False)
    [record] = ready.records
    assert (record.type, record.value, record.priority, record.purpose) == ("MX", "feedback.example", "10", "SPF")


def test_domains_that_are_gone_are_forgotten_and_the_others_keep_their_ids(post_with_domains: Post) -> None:
    post = post_with_domains
    ready, _ = post.domains()
    keep(post, (SendingDomain(id="d9", name=DOMAIN, status="failed"),))
    [left] = post.domains()
    assert (left.id, left.status, left.can_send, left.records) == (ready.id, "failed", False, ())
    with post.kernel.unit_of_work(post.actor.tenant_id) as work:
        rows = work.session.exec(select(EmailDomain).where(col(EmailDomain.tenant_id) == work.tenant_id)).all()
        assert [row.external_id for row in rows] == ["d9"]
    keep(post, ())
    assert post.domains() == ()


def test_an_address_must_be_at_a_domain_that_may_be_sent_from(post_with_domains: Post) -> None:
    for address, code, words in (
        ("bri@elsewhere.example", "unknown_domain", "Use one of northwind.example."),
        ("bri@pending.example", "domain_not_verified", "it is pending"),
        ("bri@sub.northwind.example", "unknown_domain", "no domain “sub.northwind.example”"),
        ("bri", "not_an_address", "Enter one plain address"),
    ):
        with pytest.raises(InvalidInput, match=words) as refusal:
            create(post_with_domains, address)
        assert (refusal.value.field, refusal.value.code) == ("address", code)


def test_an_address_belongs_to_one_sender(post: Post) -> None:
    with pytest.raises(Conflict, match="already"):
        create(post, "BRI@northwind.example")
    create(post, "max@northwind.example")
    with pytest.raises(Conflict):
        update_sender(
            post.kernel,
            actor=post.actor,
            connection_id=post.connection_id,
            sender_id=post.sender.id,
            form=SenderForm(address="max@northwind.example"),
        )


def test_changes_are_seen_and_written_down(post: Post) -> None:
    form = SenderForm(address="bri@northwind.example", display_name="Front desk", reply_to="Desk@northwind.example")
    view = update_sender(
        post.kernel, actor=post.actor, connection_id=post.connection_id, sender_id=post.sender.id, form=form
    )
    assert (view.display_name, view.reply_to, view.agent_name) == ("Front desk", "desk@northwind.example", "Bri")
    delete_sender(post.kernel, actor=post.actor, connection_id=post.connection_id, sender_id=post.sender.id)
    assert list_senders(post.kernel, actor=post.actor, connection_id=post.connection_id) == ()
    with post.kernel.unit_of_work(post.actor.tenant_id) as work:
        actions = work.session.exec(
            select(AuditEntry.action)
            .where(col(AuditEntry.tenant_id) == work.tenant_id, col(AuditEntry.object_kind) == "email_sender")
            .order_by(col(AuditEntry.id))
        ).all()
    assert actions == ["email_sender.created", "email_sender.updated", "email_sender.deleted"]


def test_a_sender_keeps_its_address_while_its_domain_fails(post: Post) -> None:
    keep(post, (SendingDomain(id="d1", name=DOMAIN, status="failed"),))
    form = SenderForm(address="bri@northwind.example", display_name="Bri B.")
    view = update_sender(
        post.kernel, actor=post.actor, connection_id=post.connection_id, sender_id=post.sender.id, form=form
    )
    assert (view.display_name, view.domain_status, view.can_send) == ("Bri B.", "failed", False)


def test_a_free_address_is_proposed(post_with_domains: Post) -> None:
    post = post_with_domains
    where = {"actor": post.actor, "connection_id": post.connection_id, "agent_id": post.agent.id}
    assert propose_sender(post.kernel, **where).address == "bri-2@northwind.example"  # pyright: ignore[reportArgumentType]
    keep(post, DOMAINS[1:])
    proposal = propose_sender(post.kernel, **where)  # pyright: ignore[reportArgumentType]
    assert (proposal.address, proposal.display_name) == ("", "Bri")


def test_the_first_of_the_addresses_finds_its_sender(post: Post) -> None:
    create(post, "max@northwind.example")
    create(post, "bri+vip@northwind.example")

    def found(*addresses: str) -> str:
        with post.kernel.unit_of_work(post.actor.tenant_id) as work:
            sender = find_sender(work, post.connection_id, addresses)
            return sender.address if sender else ""

    assert found("x@y.example", "MAX@northwind.example", "bri@northwind.example") == "max@northwind.example"
    assert found("bri+shop@northwind.example") == "bri@northwind.example"
    assert found("bri+vip@northwind.example") == "bri+vip@northwind.example"
    assert found("+@northwind.example", "", "@") == found() == ""


def test_the_card_counts_the_tenants_day(post: Post, clock: FakeClock) -> None:
    set_zone(post, "America/New_York")
    clock.advance(datetime(2027, 1, 5, 4, 30, tzinfo=UTC) - clock.now())  # 23:30 the day before in New York
    filed = post.receive(post.letter("1@c"))

    def sent() -> int:
        card = get_card(post.kernel, actor=post.actor, connection_id=post.connection_id, agent_id=post.agent.id)
        return card.sent_today

    def send() -> None:
        post.answer(filed)
        with post.kernel.unit_of_work(post.actor.tenant_id) as work:
            for row in work.session.exec(
                select(Message).where(
                    col(Message.tenant_id) == work.tenant_id, col(Message.state) == MessageState.QUEUED
                )
            ):
                row.state, row.sent_at = MessageState.SENT, clock.now()
                work.session.add(row)

    send()
    assert sent() == 1
    clock.advance(timedelta(hours=1))
    assert sent() == 0
    send()
    send()
    assert sent() == 2


def test_the_card_names_the_sender_and_its_domain(post_with_domains: Post) -> None:
    post = post_with_domains
    card = get_card(post.kernel, actor=post.actor, connection_id=post.connection_id, agent_id=post.agent.id)
    assert (card.send_from, card.display_name, card.domain_status) == ("bri@northwind.example", "Bri", "verified")
    assert card.can_receive and card.domain and card.domain.records
    empty = get_card(post.kernel, actor=post.actor, connection_id=post.connection_id, agent_id=new_id())
    assert (empty.sender, empty.send_from, empty.domain, empty.sent_today) == (None, "", None, 0)


CALLS: dict[str, Callable[[Kernel, Post, Actor], object]] = {
    "list_senders": lambda kernel, post, actor: list_senders(kernel, actor=actor, connection_id=post.connection_id),
    "list_domains": lambda kernel, post, actor: list_domains(kernel, actor=actor, connection_id=post.connection_id),
    "get_card": lambda kernel, post, actor: get_card(
        kernel, actor=actor, connection_id=post.connection_id, agent_id=post.agent.id
    ),
    "propose_sender": lambda kernel, post, actor: propose_sender(
        kernel, actor=actor, connection_id=post.connection_id, agent_id=post.agent.id
    ),
    "create_sender": lambda kernel, post, actor: create(post, "new@northwind.example", actor=actor),
    "update_sender": lambda kernel, post, actor: update_sender(
        kernel,
        actor=actor,
        connection_id=post.connection_id,
        sender_id=post.sender.id,
        form=SenderForm(address="bri@northwind.example"),
    ),
    "delete_sender": lambda kernel, post, actor: delete_sender(
        kernel, actor=actor, connection_id=post.connection_id, sender_id=post.sender.id
    ),
}


def test_another_tenants_mailbox_does_not_exist(kernel: Kernel, post: Post, other_post: Post) -> None:
    for call in CALLS.values():
        with pytest.raises(NotFound):
            call(kernel, other_post, post.actor)


def test_a_viewer_changes_nothing(kernel: Kernel, post: Post) -> None:
    viewer = actor_of(post.actor.tenant_id, Role.VIEWER)
    for name in ("create_sender", "update_sender", "delete_sender"):
        with pytest.raises(Forbidden):
            CALLS[name](kernel, post, viewer)


def test_an_address_is_given_to_agents_of_the_tenant_only(post: Post, other_post: Post) -> None:
    for agent_id in (other_post.agent.id, new_id()):
        with pytest.raises(NotFound):
            create_sender(
                post.kernel,
                actor=post.actor,
                connection_id=post.connection_id,
                agent_id=agent_id,
                form=SenderForm(address="new@northwind.example"),
            )
        with pytest.raises(NotFound):
            update_sender(
                post.kernel,
                actor=post.actor,
                connection_id=post.connection_id,
                sender_id=post.sender.id,
                form=SenderForm(address="bri@northwind.example"),
                agent_id=agent_id,
            )
