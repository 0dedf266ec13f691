"""Resend's REST API, held against ``resend``."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx2
import pytest
import resend
from resend.exceptions import ResendError

from tests.support.sandbox import SandboxClient
from tests.support.sandbox_mail import JONAS, MIA

FROM = "Nora <nora@northwind.example>"


@pytest.fixture(autouse=True)
def account(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> str:
    """Resend's own client, pointed at the sandbox with the first account's key."""
    monkeypatch.setattr(resend, "api_url", f"{sandbox.base_url}/resend")
    monkeypatch.setattr(resend, "api_key", sandbox.identities.resend.api_key)
    return sandbox.identities.resend.account_id


def send(key: str = "", **fields: object) -> str:
    params = {"from": FROM, "to": MIA, "subject": "Payout", "text": "Friday.", **fields}
    chosen = {name: value for name, value in params.items() if value is not None}
    options = cast(resend.Emails.SendOptions, {"idempotency_key": key} if key else {})
    return resend.Emails.send(cast(resend.Emails.SendParams, chosen), options)["id"]


def refusal(**fields: object) -> tuple[int, str, str]:
    with pytest.raises(ResendError) as caught:
        send(**fields)  # pyright: ignore[reportArgumentType]
    return int(caught.value.code), caught.value.error_type, caught.value.message


def raw(sandbox: SandboxClient, method: str, path: str, **arguments: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {sandbox.identities.resend.api_key}", **arguments.pop("headers", {})}
    return httpx2.request(method, f"{sandbox.base_url}/resend{path}", headers=headers, **arguments)


def shown(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value)


def test_a_mail_is_accepted_and_shown_with_what_became_of_it(sandbox: SandboxClient, account: str) -> None:
    mail_id = send(cc=[JONAS], reply_to="Nora <reply@northwind.example>", tags=[{"name": "agent", "value": "nora"}])
    sandbox.mail.wait_for_mails(1, address=JONAS)
    sandbox.wait_until(lambda ledger: resend.Emails.get(mail_id)["last_event"] == "delivered")
    mail = shown(resend.Emails.get(mail_id))
    assert (mail["from"], mail["to"], mail["cc"], mail["text"]) == (FROM, [MIA], [JONAS], "Friday.")
    assert mail["reply_to"] == ["Nora <reply@northwind.example>"]
    assert mail["html"] is None
    assert mail["tags"] == [{"name": "agent", "value": "nora"}]
    [accepted] = sandbox.answers(service="resend", channel=MIA, account=account)
    assert (accepted.id, accepted.sender, accepted.text) == (mail_id, FROM, "Friday.")


def test_it_arrives_with_its_own_header_fields(sandbox: SandboxClient) -> None:
    headers = {
        "Message-ID": "<1@northwind.example>",
        "In-Reply-To": "<0@harbor.example>",
        "References": "<00@harbor.example> <0@harbor.example>",
        "Auto-Submitted": "auto-replied",
        "X-Agent-ID": "nora",
    }
    send(headers=headers, html="<p>Friday.</p>", bcc=["lin@harbor.example"])
    [mail] = sandbox.mail.wait_for_mails(1)
    assert (mail.sender, mail.subject, mail.text, mail.html) == (FROM, "Payout", "Friday.", "<p>Friday.</p>")
    assert mail.message_id == "<1@northwind.example>"
    assert {name: mail.headers[name.lower()] for name in headers} == headers
    [blind] = sandbox.mail.wait_for_mails(1, address="lin@harbor.example")
    assert "lin@" not in str(blind.headers)


def test_the_network_may_put_its_own_message_id(sandbox: SandboxClient) -> None:
    sandbox.mail.set_network(keeps_message_id=False)
    mail_id = send(headers={"message-id": "<1@northwind.example>"})
    [mail] = sandbox.mail.wait_for_mails(1)
    assert mail.message_id.endswith("amazonses.com>")
    assert resend.Emails.get(mail_id)["message_id"] == mail.message_id


@pytest.mark.parametrize(
    ("fields", "status", "name", "says"),
    [
        ({"from": None}, 422, "missing_required_field", "`from`"),
        ({"to": []}, 422, "missing_required_field", "`to`"),
        ({"subject": ""}, 422, "missing_required_field", "`subject`"),
        ({"text": None}, 422, "missing_required_field", "`html` or `text`"),
        ({"from": "Nora"}, 422, "validation_error", "Invalid `from`"),
        ({"from": "Nora <nora@northwind.example> x"}, 422, "validation_error", "Invalid `from`"),
        ({"to": [MIA, "nobody"]}, 422, "validation_error", "Invalid `to`"),
        ({"cc": ["a@b"]}, 422, "validation_error", "Invalid `cc`"),
        ({"to": [f"c{n}@harbor.example" for n in range(51)]}, 422, "validation_error", "at most 50"),
        ({"from": "nora@news.northwind.example"}, 403, "validation_error", "news.northwind.example domain is not"),
        ({"from": "nora@harborstudio.example"}, 403, "validation_error", "is not verified"),
        ({"headers": {"X-A": "a\r\nBcc: x@y.example"}}, 422, "validation_error", "line breaks"),
        ({"subject": "a\nb"}, 422, "validation_error", "line breaks"),
        ({"tags": [{"name": "a b", "value": "x"}]}, 422, "validation_error", "ASCII letters"),
        ({"attachments": [{"filename": "a.txt", "content": "!"}]}, 422, "invalid_attachment", "content"),
        ({"scheduled_at": "in 1 hour"}, 422, "validation_error", "scheduled_at"),
    ],
)
def test_what_resend_refuses_is_refused(
    sandbox: SandboxClient, fields: Mapping[str, object], status: int, name: str, says: str
) -> None:
    code, kind, message = refusal(**fields)
    assert (code, kind) == (status, name)
    assert says in message
    assert not sandbox.answers()


@pytest.mark.parametrize(
    ("key", "status", "name"),
    [("", 401, "missing_api_key"), ("re_wrong", 401, "validation_error")],
)
def test_a_wrong_key_opens_nothing(sandbox: SandboxClient, key: str, status: int, name: str) -> None:
    answer = raw(sandbox, "GET", "/domains", headers={"authorization": f"Bearer {key}" if key else ""})
    assert (answer.status_code, answer.json()["statusCode"], answer.json()["name"]) == (status, status, name)


def test_a_sending_key_only_sends(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_key", sandbox.identities.resend.sending_key)
    assert send()
    for read in (resend.Domains.list, resend.Emails.list, resend.Webhooks.list):
        with pytest.raises(ResendError) as caught:
            read()
        assert (caught.value.code, caught.value.error_type) == (401, "restricted_api_key")


def test_a_client_without_a_name_is_turned_away(sandbox: SandboxClient) -> None:
    assert raw(sandbox, "GET", "/domains", headers={"user-agent": ""}).status_code == 403


def test_the_same_key_and_body_send_once(sandbox: SandboxClient) -> None:
    assert send("turn-1") == send("turn-1")
    assert send("turn-2") != send("turn-1")
    assert len(sandbox.answers()) == 2


def test_the_same_key_with_another_body_is_a_conflict(sandbox: SandboxClient) -> None:
    send("turn-1")
    code, name, _ = refusal(key="turn-1", text="Thursday.")
    assert (code, name) == (409, "invalid_idempotent_request")


def test_two_accounts_may_use_the_same_key(sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = send("turn-1")
    monkeypatch.setattr(resend, "api_key", sandbox.identities.other_resend.api_key)
    second = send("turn-1", **{"from": "hal@harborstudio.example"})
    assert first != second
    with pytest.raises(ResendError) as caught:
        resend.Emails.get(first)
    assert caught.value.code == 404


def test_a_refused_mail_does_not_take_its_key(sandbox: SandboxClient) -> None:
    refusal(key="turn-1", to="nobody")
    assert send("turn-1")


def test_a_key_at_work_is_taken(sandbox: SandboxClient) -> None:
    sandbox.control("pace", {"resend_send_seconds": 1.0})
    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(try_send, ["turn-1"] * 2))
    assert outcomes == ["concurrent_idempotent_requests", "sent"]
    assert len(sandbox.answers()) == 1
    assert send("turn-1") == sandbox.answers()[0].id


def try_send(key: str) -> str:
    try:
        send(key)
    except ResendError as error:
        return error.error_type
    return "sent"


def test_a_key_has_between_one_and_256_characters(sandbox: SandboxClient) -> None:
    code, name, _ = refusal(key="x" * 257)
    assert (code, name) == (400, "invalid_idempotency_key")


def test_the_rate_limit_speaks_resend(sandbox: SandboxClient) -> None:
    sandbox.fail("resend", "429", method="emails.create", retry_after=2)
    with pytest.raises(ResendError) as caught:
        send()
    assert (caught.value.code, caught.value.error_type) == (429, "rate_limit_exceeded")
    headers = {name.lower(): value for name, value in caught.value.headers.items()}
    assert (headers["retry-after"], headers["ratelimit-remaining"]) == ("2", "0")
    assert send()


@pytest.mark.parametrize(("kind", "status"), [("401", 401), ("403", 403), ("500", 500), ("503", 503)])
def test_faults_speak_resend(sandbox: SandboxClient, kind: str, status: int) -> None:
    sandbox.fail("resend", kind)
    assert refusal()[0] == status


def test_a_mail_may_be_accepted_although_nobody_hears_of_it(sandbox: SandboxClient) -> None:
    sandbox.fail("resend", "accept_then_500")
    assert refusal(key="turn-1")[0] == 500
    assert send("turn-1") == sandbox.answers()[0].id
    assert len(sandbox.answers()) == 1


def test_sent_mails_are_listed_in_pages(sandbox: SandboxClient) -> None:
    ids = [send(text=f"{n}") for n in range(5)][::-1]
    first = resend.Emails.list({"limit": 2})
    assert ([item["id"] for item in first["data"]], first["has_more"]) == (ids[:2], True)
    last = resend.Emails.list({"limit": 3, "after": ids[1]})
    assert ([item["id"] for item in last["data"]], last["has_more"]) == (ids[2:], False)
    before = resend.Emails.list({"limit": 2, "before": ids[3]})
    assert ([item["id"] for item in before["data"]], before["has_more"]) == (ids[1:3], True)
    for query in ("limit=0", "limit=101", "after=x", f"after={ids[0]}&before={ids[1]}"):
        assert raw(sandbox, "GET", f"/emails?{query}").status_code == 422


def test_domains_are_read_with_their_records_and_verified(sandbox: SandboxClient) -> None:
    names = {item["name"]: item for item in resend.Domains.list()["data"]}
    assert {name: item["status"] for name, item in names.items()} == {
        "northwind.example": "verified",
        "news.northwind.example": "pending",
    }
    ready = shown(resend.Domains.get(names["northwind.example"]["id"]))
    assert ready["capabilities"] == {"sending": "enabled", "receiving": "enabled"}
    assert [(item["record"], item["type"], item["name"]) for item in ready["records"]] == [
        ("SPF", "MX", "send"),
        ("SPF", "TXT", "send"),
        ("DKIM", "TXT", "resend._domainkey"),
        ("Receiving", "MX", "@"),
    ]
    pending = names["news.northwind.example"]["id"]
    resend.Domains.verify(pending)
    assert resend.Domains.get(pending)["status"] == "pending"
    sandbox.mail.set_dns("news.northwind.example")
    resend.Domains.verify(pending)
    domain = shown(resend.Domains.get(pending))
    assert {domain["status"], *(item["status"] for item in domain["records"])} == {"verified"}
    assert domain["records"][0]["name"] == "send.news"
    assert send(**{"from": "nora@news.northwind.example"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/domains", 405),
        ("GET", "/emails/00000000-0000-0000-0000-000000000000", 404),
        ("GET", "/webhooks/00000000-0000-0000-0000-000000000000", 404),
    ],
)
def test_what_is_not_there_is_not_found(sandbox: SandboxClient, method: str, path: str, status: int) -> None:
    answer = raw(sandbox, method, path)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)


def test_a_body_that_is_no_object_is_refused(sandbox: SandboxClient) -> None:
    for body in (b"[]", b"{", b"\xff"):
        assert raw(sandbox, "POST", "/emails", content=body).json()["name"] == "validation_error"
