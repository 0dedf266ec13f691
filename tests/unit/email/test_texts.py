"""Subjects and addresses hold one line, whatever is put into them."""

import pytest

from services.email import SenderForm, reply_subject
from services.email.fields import clean_form, slug_of
from services.email.texts import MAX_REFERENCES, MAX_SUBJECT_CHARACTERS, chain, one_line
from services.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    "subject", ["Hours", "Re: Hours", "RE: Re: re:Hours", "AW: Re: Hours", "Re[2]: Hours", "SV: Hours", "回复：Hours"]
)
def test_an_answer_says_re_once(subject: str) -> None:
    assert reply_subject(subject) == "Re: Hours"


@pytest.mark.parametrize("subject", ["Regarding x", "Fwd: Hours", "Re-opening", "Response: late"])
def test_other_words_stay(subject: str) -> None:
    assert reply_subject(subject) == f"Re: {subject}"


def test_a_subject_is_one_line_of_sane_length() -> None:
    assert reply_subject("Hours\r\nBcc: eve@example.com\0") == "Re: Hours Bcc: eve@example.com"
    assert "\u2028" not in reply_subject("a\u2028b")
    assert reply_subject("") == "Re:"
    long = reply_subject("x" * 10_000)
    assert len(long) == MAX_SUBJECT_CHARACTERS and long.endswith("…")
    assert len(reply_subject("Re: " * 200_000 + "x")) <= MAX_SUBJECT_CHARACTERS


def test_names_hold_no_line_breaks() -> None:
    assert one_line("Ana\r\nX-Evil: 1\x1b[31m", limit=50) == "Ana X-Evil: 1 [31m"


def test_a_chain_keeps_its_first_and_its_last_links() -> None:
    ids = [f"{number}@x" for number in range(100)]
    assert chain(ids) == ["0@x", *ids[-MAX_REFERENCES + 1 :]]
    assert chain(["a", "", "b", "a"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "slug"), [("Bri", "bri"), ("Zoë (Sales)", "zoe-sales"), ("小明", "agent"), ("--", "agent")]
)
def test_an_agents_name_becomes_an_address(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "bri", "@x.example", "bri@", "bri@x", "a b@x.example", "Bri <bri@x.example>"),
        *("a@b@x.example", "bri..x@x.example", ".bri@x.example", "bri@-x.example", "bri@x..example", "é@x.example"),
        *("x" * 65 + "@x.example", "bri@" + "x." * 130 + "example", "bri@x.example,eve@x.example", "bri@x.1"),
        "bri@[127.0.0.1]",
    ],
)
def test_what_is_no_address_is_refused_by_field(address: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        clean_form(SenderForm(address=address))
    assert refusal.value.field == "address"
    if address.strip():
        with pytest.raises(InvalidInput) as refusal:
            clean_form(SenderForm(address="bri@x.example", reply_to=address))
        assert refusal.value.field == "reply_to"


def test_names_are_checked_too() -> None:
    assert clean_form(SenderForm(address=" Bri+a@X.example ", display_name=" Bri  Bot ")) == SenderForm(
        address="bri+a@x.example", display_name="Bri Bot"
    )
    for name in ("x" * 121, "Bri\x00", "Bri\u202e"):
        with pytest.raises(InvalidInput) as refusal:
            clean_form(SenderForm(address="bri@x.example", display_name=name))
        assert refusal.value.field == "display_name"
