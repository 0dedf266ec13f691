"""Our letters: who they go to, how they stay in their thread, and when none is written."""

from datetime import timedelta
from uuid import UUID

from models import Author, Direction
from services.email import LETTERS_PER_HOUR, SenderForm, create_sender, delete_sender, update_sender
from services.kernel.ids import new_id
from services.kernel.kernel import Kernel
from tests.integration.email.post import ANA, Post, open_post
from tests.support.clock import FakeClock

BEN = "ben@contact.example"


def test_an_answer_goes_back_to_who_wrote_and_to_nobody_else(post: Post) -> None:
    filed = post.receive(post.letter("1@c", cc=[BEN], to=["bri@northwind.example", BEN], subject="RE: AW: Hours"))
    sent = post.answer(filed)
    assert (sent.to, sent.cc) == ((ANA,), ())
    assert (sent.from_address, sent.from_name, sent.subject) == ("bri@northwind.example", "Bri", "Re: Hours")
    assert sent.in_reply_to == "1@c"
    assert sent.references == ("1@c", sent.internet_message_id)
    assert sent.internet_message_id.endswith("@northwind.example")


def test_reply_to_is_followed_but_never_to_ourselves(post: Post) -> None:
    assert post.answer(post.receive(post.letter("1@c", reply_to="desk@contact.example"))).to == (
        "desk@contact.example",
    )
    looping = post.letter("2@c", reply_to="bri@northwind.example")
    filed = post.receive(looping)
    assert post.answer(filed).to == (ANA,)
    assert "our own addresses" in post.silence(looping, filed)


def test_only_the_agents_letters_call_themselves_automatic(post: Post) -> None:
    filed = post.receive(post.letter("1@c"))
    agent, person = post.answer(filed), post.answer(filed, author=Author.USER)
    assert agent.headers == {"X-Agent-ID": str(post.agent.id), "Auto-Submitted": "auto-replied"}
    assert person.headers == {"X-Agent-ID": str(post.agent.id)}
    first = post.write_first("new@contact.example", "Your payout", "It is on its way.")
    assert first.headers["Auto-Submitted"] == "auto-generated"
    assert (first.subject, first.in_reply_to, first.to) == ("Your payout", "", ("new@contact.example",))


def test_a_second_letter_before_an_answer_follows_the_first(post: Post) -> None:
    first = post.write_first("new@contact.example", "Your payout", "It is on its way.")
    reply = post.receive(
        post.letter("1@c", sender="new@contact.example", in_reply_to=[first.internet_message_id], subject="Re: payout")
    )
    assert reply.reason.startswith("In-Reply-To names our letter")


def test_the_chain_of_references_is_limited(post: Post) -> None:
    chain = [f"{number}@c" for number in range(200)]
    sent = post.answer(post.receive(post.letter("last@c", references=chain, in_reply_to=["199@c"])))
    assert sent.references[0] == "0@c"
    assert sent.references[-3:] == ("199@c", "last@c", sent.internet_message_id)
    assert len(sent.references) == 22
    short = post.answer(post.receive(post.letter("b@c", in_reply_to=["a@c"])))
    assert short.references == ("a@c", "b@c", short.internet_message_id)


def test_headers_cannot_be_smuggled_in(post: Post) -> None:
    filed = post.receive(post.letter("1@c", subject="Hours\r\nBcc: eve@evil.example", name="Ana\r\nX: 1"))
    sent = post.answer(filed)
    assert sent.subject == "Re: Hours Bcc: eve@evil.example"
    assert not any(line in value for value in (sent.subject, sent.from_name, *sent.to) for line in "\r\n\0")


def test_the_message_is_directed_to_whom_it_answers(post: Post) -> None:
    filed = post.receive(post.letter("1@c", cc=[BEN]))
    reply = post.receive(post.letter("2@c", sender=BEN, in_reply_to=["1@c"], reply_to="ben@home.example"))
    assert reply.conversation_id == filed.conversation_id
    stored = post.stored(UUID(post.answer(reply).internet_message_id.partition("@")[0]))
    assert (stored.recipient, stored.direction) == ("ben@home.example", Direction.OUTBOUND)


def test_the_sender_of_the_address_that_was_written_to_answers(post: Post) -> None:
    filed = post.receive(post.letter("1@c"))
    form = SenderForm(address="bri@northwind.example", display_name="Bri from Northwind", reply_to="desk@nw.example")
    where = {"actor": post.actor, "connection_id": post.connection_id, "sender_id": post.sender.id}
    update_sender(post.kernel, **where, form=form)  # pyright: ignore[reportArgumentType]
    named = post.answer(filed)
    assert (named.from_name, named.reply_to) == ("Bri from Northwind", "desk@nw.example")
    delete_sender(post.kernel, **where)  # pyright: ignore[reportArgumentType]
    assert post.answer(filed).from_address == "bri@northwind.example"


