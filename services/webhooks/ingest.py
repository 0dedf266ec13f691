"""From a request to a row: verify on the raw bytes, then store before anybody is told "received"."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.connections import find_operator_app, operator_secrets
from services.kernel.db import Notice, Wake
from services.kernel.errors import InvalidInput, NotFound, Unauthenticated
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from services.provider_kit.contract import Answer, WebhookKind, WebhookRequest, WebhooksModule
from services.provider_kit.payloads import storable_text
from services.provider_kit.registry import get_manifest, webhooks
from services.webhooks import inbox_repository
from services.webhooks.endpoints import Endpoint, EndpointDirectory
from services.webhooks.refusals import RefusalCounter

_KEPT_HEADERS = re.compile(r"content-type|user-agent|[a-z0-9-]*(retry|timestamp|delivery|idempotency)[a-z0-9-]*")
_SECRET_HEADERS = re.compile(r"signature|authorization|cookie|secret|api-key")

QUICK_BYTES = 32 * 1024
"""A body of this size is read and proven in a fraction of a millisecond: handing it to a thread takes longer."""
STORE_PATIENCE_SECONDS = 1.0
"""Providers want an answer within three seconds; what is not stored by then, they had better send again."""


class WrongContentType(InvalidInput):
    """The provider never sends this type of body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A verified request, ready to be stored."""

    id: UUID
    tenant_id: UUID
    connection_id: UUID
    provider: str
    kind: str
    event_type: str
    dedupe_key: str
    headers: Mapping[str, str]
    query: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of a request: the answer, and the deliveries to store before it is given."""

    answer: Answer
    deliveries: tuple[NewDelivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A webhook address, taken apart.

    ``token`` is empty for an address shared by all tenants; ``kind`` is empty if that address names none.
    """

    provider: str
    kind: str
    token: str = ""


class Ingest:
    """The door of the line. One per web process.

    Args:
        kernel: the process's seams.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._directory = EndpointDirectory(kernel)
        self.refusals = RefusalCounter(kernel)

    def kind_of(self, address: Address) -> WebhookKind:
        """Return the kind of webhook an address is for.

        Raises:
            NotFound: there is no such provider, kind, or shared address.
        """
        for kind in get_manifest(address.provider).webhooks:
            is_meant = kind.name == address.kind or (not address.kind and kind.default)
            if is_meant and (address.token or kind.shared):
                return kind
        raise NotFound("There is no such webhook address.")

    def verify(self, address: Address, request: WebhookRequest) -> Verified:
        """Prove who sent a request, and find the connections it is for.

        Raises:
            NotFound: nothing is connected under this address.
            Unauthenticated: the signature, its age or the account is wrong; counted for the admin.
            InvalidInput: properly signed, but not what the provider sends; counted too.
        """
        module = webhooks(address.provider)
        self._check_content_type(address, request)
        if address.token:
            endpoints = self._directory.by_token(provider=address.provider, token=address.token)
            if not endpoints:
                raise NotFound("There is no such webhook address.")
        else:
            account_ids = module.account_ids(request)
            endpoints = self._directory.by_account(provider=address.provider, account_ids=account_ids)
            if not endpoints:
                return self._answer_for_operator(address, request, module)
        return self._verify_for(endpoints, address, request, module)

    def verify_from_memory(self, address: Address, request: WebhookRequest) -> Verified | None:
        """Do what :meth:`verify` does if that takes neither the database nor long; else return None.

        Raises:
            Unauthenticated, InvalidInput
        """
        if len(request.body) > QUICK_BYTES:
            return None
        module = webhooks(address.provider)
        self._check_content_type(address, request)
        account_ids = () if address.token else module.account_ids(request)
        endpoints = self._directory.recall(provider=address.provider, token=address.token, account_ids=account_ids)
        return self._verify_for(endpoints, address, request, module) if endpoints else None

    def store(self, deliveries: Sequence[NewDelivery]) -> list[Wake]:
        """Store deliveries in one transaction; what the provider sent before is counted once more.

        When this returns, the rows are durable: tell the sender, then wake the workers.

        Returns:
            Whom to wake.

        Raises:
            SQLAlchemyError: nothing was stored. Whoever holds a lock is waited for no longer than a second.
        """
        distinct = {(item.connection_id, item.dedupe_key): item for item in reversed(deliveries)}
        copies = Counter((item.connection_id, item.dedupe_key) for item in deliveries)
        rows = [_row(item, duplicates=copies[key] - 1) for key, item in distinct.items()]
        with self._kernel.unscoped_session("webhooks.store", patience_seconds=STORE_PATIENCE_SECONDS) as session:
            stored = inbox_repository.add_deliveries(session, rows, received_at=self._kernel.clock.now())
        ours = {item.id for item in distinct.values()}
        return [Wake("process_delivery", tenant_id, row_id) for row_id, tenant_id in stored if row_id in ours]

    def announce(self, wakes: Sequence[Wake]) -> None:
        """Wake workers for what was stored, then tell open pages, once for each tenant. Never raises."""
        self._kernel.queue.wake(wakes)
        last = {wake.tenant_id: wake.row_id for wake in wakes}
        self._kernel.live.publish([Notice(tenant_id, "delivery", row_id) for tenant_id, row_id in last.items()])

    def _verify_for(
        self, endpoints: Sequence[Endpoint], address: Address, request: WebhookRequest, module: WebhooksModule
    ) -> Verified:
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
        kind = self.kind_of(address)
        deliveries = [_delivery(endpoint, address, kind, request, event_type, dedupe_key) for endpoint in accepted]
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

    def _answer_for_operator(self, address: Address, request: WebhookRequest, module: WebhooksModule) -> Verified:
        """Answer what an app is sent for nobody: set-up challenges, and accounts disconnected since.

        A challenge is answered unproven, as nothing is stored and nothing told: an app that a tenant registers itself
        is challenged here before we can know its secret.
        """
        handshake = module.handshake(request)
        if handshake:
            return Verified(answer=handshake)
        app = find_operator_app(self._kernel.settings, address.provider)
        secrets = operator_secrets(app) if app else {}
        module.authenticate(request, secrets=secrets, now=self._kernel.clock.now())
        return Verified(answer=module.answer(request))

    def _check_content_type(self, address: Address, request: WebhookRequest) -> None:
        allowed = self.kind_of(address).content_types
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given not in allowed:
            raise WrongContentType(f"Send {' or '.join(allowed)}.", field="content-type")


def _row(item: NewDelivery, *, duplicates: int) -> dict[str, object]:
    return {
        "tenant_id": item.tenant_id,
        "id": item.id,
        "connection_id": item.connection_id,
        "provider": item.provider,
        "kind": item.kind,
        "event_type": item.event_type,
        "dedupe_key": item.dedupe_key,
        "headers": json.dumps(dict(item.headers)),
        "query": item.query,
        "body": item.body,
        "duplicates": duplicates,
    }


def _delivery(
    endpoint: Endpoint, address: Address, kind: WebhookKind, request: WebhookRequest, event_type: str, dedupe_key: str
) -> NewDelivery:
    return NewDelivery(
        id=new_id(),
        tenant_id=endpoint.tenant_id,
        connection_id=endpoint.connection_id,
        provider=address.provider,
        kind=address.kind,
        event_type=event_type[:200],
        dedupe_key=f"{address.kind}:{dedupe_key}"[:400],
        headers={
            name: storable_text(value)[:500]
            for name, value in request.headers.items()
            if name in kind.kept_headers or (_KEPT_HEADERS.fullmatch(name) and not _SECRET_HEADERS.search(name))
        },
        query=request.query[:2000],
        body=request.body,
    )
