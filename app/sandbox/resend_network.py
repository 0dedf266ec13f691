"""Mails on their way: what accounts sent goes out step by step, what contacts write arrives at once."""

import asyncio
from collections.abc import Sequence

from app.sandbox.mail import (
    AUTOMATIC,
    address_of,
    domain_of,
    named,
    new_id,
    new_message_id,
    references_of,
    reply_subject,
)
from app.sandbox.mail_network import Arrival, carry
from app.sandbox.resend_events import received_event, sent_event
from app.sandbox.resend_identities import MAILBOXES
from app.sandbox.resend_state import Mail, MailboxItem, ResendAccount, SentMail
from app.sandbox.world import World


def resume(world: World) -> None:
    """Take up what an earlier process left on its way."""
    for account in world.store.state.resend.accounts:
        for sent in account.sent:
            track(world, account, sent)


def track(world: World, account: ResendAccount, sent: SentMail) -> None:
    """Let the network carry a mail that was accepted, and tell what becomes of it."""
    world.courier.start(_advance(world, account, sent))


def write(world: World, mail: Mail, *, copies: int = 1) -> MailboxItem:
    """Send a contact's mail, and keep it among those the contact sent.

    Args:
        copies: how often it arrives, as mails do that take two ways to the same address.
    """
    state = world.store.state.resend
    item = MailboxItem(mail=mail, is_sent=True)
    state.mailboxes.setdefault(address_of(mail.sender), []).append(item)
    for _ in range(copies):
        for arrival in carry(state, mail, recipients=[*mail.to, *mail.cc, *mail.bcc]):
            item.event_ids.extend(_announce(world, arrival))
    return item


async def _advance(world: World, account: ResendAccount, sent: SentMail) -> None:
    while sent.coming:
        await asyncio.sleep(world.store.state.pace.mail_step_seconds)
        step = sent.coming.pop(0)
        sent.last_event = step.event
        if step.event == "delivered":
            for arrival in carry(world.store.state.resend, sent.mail, recipients=step.to):
                _announce(world, arrival)
            _respond(world, sent.mail, recipients=step.to)
        world.store.touch()
        for delivery in sent_event(account, sent, step, now=world.now()):
            world.courier.enqueue(delivery)


def _respond(world: World, mail: Mail, *, recipients: Sequence[str]) -> None:
    """Let the mailboxes answer that do so by themselves."""
    responders = world.store.state.resend.responders
    for address in sorted({address_of(item) for item in recipients} & responders.keys()):
        responder = responders[address]
        answer = Mail(
            id=new_id(),
            message_id=new_message_id(domain_of(address)),
            at=world.now(),
            sender=named(address, MAILBOXES.get(address, "")),
            to=mail.reply_to or [mail.sender],
            subject=reply_subject(mail.subject),
            text=responder.text,
            headers={
                "In-Reply-To": mail.message_id,
                "References": references_of(mail),
                **AUTOMATIC[responder.automatic],
            },
        )
        write(world, answer)


def _announce(world: World, arrival: Arrival) -> list[str]:
    return [
        world.courier.enqueue(delivery)
        for delivery in received_event(arrival.account, arrival.received, now=world.now())
    ]
