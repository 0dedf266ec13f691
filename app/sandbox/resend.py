"""Resend's REST API as the sandbox plays it: which address is which method, and who may call it."""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.sandbox import resend_mails, resend_setup
from app.sandbox.record import JsonObject
from app.sandbox.resend_call import Answer, Call, ResendError
from app.sandbox.resend_state import ResendAccount, ResendState

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SEND = "emails.create"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A resource and verb. ``name`` is what faults and the ledger call it; sending is done by its caller."""

    name: str
    verb: str
    path: re.Pattern[str]
    run: Callable[[Call], Answer] | None
    status: int = 200


def find_route(verb: str, path: str) -> Route:
    """Return the route of an address.

    Raises:
        ResendError: there is none.
    """
    matching = [route for route in ROUTES if route.path.fullmatch(path)]
    if not matching:
        raise ResendError(404, "not_found", "The requested endpoint does not exist.")
    found = next((route for route in matching if route.verb == verb), None)
    if found is None:
        raise ResendError(405, "method_not_allowed", "Method is not allowed for the requested path.")
    return found


def authenticate(state: ResendState, authorization: str, route: Route) -> ResendAccount:
    """Return whose key it is.

    Raises:
        ResendError: there is no key, nobody has it, or it may not do this.
    """
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise ResendError(401, "missing_api_key", "Missing API key in the authorization header.")
    for account in state.accounts:
        if _same(account.api_key, key):
            return account
        if _same(account.sending_key, key):
            if route.name != SEND:
                raise ResendError(401, "restricted_api_key", "This API key is restricted to only send emails")
            return account
    # The documentation has 403 invalid_api_key; the API answers so: https://github.com/resend/resend-node/pull/617.
    raise ResendError(401, "validation_error", "API key is invalid")


def call_route(
    state: ResendState,
    account: ResendAccount,
    route: Route,
    *,
    path: str,
    query: Mapping[str, str],
    body: JsonObject,
    base_url: str,
    now: float,
) -> Answer:
    """Run a route.

    Raises:
        ResendError: as Resend would refuse.
    """
    match = route.path.fullmatch(path)
    groups = match.groupdict() if match else {}
    call = Call(
        state=state,
        account=account,
        id=groups.get("id", ""),
        part=groups.get("part", ""),
        query=query,
        body=body,
        base_url=base_url,
        now=now,
    )
    return route.run(call) if route.run else {}


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


def _route(name: str, verb: str, path: str, run: Callable[[Call], Answer] | None, *, status: int = 200) -> Route:
    pattern = path.replace("{id}", f"(?P<id>{_UUID})").replace("{part}", f"(?P<part>{_UUID})")
    return Route(name=name, verb=verb, path=re.compile(pattern), run=run, status=status)


ROUTES: Sequence[Route] = (
    _route(SEND, "POST", "/emails", None),
    _route("emails.list", "GET", "/emails", resend_mails.list_sent),
    _route("emails.get", "GET", "/emails/{id}", resend_mails.get_sent),
    _route("receiving.list", "GET", "/emails/receiving", resend_mails.list_received),
    _route("receiving.get", "GET", "/emails/receiving/{id}", resend_mails.get_received),
    _route("attachments.list", "GET", "/emails/receiving/{id}/attachments", resend_mails.list_attachments),
    _route("attachments.get", "GET", "/emails/receiving/{id}/attachments/{part}", resend_mails.get_attachment),
    _route("domains.list", "GET", "/domains", resend_setup.list_domains),
    _route("domains.get", "GET", "/domains/{id}", resend_setup.get_domain),
    _route("domains.verify", "POST", "/domains/{id}/verify", resend_setup.verify_domain),
    _route("webhooks.list", "GET", "/webhooks", resend_setup.list_webhooks),
    _route("webhooks.create", "POST", "/webhooks", resend_setup.create_webhook, status=201),
    _route("webhooks.get", "GET", "/webhooks/{id}", resend_setup.get_webhook),
    _route("webhooks.update", "PATCH", "/webhooks/{id}", resend_setup.update_webhook),
    _route("webhooks.delete", "DELETE", "/webhooks/{id}", resend_setup.delete_webhook),
    _route("webhooks.rotate", "POST", "/webhooks/{id}/signing-secret/rotate", resend_setup.rotate_secret),
)
