"""Two tenants with the same Slack channels, people and phones: nothing crosses."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import httpx2
import pytest
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from services import vault
from services.conversations import get_thread, list_conversations
from services.kernel.db import PRODUCT_ROLE
from services.kernel.errors import NotFound
from services.kernel.ids import new_id
from services.traces import get_trace
from services.webhooks import list_deliveries
from tests.integration.isolation.twins import MEETING, PHONE, Twins
from tests.integration.isolation.world import FOREIGN, OWN, tenant_tables
from tests.support.line import CHANNEL, Shop, webhook_url
from tests.support.sandbox_google import STUDIO
from tests.support.sandbox_mail import MIA
from tests.support.whole_shop import WholeShop, write_letter


def test_both_really_share_their_ids_at_the_providers(twins: Twins) -> None:
    with twins.owner.connect() as connection:
        for query in (
            "SELECT channel_id FROM conversation WHERE channel_kind = 'slack_channel'",
            "SELECT contact_address FROM conversation",
            "SELECT name FROM contact",
            f"SELECT external_id FROM calendar_event WHERE title = '{MEETING}'",
            "SELECT internet_message_id FROM email_envelope WHERE in_reply_to = ''",
            "SELECT external_id FROM channel_policy",
            "SELECT input ->> 'channel' FROM action_run",
        ):
            rows = connection.execute(text(query.replace("SELECT ", "SELECT tenant_id, ", 1))).all()
            sides = {tenant: {value for owner, value in rows if owner == tenant} for tenant, _ in rows}
            own, foreign = sides[twins.own.actor.tenant_id], sides[twins.foreign.actor.tenant_id]
            assert own and own == foreign, query


def test_both_own_rows_of_every_table(twins: Twins) -> None:
    """What the generated tests go over: without a row there, a table proves nothing."""
    for actor in (twins.own.actor, twins.foreign.actor):
        assert [name for name, rows in twins.rows_of(actor).items() if not rows] == []


def test_every_table_shows_only_the_tenant_in_force(twins: Twins) -> None:
    """By row-level security alone, as a statement that the guard does not see would run."""
    with twins.owner.begin() as connection:
        connection.execute(text(f"SET LOCAL ROLE {PRODUCT_ROLE}"))
        for actor in (twins.own.actor, twins.foreign.actor):
            tenant = {"tenant": str(actor.tenant_id)}
            connection.execute(text("SELECT set_config('patchbay.tenant_id', :tenant, true)"), tenant)
            for name in tenant_tables():
                seen = connection.execute(text(f"SELECT DISTINCT tenant_id FROM {name}")).scalars().all()
                assert seen == [actor.tenant_id], name


def test_each_contact_was_answered_once_by_the_right_tenant(twins: Twins) -> None:
    ledger = twins.line.sandbox.ledger()
    letters = twins.line.sandbox.mail.inbox(MIA)
    for shop in (twins.own, twins.foreign):
        assert len([letter for letter in letters if shop.address in letter.sender]) == 1
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
    assert len(found) == 4
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


def test_a_letter_reaches_the_tenant_it_is_written_to(twins: Twins) -> None:
    before = _rows(twins, twins.own)
    written = write_letter(twins.line, twins.foreign, f"{FOREIGN} secret", file=FOREIGN)
    twins.line.settle(*written.event_ids)
    assert _rows(twins, twins.own) == before
    assert f"{FOREIGN} secret" in "".join(twins.rows_of(twins.foreign.actor)["email_envelope"])


def test_a_meeting_reaches_the_tenants_whose_calendar_it_is_in(twins: Twins) -> None:
    google, before = twins.line.sandbox.google, _rows(twins, twins.own)
    twins.line.settle(*google.add(f"{FOREIGN} call", calendar=STUDIO).event_ids)
    assert _rows(twins, twins.own) == before
    told = google.add("Call of both")
    twins.line.settle(*told.event_ids)
    assert len(told.event_ids) == 2
    for shop, title in (
        (twins.own, "Call of both"),
        (twins.foreign, "Call of both"),
        (twins.foreign, f"{FOREIGN} call"),
    ):
        titles = [row["title"] for row in twins.read_rows_of(shop.actor)["calendar_event"]]
        assert titles.count(title) == 1, (shop.agent.id, title)


def test_one_subscriptions_token_speaks_for_no_other(twins: Twins) -> None:
    """Both watch the same calendar: Google's id of it is the same, only the tokens differ."""
    own, foreign = (_subscription(twins, shop) for shop in (twins.own, twins.foreign))
    before = _rows(twins, twins.foreign), _rows(twins, twins.own)
    shared = f"{twins.line.address}/api/ai-agents/webhooks/google-calendar"
    of_own, of_foreign = (_push_url(twins, shop) for shop in (twins.own, twins.foreign))
    for url, channel, token in (
        (shared, foreign, own.token),
        (shared, own, foreign.token),
        (of_foreign, own, own.token),
        (of_foreign, foreign, own.token),
        (of_own, foreign, foreign.token),
        (shared, replace(own, id=str(new_id())), own.token),
    ):
        assert _post(url, b"", _push_headers(channel, token)).status_code in {401, 404}, url
    assert (_rows(twins, twins.foreign), _rows(twins, twins.own)) == before
    for url in (shared, of_own):
        assert _post(url, b"", _push_headers(own, own.token)).status_code == 200
    twins.line.work()


