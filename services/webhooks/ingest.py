"""From a request to a delivery: verify on the raw bytes. It is stored before anybody is told "received"."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.connections import find_operator_app, operator_secrets
from services.kernel.db import Notice, Wake
from services.kernel.errors import InvalidInput, NotFound, Unauthenticated
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import Answer, WebhookKind, WebhookRequest, WebhooksModule
from services.provider_kit.payloads import storable_text
from services.provider_kit.registry import get_manifest, webhooks
from services.webhooks import storing
from services.webhooks.endpoints import Endpoint, EndpointDirectory, Key, account_key, token_key
from services.webhooks.refusals import RefusalCounter
from services.webhooks.storing import NewDelivery

_KEPT_HEADERS = re.compile(r"content-type|user-agent|[a-z0-9-]*(retry|timestamp|delivery|idempotency)[a-z0-9-]*")
_SECRET_HEADERS = re.compile(r"signature|authorization|cookie|secret|api-key")

QUICK_BYTES = 32 * 1024
"""A body of this size is read and proven in a fraction of a millisecond: handing it to a thread takes longer."""


class WrongContentType(InvalidInput):
    """The provider never sends this type of body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of a request: the answer, and the deliveries to store before it is given."""

    answer: Answer
    deliveries: tuple[NewDelivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A webhook address that exists, as far as the providers' manifests tell.

    ``token`` is empty for an address shared by all tenants.
    """

    provider: str
    kind: WebhookKind
    module: WebhooksModule
    token: str


