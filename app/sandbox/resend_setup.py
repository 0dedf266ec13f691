"""How an account is set up at Resend: its domains with their DNS records, and its webhooks.

https://resend.com/docs/api-reference/domains, https://resend.com/docs/api-reference/webhooks.
"""

from urllib.parse import urlsplit

from pydantic import JsonValue

from app.sandbox.mail import new_id
from app.sandbox.resend_call import Answer, Call, invalid, missing, not_found, page
from app.sandbox.resend_events import EVENTS, iso, new_secret
from app.sandbox.resend_state import ResendDomain, ResendWebhook

_SECRETS_KEPT = 2
_REGISTERED_LABELS = 2


def list_domains(call: Call) -> Answer:
    """Return the domains."""
    return page(call, [(item.id, lambda item=item: _domain_body(item)) for item in call.account.domains])


def get_domain(call: Call) -> Answer:
    """Return a domain with its DNS records."""
    domain = _find_domain(call)
    return {"object": "domain", **_domain_body(domain), "records": _records(domain)}


def verify_domain(call: Call) -> Answer:
    """Look for a domain's records in the DNS."""
    domain = _find_domain(call)
    domain.status = "verified" if domain.dns_is_set else "pending"
    return {"object": "domain", "id": domain.id}


def list_webhooks(call: Call) -> Answer:
    """Return the webhooks."""
    webhooks = [item for item in call.account.webhooks if item.endpoint]
    return page(call, [(item.id, lambda item=item: _webhook_body(item)) for item in webhooks])


def create_webhook(call: Call) -> Answer:
    """Make a webhook; only this answer and its own page show the secret."""
    for name in ("endpoint", "events"):
        if not call.body.get(name):
            raise missing(f"`{name}`")
    webhook = ResendWebhook(
        id=new_id(),
        created_at=call.now,
        endpoint=_endpoint(call.body.get("endpoint")),
        events=_events(call.body.get("events")),
        secrets=[new_secret()],
    )
    call.account.webhooks.append(webhook)
    return {"object": "webhook", "id": webhook.id, "signing_secret": webhook.secrets[0]}


def get_webhook(call: Call) -> Answer:
    """Return a webhook with its secret."""
    webhook = _find_webhook(call)
    return {"object": "webhook", **_webhook_body(webhook), "signing_secret": webhook.secrets[0]}


def update_webhook(call: Call) -> Answer:
    """Change a webhook's address, events or status."""
    webhook = _find_webhook(call)
    status = call.body.get("status", "enabled" if webhook.is_enabled else "disabled")
    if status not in {"enabled", "disabled"}:
        raise invalid("The `status` field must be `enabled` or `disabled`.")
    webhook.endpoint = _endpoint(call.body.get("endpoint", webhook.endpoint))
    webhook.events = _events(call.body.get("events", list(webhook.events)))
    webhook.is_enabled = status == "enabled"
    return {"object": "webhook", "id": webhook.id}


def delete_webhook(call: Call) -> Answer:
    """Delete a webhook; of the one made in the dashboard the address goes, so that it can be pasted anew."""
    webhook = _find_webhook(call)
    webhook.endpoint, webhook.is_enabled = "", webhook.is_from_dashboard
    return {"object": "webhook", "id": webhook.id, "deleted": True}


def rotate_secret(call: Call) -> Answer:
    """Give a webhook a new secret; the one before signs along for a day."""
    webhook = _find_webhook(call)
    webhook.secrets = [new_secret(), *webhook.secrets][:_SECRETS_KEPT]
    return {"object": "webhook", "id": webhook.id, "signing_secret": webhook.secrets[0]}


def is_endpoint(url: str) -> bool:
    """Return whether a text is an address that webhooks can go to."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _find_domain(call: Call) -> ResendDomain:
    found = next((item for item in call.account.domains if item.id == call.id), None)
    if found is None:
        raise not_found("Domain")
    return found


def _domain_body(domain: ResendDomain) -> Answer:
    return {
        "id": domain.id,
        "name": domain.name,
        "status": domain.status,
        "created_at": iso(domain.created_at),
        "region": "us-east-1",
        "open_tracking": False,
        "click_tracking": False,
        "capabilities": {"sending": "enabled", "receiving": "enabled" if domain.is_receiving else "disabled"},
    }


def _records(domain: ResendDomain) -> list[Answer]:
    """Return the DNS records, named below the registered domain as registrars want them."""
    below = ".".join(domain.name.split(".")[:-_REGISTERED_LABELS])
    dot = f".{below}" if below else ""
    records: list[Answer] = [
        {
            "record": "SPF",
            "name": f"send{dot}",
            "type": "MX",
            "value": "feedback-smtp.us-east-1.amazonses.com",
            "priority": 10,
        },
        {"record": "SPF", "name": f"send{dot}", "type": "TXT", "value": "v=spf1 include:amazonses.com ~all"},
        {"record": "DKIM", "name": f"resend._domainkey{dot}", "type": "TXT", "value": f"p={domain.dkim_key}"},
    ]
    if domain.is_receiving:
        value = "inbound-smtp.us-east-1.amazonaws.com"
        records.append({"record": "Receiving", "name": below or "@", "type": "MX", "value": value, "priority": 10})
    return [record | {"ttl": "Auto", "status": domain.status} for record in records]


def _find_webhook(call: Call) -> ResendWebhook:
    found = next((item for item in call.account.webhooks if item.id == call.id and item.endpoint), None)
    if found is None:
        raise not_found("Webhook")
    return found


def _webhook_body(webhook: ResendWebhook) -> Answer:
    return {
        "id": webhook.id,
        "created_at": iso(webhook.created_at),
        "status": "enabled" if webhook.is_enabled else "disabled",
        "endpoint": webhook.endpoint,
        "events": webhook.events,
    }


def _endpoint(value: JsonValue) -> str:
    if not isinstance(value, str) or not is_endpoint(value):
        raise invalid("The `endpoint` field must be a valid URL.")
    return value


def _events(value: JsonValue) -> list[str]:
    events = [item for item in value if isinstance(item, str) and item in EVENTS] if isinstance(value, list) else []
    if not isinstance(value, list) or not events or len(events) != len(value):
        raise invalid("The `events` field must be a list of event types.")
    return events
