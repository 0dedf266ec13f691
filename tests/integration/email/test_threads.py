"""Letters end in the right conversations, and the reason is stored."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from models import Author
from services import email
from services.kernel.kernel import Kernel
from tests.integration.email.post import ANA, Post, open_post, set_zone
from tests.support.clock import FakeClock

BEN = "ben@contact.example"
EVE = "eve@evil.example"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 3, 3, 12, tzinfo=UTC))


def test_in_reply_to_our_letter_is_followed(post: Post) -> None:
    first = post.receive(post.letter("1@c"))
    ours = post.answer(first)
    reply = post.receive(post.letter("2@c", in_reply_to=[ours.internet_message_id], subject="Something else"))
    assert reply.conversation_id == first.conversation_id
    assert reply.reason == "In-Reply-To names our letter of 3 March 2026"
    assert first.reason == "It names no earlier letter: a new conversation"


def test_references_are_followed_newest_first(post: Post) -> None:
    old, new = post.receive(post.letter("1@c")), post.receive(post.letter("2@c"))
    reply = post.receive(post.letter("3@c", references=["1@c", "2@c", "unknown@c"]))
    assert (reply.conversation_id, reply.reason) == (
        new.conversation_id,
        "References name the contact's own letter of 3 March 2026",
    )
    both = post.receive(post.letter("4@c", in_reply_to=["1@c"], references=["1@c", "2@c"]))
    assert both.conversation_id == old.conversation_id


def test_unknown_ids_begin_a_conversation(post: Post) -> None:
    first = post.receive(post.letter("1@c"))
    other = post.receive(post.letter("2@c", in_reply_to=["x@c"], references=["y@c"]))
    assert other.conversation_id != first.conversation_id
    assert other.reason == "It names no letter known here: a new conversation"


def test_somebody_in_copy_stays_in_the_conversation_under_their_own_name(post: Post) -> None:
    first = post.receive(post.letter("1@c", name="Ana", cc=[BEN]))
    reply = post.receive(post.letter("2@c", sender=BEN, name="Ben", in_reply_to=["1@c"]))
    assert (reply.conversation_id, reply.author) == (first.conversation_id, "Ben")
    assert reply.reason == "In-Reply-To names the letter from Ana of 3 March 2026"
    assert post.answer(reply).to == (BEN,)


def test_a_stranger_with_a_known_id_gets_a_conversation_of_his_own(post: Post) -> None:
    first = post.receive(post.letter("1@c"))
    ours = post.answer(first)
    forged = post.receive(post.letter("2@c", sender=EVE, in_reply_to=[ours.internet_message_id], references=["1@c"]))
    assert forged.conversation_id != first.conversation_id
    assert forged.reason == (
        f"In-Reply-To names a letter of another conversation in which {EVE} did not take part: a new conversation"
    )
    again = post.receive(post.letter("3@c", sender=EVE, in_reply_to=["2@c", "1@c"]))
    assert again.conversation_id == forged.conversation_id


def test_a_message_id_of_another_tenant_or_connection_matches_nothing(
    kernel: Kernel, clock: FakeClock, post: Post, other_post: Post
) -> None:
    theirs = other_post.answer(other_post.receive(other_post.letter("1@c")))
    second = open_post(kernel, clock, post.actor, domain="second.example", name="Max")
    ours = second.answer(second.receive(second.letter("1@c")))
    for known in (theirs, ours):
        filed = post.receive(post.letter(f"{uuid4()}@c", in_reply_to=[known.internet_message_id], references=["1@c"]))
        assert filed.reason == "It names no letter known here: a new conversation"
    assert post.receive(post.letter("1@c")).is_new


def test_the_same_letter_is_one_message_under_whatever_id(post: Post) -> None:
    first = post.receive(post.letter("1@c", external_id="a"))
    same = post.receive(post.letter("1@c", external_id="b"))
    assert (same.is_new, same.message_id) == (False, first.message_id)


def test_another_author_cannot_pass_for_a_known_letter(post: Post) -> None:
    first = post.receive(post.letter("1@c"))
    forged = post.receive(post.letter("1@c", sender=EVE))
    assert forged.is_new and forged.conversation_id != first.conversation_id


def test_an_answer_that_overtook_its_letter_is_joined_by_it(post: Post) -> None:
    answer = post.receive(post.letter("2@c", in_reply_to=["1@c"], cc=[BEN]))
    letter = post.receive(post.letter("1@c"))
    assert letter.conversation_id == answer.conversation_id
    assert letter.reason == "A letter of 3 March 2026 that came in before answers this one"
    assert post.receive(post.letter("5@c", in_reply_to=["4@c"])).is_new
    assert post.receive(post.letter("4@c", sender=EVE)).reason == "It names no earlier letter: a new conversation"


def test_a_message_id_that_the_mail_service_replaced_is_recognised(post: Post) -> None:
    ours = post.answer(post.receive(post.letter("1@c")))
    message_id = ours.internet_message_id.partition("@")[0]
    with post.kernel.unit_of_work(post.actor.tenant_id) as work:
        email.note_sent_as(work, message_id=UUID(message_id), internet_message_id="<010f-1@eu.amazonses.com>")
    reply = post.receive(post.letter("2@c", in_reply_to=["010f-1@eu.amazonses.com"]))
    assert reply.reason == "In-Reply-To names our letter of 3 March 2026"
    assert not post.receive(post.letter("3@c", in_reply_to=[""])).reason.startswith("In-Reply-To")


def test_ten_letters_with_lost_headers_copies_and_duplicates(post: Post) -> None:
    """Ana begins, Ben is in copy, headers get lost on the way, and the service delivers some letters twice."""
    one = post.receive(post.letter("1@c", name="Ana", cc=[BEN]))
    two = post.answer(one)
    three = post.receive(post.letter("3@c", in_reply_to=[two.internet_message_id], subject="Re: Hours"))
    four = post.receive(post.letter("4@c", sender=BEN, references=["1@c", two.internet_message_id]))
    five = post.answer(four, author=Author.USER)
    six = post.receive(post.letter("6@c", references=["lost@c", "3@c"], in_reply_to=["lost@c"], subject="New topic"))
    seven = post.receive(post.letter("6@c", references=["3@c"], external_id="again"))
    eight = post.receive(post.letter("8@c", subject="Re: Hours"))
    nine = post.receive(post.letter("9@c", sender=EVE, in_reply_to=[five.internet_message_id]))
    ten = post.receive(post.letter("10@c", in_reply_to=["8@c"], references=["1@c", "8@c"]))
    assert {three.conversation_id, four.conversation_id, six.conversation_id, seven.conversation_id} == {
        one.conversation_id
    }
    assert (seven.is_new, seven.message_id) == (False, six.message_id)
    assert len({one.conversation_id, eight.conversation_id, nine.conversation_id}) == 3
    assert ten.conversation_id == eight.conversation_id
    assert [filed.reason for filed in (one, three, four, six, eight, nine, ten)] == [
        "It names no earlier letter: a new conversation",
        "In-Reply-To names our letter of 3 March 2026",
        "References name our letter of 3 March 2026",
        "References name the contact's own letter of 3 March 2026",
        "It names no earlier letter: a new conversation",
        f"In-Reply-To names a letter of another conversation in which {EVE} did not take part: a new conversation",
        "In-Reply-To names the contact's own letter of 3 March 2026",
    ]


def test_the_day_is_the_tenants(post: Post, clock: FakeClock) -> None:
    clock.advance(timedelta(hours=11, minutes=59))
    first = post.receive(post.letter("1@c"))
    set_zone(post, "Asia/Tokyo")
    reply = post.receive(post.letter("2@c", in_reply_to=["1@c"]))
    assert reply.reason.endswith("of 4 March 2026")
    assert reply.conversation_id == first.conversation_id


def test_hostile_ids_are_kept_and_looked_up(post: Post) -> None:
    huge = "\0\ud800é" * 5_000
    first = post.receive(post.letter(huge, references=[huge + str(number) for number in range(500)]))
    reply = post.receive(post.letter("2@c", in_reply_to=[huge], references=["x@c"] * 500))
    assert reply.conversation_id == first.conversation_id
    assert ANA in post.answer(reply).to


def test_the_same_letter_is_one_message_when_both_arrive_at_once(post: Post) -> None:
    letters = [post.letter("1@c", external_id=f"provider-{number}") for number in range(4)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        filed = list(pool.map(post.receive, letters))
    assert [item.is_new for item in filed].count(True) == 1
    assert len({item.message_id for item in filed}) == len({item.conversation_id for item in filed}) == 1
