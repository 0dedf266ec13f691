"""Two tenants with the same Slack channels, people and phones: nothing crosses."""

import json
import time

import httpx2
import pytest
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from services.conversations import get_thread, list_conversations
from services.kernel.errors import NotFound
from services.traces import get_trace
from services.webhooks import list_deliveries
from tests.integration.isolation.conftest import PHONE, Twins
from tests.integration.isolation.world import FOREIGN, OWN, tenant_tables
from tests.support.line import CHANNEL, Shop, webhook_url


def test_both_really_share_their_ids_at_the_providers(twins: Twins) -> None:
    with twins.owner.connect() as connection:
        for query in (
            "SELECT channel_id FROM conversation WHERE channel_kind = 'slack_channel'",
            "SELECT contact_address FROM conversation",
            "SELECT name FROM contact",
        ):
            rows = connection.execute(text(query.replace("SELECT ", "SELECT tenant_id, ", 1))).all()
            sides = {tenant: {value for owner, value in rows if owner == tenant} for tenant, _ in rows}
            own, foreign = sides[twins.own.actor.tenant_id], sides[twins.foreign.actor.tenant_id]
            assert own and own == foreign, query


def test_each_contact_was_answered_once_by_the_right_tenant(twins: Twins) -> None:
    ledger = twins.line.sandbox.ledger()
    for shop in (twins.own, twins.foreign):
        texts = [item for item in ledger.answers if item.sender == shop.number]
        assert [(item.channel, item.text) for item in texts] == [(PHONE, "We are open from 9 to 17, Monday to Friday.")]
        slack = [item for item in ledger.answers if item.account == shop.slack.external_account_id]
        assert len(slack) == 2
        assert CHANNEL in {item.channel for item in slack}


@pytest.mark.parametrize("side", ["own", "foreign"])
def test_conversations_hold_only_what_was_said_to_this_tenant(twins: Twins, side: str) -> None:
    shop: Shop = getattr(twins, side)
    mine, theirs = (OWN, FOREIGN) if side == "own" else (FOREIGN, OWN)
    found = list_conversations(twins.line.kernel, actor=shop.actor, state="all").items
    assert len(found) == 3
    for item in found:
        thread = get_thread(twins.line.kernel, actor=shop.actor, conversation_id=item.id)
        assert [message.direction for message in thread.messages] == ["inbound", "outbound"]
        assert mine in thread.messages[0].text
        trace = get_trace(twins.line.kernel, actor=shop.actor, trace_id=thread.messages[0].trace_id)
        assert theirs not in f"{thread}{trace}"


def test_no_row_of_one_names_a_row_of_the_other(twins: Twins) -> None:
    for actor, other in ((twins.own.actor, twins.foreign.actor), (twins.foreign.actor, twins.own.actor)):
        theirs = {str(id) for found in twins.ids_of(other).values() for id in found} | {str(other.tenant_id)}
        rows = twins.rows_of(actor)
        said = "\n".join(row for name in tenant_tables() for row in rows[name])
        assert [id for id in theirs if id in said] == []


def test_notices_go_to_the_channel_of_the_rows_tenant(twins: Twins) -> None:
    ids = {
        shop.actor.tenant_id: {str(id) for found in twins.ids_of(shop.actor).values() for id in found}
        for shop in (twins.own, twins.foreign)
    }
    assert {tenant for tenant, _ in twins.notices} == set(ids)
    assert [notice for notice in twins.notices if notice[1] not in ids[notice[0]]] == []


def test_lists_of_one_do_not_take_the_others_ids_as_a_filter(twins: Twins) -> None:
    kernel, actor = twins.line.kernel, twins.own.actor
    assert list_conversations(kernel, actor=actor, agent_id=twins.foreign.agent.id, state="all").items == ()
    assert list_deliveries(kernel, actor=actor, connection_id=twins.foreign.slack.id).items == ()
    for trace_id in twins.ids_of(twins.foreign.actor)["trace"]:
        with pytest.raises(NotFound):
            get_trace(kernel, actor=actor, trace_id=trace_id)