MACHINES = (
    (ANA, "", "its header says Auto-Submitted: auto-replied", "A machine's letter is not answered: its header"),
    ("no-reply@shop.example", "", "", "Nobody reads at no-reply@shop.example"),
    ("mailer-daemon@shop.example", "", "", "Nobody reads at"),
    ("bounces+x@shop.example", "", "", "Nobody reads at"),
    (ANA, "noreply@shop.example", "", "Nobody reads at"),
    ("no-reply@shop.example", ANA, "", ""),
    (ANA, "", "", ""),
    ("bri@northwind.example", "", "", "It comes from one of our own addresses"),
)


def test_machines_and_ourselves_get_no_answer(post: Post) -> None:
    for number, (sender, reply_to, automatic, words) in enumerate(MACHINES):
        letter = post.letter(f"{number}@c", sender=sender, reply_to=reply_to, automatic=automatic)
        said = post.silence(letter, post.receive(letter))
        assert said.startswith(words) and bool(said) == bool(words), (sender, reply_to)


def test_an_agent_at_another_connection_of_the_tenant_is_not_answered(
    kernel: Kernel, clock: FakeClock, post: Post
) -> None:
    open_post(kernel, clock, post.actor, domain="second.example", name="Max")
    letter = post.letter("1@c", sender="max@second.example")
    assert "our own addresses" in post.silence(letter, post.receive(letter))


def test_a_machine_that_hides_is_stopped_by_its_pace(post: Post, clock: FakeClock) -> None:
    """It answers at once, drops all headers and changes the subject, so each letter begins a conversation."""
    for number in range(LETTERS_PER_HOUR):
        letter = post.letter(f"{number}@c", subject=f"Ticket {number}")
        filed = post.receive(letter)
        assert post.silence(letter, filed) == ""
        post.answer(filed)
    letter = post.letter("last@c")
    filed = post.receive(letter)
    assert post.silence(letter, filed) == (
        f"Agents wrote {LETTERS_PER_HOUR} letters to {ANA} within an hour; a person has to go on"
    )
    other = post.letter("x@c", sender=BEN)
    assert post.silence(other, post.receive(other)) == ""
    clock.advance(timedelta(hours=1, minutes=1))
    later = post.letter("y@c")
    assert post.silence(later, post.receive(later)) == ""


def test_a_machine_that_changes_its_address_is_stopped_in_its_conversation(post: Post) -> None:
    people = [f"a{number}@contact.example" for number in range(LETTERS_PER_HOUR + 1)]
    first = post.receive(post.letter("0@c", cc=people))
    for number in range(LETTERS_PER_HOUR):
        letter = post.letter(f"m{number}@c", sender=people[number], in_reply_to=["0@c"])
        filed = post.receive(letter)
        assert filed.conversation_id == first.conversation_id and post.silence(letter, filed) == ""
        post.answer(filed)
    letter = post.letter("last@c", sender=people[-1], in_reply_to=["0@c"])
    assert "letters here within an hour" in post.silence(letter, post.receive(letter))


def test_letters_by_people_do_not_count(post: Post) -> None:
    filed = post.receive(post.letter("1@c"))
    for _ in range(LETTERS_PER_HOUR):
        post.answer(filed, author=Author.USER)
    letter = post.letter("2@c", in_reply_to=["1@c"])
    assert post.silence(letter, post.receive(letter)) == ""


def test_the_quote_is_not_what_the_agent_reads_but_it_is_kept(post: Post) -> None:
    text = "And on Sunday?\n\nOn 3 March 2026, Bri <bri@northwind.example> wrote:\n> Yes."
    filed = post.receive(post.letter("1@c", text=text))
    assert filed.text == "And on Sunday?"
    with post.kernel.unit_of_work(post.actor.tenant_id) as work:
        assert post.envelope(work, filed.message_id).original_text == text


def test_a_plus_address_reaches_its_agent_and_is_answered_from_the_plain_one(post: Post) -> None:
    create_sender(
        post.kernel,
        actor=post.actor,
        connection_id=post.connection_id,
        agent_id=post.agent.id,
        form=SenderForm(address="sales@northwind.example"),
    )
    letter = post.letter(f"{new_id()}@c", to=["Bri+shop@Northwind.example"])
    assert post.answer(post.receive(letter)).from_address == "bri@northwind.example"
