"""Resend's REST API through ``resend``, with our outbound client underneath and our errors above.

The SDK keeps key, address and transport in module globals, which all tenants of a process would share. So the globals
hold nothing here: one transport of ours stands there for good, and sends each call with what the current call brought.
"""

import json as json_module
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import resend
from pydantic import BaseModel
from resend.exceptions import NoContentError, ResendError
from resend.http_client import HTTPClient

from services.kernel.errors import ConfigurationError, InvalidInput, NeedsReauth, PatchbayError, Refused
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.secret import Secret
from services.provider_kit.contract import ExternalAccount, ProviderContext
from services.provider_kit.payloads import read_model
from services.providers.resend.answers import check_answer, pause_after, read_answer, unreadable
from services.providers.resend.schemas import Domain, DomainPage

_SLUG = "resend"
_NOWHERE = "https://resend.invalid"
_PAGE_SIZE = 100
_MAX_PAGES = 10

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(slots=True, kw_only=True)
class _Call:
    """One call under way: whose it is, and how it failed."""

    http: OutboundClient
    base_url: str
    api_key: Secret
    failure: PatchbayError | ConfigurationError | None = None
    pause: timedelta | None = None


_current: ContextVar[_Call | None] = ContextVar("resend_call", default=None)


class _Transport(HTTPClient):
    """The SDK's transport: our client, and the address and key of the call under way."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send what the SDK has built. It hides every error, so ours is kept for the caller."""
        call = _current.get()
        if call is None:
            raise ConfigurationError("The Resend SDK was called without a client; go through ResendClient.call.")
        try:
            response = self._send(call, method.upper(), url, headers, json)
            call.pause = pause_after(response.headers)
            answer = read_answer(response)
        except (PatchbayError, ConfigurationError) as error:
            call.failure = error
            raise
        return json_module.dumps(answer).encode(), response.status, {"content-type": "application/json"}

    def _send(self, call: _Call, method: str, url: str, headers: Mapping[str, str], json: object) -> OutboundResponse:
        if not url.startswith(_NOWHERE + "/"):
            raise ConfigurationError("The Resend SDK calls an address that has no setting.")
        own = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        return call.http.request(
            method,
            call.base_url + url.removeprefix(_NOWHERE),
            headers={**own, "Authorization": f"Bearer {call.api_key.reveal()}"},
            json=None if method == "GET" else json,
        )


# Whatever the environment says (RESEND_API_KEY, RESEND_API_URL): nothing of a tenant is ever in these.
resend.api_key = None
resend.api_url = _NOWHERE
resend.default_http_client = _Transport()


class ResendClient:
    """The SDK for one connection."""

    def __init__(self, *, http: OutboundClient, base_url: str, api_key: Secret, domain: str) -> None:
        self.domain = domain.lower()
        """The connection's domain; empty for the account's first verified one."""
        self.pause: timedelta | None = None
        """How long to make no more calls, by the last answer; None if nothing speaks against it."""
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._api_key = api_key

    def call(self, model: type[ModelT], run: Callable[[], Any]) -> ModelT:
        """Run a method of the SDK as this connection, and read its answer.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        call = _Call(http=self._http, base_url=self._base_url, api_key=self._api_key)
        token = _current.set(call)
        try:
            answer = cast(Mapping[str, object], run())
            return read_model(model, answer)
        except (ResendError, NoContentError, InvalidInput, ValueError, TypeError, KeyError, AttributeError):
            failure = call.failure or unreadable()
        finally:
            self.pause = call.pause
            _current.reset(token)
        # Raised outside the handler: the SDK's exception quotes the answer.
        raise failure

    def download(self, url: str, *, max_bytes: int) -> bytes:
        """Return what a signed address of Resend holds; the API key stays here.

        Raises:
            RetryLater: not reachable now.
            Refused: not there any more, too large, or an address that may not be called.
        """
        response = self._http.request("GET", url, max_bytes=max_bytes)
        if response.status in (401, 403, 404, 410):
            raise Refused("The file is not there any more.", code="file_gone", provider=_SLUG, status=response.status)
        check_answer(response)
        return response.body

    def list_domains(self) -> Sequence[Domain]:
        """Return the account's domains.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        domains: list[Domain] = []
        after = ""
        for _ in range(_MAX_PAGES):
            page = self.call(DomainPage, lambda after=after: resend.Domains.list(_page_of(after)))
            domains += page.data
            if not page.has_more or not page.data:
                break
            after = page.data[-1].id
        return domains


def build_client(context: ProviderContext) -> ResendClient:
    """Return a client for one call's length.

    Raises:
        NeedsReauth: the connection holds no key.
    """
    api_key = context.secrets.get("api_key")
    if not api_key:
        raise NeedsReauth("No Resend API key is stored. Connect again.", code="no_secret", provider=_SLUG)
    return ResendClient(
        http=context.http,
        base_url=context.urls["api"],
        api_key=api_key,
        domain=context.settings.get("domain", ""),
    )


def verify_credentials(client: ResendClient) -> ExternalAccount:
    """List the key's domains, and pick the connection's.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    domain = _choose(client.list_domains(), client.domain)
    name = domain.name.lower()
    return ExternalAccount(
        id=name,
        name=name,
        # The domain is kept, so that another one's becoming verified does not change whose connection this is.
        details={"domain": name, "domain_id": domain.id, "region": domain.region},
        proof="GET /domains",
    )


def _choose(domains: Sequence[Domain], name: str) -> Domain:
    if name:
        found = next((domain for domain in domains if domain.name.lower() == name), None)
        words = "This Resend account does not have that domain. Add it at resend.com/domains, or name another one."
        code = "unknown_domain"
    else:
        found = next((domain for domain in domains if domain.status == "verified"), None)
        words = "None of this Resend account's domains is verified yet. Set its DNS records at resend.com/domains."
        code = "no_verified_domain"
    if found is None:
        raise Refused(words, code=code, provider=_SLUG)
    return found


def _page_of(after: str) -> resend.Domains.ListParams:
    return {"limit": _PAGE_SIZE, "after": after} if after else {"limit": _PAGE_SIZE}
