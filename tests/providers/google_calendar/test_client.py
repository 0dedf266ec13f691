"""Google's APIs as we call them, and what their refusals mean."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from models import CauseClass
from services.connections.causes import cause_of
from services.kernel.errors import NeedsReauth, Refused, RetryLater
from services.kernel.secret import Secret
from services.provider_kit.contract import ExternalAccount
from services.providers.google_calendar import oauth, revoke
from services.providers.google_calendar.client import GoogleClient, build_client, verify_credentials
from services.providers.google_calendar.schemas import EventList
from tests.providers.google_calendar.wire import ACCOUNT, EMAIL, EVENTS_SCOPE, WIRE, page, refusal
from tests.providers.harness import Reply, WireServer, build_context, json_reply, wire_server

assert WIRE.oauth is not None
GRANTED = WIRE.oauth.granted


def client(server: WireServer) -> GoogleClient:
    """Return a client for the server."""
    return build_client(build_context("google_calendar", server.url))


def list_events(server: WireServer) -> EventList:
    """Ask for a page of events."""
    made = client(server)
    return made.read(made.events.list(calendarId="bri@northwind.example"), EventList)


def test_requests_go_where_the_address_says_with_the_vault_s_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "elsewhere.example")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    with wire_server(page(nextSyncToken="c1")) as server:
        assert list_events(server).nextSyncToken == "c1"

        (call,) = server.calls
        assert call.path == "/google/calendar/v3/calendars/bri%40northwind.example/events"
        assert call.headers["authorization"] == f"Bearer {WIRE.secrets['access_token']}"
        assert call.headers["user-agent"] == "Patchbay"


def test_the_sdk_opens_no_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise AssertionError("httplib2 was asked")

    monkeypatch.setattr("httplib2.Http.request", refuse)
    with wire_server(page()) as server:
        assert list_events(server).items == ()


def test_threads_share_the_description_of_the_api() -> None:
    with wire_server(page(nextSyncToken="c1")) as server, ThreadPoolExecutor(8) as pool:
        read = list(pool.map(list_events, [server] * 40))

    assert [listed.nextSyncToken for listed in read] == ["c1"] * 40


def test_addresses_of_calendars_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), wire_server(page()) as server:
        list_events(server)

    assert "northwind" not in "\n".join(record.getMessage() for record in caplog.records)


def test_the_account_is_whoever_google_says() -> None:
    with wire_server(WIRE.verified) as server:
        account = verify_credentials(client(server))

        assert server.calls[0].path == "/google/oauth2/v3/userinfo"
    assert account == ExternalAccount(id=ACCOUNT, name=EMAIL, details={"email": EMAIL}, proof="userinfo")


def test_an_account_without_an_address_is_refused() -> None:
    with wire_server(json_reply({"sub": ACCOUNT})) as server, pytest.raises(Refused) as caught:
        verify_credentials(client(server))
    assert cause_of(caught.value) is CauseClass.PERMISSION


@pytest.mark.parametrize(
    ("status", "reason", "code", "cause"),
    [
        (403, "insufficientPermissions", "insufficient_permissions", CauseClass.PERMISSION),
        (403, "domainPolicy", "access_denied", CauseClass.PERMISSION),
        (403, "accessNotConfigured", "api_disabled", CauseClass.CONFIGURATION),
        (403, "forbiddenForNonOrganizer", "not_organizer", CauseClass.CONFIGURATION),
        (401, "push.webhookUrlUnauthorized", "webhook_address_refused", CauseClass.CONFIGURATION),
        (400, "push.webhookUrlNotHttps", "webhook_address_refused", CauseClass.CONFIGURATION),
        (400, "channelIdNotUnique", "duplicate", CauseClass.CONFIGURATION),
        (400, "brandNewReason", "refused", CauseClass.CONFIGURATION),
        (404, "notFound", "not_found", CauseClass.CONFIGURATION),
        (409, "duplicate", "duplicate", CauseClass.CONFIGURATION),
        (410, "deleted", "deleted", CauseClass.CONFIGURATION),
        (412, "conditionNotMet", "changed_meanwhile", CauseClass.CONFIGURATION),
    ],
)
def test_a_refusal_says_what_to_do(status: int, reason: str, code: str, cause: CauseClass) -> None:
    with wire_server(refusal(status, reason)) as server, pytest.raises(Refused) as caught:
        list_events(server)

    assert (caught.value.code, caught.value.status, cause_of(caught.value)) == (code, status, cause)
    assert caught.value.message.endswith((".", ")")) and "canary" not in caught.value.message


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"])
def test_a_limit_is_waited_for_whichever_status_it_has(status: int, reason: str) -> None:
    with wire_server(refusal(status, reason, headers={"Retry-After": "42"})) as server:
        with pytest.raises(RetryLater) as caught:
            list_events(server)
        assert len(server.calls) == 1, "the SDK repeats a 403 by itself if it is let"

    assert caught.value.after == timedelta(seconds=42) and not caught.value.ambiguous
    assert cause_of(caught.value) is CauseClass.RATE_LIMIT


def test_a_token_that_ended_needs_a_person() -> None:
    with wire_server(refusal(401, "authError")) as server, pytest.raises(NeedsReauth):
        list_events(server)


def test_newer_errors_name_their_reason_elsewhere() -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}
    error = {"code": 403, "message": "canary", "status": "PERMISSION_DENIED", "details": [detail]}
    with wire_server(json_reply({"error": error}, status=403)) as server, pytest.raises(Refused) as caught:
        list_events(server)

    assert caught.value.code == "insufficient_permissions"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error":[]}', b'{"error":{"errors":[7]}}', b'{"error":{"errors":{}}}'])
def test_a_refusal_without_a_reason_goes_by_its_status(body: bytes) -> None:
    with wire_server(Reply(status=403, body=body)) as server, pytest.raises(Refused) as caught:
        list_events(server)

    assert caught.value.status == 403


def test_an_answer_of_another_kind_is_not_taken_for_an_empty_calendar() -> None:
    for answer in ({}, {"kind": "calendar#events", "items": [{"status": "confirmed"}]}):
        with wire_server(json_reply(answer)) as server, pytest.raises(RetryLater) as caught:
            list_events(server)
        assert caught.value.ambiguous


def test_a_grant_holds_both_tokens_and_the_rights_by_our_names() -> None:
    grant = oauth.read_grant({**GRANTED, "refresh_token_expires_in": 604_799})

    assert grant.account is None and grant.scopes == ("openid", "email", EVENTS_SCOPE)
    assert {name: secret.reveal() for name, secret in grant.secrets.items()} == {
        name: WIRE.secrets[name] for name in ("access_token", "refresh_token")
    }
    assert (grant.expires_in, grant.ends_in) == (timedelta(seconds=3599), timedelta(seconds=604_799))
    assert oauth.read_grant(GRANTED).ends_in is None


def test_rights_that_were_not_ticked_are_not_claimed() -> None:
    grant = oauth.read_grant({**GRANTED, "scope": "openid https://www.googleapis.com/auth/userinfo.email"})

    assert grant.scopes == ("openid", "email")


def test_access_that_cannot_be_renewed_is_refused_with_the_way_out() -> None:
    without = {name: value for name, value in GRANTED.items() if name != "refresh_token"}
    with pytest.raises(Refused, match=r"myaccount\.google\.com/connections") as caught:
        oauth.read_grant(without)
    assert caught.value.code == "no_refresh_token"


def test_a_renewal_leaves_the_refresh_token_as_it_is() -> None:
    renewed = oauth.read_refresh({"access_token": "ya29.next", "expires_in": 3599, "token_type": "Bearer", "scope": ""})

    assert {name: secret.reveal() for name, secret in renewed.secrets.items()} == {"access_token": "ya29.next"}
    assert (renewed.expires_in, renewed.scopes) == (timedelta(seconds=3599), ())


@pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": "a", "expires_in": "soon"}])
def test_a_renewal_that_is_none_is_refused(answer: Mapping[str, object]) -> None:
    with pytest.raises(Refused):
        oauth.read_refresh(answer)


def test_the_whole_grant_is_given_back() -> None:
    with wire_server(json_reply({})) as server:
        assert revoke.revoke(client(server)).done

        assert server.calls[0].form == {"token": WIRE.secrets["refresh_token"]}
        assert "authorization" not in server.calls[0].headers
    with wire_server(Reply()) as server:
        context = build_context("google_calendar", server.url)
        only = replace(context, secrets={"access_token": Secret("ya29.only")})
        revoke.revoke(build_client(only))
        assert server.calls[0].form == {"token": "ya29.only"}