def test_same_event_id_at_both_is_processed_once_each(twins: Twins) -> None:
    identities = twins.line.sandbox.identities
    sides = ((twins.own, identities.own_app), (twins.foreign, identities.other_own_app))
    for _ in range(2):
        for shop, app in sides:
            body = _slack_event(team=app.team_id, app=app.app_id, event_id="Ev0SHARED01")
            response = _post(webhook_url(shop.slack, "events"), body, _slack_headers(body, app.signing_secret))
            assert response.status_code == 200
    twins.line.work()
    with twins.owner.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT tenant_id, duplicates, state FROM webhook_delivery"
                " WHERE dedupe_key LIKE '%Ev0SHARED01%' ORDER BY tenant_id"
            )
        ).all()
    tenants = sorted(shop.actor.tenant_id for shop, _ in sides)
    assert [tuple(row) for row in rows] == [(tenant, 1, "processed") for tenant in tenants]


def test_one_tenants_secret_opens_no_address_of_the_other(twins: Twins) -> None:
    """B7: the tenant comes from the address, the signature's secret and the account; a mismatch is refused."""
    identities = twins.line.sandbox.identities
    before = _accepted(twins)
    own, other = identities.own_app, identities.other_own_app
    body = _slack_event(team=own.team_id, app=own.app_id, event_id="Ev0STOLEN01")
    address = webhook_url(twins.foreign.slack, "events")
    assert _post(address, body, _slack_headers(body, own.signing_secret)).status_code == 401
    claims_to_be_other = _slack_event(team=other.team_id, app=other.app_id, event_id="Ev0STOLEN02")
    headers = _slack_headers(claims_to_be_other, own.signing_secret)
    assert _post(address, claims_to_be_other, headers).status_code == 401
    own_address = webhook_url(twins.own.slack, "events")
    assert _post(own_address, claims_to_be_other, headers).status_code == 401
    for kind in ("sms", "status"):
        url = webhook_url(twins.foreign.twilio, kind)
        form = {
            "AccountSid": identities.twilio.account_sid,
            "MessageSid": "SM" + "0" * 32,
            "SmsSid": "SM" + "0" * 32,
            "From": PHONE,
            "To": twins.foreign.number,
            "Body": "hi",
            "MessageStatus": "delivered",
        }
        signature = RequestValidator(identities.twilio.auth_token).compute_signature(url, form)
        response = httpx2.post(url, data=form, headers={"x-twilio-signature": signature}, trust_env=False)
        assert response.status_code == 401, kind
    assert _accepted(twins) == before


def test_shared_address_finds_the_tenant_by_what_the_signature_proves(twins: Twins) -> None:
    """An untrusted id in the body only proposes candidates."""
    identities = twins.line.sandbox.identities
    before = _accepted(twins)
    address = f"{twins.line.address}/api/ai-agents/webhooks/slack/events"
    body = _slack_event(
        team=identities.other_own_app.team_id, app=identities.other_own_app.app_id, event_id="Ev0SHARED02"
    )
    for secret in (identities.own_app.signing_secret, identities.slack_app.signing_secret):
        assert _post(address, body, _slack_headers(body, secret)).status_code == 401
    assert _accepted(twins) == before


def _accepted(twins: Twins) -> list[tuple[object, ...]]:
    with twins.owner.connect() as connection:
        query = "SELECT tenant_id, dedupe_key FROM webhook_delivery WHERE dedupe_key LIKE '%Ev0S%' OR kind = 'sms'"
        return sorted((str(row[0]), str(row[1])) for row in connection.execute(text(query)))


def _slack_event(*, team: str, app: str, event_id: str) -> bytes:
    event = {
        "type": "message",
        "channel_type": "im",
        "channel": "D0SHARED001",
        "user": "U0MIA000001",
        "text": "when is the payout?",
        "ts": "1700000000.000100",
    }
    envelope = {"type": "event_callback", "team_id": team, "api_app_id": app, "event_id": event_id}
    return json.dumps({**envelope, "event_time": int(time.time()), "event": event}).encode()


def _slack_headers(body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body) or ""
    return {
        "content-type": "application/json",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": signature,
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    return httpx2.post(url, content=body, headers=headers, trust_env=False, timeout=10)
