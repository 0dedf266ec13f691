"""Who is who at Resend in the sandbox."""

import base64
import secrets
from dataclasses import dataclass

from app.sandbox.mail import new_id
from app.sandbox.resend_events import EVENTS, new_secret
from app.sandbox.resend_state import ResendAccount, ResendDomain, ResendState, ResendWebhook

MAILBOXES = {
    "mia@harbor.example": "Mia Ortega",
    "jonas@harbor.example": "Jonas Keller",
    "lin@harbor.example": "Lin Wei",
}
"""The contacts' mail addresses."""
_ACCOUNTS = (("Northwind Creators", "northwind.example"), ("Harbor Studio", "harborstudio.example"))
_MADE_AT = 1_760_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendIdentity:
    """An account's keys and domains."""

    account_id: str
    api_key: str
    sending_key: str
    """May send, and nothing else."""
    webhook_secret: str
    """Of the webhook made in the dashboard, whose address is pasted on the sandbox's page."""
    domain: str
    """Verified; mails to it are received."""
    pending_domain: str


def new_resend() -> ResendState:
    """Make a fresh Resend: two accounts, each with a verified domain and one that waits for its DNS records."""
    return ResendState(accounts=[_new_account(name, domain=domain) for name, domain in _ACCOUNTS])


def identity_of(account: ResendAccount) -> ResendIdentity:
    """Return what a person would copy from an account's dashboard."""
    ready, pending = account.domains
    return ResendIdentity(
        account_id=account.id,
        api_key=account.api_key,
        sending_key=account.sending_key,
        webhook_secret=dashboard_webhook(account).secrets[0],
        domain=ready.name,
        pending_domain=pending.name,
    )


def dashboard_webhook(account: ResendAccount) -> ResendWebhook:
    """Return the webhook that was made in the dashboard."""
    return next(item for item in account.webhooks if item.is_from_dashboard)


def with_same_resend_keys(old: ResendState) -> ResendState:
    """Return a fresh Resend in which everybody has the keys they had, and no address is listened at."""
    return ResendState(
        accounts=[
            ResendAccount(
                id=account.id,
                name=account.name,
                api_key=account.api_key,
                sending_key=account.sending_key,
                domains=[_as_new(domain) for domain in account.domains],
                webhooks=[_dashboard(secret=dashboard_webhook(account).secrets[0])],
            )
            for account in old.accounts
        ]
    )


def forget_mails(state: ResendState) -> None:
    """Forget what was written, and what was to become of it."""
    for account in state.accounts:
        account.sent.clear()
        account.received.clear()
        account.idempotent.clear()
    state.mailboxes.clear()
    state.outcomes.clear()
    state.responders.clear()
    state.header_family, state.keeps_message_id = "svix", True


def _new_account(name: str, *, domain: str) -> ResendAccount:
    return ResendAccount(
        id=new_id(),
        name=name,
        api_key=_new_key(),
        sending_key=_new_key(),
        domains=[_new_domain(domain, is_ready=True), _new_domain(f"news.{domain}", is_ready=False)],
        webhooks=[_dashboard(secret=new_secret())],
    )


def _new_domain(name: str, *, is_ready: bool) -> ResendDomain:
    return ResendDomain(
        id=new_id(),
        name=name,
        created_at=_MADE_AT,
        status="verified" if is_ready else "pending",
        is_receiving=is_ready,
        dkim_key=base64.b64encode(secrets.token_bytes(162)).decode(),
        dns_is_set=is_ready,
    )


def _as_new(domain: ResendDomain) -> ResendDomain:
    is_ready = domain.is_receiving
    return domain.model_copy(update={"status": "verified" if is_ready else "pending", "dns_is_set": is_ready})


def _dashboard(*, secret: str) -> ResendWebhook:
    return ResendWebhook(
        id=new_id(),
        created_at=_MADE_AT,
        endpoint="",
        events=[event for event in EVENTS if event.startswith("email.")],
        secrets=[secret],
        is_from_dashboard=True,
    )


def _new_key() -> str:
    return f"re_{secrets.token_urlsafe(6).replace('-', 'x').replace('_', 'y')}_{secrets.token_hex(12)}"
