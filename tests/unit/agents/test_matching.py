"""Which entry answers: the decision alone, over words given by hand."""

from hypothesis import given
from hypothesis import strategies as st

from services.agents.matching import (
    MAX_SENTENCES,
    UNKNOWN_TEXT,
    Candidate,
    Word,
    closeness,
    decide,
    find_match,
    split_sentences,
    stop_stems,
)
from services.agents.repository import build_query

STOPS = {"what": "english", "are": "english", "your": "english", "wo": "german", "ist": "german", "der": "german"}


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(
        Word(text=word, stem=word.rstrip("s"), stop_in=frozenset({STOPS[word]} if word in STOPS else ()))
        for word in text.split()
    )


def candidate(question: str, answer: str = "") -> Candidate:
    words = words_of(question)
    return Candidate(
        question=question,
        answer=answer,
        words=words,
        stems=frozenset(word.stem for word in words) - stop_stems(words),
        answer_stems=frozenset(word.stem for word in words_of(answer)),
    )


def test_sentences_end_at_marks_and_lines() -> None:
    assert split_sentences("Hi! Are you open?\nI pay 3.50 today. ") == ("Hi!", "Are you open?", "I pay 3.50 today.")


@given(st.text())
def test_any_text_is_split_into_few_clean_sentences(text: str) -> None:
    sentences = split_sentences(text)

    assert len(sentences) <= MAX_SENTENCES
    assert all(sentence.strip() and "\0" not in sentence for sentence in sentences)


def test_stop_words_of_the_messages_own_language_carry_no_meaning() -> None:
    assert {"wo", "ist", "der"} <= stop_stems(words_of("wo ist der bahnhof"))
    assert "der" not in stop_stems(words_of("what are your der prices"))


def test_words_that_the_answer_repeats_count_double() -> None:
    plain, repeated = candidate("open hours"), candidate("open hours", "we open early")

    assert closeness(frozenset({"open"}), repeated, ignored=frozenset()) > closeness(
        frozenset({"open"}), plain, ignored=frozenset()
    )


def test_sharing_half_of_the_words_is_not_enough() -> None:
    assert find_match(words_of("price moon"), [candidate("price delivery")], ignored=frozenset()) is None


def test_first_of_two_equally_close_entries_wins() -> None:
    first, second = candidate("delivery", "one"), candidate("delivery", "two")

    assert find_match(words_of("delivery"), [first, second], ignored=frozenset()) is first


def test_message_without_a_candidate_is_not_known() -> None:
    decision = decide(["Are your prices fair?"], [words_of("are your prices fair")], [], agent_name="Ada")

    assert decision.text == UNKNOWN_TEXT
    assert decision.hand_over


def test_question_put_twice_is_answered_once() -> None:
    sentences = ["Refund?", "What are your refunds?"]
    decision = decide(
        sentences,
        [words_of("refund"), words_of("what are your refunds")],
        [candidate("refund", "Yes.")],
        agent_name="Ada",
    )

    assert decision.text == "Yes."
    assert not decision.hand_over


def test_query_quotes_what_would_be_an_operator() -> None:
    word = Word(text="o'neil\\&", stem="o'neil\\&")

    assert build_query([[word]]) == r"'o''neil\\&':A | ('o''neil\\&':B)"
    assert build_query([[], []]) == ""
