"""What is new in a letter, and that no letter takes long to read."""

import time

import pytest

from services.email import split_quote

ATTRIBUTIONS = (
    "On Mon, 3 Mar 2025 at 10:00, Ana Lopez <ana@example.com> wrote:",
    "On Mon, Mar 3, 2025 at 10:00 AM Ana Lopez <\nana@example.com> wrote:",
    "Am 3. März 2025 um 10:00 schrieb Ana Lopez <ana@example.com>:",
    "Am Mo., 3. März 2025 um 10:00 Uhr hat Ana geschrieben:",
    "Le lun. 3 mars 2025 à 10:00, Ana <ana@example.com> a écrit :",
    "El lun, 3 mar 2025 a las 10:00, Ana (<ana@example.com>) escribió:",
    "Il giorno lun 3 mar 2025 alle ore 10:00 Ana <ana@example.com> ha scritto:",
    "Op ma 3 mrt 2025 om 10:00 schreef Ana <ana@example.com>:",
    "Em seg., 3 de mar. de 2025 às 10:00, Ana <ana@example.com> escreveu:",
    "Den mån 3 mars 2025 kl 10:00 skrev Ana <ana@example.com>:",
    "W dniu 3.03.2025 o 10:00, Ana pisze:",
    "pon., 3 mar 2025 o 10:00 Ana <ana@example.com> wrote:",
    "3 марта 2025 г., в 10:00, Ana <ana@example.com> написал(а):",
    "Ana <ana@example.com> 于2025年3月3日 写道：",
)
HEADER_BLOCKS = (
    "From: Ana <ana@example.com>\nSent: Monday, 3 March 2025 10:00\nTo: Bri\nSubject: Hours",
    "*From:* Ana\n*Date:* Monday\n*To:* Bri\n*Subject:* Hours",
    "Von: Ana\nGesendet: Montag, 3. März 2025\nAn: Bri\nBetreff: Zeiten",
    "De : Ana\nEnvoyé : lundi 3 mars 2025\nÀ : Bri\nObjet : Heures",
    "De: Ana\nEnviado el: lunes\nPara: Bri\nAsunto: Horas",
    "Da: Ana\nInviato: lunedì\nA: Bri\nOggetto: Orari",
    "Van: Ana\nVerzonden: maandag\nAan: Bri\nOnderwerp: Uren",
    "________________________________\nFrom: Ana\nSent: Monday\nTo: Bri\nSubject: Hours",
    "-----Original Message-----\nFrom: Ana",
    "-----Ursprüngliche Nachricht-----\nVon: Ana",
    "----- Message d'origine -----",
)
MEGABYTES = (
    ">" * 1_000_000,
    "> " * 500_000,
    "On On On" * 125_000,
    "On 3 March 2025 Ana wrote:\n" * 40_000,
    "On 3 March 2025 Ana wrote:\n> a\nb\n" * 30_000,
    "From: a\nSent: b\n" * 60_000,
    "From:" * 200_000,
    "-----" * 200_000,
    "-- \n" * 250_000,
    "\n" * 1_000_000,
    " " * 1_000_000,
    "\xa0\t" * 500_000,
    "a\n> b\n" * 160_000,
    "On 2025\nx\nwrote:\n" * 60_000,
    "\r\n\r" * 330_000,
    "\ud800\0" * 500_000,
)


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
@pytest.mark.parametrize("quote", ["> Are you open?\n>\n> Ana", "Are you open?\n\nAna"], ids=["marked", "unmarked"])
def test_what_stands_above_an_announced_quote_is_new(attribution: str, quote: str) -> None:
    split = split_quote(f"Yes, until five.\n\nBri\n\n{attribution}\n\n{quote}\n")
    assert split.text == "Yes, until five.\n\nBri"
    assert split.quoted.startswith(attribution) and "Are you open?" in split.quoted


@pytest.mark.parametrize("block", HEADER_BLOCKS)
def test_what_stands_above_the_head_of_an_earlier_letter_is_new(block: str) -> None:
    split = split_quote(f"Thanks!\n\n{block}\n\nAre you open?")
    assert (split.text, split.quoted) == ("Thanks!", f"{block}\n\nAre you open?")


