"""What Telegram answers, and that its token, which is part of every address, shows nowhere."""

import logging
import traceback
from datetime import timedelta

import pytest

from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.providers.telegram.client import build_client, verify_credentials
from services.providers.telegram.messaging import send_message
from tests.providers.harness import Reply, build_context, wire_server
from tests.providers.telegram.wire import CONTACT, OTHER_BOT, WIRE, refusal

TOKEN = WIRE.secrets["api_token"]


def test_the_account_is_the_bot() -> None:
    with wire_server(WIRE.verified) as server:
        account = verify_credentials(build_client(build_context("telegram", server.url)))

        assert (account.id, account.name, account.proof) == (WIRE.account_id, "@northwind_bot", "getMe")
        assert server.calls[0].path == f"/telegram/bot{TOKEN}/getMe"


def test_another_bot_s_webhook_secret_is_refused_before_anything_is_saved() -> None:
    secrets = {**WIRE.secrets, "signing_secret": f"{OTHER_BOT}_another-1d0e9f8a7b6c5d4e3f2a1b0c"}
    with (
        wire_server(WIRE.verified) as server,
        pytest.raises(Refused, match=f"begin with .* {WIRE.account_id}") as caught,
    ):
        verify_credentials(build_client(build_context("telegram", server.url, secrets=secrets)))

    assert caught.value.code == "other_bot"


def test_an_answer_goes_to_the_chat() -> None:
    assert WIRE.messaging is not None
    with wire_server(WIRE.messaging.accepted) as server:
        send_message(build_client(build_context("telegram", server.url)), WIRE.messaging.message)

        assert server.calls[0].path == f"/telegram/bot{TOKEN}/sendMessage"
        assert server.calls[0].body == b'{"chat_id":"%s","text":"We open at nine."}' % CONTACT.encode()


def test_the_wait_in_the_body_is_kept() -> None:
    busy = fail(refusal(429, "Too Many Requests: retry after 35", parameters={"retry_after": 35}))

    assert isinstance(busy, RetryLater) and busy.after == timedelta(seconds=35) and not busy.ambiguous
    forever = fail(refusal(429, "Too Many Requests", parameters={"retry_after": 10**12}))
    assert isinstance(forever, RetryLater) and forever.after == timedelta(days=1)


@pytest.mark.parametrize("reply", [refusal(401, "Unauthorized"), refusal(404, "Not Found")])
def test_a_token_that_telegram_does_not_know_asks_for_a_new_one(reply: Reply) -> None:
    assert isinstance(fail(reply), NeedsReauth)


@pytest.mark.parametrize(
    "reply", [WIRE.verified, Reply(drop=True), Reply(status=302, headers={"Location": "/"}), refusal(500, TOKEN)]
)
def test_the_address_is_neither_logged_nor_told(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    shown = ""
    with caplog.at_level(logging.DEBUG), wire_server(reply) as server:
        try:
            verify_credentials(build_client(build_context("telegram", server.url)))
        except PatchbayError as error:
            shown = "".join(traceback.format_exception(error)) + repr(vars(error))
        assert TOKEN in server.calls[0].path

    shown += "\n".join(repr(vars(record)) for record in caplog.records)
    assert TOKEN not in shown and TOKEN.partition(":")[2] not in shown


def fail(reply: Reply) -> PatchbayError:
    """Return what a call raises for an answer."""
    with wire_server(reply) as server, pytest.raises(PatchbayError) as caught:
        verify_credentials(build_client(build_context("telegram", server.url)))
    return caught.value
