"""Calls of Telegram's Bot API. https://core.telegram.org/bots/api#making-requests"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from services.kernel.errors import InvalidInput, NeedsReauth, Refused, RetryLater
from services.kernel.http import OutboundClient
from services.kernel.secret import Secret
from services.provider_kit.contract import ExternalAccount, ProviderContext
from services.provider_kit.payloads import ModelT, parse_json, read_model
from services.providers.telegram.manifest import MANIFEST
from services.providers.telegram.problems import check_answer
from services.providers.telegram.schemas import Id


class _Bot(BaseModel):
    id: Id
    username: str = ""
    first_name: str = ""


class _Me(BaseModel):
    ok: Literal[True]
    result: _Bot


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """Talks to the API with one bot's token.

    The token is part of every address. The outbound client logs and reports host names only, so it must stay the one
    way out; no address may reach an error, a log or a trace from here.
    """

    http: OutboundClient = field(repr=False)
    base_url: str
    token: Secret = field(repr=False)
    webhook_secret: Secret | None = field(repr=False)

    def call(self, method: str, *, answer: type[ModelT], json: Mapping[str, object] | None = None) -> ModelT:
        """Call one of the API's methods.

        Raises:
            NeedsReauth, RetryLater, Refused
        """
        response = self.http.request("POST", f"{self.base_url}/bot{self.token.reveal()}/{method}", json=json or {})
        check_answer(response)
        try:
            return read_model(answer, parse_json(response.body))
        except InvalidInput:
            # A success that cannot be read: the provider may have done what was asked.
            raise RetryLater(
                f"{MANIFEST.name}'s answer could not be read.",
                code="unexpected_answer",
                provider=MANIFEST.slug,
                status=response.status,
                ambiguous=True,
            ) from None


def build_client(context: ProviderContext) -> ApiClient:
    """Return a client for one call's length.

    Raises:
        NeedsReauth: the connection holds no token.
    """
    token = context.secrets.get("api_token")
    if not token:
        raise NeedsReauth("No bot token is stored. Connect again.", code="no_secret", provider=MANIFEST.slug)
    return ApiClient(
        http=context.http,
        base_url=context.urls["api"].rstrip("/"),
        token=token,
        webhook_secret=context.secrets.get("signing_secret"),
    )


def verify_credentials(client: ApiClient) -> ExternalAccount:
    """Ask whose token it is, and see that the webhook secret names the same bot.

    Raises:
        NeedsReauth, RetryLater, Refused
    """
    bot = client.call("getMe", answer=_Me).result
    if client.webhook_secret and not client.webhook_secret.reveal().startswith(f"{bot.id}_"):
        raise Refused(
            f"The webhook secret must begin with this bot's number, {bot.id}, and an underscore. Change it, and give"
            " Telegram the same one.",
            code="other_bot",
            provider=MANIFEST.slug,
        )
    name = f"@{bot.username}" if bot.username else bot.first_name
    return ExternalAccount(id=str(bot.id), name=name or str(bot.id), proof="getMe")
