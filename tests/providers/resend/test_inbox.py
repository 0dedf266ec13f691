"""Letters as they come: fetched whole, read without trust, kept within limits."""

from datetime import UTC, datetime

import pytest

from services.kernel.errors import Refused, RetryLater
from services.provider_kit.contract import ChannelKind, Ignored, IncomingFile, MessageAnnounced, MessageReceived
from services.providers.resend import files, inbox
from services.providers.resend.client import build_client
from tests.providers.harness import Call, Reply, WireServer, build_context, json_reply, wire_server
from tests.providers.resend.wire import AGENT, CONTACT, DOMAIN, EMAIL_ID, received, refusal

ANNOUNCED = MessageAnnounced(external_id=EMAIL_ID, addresses=(AGENT,))
MEGABYTE = 1024 * 1024


def fetch(*replies: Reply, announced: MessageAnnounced = ANNOUNCED) -> tuple[MessageReceived | Ignored, list[Call]]:
    """Return what is fetched, and the calls."""
    with wire_server(*replies) as server:
        client = build_client(build_context("resend", server.url))
        return inbox.fetch_message(client, announced), server.calls


def letter(**changes: object) -> MessageReceived:
    """Return a letter as read."""
    fetched, _ = fetch(json_reply(received(**changes)))
    assert isinstance(fetched, MessageReceived)
    return fetched


def entry(number: int, *, size: int = 10, **changes: object) -> dict[str, object]:
    """Return a file as the API lists it."""
    return {
        "id": f"file-{number}",
        "filename": f"plan-{number}.pdf",
        "content_type": "application/pdf",
        "content_disposition": "attachment",
        "content_id": None,
        "size": size,
        **changes,
    }


class Cdn(WireServer):
    """Plays the API and the host of its files: what is asked for decides."""

    def __init__(self, entries: list[dict[str, object]], contents: dict[str, Reply]) -> None:
        super().__init__([Reply()])
        self._entries, self._contents = entries, contents

    def take(self, call: Call) -> Reply:
        """Answer by path."""
        self.calls.append(call)
        if call.path.startswith("/cdn/"):
            return self._contents.get(call.path.removeprefix("/cdn/"), Reply(body=b"0123456789"))
        if call.path.endswith("/attachments"):
            links = [{"download_url": f"{self.url}/cdn/{item['id']}?signature=s", **item} for item in self._entries]
            return json_reply({"object": "list", "has_more": len(links) > 100, "data": links[:100]})
        return json_reply(received(attachments=self._entries))


def fetch_files(
    *entries: dict[str, object], contents: dict[str, Reply] | None = None
) -> tuple[tuple[IncomingFile, ...], list[Call]]:
    """Return a letter's files as kept, and the calls."""
    server = Cdn(list(entries), contents or {})
    try:
        fetched = inbox.fetch_message(build_client(build_context("resend", server.url)), ANNOUNCED)
    finally:
        server.close()
    assert isinstance(fetched, MessageReceived) and fetched.email
    return fetched.email.files, server.calls


def test_a_letter_is_read_whole() -> None:
    fetched, calls = fetch(
        json_reply(
            received(
                cc=["Jonas <jonas@harbor.example>"],
                reply_to=["Mia <mia.private@harbor.example>"],
                headers={
                    "In-Reply-To": "<second@northwind.example>",
                    "References": "<first@harbor.example>\r\n <second@northwind.example>",
                    "Return-Path": f"<{CONTACT}>",
                },
            )
        )
    )

    assert isinstance(fetched, MessageReceived) and fetched.email
    assert [(call.path, dict(call.query)) for call in calls] == [
        (f"/resend/emails/receiving/{EMAIL_ID}", {"html_format": "cid"})
    ]
    assert (fetched.channel_kind, fetched.channel_id, fetched.why) == (ChannelKind.EMAIL, AGENT, f"e-mail to {AGENT}")
    assert (fetched.contact.id, fetched.contact.name) == (CONTACT, "Mia Ortega")
    # A Message-ID is a claim of the sender's, and must not lead into a conversation by itself.
    assert fetched.conversation_key == EMAIL_ID
    assert fetched.email.internet_message_id == "CAF+0123@mail.harbor.example"
    assert fetched.email.in_reply_to == ("second@northwind.example",)
    assert fetched.email.references == ("first@harbor.example", "second@northwind.example")
    assert (fetched.email.to, fetched.email.cc) == ((AGENT,), ("jonas@harbor.example",))
    assert fetched.email.reply_to == "mia.private@harbor.example" and fetched.email.automatic == ""
    assert fetched.sent_at == datetime(2026, 11, 20, 11, 59, 30, 894719, tzinfo=UTC)


