"""The mail contacts: what they write and answer, and how odd their programs can be."""

from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
import resend

from tests.integration.sandbox.conftest import Product
from tests.support.sandbox import SandboxClient, running_sandbox
from tests.support.sandbox_mail import JONAS, MIA, Automatic, Letter, WrittenMail

AGENT = "nora@northwind.example"
OURS = "<1@northwind.example>"


@pytest.fixture(autouse=True)
def webhook(sandbox: SandboxClient, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", f"{sandbox.base_url}/resend")
    monkeypatch.setattr(resend, "api_key", sandbox.identities.resend.api_key)
    sandbox.mail.set_webhook_url(f"{product.url}/events")


@pytest.fixture
def answered(sandbox: SandboxClient) -> str:
    """Let the agent have written to Mia and Jonas; returns the Message-ID."""
    send(
        cc=[JONAS],
        reply_to="Nora <reply@northwind.example>",
        headers={"Message-ID": OURS, "References": "<0@a.example>"},
    )
    sandbox.mail.wait_for_mails(1, address=JONAS)
    return OURS


def send(**fields: object) -> None:
    params = {"from": f"Nora <{AGENT}>", "to": MIA, "subject": "Payout", "text": "Friday.\n\nNora", **fields}
    resend.Emails.send(cast(resend.Emails.SendParams, params))


def came_in(sandbox: SandboxClient, written: WrittenMail) -> list[dict[str, Any]]:
    """Return what the account received of a contact's mail."""
    mails = [resend.Emails.Receiving.get(item["id"]) for item in resend.Emails.Receiving.list()["data"]]
    return [cast(dict[str, Any], item) for item in mails if item["message_id"] == written.message_id]


def test_a_reply_quotes_and_refers_to_what_it_answers(sandbox: SandboxClient, answered: str) -> None:
    [mail] = came_in(sandbox, sandbox.mail.reply("Thanks!\nMia"))
    assert (mail["to"], mail["subject"]) == (["Nora <reply@northwind.example>"], "Re: Payout")
    assert mail["headers"]["in-reply-to"] == answered
    assert mail["headers"]["references"] == f"<0@a.example> {answered}"
    new, _, quoted = mail["text"].partition("\n\nOn ")
    assert new == "Thanks!\nMia"
    assert quoted.endswith(" Nora <nora@northwind.example> wrote:\n\n> Friday.\n>\n> Nora\n")
    assert '<div dir="ltr">Thanks!<br>\nMia</div><br><div class="gmail_quote">' in mail["html"]
    assert "auto-submitted" not in mail["headers"]


def test_a_reply_to_a_reply_keeps_one_prefix(sandbox: SandboxClient, answered: str) -> None:
    send(
        subject="Re: Payout",
        headers={"In-Reply-To": answered, "References": answered, "Message-ID": "<2@northwind.example>"},
    )
    sandbox.mail.wait_for_mails(2)
    [mail] = came_in(sandbox, sandbox.mail.reply("Good."))
    assert (mail["subject"], mail["headers"]["references"]) == ("Re: Payout", f"{answered} <2@northwind.example>")


def test_header_fields_and_the_quote_may_get_lost(sandbox: SandboxClient, answered: str) -> None:
    first = sandbox.mail.inbox()[0].id
    lost = sandbox.mail.reply("A", mail=first, keeps_in_reply_to=False, quotes=False)
    [mail] = came_in(sandbox, lost)
    assert ("in-reply-to" in mail["headers"], "references" in mail["headers"], mail["text"]) == (False, True, "A")
    bare = sandbox.mail.reply("B", mail=first, keeps_in_reply_to=False, keeps_references=False, subject="Other")
    [mail] = came_in(sandbox, bare)
    assert not {"in-reply-to", "references"} & set(mail["headers"])
    assert mail["subject"] == "Other"


def test_somebody_else_may_answer(sandbox: SandboxClient, answered: str) -> None:
    first = sandbox.mail.inbox()[0].id
    [in_copy] = came_in(sandbox, sandbox.mail.reply("I can tell.", mailbox=JONAS, to_all=True))
    assert (in_copy["from"], in_copy["cc"]) == (f"Jonas Keller <{JONAS}>", [MIA])
    assert [item.subject for item in sandbox.mail.inbox(MIA)] == ["Payout", "Re: Payout"]
    [assistant] = came_in(sandbox, sandbox.mail.reply("For Mia.", mail=first, sender="Ann <ann@elsewhere.example>"))
    assert (assistant["from"], assistant["headers"]["in-reply-to"]) == ("Ann <ann@elsewhere.example>", OURS)


def test_a_mail_may_arrive_more_than_once(sandbox: SandboxClient, product: Product) -> None:
    written = sandbox.mail.write(to=AGENT, text="Hello", letter=Letter(copies=3))
    webhooks = sandbox.wait_for_webhooks(*written.event_ids)
    assert len({item.id for item in webhooks}) == len({item.message_id for item in webhooks}) == 3
    assert len(came_in(sandbox, written)) == 3
    assert len(sandbox.mail.mailbox()) == 1


def test_two_addresses_of_one_account_get_one_mail(sandbox: SandboxClient) -> None:
    written = sandbox.mail.write(to=[AGENT, "ops@northwind.example"], text="Hello")
    [mail] = came_in(sandbox, written)
    assert mail["received_for"] == [AGENT, "ops@northwind.example"]


@pytest.mark.parametrize(
    ("automatic", "headers"),
    [
        ("auto-replied", {"auto-submitted": "auto-replied"}),
        ("auto-generated", {"auto-submitted": "auto-generated"}),
        ("bulk", {"precedence": "bulk"}),
        ("out-of-office", {"auto-submitted": "auto-replied", "x-auto-response-suppress": "All"}),
    ],
)
def test_a_program_may_answer(
    sandbox: SandboxClient, answered: str, automatic: Automatic, headers: dict[str, str]
) -> None:
    [mail] = came_in(sandbox, sandbox.mail.reply("I am away.", letter=Letter(automatic=automatic)))
    assert headers.items() <= mail["headers"].items()


def test_a_mail_may_have_no_text_and_further_header_fields(sandbox: SandboxClient) -> None:
    letter = Letter(only_html=True, headers={"X-Mailer": "Old"}, message_id="<fixed@harbor.example>")
    written = sandbox.mail.write(to=AGENT, text="1 < 2", letter=letter)
    [mail] = came_in(sandbox, written)
    assert (mail["text"], mail["html"]) == (None, '<div dir="ltr">1 &lt; 2</div>')
    assert (mail["message_id"], mail["headers"]["x-mailer"]) == ("<fixed@harbor.example>", "Old")


@pytest.mark.parametrize("automatic", ["", "out-of-office"])
def test_a_mailbox_may_answer_by_itself(sandbox: SandboxClient, automatic: Automatic) -> None:
    sandbox.mail.set_responder("I am away.", automatic=automatic)
    send(headers={"Message-ID": OURS})
    sandbox.mail.wait_for_mails(1)
    [answer] = [item for item in sandbox.mail.mailbox() if item.is_sent]
    [mail] = resend.Emails.Receiving.list()["data"]
    assert (mail["message_id"], mail["subject"], mail["to"]) == (answer.message_id, "Re: Payout", [f"Nora <{AGENT}>"])
    assert answer.headers["in-reply-to"] == OURS
    assert ("auto-submitted" in answer.headers) == bool(automatic)
    sandbox.mail.set_responder("")
    send()
    sandbox.mail.wait_for_mails(2)
    assert len(resend.Emails.Receiving.list()["data"]) == 1


def test_a_domain_that_receives_nothing_is_a_mailbox(sandbox: SandboxClient) -> None:
    assert sandbox.mail.write(to="nora@news.northwind.example", text="Hello").event_ids == ()
    assert sandbox.mail.inbox("nora@news.northwind.example")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("mail/write", {"sender": "mia", "to": [AGENT], "subject": "x", "text": "x"}, "mia is not a mail address"),
        ("mail/write", {"sender": MIA, "to": [AGENT], "subject": "x\ny", "text": "x"}, "line breaks"),
        ("mail/write", {"sender": MIA, "to": [AGENT], "subject": "x", "text": "x",
                        "attachments": [{"filename": "a.txt", "content": "!"}]}, "a.txt"),
        ("mail/reply", {"mailbox": MIA, "text": "x"}, MIA),
        ("mail/responder", {"mailbox": "mia", "text": "x"}, "mia"),
        ("mail/outcome", {"to": MIA, "outcome": "eaten"}, "eaten"),
        ("resend/webhook-url", {"url": "nowhere"}, "http"),
        ("resend/webhook-url", {"url": "", "account": "x"}, "account"),
        ("resend/dns", {"domain": "x.example"}, "x.example"),
    ],
)  # fmt: skip
def test_a_senseless_request_is_explained(
    sandbox: SandboxClient, path: str, body: dict[str, object], says: str
) -> None:
    answer = httpx2.post(f"{sandbox.base_url}/control/{path}", json=body, headers={"x-sandbox": "1"})
    assert answer.status_code == 409
    assert says in answer.json()["error"]


