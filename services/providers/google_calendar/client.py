"""Google's APIs through ``google-api-python-client``, with our outbound client underneath and our errors above."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

from googleapiclient import discovery, discovery_cache
from googleapiclient.model import JsonModel
from pydantic import BaseModel

from services.kernel.errors import InvalidInput, NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.secret import Secret
from services.provider_kit.auth import REFRESH_TOKEN
from services.provider_kit.contract import ExternalAccount, ProviderContext
from services.provider_kit.payloads import parse_json, read_model
from services.providers.google_calendar.errors import check_answer
from services.providers.google_calendar.schemas import UserInfo

ACCESS_TOKEN = "access_token"
"""Name of the credential that opens the calendar."""

_SLUG = "google_calendar"
_RESOURCES = ("events", "channels")

ModelT = TypeVar("ModelT", bound=BaseModel)

# The SDK writes the address of each request, and with it the ids of calendars, which are people's addresses.
logging.getLogger("googleapiclient.discovery").disabled = True


class GoogleClient:
    """Google Calendar for one connection.

    The SDK builds requests from the description of the API that comes with it; it opens no socket, repeats nothing and
    renews no token.
    """

    def __init__(
        self, *, http: OutboundClient, urls: Mapping[str, str], access_token: Secret, refresh_token: Secret | None
    ) -> None:
        self._http = http
        self._urls = urls
        self._access_token = access_token
        self._refresh_token = refresh_token
        # The universe is named, so that GOOGLE_CLOUD_UNIVERSE_DOMAIN on the server moves no tenant's requests.
        options = {"api_endpoint": f"{urls['api'].rstrip('/')}/calendar/v3/", "universe_domain": "googleapis.com"}
        self._calendar: Any = discovery.build_from_document(
            _description(), http=_Transport(http, access_token), model=_StrictModel(), client_options=options
        )

    @property
    def events(self) -> Any:
        """The SDK's methods for events; each builds a request for :meth:`read` or :meth:`run`."""
        return self._calendar.events()

    @property
    def channels(self) -> Any:
        """The SDK's methods for notification channels."""
        return self._calendar.channels()

    def run(self, request: Any) -> object:
        """Send a request that the SDK built, and return its decoded answer.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        try:
            return request.execute()
        except InvalidInput:
            raise _unreadable() from None

    def read(self, request: Any, answer: type[ModelT]) -> ModelT:
        """Send a request that the SDK built, and check its answer against a model.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        try:
            return read_model(answer, cast(Mapping[str, Any], self.run(request)))
        except InvalidInput:
            raise _unreadable() from None

    def fetch_user(self) -> UserInfo:
        """Ask whose token it is.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        response = self._http.request("GET", self._urls["userinfo"], headers=_bearer(self._access_token))
        try:
            return read_model(UserInfo, _decode(response))
        except InvalidInput:
            raise _unreadable(response.status) from None

    def revoke(self) -> None:
        """End the grant, with all its tokens; the refresh token lives longest, so it is the one that is shown.

        https://developers.google.com/identity/protocols/oauth2/web-server#tokenrevoke

        Raises:
            NeedsReauth: it had ended before.
            RetryLater, Refused
        """
        token = self._refresh_token or self._access_token
        response = self._http.request("POST", self._urls["revoke"], form={"token": token.reveal()})
        check_answer(response)
        if response.body:  # there need not be one (RFC 7009 §2.2); one that is not Google's comes from somebody else
            _decode(response)


def build_client(context: ProviderContext) -> GoogleClient:
    """Return a client for one call's length.

    Raises:
        NeedsReauth: the connection holds no token.
    """
    token = context.secrets.get(ACCESS_TOKEN)
    if not token:
        raise NeedsReauth("No Google token is stored. Connect again.", code="no_secret", provider=_SLUG)
    return GoogleClient(
        http=context.http, urls=context.urls, access_token=token, refresh_token=context.secrets.get(REFRESH_TOKEN)
    )


def verify_credentials(client: GoogleClient) -> ExternalAccount:
    """Ask Google whose token it is.

    Raises:
        NeedsReauth, RetryLater
        Refused: Google does not say whose calendar it is.
    """
    user = client.fetch_user()
    if not user.email:
        raise Refused(
            "Google does not show the account's address. Connect again and accept all rights.",
            code="missing_scope",
            provider=_SLUG,
        )
    return ExternalAccount(id=user.sub, name=user.email, details={"email": user.email.lower()}, proof="userinfo")


@dataclass(frozen=True, slots=True)
class _Status:
    """What the SDK asks an ``httplib2.Response`` for."""

    status: int
    reason: str = ""


class _Transport:
    """The SDK's transport, in the manner of ``httplib2.Http``: our client, our errors, one attempt."""

    def __init__(self, http: OutboundClient, token: Secret) -> None:
        self._http = http
        self._token = token

    def request(
        self, uri: str, method: str, *, body: str | bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[_Status, bytes]:
        """Send what the SDK has built."""
        sent = {name: value for name, value in (headers or {}).items() if name.lower() not in ("user-agent", "accept")}
        content = body.encode() if isinstance(body, str) else body
        response = self._http.request(method, uri, headers={**sent, **_bearer(self._token)}, content=content)
        check_answer(response)
        return _Status(response.status), response.body

    def close(self) -> None:
        """Keep the client open: it is the process's."""


class _StrictModel(JsonModel):
    """Reads answers as strictly as the rest of the line."""

    def deserialize(self, content: bytes) -> dict[str, object]:
        return parse_json(content)


@cache
def _description() -> str:
    """Return Google's description of the API, as it comes with the SDK, cut down to what is called.

    It stays text: the SDK writes into a decoded one, and threads share this.
    """
    described = json.loads(discovery_cache.get_static_doc("calendar", "v3") or "")
    described["resources"] = {name: described["resources"][name] for name in _RESOURCES}
    return json.dumps(described)


def _bearer(token: Secret) -> dict[str, str]:
    return {"authorization": f"Bearer {token.reveal()}"}


def _decode(response: OutboundResponse) -> dict[str, object]:
    check_answer(response)
    try:
        return parse_json(response.body)
    except InvalidInput:
        raise _unreadable(response.status) from None


def _unreadable(status: int | None = None) -> RetryLater:
    return RetryLater(
        "Google's answer could not be read.", code="unexpected_answer", provider=_SLUG, status=status, ambiguous=True
    )
