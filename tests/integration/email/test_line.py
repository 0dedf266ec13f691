"""Letters through the whole line: webhook door, Resend of the sandbox, agent, outbox."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import text, update

from models import WebhookDelivery
from services.conversations import reply
from services.email import LETTERS_PER_HOUR, check_domain, get_card, list_domains
from services.kernel.kernel import Kernel
from services.kernel.settings import Settings
from services.webhooks import list_deliveries
from tests.integration.email.mail_shop import ANSWER, QUESTION, MailShop, open_mail_shop
from tests.support.circuits import set_circuit
from tests.support.line import Line, running_line
from tests.support.sandbox_mail import JONAS, LIN, MIA, Letter


@pytest.fixture
def line(settings: Settings, tmp_path: Path) -> Generator[Line]:
    """Webhook door, sandbox, and a worker on demand."""
    with running_line(settings, tmp_path) as running:
        yield running


@pytest.fixture
def shop(line: Line) -> MailShop:
    """A tenant with a mailbox."""
    return open_mail_shop(line, "Northwind")


def test_a_letter_is_answered_in_its_thread(shop: MailShop) -> None:
    mail = shop.line.sandbox.mail
    shop.settle(mail.write(to=shop.address, subject="Hours", text=QUESTION))
    [answer] = mail.wait_for_mails(1)
    assert (answer.subject, ANSWER in answer.text) == ("Re: Hours", True)
    assert answer.headers["auto-submitted"] == "auto-replied"
    assert answer.headers["x-agent-id"] == str(shop.agent.id)
    shop.settle(mail.reply("When is the payout?"))
    [conversation] = shop.conversations()
    messages = shop.messages(conversation.id)
    assert [message.text for message in messages][2] == "When is the payout?"
    assert shop.reasons(conversation.id)[2].startswith("In-Reply-To names our letter of ")
    assert len(messages) == 4
    card = get_card(shop.line.kernel, actor=shop.actor, connection_id=shop.connection.id, agent_id=shop.agent.id)
    assert (card.sent_today, card.send_from, card.domain_status, card.can_receive) == (
        2,
        shop.address,
        "verified",
        True,
    )


def test_ten_mails_with_lost_headers_copies_and_duplicates(shop: MailShop) -> None:
    mail = shop.line.sandbox.mail
    shop.settle(mail.write(to=shop.address, text=QUESTION, letter=Letter(cc=[JONAS])))
    [first] = mail.wait_for_mails(1)
    shop.settle(mail.reply(QUESTION, keeps_references=False))
    shop.settle(mail.reply(QUESTION, mail=first.id, keeps_in_reply_to=False, subject="Something else"))
    [copy] = mail.inbox(JONAS)
    shop.settle(mail.reply(QUESTION, mailbox=JONAS, mail=copy.id, to_all=True))
    mail.wait_for_mails(2, address=JONAS)
    shop.settle(mail.reply("Thank you!", mailbox=JONAS, letter=Letter(copies=3)))
    [conversation] = shop.conversations()
    reply(shop.line.kernel, actor=shop.actor, conversation_id=conversation.id, text="A person here.")
    shop.line.work()
    ours = len(shop.line.sandbox.answers(service="resend", channel=JONAS))
    *_, person = mail.wait_for_mails(1 + ours, address=JONAS)  # and the copy of Mia's mail
    assert "A person here." in person.text
    assert "auto-submitted" not in person.headers
    shop.settle(mail.reply("Good.", mailbox=JONAS, mail=person.id))
    shop.settle(mail.reply("Lost.", mail=first.id, keeps_in_reply_to=False, keeps_references=False))
    stranger = mail.reply("Let me in.", mail=first.id, sender=LIN)
    shop.settle(stranger)
    authors = [message.author_label for message in shop.messages(conversation.id) if message.direction == "inbound"]
    assert authors.count("Jonas Keller") == 3 and authors.count("Mia Ortega") == 3
    lost, strange = (item for item in reversed(shop.conversations()) if item.id != conversation.id)
    assert shop.reasons(lost.id)[0] == "It names no earlier letter: a new conversation"
    assert f"in which {LIN} did not take part" in shop.reasons(strange.id)[0]
    assert all(reason for item in shop.conversations() for reason in shop.reasons(item.id))


def test_answers_find_their_way_although_the_mail_service_replaced_our_message_id(shop: MailShop) -> None:
    mail = shop.line.sandbox.mail
    mail.set_network(keeps_message_id=False)
    shop.settle(mail.write(to=shop.address, text=QUESTION))
    mail.wait_for_mails(1)
    shop.settle(mail.reply(QUESTION))
    assert len(shop.conversations()) == 1


def test_a_machine_that_says_so_gets_no_answer(shop: MailShop) -> None:
    mail = shop.line.sandbox.mail
    mail.set_responder("I am away.", automatic="auto-replied")
    shop.settle(mail.write(to=shop.address, text=QUESTION))
    mail.wait_for_mails(1)
    shop.settle_received(2)
    assert "A machine's letter is not answered: its header says Auto-Submitted" in shop.last_delivery()
    assert len(mail.inbox()) == 1


def test_a_machine_that_hides_is_stopped_by_its_pace(shop: MailShop) -> None:
    mail = shop.line.sandbox.mail
    mail.set_responder(QUESTION, automatic="")
    shop.settle(mail.write(to=shop.address, text=QUESTION))
    for received in range(2, LETTERS_PER_HOUR + 2):
        mail.wait_for_mails(received - 1)
        shop.settle_received(received)
    assert f"{LETTERS_PER_HOUR} letters to {MIA} within an hour" in shop.last_delivery()
    assert len(mail.inbox()) == LETTERS_PER_HOUR
    assert shop.line.work() == 0


def test_two_agents_of_two_companies_stop_by_themselves(line: Line, shop: MailShop) -> None:
    other = open_mail_shop(line, "Harbor", is_second=True)
    shop.settle(line.sandbox.mail.write(to=shop.address, sender=other.address, text=QUESTION))
    other.settle_received(1)
    assert "A machine's letter is not answered" in other.last_delivery()
    [conversation] = other.conversations()
    assert [message.direction for message in other.messages(conversation.id)] == ["inbound"]
    assert line.work() == 0


def test_domains_are_checked_at_the_provider(line: Line, shop: MailShop) -> None:
    kernel, where = line.kernel, {"actor": shop.actor, "connection_id": shop.connection.id}
    pending = line.sandbox.identities.resend.pending_domain
    [domain] = [item for item in list_domains(kernel, **where) if item.name == pending]  # pyright: ignore[reportArgumentType]
    assert not domain.can_send and domain.records
    line.sandbox.mail.set_dns(pending)
    check_domain(kernel, actor=shop.actor, connection_id=shop.connection.id, domain_id=domain.id)
    views = check_domain(kernel, actor=shop.actor, connection_id=shop.connection.id, domain_id=domain.id)
    assert next(item for item in views if item.name == pending).can_send


def test_a_letter_behind_an_open_circuit_waits_without_using_up_attempts(shop: MailShop) -> None:
    kernel, mail = shop.line.kernel, shop.line.sandbox.mail
    set_circuit(kernel, shop.connection.id, next_call="+ interval '25 seconds'")
    asked = shop.line.sandbox.ledger().calls.get("resend emails.receiving.get", 0)
    shop.settle(mail.write(to=shop.address, subject="Hours", text=QUESTION))
    assert shop.line.sandbox.ledger().calls.get("resend emails.receiving.get", 0) == asked
    assert shop.last_delivery().startswith("Resend does not answer; tried again at ")
    [waiting] = list_deliveries(kernel, actor=shop.actor).items
    assert (waiting.state, waiting.attempt) == ("failed", 0)

    set_circuit(kernel, shop.connection.id, next_call=None)
    make_due(kernel)
    shop.line.work(with_sweep=True)
    mail.wait_for_mails(1)


def make_due(kernel: Kernel) -> None:
    """Let what was put off be due."""
    with kernel.unscoped_session("test") as session:
        session.exec(update(WebhookDelivery).values(next_attempt_at=text("now() - interval '1 minute'")))
