"""What the control API shows of Resend and of the contacts' mailboxes."""

from collections.abc import Callable, Mapping

from app.sandbox.mail import address_of, header_fields
from app.sandbox.resend_identities import MAILBOXES, dashboard_webhook
from app.sandbox.resend_state import MailboxItem, ResendAccount, ResendState

Answer = Mapping[str, object]


def show_accounts(state: ResendState) -> list[Answer]:
    """Return the accounts with their keys and where their events go."""
    return [_show_account(account) for account in state.accounts]


def show_mailboxes(state: ResendState) -> list[Answer]:
    """Return the mailboxes: the contacts', and those to which something was sent."""
    names = dict.fromkeys(state.mailboxes, "") | MAILBOXES
    return [{"address": address, "name": names[address]} for address in (MAILBOXES | names)]


def show_mails(state: ResendState, *, arrival: Callable[[str], str]) -> dict[str, list[Answer]]:
    """Return the mailboxes' contents, as conversations.

    Args:
        arrival: says what came of a webhook.
    """
    return {
        f"mail/{address}": [_show_item(item, arrival=arrival) for item in items]
        for address, items in state.mailboxes.items()
    }


def _show_account(account: ResendAccount) -> Answer:
    webhook = dashboard_webhook(account)
    return {
        "id": account.id,
        "name": account.name,
        "api_key": account.api_key,
        "sending_key": account.sending_key,
        "webhook_secret": webhook.secrets[0],
        "webhook_url": webhook.endpoint,
        "listens": any(item.endpoint and item.is_enabled for item in account.webhooks),
        "domains": [
            {"name": item.name, "status": item.status, "is_receiving": item.is_receiving, "dns_is_set": item.dns_is_set}
            for item in account.domains
        ],
    }


def _show_item(item: MailboxItem, *, arrival: Callable[[str], str]) -> Answer:
    mail = item.mail
    event = item.event_ids[-1] if item.event_ids else ""
    return {
        "id": mail.id,
        "message_id": mail.message_id,
        "at": mail.at,
        "from": mail.sender,
        "to": mail.to,
        "cc": mail.cc,
        "subject": mail.subject,
        "text": mail.text or "",
        "html": mail.html or "",
        "headers": {name.lower(): value for name, value in header_fields(mail).items()},
        "attachments": [file.filename for file in mail.attachments],
        "is_sent": item.is_sent,
        "is_agent": not item.is_sent and address_of(mail.sender) not in MAILBOXES,
        "thread": "",
        "status": arrival(event) if item.is_sent else "",
        "event": event,
    }