def test_a_name_that_stands_only_in_the_header_is_read_there() -> None:
    fetched = letter(**{"from": CONTACT, "headers": {"From": "=?utf-8?q?Mia_=C3=96rtega?= <mia@harbor.example>"}})
    assert fetched.contact.name == "Mia Örtega"

    foreign = letter(**{"from": CONTACT, "headers": {"From": "Bank <bank@bank.example>"}})
    assert foreign.contact.name == ""


@pytest.mark.parametrize("sender", ["", "nobody", "<>", "Mia <mia@>", "a@b@c", "\x00", "(" * 3000, "<" * 3000])
def test_a_sender_who_cannot_be_answered_is_ignored(sender: str) -> None:
    fetched, _ = fetch(json_reply(received(**{"from": sender})))
    assert isinstance(fetched, Ignored) and "sender" in fetched.reason


def test_a_letter_for_nobody_here_is_ignored() -> None:
    nobody = MessageAnnounced(external_id=EMAIL_ID)
    fetched, _ = fetch(json_reply(received(to=["x@elsewhere.example"], received_for=[])), announced=nobody)
    assert isinstance(fetched, Ignored)

    found, _ = fetch(json_reply(received(to=[f"Sales <Sales@{DOMAIN}>"], received_for=[])), announced=nobody)
    assert isinstance(found, MessageReceived) and found.channel_id == f"sales@{DOMAIN}"


@pytest.mark.parametrize(
    ("message_id", "headers", "expected"),
    [
        (None, None, f"{EMAIL_ID}@{DOMAIN}"),
        ("", {"message-id": "<own@harbor.example>"}, "own@harbor.example"),
        ("<example+123>", {}, "example+123"),
    ],
)
def test_every_letter_has_a_message_id(message_id: str | None, headers: object, expected: str) -> None:
    fetched = letter(message_id=message_id, headers=headers)
    assert fetched.email and fetched.email.internet_message_id == expected


def test_line_breaks_cannot_forge_a_header() -> None:
    fetched = letter(
        **{"from": '"Mia\r\nBcc: x@evil.example" <mia@harbor.example>', "subject": "Hi\r\nBcc: x@evil.example\x00"}
    )

    assert fetched.email and fetched.email.subject == "Hi Bcc: x@evil.example"
    assert fetched.contact.id == CONTACT and "\n" not in fetched.contact.name


def test_many_references_keep_the_newest() -> None:
    fetched = letter(headers={"references": " ".join(f"<{number}@x.example>" for number in range(500))})

    assert fetched.email and len(fetched.email.references) <= 100
    assert fetched.email.references[-1] == "499@x.example"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Auto-Submitted": "auto-replied; owner=x"}, "Auto-Submitted: auto-replied"),
        ({"auto-submitted": "auto-generated"}, "Auto-Submitted"),
        ({"Precedence": "Bulk"}, "Precedence: bulk"),
        ({"List-Id": "<news.harbor.example>"}, "mailing list"),
        ({"X-Auto-Response-Suppress": "All"}, "no automatic answer"),
        ({"Return-Path": "<>"}, "errors"),
        ({"Content-Type": 'multipart/report; report-type="delivery-status"'}, "another letter"),
    ],
)
def test_a_machine_s_letter_is_told_apart(headers: dict[str, str], words: str) -> None:
    fetched = letter(headers=headers)
    assert fetched.email and words in fetched.email.automatic


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "no"},
        {"Auto-Submitted": "No (a person)"},
        {"Precedence": "first-class"},
        {"X-Auto-Response-Suppress": "None"},
        {"Return-Path": f"<{CONTACT}>"},
        {},
    ],
)
def test_a_person_s_letter_is_a_person_s(headers: dict[str, str]) -> None:
    fetched = letter(headers=headers)
    assert fetched.email and fetched.email.automatic == ""


def test_a_mail_server_s_letter_is_a_machine_s() -> None:
    fetched = letter(**{"from": "Mail Delivery <MAILER-DAEMON@harbor.example>"})
    assert fetched.email and "mail server" in fetched.email.automatic


