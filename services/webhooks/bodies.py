"""What a request held: masked for everybody who may see the log, whole for those who may, who are noted."""

import json
from urllib.parse import parse_qsl
from uuid import UUID

from models import WebhookDelivery
from services import audit
from services.kernel.errors import Conflict, NotFound
from services.kernel.kernel import Kernel
from services.kernel.redact import JsonValue, redact, redact_text
from services.provider_kit.payloads import storable_text
from services.tenants import Actor, Permission, require
from services.webhooks import log_repository
from services.webhooks.views import BodyView

_FORM = "application/x-www-form-urlencoded"


def masked_body(delivery: WebhookDelivery) -> BodyView:
    """Return a body in which secrets, addresses and numbers are masked; formatted, so that it can be read."""
    return _view(delivery, storable_text(_mask(delivery)), is_whole=False)


def masked_headers(delivery: WebhookDelivery) -> dict[str, str]:
    """Return the headers that were kept; a value that looks like a secret is masked all the same."""
    return {name: str(redact(value, key=name)) for name, value in sorted(delivery.headers.items())}


def reveal_body(kernel: Kernel, *, actor: Actor, delivery_id: UUID) -> BodyView:
    """Return a body as it came. That somebody looked is in the audit log.

    Raises:
        Forbidden, NotFound
        Conflict: it was deleted for its age.
    """
    require(actor, Permission.DELIVERIES_REVEAL)
    with kernel.unit_of_work(actor.tenant_id) as work:
        found = log_repository.find_whole(work, delivery_id)
        if found is None:
            raise NotFound("There is no such delivery.")
        delivery, _ = found
        if delivery.pruned_at:
            raise Conflict("The content was deleted for its age.", code="pruned")
        audit.record(
            work,
            actor=actor,
            action="delivery.revealed",
            object_kind="webhook_delivery",
            object_id=delivery.id,
            detail={"provider": delivery.provider},
        )
        return _view(delivery, delivery.body.decode(errors="replace"), is_whole=True)


def _view(delivery: WebhookDelivery, text: str, *, is_whole: bool) -> BodyView:
    return BodyView(
        text=text,
        size=len(delivery.body),
        content_type=_content_type(delivery),
        is_whole=is_whole,
        pruned_at=delivery.pruned_at,
    )


def _mask(delivery: WebhookDelivery) -> str:
    text = delivery.body.decode(errors="replace")
    kind = _content_type(delivery)
    if kind == _FORM:
        pairs = parse_qsl(text, keep_blank_values=True)
        return "\n".join(f"{redact_text(name)} = {_plain(redact(value, key=name))}" for name, value in pairs)
    try:
        return json.dumps(redact(json.loads(text)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):  # whatever it is, it is shown as text
        return redact_text(text)


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _content_type(delivery: WebhookDelivery) -> str:
    return delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
