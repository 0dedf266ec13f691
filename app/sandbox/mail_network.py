"""The network that carries mails: to the contacts' mailboxes, and to the domains whose MX record is Resend's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.sandbox.mail import address_of, domain_of, new_id
from app.sandbox.resend_state import Mail, MailboxItem, MailStep, ReceivedMail, ResendAccount, ResendState

OUTCOMES: Mapping[str, Sequence[str]] = {
    "delivered": ("sent", "delivered"),
    "bounced": ("sent", "bounced"),
    "complained": ("sent", "delivered", "complained"),
    "delayed": ("sent", "delivery_delayed", "delivered"),
    "suppressed": ("suppressed",),
    "failed": ("failed",),
}
"""What can become of a mail, and what is told about it.

The first local parts are those of https://resend.com/docs/dashboard/emails/send-test-emails.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A mail that came to an account."""

    account: ResendAccount
    received: ReceivedMail


def outcome_of(state: ResendState, address: str) -> str:
    """Return what becomes of mails to an address: what was said for it, or what its name says."""
    bare = address_of(address)
    name = bare.partition("@")[0].partition("+")[0]
    return state.outcomes.get(bare) or (name if name in OUTCOMES else "delivered")


def steps_of(state: ResendState, mail: Mail) -> list[MailStep]:
    """Return what will be told about a mail that was accepted, by outcome of its recipients."""
    steps: list[MailStep] = []
    recipients = [*mail.to, *mail.cc, *mail.bcc]
    for outcome, events in OUTCOMES.items():
        impacted = [address for address in recipients if outcome_of(state, address) == outcome]
        steps.extend(MailStep(event=event, to=impacted) for event in events if impacted)
    # Told once for the mail, however many ways it takes.
    sent = [address for step in steps if step.event == "sent" for address in step.to]
    first = [MailStep(event="sent", to=sent)] if sent else []
    return first + [step for step in steps if step.event != "sent"]


def carry(state: ResendState, mail: Mail, *, recipients: Sequence[str]) -> list[Arrival]:
    """Bring a mail to its recipients; each account gets it once, however many of its addresses are among them."""
    seen = mail.model_copy(update={"bcc": []}, deep=True)
    addresses = list(dict.fromkeys(address_of(item) for item in recipients))
    arrivals: dict[str, Arrival] = {}
    for address in addresses:
        account = _account_of(state, domain_of(address))
        if account is None:
            item = MailboxItem(mail=seen.model_copy(update={"id": new_id()}, deep=True))
            state.mailboxes.setdefault(address, []).append(item)
        elif account.id in arrivals:
            arrivals[account.id].received.received_for.append(address)
        else:
            received = ReceivedMail(mail=seen.model_copy(update={"id": new_id()}, deep=True), received_for=[address])
            account.received.append(received)
            arrivals[account.id] = Arrival(account=account, received=received)
    return list(arrivals.values())


def _account_of(state: ResendState, domain: str) -> ResendAccount | None:
    for account in state.accounts:
        for item in account.domains:
            if item.name == domain and item.is_receiving and item.status == "verified":
                return account
    return None