def test_one_accounts_secret_signs_no_letter_of_the_other(twins: Twins) -> None:
    resend, other = twins.line.sandbox.identities.resend, twins.line.sandbox.identities.other_resend
    before = _rows(twins, twins.foreign), _rows(twins, twins.own)
    shared = f"{twins.line.address}/api/ai-agents/webhooks/resend"
    for url in (shared, webhook_url(twins.foreign.mail, "events")):
        body = _letter_event(to=twins.foreign.address)
        headers = _svix_headers(body, resend.webhook_secret)
        assert _post(url, body, headers).status_code == 401, url
    body = _letter_event(to=twins.own.address)
    url = webhook_url(twins.own.mail, "events")
    assert _post(url, body, _svix_headers(body, other.webhook_secret)).status_code == 401
    assert (_rows(twins, twins.foreign), _rows(twins, twins.own)) == before
    body = _letter_event(to=MIA, sender=twins.own.address, kind="email.delivered")
    assert _post(url, body, _svix_headers(body, resend.webhook_secret)).status_code == 200
    twins.line.work()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subscription:
    id: str
    token: str
    resource_id: str


def _subscription(twins: Twins, shop: WholeShop) -> _Subscription:
    [row] = [
        row for row in twins.read_rows_of(shop.actor)["subscription"] if row["connection_id"] == str(shop.google.id)
    ]
    sealed = bytes.fromhex(row["sealed_token"].removeprefix("\\x"))
    with twins.line.kernel.unit_of_work(shop.actor.tenant_id) as work:
        token = vault.reveal(
            work,
            twins.line.kernel,
            table="subscription",
            column="sealed_token",
            row_id=UUID(row["id"]),
            sealed=sealed,
        )
    return _Subscription(id=row["external_id"], token=token.reveal(), resource_id=row["external_resource_id"])


def _push_url(twins: Twins, shop: WholeShop) -> str:
    endpoints = twins.read_rows_of(shop.actor)["webhook_endpoint"]
    [token] = [row["token"] for row in endpoints if row["connection_id"] == str(shop.google.id)]
    return f"{twins.line.address}/api/ai-agents/webhooks/google-calendar/{token}/push"


def _push_headers(channel: _Subscription, token: str) -> dict[str, str]:
    return {
        "x-goog-channel-id": channel.id,
        "x-goog-channel-token": token,
        "x-goog-resource-id": channel.resource_id,
        "x-goog-resource-state": "exists",
        "x-goog-message-number": "777777",
    }


def _rows(twins: Twins, shop: WholeShop) -> dict[str, list[str]]:
    """Return all rows but the counters of refusals, which are written a moment later."""
    return {name: rows for name, rows in twins.rows_of(shop.actor).items() if name != "webhook_refusal"}


def _letter_event(*, to: str, sender: str = MIA, kind: str = "email.received") -> bytes:
    data = {"email_id": str(new_id()), "from": sender, "to": [to], "received_for": [to], "subject": "Stolen"}
    return json.dumps({"type": kind, "created_at": datetime.now(UTC).isoformat(), "data": data}).encode()


def _svix_headers(body: bytes, secret: str) -> dict[str, str]:
    """Return what Svix sends along (https://docs.svix.com/receiving/verifying-payloads/how-manual)."""
    id, sent_at = f"msg_{new_id().hex}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{id}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    return {
        "content-type": "application/json",
        "svix-id": id,
        "svix-timestamp": sent_at,
        "svix-signature": f"v1,{base64.b64encode(mac).decode()}",
    }


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
