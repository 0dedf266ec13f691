"""Twilio's REST API through ``twilio``, with our outbound client underneath and our errors above."""

import logging
from collections.abc import Mapping
from typing import Any

from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from services.kernel.errors import ConfigurationError, InvalidInput, NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from services.provider_kit.contract import ExternalAccount, ProviderContext
from services.provider_kit.payloads import parse_json
from services.provider_kit.responses import check_status, retry_after

_SLUG = "twilio"
_API = "https://api.twilio.com"

# https://www.twilio.com/docs/api/errors
_REAUTH = frozenset({20003, 20006})
_BUSY = frozenset({20429, 21611, 63038})
_REFUSALS: Mapping[int, tuple[str, str]] = {
    20008: ("test_credentials", "These are test credentials. Connect with the account's live Auth Token."),
    20404: ("not_found", "Twilio does not have this on the connected account any more."),
    21211: ("invalid_recipient", "The recipient's phone number is not valid."),
    21212: ("invalid_sender", "Twilio does not accept the sender's number. Assign another number to the agent."),
    21408: ("region_not_allowed", "The account may not text this country. Allow it under “Geo permissions” at Twilio."),
    21602: ("empty_message", "The message is empty."),
    21604: ("invalid_recipient", "The recipient's phone number is missing."),
    21606: ("invalid_sender", "The sender's number is not on this Twilio account or cannot send text messages."),
    21608: ("unverified_recipient", "A trial account only texts verified numbers. Verify it at Twilio, or upgrade."),
    21609: ("invalid_status_url", "Twilio cannot use the receipt address. PATCHBAY_PUBLIC_URL must be public https."),
    21610: ("opted_out", "The contact replied STOP and gets no more messages until they reply START."),
    21612: ("unreachable", "Twilio cannot reach this number from the sender's number."),
    21614: ("not_mobile", "The recipient's number cannot receive text messages."),
    21617: ("message_too_long", "The message is longer than 1600 characters. Shorten it."),
}


class TwilioClient(Client):
    """``twilio.rest.Client`` for one account, whose requests leave through our outbound client."""

    def __init__(self, *, http: OutboundClient, base_url: str, account_sid: str, auth_token: str) -> None:
        # An environment of its own: TWILIO_REGION and the like on the server must not move a tenant's requests.
        super().__init__(account_sid, auth_token, http_client=_Transport(http, base_url), environment={"_": ""})
        self.sid = account_sid


class _Transport(HttpClient):
    """The SDK's transport: our client, our address, our errors. The SDK's logger, which writes URLs, stays out."""

    def __init__(self, http: OutboundClient, base_url: str) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False)
        self._http = http
        self._base_url = base_url.rstrip("/")

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Send what the SDK has built."""
        if not uri.startswith(_API + "/"):
            raise ConfigurationError(f"The Twilio SDK calls an address that has no setting; only {_API} has one.")
        response = self._http.request(
            method,
            self._base_url + uri.removeprefix(_API),
            headers=headers or {},
            params=None if params is None else {name: str(value) for name, value in params.items()},
            form=None if not data else {name: str(value) for name, value in data.items()},
            auth=auth,
        )
        check_answer(response)
        return Response(response.status, response.text(), response.headers)


def build_client(context: ProviderContext) -> TwilioClient:
    """Return a client for one call's length.

    Raises:
        NeedsReauth: the connection holds no credentials.
    """
    account_sid, auth_token = (context.settings.get("account_sid", ""), context.secrets.get("auth_token"))
    if not account_sid or not auth_token:
        raise NeedsReauth("No Twilio credentials are stored. Connect again.", code="no_secret", provider=_SLUG)
    return TwilioClient(
        http=context.http, base_url=context.urls["api"], account_sid=account_sid, auth_token=auth_token.reveal()
    )


def verify_credentials(client: TwilioClient) -> ExternalAccount:
    """Fetch the account that the credentials are for.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    account = guard(lambda: client.api.accounts(client.sid).fetch())
    if account.sid != client.sid:
        raise Refused("Twilio answered for another account.", code="other_account", provider=_SLUG)
    status = str(account.status or "active")
    if status == "suspended":
        raise Refused(
            "Twilio has suspended this account. Settle it at console.twilio.com, then test again.",
            code="account_suspended",
            provider=_SLUG,
        )
    if status == "closed":
        raise NeedsReauth("This Twilio account is closed. Connect another one.", code="account_closed", provider=_SLUG)
    return ExternalAccount(
        id=account.sid,
        name=str(account.friendly_name or account.sid),
        details={"account_type": str(account.type)} if account.type else {},
        proof="account look-up",
    )


def guard(call: Any) -> Any:
    """Run a call of the SDK; an answer it cannot read becomes an ambiguous ``RetryLater``.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    try:
        return call()
    except PatchbayError:
        raise
    except (TwilioException, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable() from error


def check_answer(response: OutboundResponse) -> None:
    """Raise what an answer of the REST API stands for, unless it is a success.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    succeeded = 200 <= response.status < 300
    try:
        answer: Mapping[str, object] = parse_json(response.body) if response.body else {}
    except InvalidInput:
        answer = {}
        if succeeded:
            raise _unreadable(response.status) from None
    if succeeded:
        return
    code = answer.get("code")
    _raise_for_code(code if isinstance(code, int) else 0, response)
    check_status(response, provider=_SLUG, name="Twilio")


def _raise_for_code(code: int, response: OutboundResponse) -> None:
    request_id = response.headers.get("twilio-request-id", "")
    if code in _REAUTH:
        raise NeedsReauth(
            "Twilio no longer accepts the Account SID and Auth Token. Connect again.",
            provider=_SLUG,
            status=response.status,
            request_id=request_id,
        )
    if code in _BUSY:
        raise RetryLater(
            "Twilio asks us to slow down.",
            after=retry_after(response.headers),
            code="rate_limited",
            provider=_SLUG,
            status=response.status,
            request_id=request_id,
        )
    if response.status in (401, 408, 429) or response.status >= 500:
        return
    name, words = _REFUSALS.get(code, (f"twilio_{code}" if code else "refused", ""))
    raise Refused(
        words or f"Twilio refused the request (error {code or response.status}). See twilio.com/docs/api/errors.",
        code=name,
        provider=_SLUG,
        status=response.status,
        request_id=request_id,
    )


def _unreadable(status: int | None = None) -> RetryLater:
    return RetryLater(
        "Twilio's answer could not be read.", code="unexpected_answer", provider=_SLUG, status=status, ambiguous=True
    )