def test_a_reset_forgets_mails_and_keeps_keys_and_addresses(sandbox: SandboxClient, answered: str) -> None:
    before = sandbox.identities
    sandbox.reset()
    assert not sandbox.mail.mailbox(JONAS)
    assert not resend.Emails.list()["data"]
    assert sandbox.mail.write(to=AGENT, text="Hello").event_ids
    sandbox.reset(forget="connections")
    assert not resend.Emails.Receiving.list()["data"]
    assert not sandbox.mail.write(to=AGENT, text="Hello").event_ids
    assert sandbox.identities == before
    sandbox.reset(forget="identities")
    assert sandbox.identities.resend.api_key != before.resend.api_key


def test_a_restart_carries_mails_on(tmp_path: Path, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        monkeypatch.setattr(resend, "api_url", f"{sandbox.base_url}/resend")
        monkeypatch.setattr(resend, "api_key", sandbox.identities.resend.api_key)
        sandbox.control("pace", {"mail_step_seconds": 60})
        send()
        sandbox.control("pace", {})
        written = sandbox.mail.write(to=AGENT, text="Hello")
    with running_sandbox(tmp_path, public_url=product.url) as sandbox:
        monkeypatch.setattr(resend, "api_url", f"{sandbox.base_url}/resend")
        assert [item.subject for item in sandbox.mail.wait_for_mails(1)] == ["Payout"]
        assert came_in(sandbox, written)
