"""Addresses, header fields, quotes, and what becomes of a mail."""

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandbox.mail import (
    header_fields,
    is_address,
    new_attachment,
    quoting_text,
    raw_message,
    references_of,
    reply_subject,
)
from app.sandbox.mail_network import carry, steps_of
from app.sandbox.resend_identities import new_resend
from app.sandbox.resend_state import Mail


def mail(**fields: object) -> Mail:
    given = {"id": "1", "message_id": "<1@a.example>", "at": 1_763_650_800, "sender": "Mia <mia@a.example>"}
    return Mail.model_validate({**given, "to": ["b@b.example"], "subject": "Hello", "text": "Hi", **fields})


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a@b.example", True),
        ("Nora <a@b.example>", True),
        ('"Ortega, Mia" <a.b+c@b.co.example>', True),
        ("<a@b.example>", True),
        ("", False),
        ("Nora", False),
        ("a@b", False),
        ("a@b.example, c@d.example", False),
        ("Nora <a@b.example> x", False),
        ("Nora <a@b.example", False),
        ("a b@c.example", False),
        ("Nora\r\nBcc: x@y.example <a@b.example>", False),
    ],
)
def test_an_address_is_bare_or_named(text: str, good: bool) -> None:
    assert is_address(text) is good


@pytest.mark.parametrize(
    ("subject", "answer"),
    [("Hello", "Re: Hello"), ("Re: Hello", "Re: Hello"), ("RE : x", "RE : x"), ("Red", "Re: Red")],
)
def test_a_reply_has_one_prefix(subject: str, answer: str) -> None:
    assert reply_subject(subject) == answer


@pytest.mark.parametrize(
    ("headers", "references"),
    [
        ({}, "<1@a.example>"),
        ({"In-Reply-To": "<0@a.example>"}, "<0@a.example> <1@a.example>"),
        ({"references": "<x@a.example> <0@a.example>", "In-Reply-To": "<0@a.example>"},
         "<x@a.example> <0@a.example> <1@a.example>"),
    ],
)  # fmt: skip
def test_references_follow_the_standard(headers: dict[str, str], references: str) -> None:
    """RFC 5322 3.6.4: the parent's References, else its In-Reply-To, and its Message-ID."""
    assert references_of(mail(headers=headers)) == references


def test_a_quote_names_the_moment_and_the_writer() -> None:
    assert quoting_text("Yes\n", mail(text="a\n\nb\n")) == (
        "Yes\n\nOn Thu, Nov 20, 2025 at 3:00 PM Mia <mia@a.example> wrote:\n\n> a\n>\n> b\n"
    )


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_the_raw_message_says_what_the_mail_says(text: str) -> None:
    written = mail(text=text, html="<p>x</p>", headers={"X-Agent-ID": "nora"}, cc=["c@b.example"])
    parsed = message_from_bytes(raw_message(written), policy=default)
    body = parsed.get_body(("plain",))
    assert body is not None
    assert body.get_content().rstrip("\n") == text.rstrip("\n")
    assert (parsed["Message-ID"], parsed["X-Agent-ID"], parsed["Cc"]) == ("<1@a.example>", "nora", "c@b.example")


def test_files_are_in_the_raw_message() -> None:
    files = [
        new_attachment(filename="a.pdf", content_type="application/pdf", content=b"%PDF"),
        new_attachment(filename="l.png", content_type="image/png", content=b"png", content_id="logo"),
    ]
    parsed = message_from_bytes(raw_message(mail(attachments=files, html=None)), policy=default)
    found = [(item.get_filename(), item.get_content(), item["Content-ID"]) for item in parsed.iter_attachments()]
    assert found == [("a.pdf", b"%PDF", None), ("l.png", b"png", "<logo>")]


def test_a_sender_cannot_replace_what_the_network_knows() -> None:
    assert header_fields(mail(headers={"from": "x@y.example", "X-A": "1"}))["From"] == "Mia <mia@a.example>"
    assert "from" not in header_fields(mail(headers={"from": "x@y.example"}))


def test_each_recipient_meets_its_own_outcome() -> None:
    state = new_resend()
    state.outcomes["b@b.example"] = "bounced"
    steps = steps_of(state, mail(to=["b@b.example", "ok@b.example"], bcc=["failed@x.example"]))
    assert [(step.event, step.to) for step in steps] == [
        ("sent", ["ok@b.example", "b@b.example"]),
        ("delivered", ["ok@b.example"]),
        ("bounced", ["b@b.example"]),
        ("failed", ["failed@x.example"]),
    ]


def test_the_network_finds_accounts_by_domain_whatever_the_case() -> None:
    state = new_resend()
    northwind, harbor = state.accounts
    recipients = [
        "Nora <NORA@Northwind.example>",
        "hal@harborstudio.example",
        "Mia@Harbor.example",
        "mia@harbor.example",
    ]
    assert [item.account for item in carry(state, mail(bcc=["x@y.example"]), recipients=recipients)] == [
        northwind,
        harbor,
    ]
    assert [len(items) for items in state.mailboxes.values()] == [1]
    assert northwind.received[0].mail.bcc == []
    assert northwind.received[0].mail.id != harbor.received[0].mail.id