def test_words_are_read_from_html_without_what_is_hidden_in_it() -> None:
    html = (
        "<html><head><title>T</title><style>p{color:red}</style></head><body onload=x><p>Hello <b>you</b>,</p>"
        "<script>steal()</script><div>line one<br>line_two*</div><blockquote>quoted</blockquote>"
        '<img src="https://t.example/p.gif"><a href="javascript:x">press</a></body></html>'
    )
    fetched = letter(text=None, html=html)

    assert fetched.text == "Hello **you**,\n\nline one\nline_two*\n\n> quoted\n\npress"
    assert fetched.email and fetched.email.html == html


@pytest.mark.parametrize(
    "part", ["<b>", "<div>", "<ul><li>", "<blockquote>", "<", "<a href=x ", "&", " ", "\n ", "<!--"]
)
def test_hostile_html_costs_little(part: str) -> None:
    fetched = letter(text="", html="<p>Hello</p>" + part * (400_000 // len(part)))

    assert fetched.text.startswith("Hello") and fetched.email and fetched.email.html == ""


def test_a_text_is_cut_at_the_limit() -> None:
    assert len(letter(text="x" * 300_000).text) == 100_000


def test_a_subject_alone_is_what_was_said() -> None:
    assert letter(text="  \n", subject="Are you open?").text == "Are you open?"
    fetched, _ = fetch(json_reply(received(text=None, subject="")))
    assert isinstance(fetched, Ignored) and "empty" in fetched.reason


def test_bytes_that_are_no_text_are_replaced() -> None:
    body = json_reply(received(text="caf?")).body.replace(b"caf?", b"caf\xe9 \\ud800 \\u0000!")
    fetched, _ = fetch(Reply(body=body))

    assert isinstance(fetched, MessageReceived)
    assert fetched.text == "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER} !"


def test_files_are_fetched_without_the_key() -> None:
    found, calls = fetch_files(entry(1), entry(2, filename=None, content_type="no type"))

    assert [(item.name, item.content_type, item.content, item.size_bytes) for item in found] == [
        ("plan-1.pdf", "application/pdf", b"0123456789", 10),
        ("file 2", "application/octet-stream", b"0123456789", 10),
    ]
    assert ["authorization" in call.headers for call in calls] == [True, True, False, False]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\mia\\plan.pdf", "plan.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\r\nb\x00.txt", "ab.txt"),
        ("..", "file 1"),
        ("x" * 500 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_a_file_s_name_is_only_a_name(given: str, kept: str) -> None:
    (item,), _ = fetch_files(entry(1, filename=given))
    assert item.name == kept


def test_a_large_file_is_listed_and_not_fetched() -> None:
    (item,), calls = fetch_files(entry(1, size=files.FILE_BYTES + 1))

    assert item.content is None and "larger than 10 MB" in item.left_out and item.size_bytes == files.FILE_BYTES + 1
    assert len(calls) == 2


def test_a_file_that_is_larger_than_it_says_is_left_out() -> None:
    (item,), _ = fetch_files(entry(1, size=5), contents={"file-1": Reply(body=bytes(files.FILE_BYTES + 1))})
    assert item.content is None and "larger than 10 MB" in item.left_out


def test_together_the_files_have_a_limit() -> None:
    found, _ = fetch_files(
        *(entry(number, size=10 * MEGABYTE) for number in (1, 2, 3)),
        entry(4),
        contents={f"file-{number}": Reply(body=bytes(10 * MEGABYTE)) for number in (1, 2, 3)},
    )

    assert [item.content is not None for item in found] == [True, True, False, True]
    assert "25 MB together" in found[2].left_out


def test_only_so_many_files_are_kept_and_all_are_named() -> None:
    found, calls = fetch_files(*(entry(number) for number in range(125)))

    assert len(found) == 125 and sum(item.content is not None for item in found) == files.KEPT_FILES
    assert "first 20 files" in found[-1].left_out and len(calls) == 2 + files.KEPT_FILES


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/latest", "file:///etc/passwd", ""],
)
def test_a_file_elsewhere_than_in_public_is_not_fetched(address: str) -> None:
    (item,), calls = fetch_files(entry(1, download_url=address))
    assert item.content is None and item.left_out and len(calls) == 2


def test_a_file_that_is_gone_is_left_out_and_one_that_waits_is_waited_for() -> None:
    (gone,), _ = fetch_files(entry(1), contents={"file-1": Reply(status=403)})
    assert "does not hand" in gone.left_out

    with pytest.raises(RetryLater):
        fetch_files(entry(1), contents={"file-1": Reply(status=503)})


def test_a_letter_that_is_gone_is_refused() -> None:
    with pytest.raises(Refused):
        fetch(refusal(404, "not_found", "Email not found"))
