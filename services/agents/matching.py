"""Which playbook entry answers a message, if any: pure functions over words that the database has read."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.agents.runner import HAND_OVER_SENTENCE

UNKNOWN_TEXT = f"I don't know that for certain. {HAND_OVER_SENTENCE}"
REST_UNKNOWN_TEXT = f"I don't know the rest for certain. {HAND_OVER_SENTENCE}"
THANKS_TEXT = "You're welcome! Write here any time you have a question."

MAX_TEXT_CHARACTERS = 4_000
MAX_SENTENCES = 12
NEAR_ENOUGH = 0.5
"""An entry answers if its closeness is above this."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Stems that ask politely but not for anything; "How much is delivery, please?" is about delivery.
_FILLER = _set(
    "also anyon bitt could dank do doe get give gern got hallo hello hey hi know let like lot mani may much need pleas"
    " someon tell thank us want would"
)
_HELLO = _set("hi hello hey hiya howdy hallo hej hola ciao bonjour moin servus greetings")
_GREETING = _HELLO | _set("morning afternoon evening day morgen abend tag")
_THANKS = _set("thanks thank thx dank cheers danke merci gracias grazie ok okay great perfect super cool bye tschüss")
_PADDING = _set(
    "a all and are doing for good guten help how it lot many much no so that the there this today very was you your"
    " dir ihnen schön schönen sehr vielen"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a contact's message, as the text search reads it."""

    text: str
    stem: str
    stop_in: frozenset[str] = frozenset()
    """Languages in which it carries no meaning of its own, such as "the"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A playbook entry that shares a word with the message."""

    question: str
    answer: str
    words: tuple[Word, ...]
    """Words of the question."""
    stems: frozenset[str]
    """Stems of those that carry meaning."""
    answer_stems: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to say, why, and whether a person must go on."""

    text: str
    reason: str
    hand_over: bool = False


def split_sentences(text: str) -> tuple[str, ...]:
    """Split a message into sentences, so that an aside does not hide the question."""
    sentences = (part.strip() for part in _SENTENCE_END.split(text[:MAX_TEXT_CHARACTERS].replace("\0", " ")))
    return tuple(sentence for sentence in sentences if sentence)[:MAX_SENTENCES]


def decide(
    sentences: Sequence[str], words: Sequence[Sequence[Word]], candidates: Sequence[Candidate], *, agent_name: str
) -> Decision:
    """Choose the answer to a message.

    Args:
        sentences: the message's sentences.
        words: the words of each sentence.
        candidates: entries that share a word with the message, in the playbook's order.
        agent_name: who answers.
    """
    ignored = stop_stems([word for sentence in words for word in sentence])
    matches = [find_match(sentence, candidates, ignored=ignored) for sentence in words]
    if not any(matches):
        # Nothing in one sentence alone: perhaps in all of them together.
        matches = [find_match([word for sentence in words for word in sentence], candidates, ignored=ignored)]
        unanswered = False
    else:
        told = frozenset[str]().union(*(match.stems | match.answer_stems for match in matches if match))
        unanswered = any(
            match is None and sentence.endswith("?") and _is_about_else(meaningful_stems(found) - ignored, told)
            for sentence, found, match in zip(sentences, words, matches, strict=True)
        )
    found = list(dict.fromkeys(match for match in matches if match))
    if not found:
        return _courtesy(sentences, agent_name=agent_name) or Decision(
            text=UNKNOWN_TEXT, reason="No playbook entry matches", hand_over=True
        )
    return _answer_with(found, unanswered=unanswered)


def without_greeting(words: Iterable[Word]) -> frozenset[str]:
    """Return the words as written, without the greeting before a question."""
    texts = frozenset(word.text for word in words)
    return texts - _HELLO or texts


def meaningful_stems(words: Sequence[Word]) -> frozenset[str]:
    """Return the stems of the words that carry meaning."""
    return frozenset(word.stem for word in words) - stop_stems(words)


def stop_stems(words: Sequence[Word]) -> frozenset[str]:
    """Return the stems that carry no meaning: English stop words, and those of the message's own language.

    That language is the one with the most stop words in the message: "Wo ist der Bahnhof?" shares "ist" and "der"
    with every German question.
    """
    counts = Counter(language for word in words for language in word.stop_in)
    other = max(counts, key=lambda language: counts[language], default="english")
    languages = {"english", other} if counts[other] > counts["english"] else {"english"}
    return _FILLER | {word.stem for word in words if word.stop_in & languages}


def find_match(words: Sequence[Word], candidates: Sequence[Candidate], *, ignored: frozenset[str]) -> Candidate | None:
    """Return the entry that these words ask for: the same question, else the closest one that is close enough."""
    asked = without_greeting(words)
    for candidate in candidates:
        if asked and asked == without_greeting(candidate.words):
            return candidate
    stems = frozenset(word.stem for word in words) - ignored
    best = max(candidates, key=lambda candidate: closeness(stems, candidate, ignored=ignored), default=None)
    return best if best and closeness(stems, best, ignored=ignored) > NEAR_ENOUGH else None


def closeness(stems: frozenset[str], candidate: Candidate, *, ignored: frozenset[str]) -> float:
    """Return how close an entry is to what was asked, from 0 to 1.

    The harmonic mean of two shares: how much of the entry's question was asked, and how much of what was asked the
    entry covers. Words of the question that its answer repeats are what the entry is about, and count double.
    """
    question = candidate.stems - ignored
    shared = stems & question
    if not shared:
        return 0.0
    asked = _weight(shared, candidate) / _weight(question, candidate)
    covered = len(stems & (question | candidate.answer_stems)) / len(stems)
    return 2 * asked * covered / (asked + covered)


def _is_about_else(stems: frozenset[str], told: frozenset[str]) -> bool:
    """Tell whether a question is left open; one that shares a word with the answer was only put differently."""
    return bool(stems) and not stems & told


def _weight(stems: frozenset[str], candidate: Candidate) -> int:
    return len(stems) + len(stems & candidate.answer_stems)


def _answer_with(found: Sequence[Candidate], *, unanswered: bool) -> Decision:
    questions = " and ".join(f"“{candidate.question}”" for candidate in found)
    reason = f"Matched the playbook question{'s' if len(found) > 1 else ''} {questions}"
    answers = [candidate.answer for candidate in found]
    if unanswered:
        return Decision(
            text="\n\n".join([*answers, REST_UNKNOWN_TEXT]), reason=f"{reason}; nothing for the rest", hand_over=True
        )
    return Decision(text="\n\n".join(answers), reason=reason)


def _courtesy(sentences: Sequence[str], *, agent_name: str) -> Decision | None:
    """Answer a message that is nothing but a greeting or thanks; calling a colleague for one would be odd."""
    words = {word.lower() for sentence in sentences for word in _PLAIN_WORD.findall(sentence)}
    if words - _GREETING - _THANKS - _PADDING - set(_PLAIN_WORD.findall(agent_name.lower())):
        return None
    if words & _THANKS:
        return Decision(text=THANKS_TEXT, reason="Thanks, not a question")
    if words & _GREETING:
        return Decision(
            text=f"Hello! This is {agent_name}. What would you like to know?", reason="A greeting, not a question"
        )
    return None