class Ingest:
    """The door of the line. One per web process.

    Args:
        kernel: the process's seams.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.directory = EndpointDirectory(kernel)
        self.refusals = RefusalCounter(kernel)

    def key(self, address: Address, request: WebhookRequest) -> Key:
        """Return what the directory knows those by who may be meant.

        Raises:
            WrongContentType
        """
        _check_content_type(address, request)
        if address.token:
            return token_key(address.provider, address.token)
        return account_key(address.provider, address.module.account_ids(request))

    def verify(self, address: Address, request: WebhookRequest, endpoints: Sequence[Endpoint]) -> Verified:
        """Prove who sent a request, and which connections it is for.

        Args:
            address: what was called.
            request: the request.
            endpoints: those who may be meant.

        Raises:
            NotFound: nothing is connected under this address.
            Unauthenticated: the signature, its age or the account is wrong; counted for the admin.
            InvalidInput: properly signed, but not what the provider sends; counted too.
        """
        if endpoints:
            return self._verify_for(endpoints, address, request)
        if address.token:
            raise NotFound("There is no such webhook address.")
        return self._answer_for_operator(address, request)

    def look_up_and_verify(self, address: Address, request: WebhookRequest) -> Verified:
        """Do all that is to be done before a request is stored; waits for the database if need be.

        Raises:
            NotFound, Unauthenticated, InvalidInput
        """
        return self.verify(address, request, self.directory.find(self.key(address, request)))

    def store(self, deliveries: Sequence[NewDelivery]) -> list[Wake]:
        """Store deliveries; see :func:`services.webhooks.storing.store`."""
        return storing.store(self._kernel, deliveries)

    def announce(self, wakes: Sequence[Wake]) -> None:
        """Wake workers for what was stored, then tell open pages, once for each tenant. Never raises."""
        last = {wake.tenant_id: wake for wake in wakes}
        self._kernel.queue.wake(list(last.values()))
        self._kernel.live.publish([Notice(wake.tenant_id, "delivery", wake.row_id) for wake in last.values()])

    def _verify_for(self, endpoints: Sequence[Endpoint], address: Address, request: WebhookRequest) -> Verified:
        module = address.module
        proven = self._proven(endpoints, request, module)
        handshake = module.handshake(request)
        if handshake:
            return Verified(answer=handshake)
        try:
            dedupe_key = module.dedupe_key(request)
        except InvalidInput:
            for endpoint in proven:
                self.refusals.count(endpoint, "malformed")
            raise
        accepted = self._concerned(proven, request, module)
        event_type = module.event_type(request)
        deliveries = [_delivery(endpoint, address, request, event_type, dedupe_key) for endpoint in accepted]
        return Verified(answer=module.answer(request), deliveries=tuple(deliveries))

    def _proven(self, endpoints: Sequence[Endpoint], request: WebhookRequest, module: WebhooksModule) -> list[Endpoint]:
        """Return the endpoints whose secret signed the request."""
        now = self._kernel.clock.now()
        return self._passing(
            endpoints, lambda endpoint: module.authenticate(request, secrets=endpoint.secrets, now=now)
        )

    def _concerned(
        self, endpoints: Sequence[Endpoint], request: WebhookRequest, module: WebhooksModule
    ) -> list[Endpoint]:
        """Return the endpoints whose external account the request is about."""
        return self._passing(endpoints, lambda endpoint: module.check_account(request, account_id=endpoint.account_id))

    def _passing(self, endpoints: Sequence[Endpoint], check: Callable[[Endpoint], None]) -> list[Endpoint]:
        """Return the endpoints that pass a check; what fails it is counted, and raised if none passes."""
        passed: list[Endpoint] = []
        refusal: Unauthenticated | None = None
        for endpoint in endpoints:
            try:
                check(endpoint)
            except Unauthenticated as error:
                self.refusals.count(endpoint, error.code)
                refusal = error
            else:
                passed.append(endpoint)
        if not passed and refusal:
            raise refusal
        return passed

    def _answer_for_operator(self, address: Address, request: WebhookRequest) -> Verified:
        """Answer what an app is sent for nobody: set-up challenges, and accounts disconnected since.

        A challenge is answered unproven, as nothing is stored and nothing told: an app that a tenant registers itself
        is challenged here before we can know its secret.
        """
        module = address.module
        handshake = module.handshake(request)
        if handshake:
            return Verified(answer=handshake)
        app = find_operator_app(self._kernel.settings, address.provider)
        secrets = operator_secrets(app) if app else {}
        module.authenticate(request, secrets=secrets, now=self._kernel.clock.now())
        return Verified(answer=module.answer(request))


def find_address(provider: str, *, kind: str = "", token: str = "") -> Address:
    """Return what a webhook address stands for.

    Args:
        provider: its slug.
        kind: the kind of webhook; empty if a shared address names none.
        token: empty for an address shared by all tenants.

    Raises:
        NotFound: there is no such provider, kind, or shared address.
    """
    for known in get_manifest(provider).webhooks:
        is_meant = known.name == kind or (not kind and known.default)
        if is_meant and (token or known.shared):
            return Address(provider=provider, kind=known, module=webhooks(provider), token=token)
    raise NotFound("There is no such webhook address.")


def _check_content_type(address: Address, request: WebhookRequest) -> None:
    allowed = address.kind.content_types
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise WrongContentType(f"Send {' or '.join(allowed)}.", field="content-type")


def _delivery(
    endpoint: Endpoint, address: Address, request: WebhookRequest, event_type: str, dedupe_key: str
) -> NewDelivery:
    kind = address.kind
    return NewDelivery(
        id=new_id(),
        tenant_id=endpoint.tenant_id,
        connection_id=endpoint.connection_id,
        provider=address.provider,
        kind=kind.name,
        event_type=event_type[:200],
        dedupe_key=f"{kind.name}:{dedupe_key}"[:400],
        headers={
            name: storable_text(value)[:500]
            for name, value in request.headers.items()
            if _is_kept(name) or name in kind.kept_headers
        },
        query=request.query[:2000],
        body=request.body,
    )


@lru_cache(maxsize=1024)
def _is_kept(header: str) -> bool:
    return bool(_KEPT_HEADERS.fullmatch(header)) and not _SECRET_HEADERS.search(header)