def test_what_stands_below_a_quote_is_new() -> None:
    split = split_quote("On 3 March 2025, Ana wrote:\n> Are you open?\n>> Hello\n\nYes, until five.\n")
    assert split.text == "Yes, until five."
    assert "Are you open?" in split.quoted


def test_quotes_between_answers_stay_because_they_say_what_is_answered() -> None:
    text = "Hello,\n\n> Are you open?\nYes.\n\n> On Sunday too?\nNo."
    assert split_quote(text).text == text
    announced = f"On 3 March 2025, Ana wrote:\n{text.partition('Hello,')[2].strip()}"
    assert split_quote(announced).text == announced


@pytest.mark.parametrize("mark", ["-- ", "--"])
def test_a_signature_is_not_new(mark: str) -> None:
    split = split_quote(f"Yes.\n{mark}\nBri\nNorthwind")
    assert (split.text, split.quoted) == ("Yes.", f"{mark}\nBri\nNorthwind")


@pytest.mark.parametrize("line", ["Sent from my iPhone", "Von meinem iPhone gesendet", "Get Outlook for iOS"])
def test_a_telephone_does_not_sign(line: str) -> None:
    quote = "On 3 March 2025, Ana wrote:\n> Open?"
    assert split_quote(f"Yes.\n\n{line}\n\n{quote}").text == "Yes."
    assert split_quote(f"{line} and I mean it.\nPlease call.").text == f"{line} and I mean it.\nPlease call."


def test_a_letter_that_is_passed_on_stays_whole() -> None:
    text = (
        "Please pay this.\n\n---------- Forwarded message ---------\nFrom: A\nDate: b\nSubject: c\nTo: d\n\nInvoice 5"
    )
    assert split_quote(text).text == text
    nested = f"{text}\n\nOn 3 March 2025, Ana wrote:\n> Which invoice?\n-- \nAna"
    assert split_quote(nested).text == nested
    apple = "FYI\n\nBegin forwarded message:\n\nFrom: A\nDate: b\nSubject: c\nTo: d\n\nInvoice 5"
    assert split_quote(apple).text == apple


@pytest.mark.parametrize(
    "text",
    [
        "On Monday he wrote:\nI want it back.",
        "I asked her and on Friday she wrote: no.",
        ">50% off?\nIs that right?",
        "From: Vienna\nTo be delivered on Monday",
        "Price -- 5 Euro\n--5\n---",
        "From me to you: thanks",
        "Our Original Message was lost",
    ],
)
def test_ordinary_sentences_stay(text: str) -> None:
    assert split_quote(text).text == text.removesuffix("\n---")


@pytest.mark.parametrize(
    "text", ["> only\n> quotes", "On 3 March 2025, Ana wrote:\n> Hi", "-- \nBri", "-----Original Message-----\nHello"]
)
def test_a_letter_of_quotes_only_is_taken_whole(text: str) -> None:
    split = split_quote(f"\n{text}\n")
    assert (split.text, split.quoted) == (text, "")


def test_an_empty_letter_is_empty() -> None:
    assert split_quote(" \n\n") == split_quote("")
    assert split_quote("").text == ""


def test_no_line_is_lost() -> None:
    text = "On 3 March 2025, Ana wrote:\n> Open?\n\nYes.\nUntil five.\n\n-- \nBri"
    split = split_quote(text)
    assert split.text == "Yes.\nUntil five."
    assert sorted(filter(None, f"{split.text}\n{split.quoted}".split("\n"))) == sorted(filter(None, text.split("\n")))


def test_what_the_database_cannot_hold_is_left_out() -> None:
    assert split_quote("a\0b\ud800").text == "ab?"


@pytest.mark.parametrize("text", MEGABYTES, ids=range(len(MEGABYTES)))
def test_a_megabyte_takes_no_time(text: str) -> None:
    started = time.process_time()
    split_quote(text)
    assert time.process_time() - started < 2
