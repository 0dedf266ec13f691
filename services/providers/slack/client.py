"""Slack's Web API through ``slack-sdk``, with our outbound client underneath and our errors above."""

import logging
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.request import Request

from slack_sdk import WebClient

from services.kernel.errors import InvalidInput, NeedsReauth, PatchbayError, Refused, RetryLater
from services.kernel.http import OutboundClient, OutboundResponse
from services.kernel.secret import Secret
from services.provider_kit.contract import ExternalAccount, ProviderContext
from services.provider_kit.payloads import parse_json
from services.provider_kit.responses import check_status, retry_after

_SLUG = "slack"

# Slack answers most failures with 200 and a word. https://docs.slack.dev/reference/methods/chat.postMessage#errors
_REAUTH = frozenset({"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"})
_BUSY = frozenset({"rate_limited", "ratelimited"})
_BROKEN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_REFUSALS: Mapping[str, str] = {
    "as_user_not_supported": "Slack takes this token for a person's. Connect with the bot token (xoxb-…).",
    "cannot_reply_to_message": "Slack does not allow an answer to this message.",
    "channel_is_archived": "The channel is archived. Unarchive it in Slack, or use another one.",
    "channel_not_found": "Slack does not show this channel to the app. Invite the app there: /invite @app.",
    "ekm_access_denied": "The workspace's encryption settings block the app. Ask a Slack admin.",
    "is_archived": "The channel is archived. Unarchive it in Slack, or use another one.",
    "messages_tab_disabled": "Turn on the Messages Tab in your Slack app's settings, under “App Home”.",
    "missing_scope": "Slack has not granted a right that is needed. Connect Slack again and accept all rights.",
    "msg_too_long": "The message is too long for Slack. Shorten it.",
    "no_permission": "The app may not write there. Ask a Slack admin.",
    "no_text": "The message is empty.",
    "not_in_channel": "The app is not in the channel. Invite it there: /invite @app.",
    "org_login_required": "The workspace is being moved to an organisation. Try again when that is done.",
    "restricted_action": "A workspace setting keeps the app from writing there. Ask a Slack admin.",
    "restricted_action_read_only_channel": "The channel is read-only. Ask a Slack admin.",
    "restricted_action_thread_locked": "The thread is locked in Slack.",
    "team_access_not_granted": "The app is not approved for this workspace. Ask a Slack admin.",
    "team_not_found": "The workspace is not there any more. Connect another one.",
    "thread_not_found": "The thread is not there any more.",
    "user_not_found": "Slack does not know this person.",
}
_WORD = re.compile(r"[a-z0-9_]{1,80}")


class SlackClient(WebClient):
    """``slack_sdk.WebClient`` whose requests leave through our outbound client.

    The SDK's own retries are off (ours know what is ambiguous) and so is its logger, which writes whole bodies.
    Every failure is raised as one of our errors.
    """

    def __init__(self, *, http: OutboundClient, base_url: str, token: Secret) -> None:
        super().__init__(token=token.reveal(), base_url=base_url, retry_handlers=[], logger=_silent_logger())
        self._http = http

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """Send what the SDK has built; the one place where it would open a socket itself."""
        response = self._http.request(
            "POST", url, headers=dict(req.header_items()), content=cast(bytes, req.data or b"")
        )
        check_answer(response)
        return {"status": response.status, "headers": dict(response.headers), "body": response.text()}


def build_client(context: ProviderContext) -> SlackClient:
    """Return a client for one call's length.

    Raises:
        NeedsReauth: the connection holds no token.
    """
    token = context.secrets.get("bot_token")
    if not token:
        raise NeedsReauth("No Slack token is stored. Connect again.", code="no_secret", provider=_SLUG)
    return SlackClient(http=context.http, base_url=context.urls["api"], token=token)


def verify_credentials(client: SlackClient) -> ExternalAccount:
    """Ask Slack whose token it is (``auth.test``, which needs no scope).

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    answer = client.auth_test()
    team_id, user_id = text_of(answer.get("team_id")), text_of(answer.get("user_id"))
    if not team_id or not user_id:
        raise Refused("Slack did not say which workspace this token is for.", code="unexpected_answer", provider=_SLUG)
    details = {"bot_user_id": user_id, "bot_id": text_of(answer.get("bot_id")), "bot_name": text_of(answer.get("user"))}
    granted = cast(Mapping[str, str], answer.headers).get("x-oauth-scopes", "")
    return ExternalAccount(
        id=team_id,
        name=text_of(answer.get("team")) or team_id,
        details={name: value for name, value in details.items() if value},
        scopes=tuple(scope.strip() for scope in granted.split(",") if scope.strip()),
        identity=f"@{details['bot_name']}" if details["bot_name"] else "",
        proof="auth.test",
    )


def check_answer(response: OutboundResponse) -> None:
    """Raise what an answer of the Web API stands for, unless it is a success.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    if response.status in (401, 429) or response.status >= 500:
        check_status(response, provider=_SLUG, name="Slack")
    try:
        answer = parse_json(response.body)
    except InvalidInput:
        raise RetryLater(
            "Slack's answer could not be read.",
            code="unexpected_answer",
            provider=_SLUG,
            status=response.status,
            ambiguous=True,
        ) from None
    if response.status == 200 and answer.get("ok") is True:
        return
    raise _error(text_of(answer.get("error")), response)


def text_of(value: object) -> str:
    """Return a decoded value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def _error(word: str, response: OutboundResponse) -> PatchbayError:
    code = word if _WORD.fullmatch(word) else "unknown_error"
    about: dict[str, Any] = {
        "code": code,
        "provider": _SLUG,
        "status": response.status,
        "request_id": response.headers.get("x-slack-req-id", ""),
    }
    if code in _REAUTH:
        return NeedsReauth("Slack no longer accepts this connection's token. Connect again.", **about)
    if code in _BUSY:
        return RetryLater("Slack asks us to slow down.", after=retry_after(response.headers), **about)
    if code in _BROKEN:
        return RetryLater(f"Slack is not available ({code}).", ambiguous=True, **about)
    return Refused(_REFUSALS.get(code, f"Slack refused the request ({code})."), **about)


def _silent_logger() -> logging.Logger:
    # Outside the tree of loggers, so that no configuration can turn it on.
    logger = logging.Logger("slack_sdk", level=logging.CRITICAL + 1)
    logger.addHandler(logging.NullHandler())
    return logger
