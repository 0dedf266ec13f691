"""The oracle: compares what was accepted, what took effect and what the providers saw. Without effects of its own."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.events import Place

SENT = frozenset({"sent", "delivered"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a provider told the product: by the sender's ledger."""

    tenant: int
    message: str
    conversation: str
    place: Place
    answer: str
    began: float
    """When it was first sent; monotonic."""
    accepted_at: float | None
    """When it was first answered 2xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An inbound message and the answers to it: by the database."""

    tenant: int
    message: str
    answers: tuple[str, ...]
    """The states of its outbound messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message that a provider accepted: by the receiver's ledger, in its order."""

    place: Place
    text: str
    at: float = field(default=0.0, compare=False)
    """When; by the clock on the wall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about a stretch of time."""

    asked: Sequence[Asked]
    effects: Sequence[Effect]
    seen: Sequence[Seen]
    dead: Collection[str] = ()
    """What the product put aside for a person: words for each."""
    tenant_of: Mapping[str, int] = field(default_factory=dict[str, int])
    """Provider account → whose it is."""


def judge(evidence: Evidence) -> list[str]:
    """Return what is wrong, in words; an empty list means that the invariants held."""
    return [
        *_lost_or_doubled(evidence),
        *_wrong_answers(evidence),
        *_foreign(evidence),
        *_out_of_order(evidence),
        *(f"put aside: {words}" for words in evidence.dead),
    ]


def _lost_or_doubled(evidence: Evidence) -> Iterator[str]:
    """I1: what was accepted has one effect; nothing has one that nobody asked for."""
    effects: dict[tuple[int, str], list[Effect]] = defaultdict(list)
    for effect in evidence.effects:
        effects[effect.tenant, effect.message].append(effect)
    for item in evidence.asked:
        found = effects.pop((item.tenant, item.message), [])
        if not found and item.accepted_at is not None:
            yield f"accepted and lost: {item}"
        if len(found) > 1:
            yield f"stored {len(found)} times: {item}"
        for effect in found:
            if len(effect.answers) != 1:
                yield f"{len(effect.answers)} answers written: {item}"
            elif not SENT.issuperset(effect.answers):
                yield f"answer not known to be sent ({effect.answers[0]}): {item}"
    for key in effects:
        yield f"nobody sent this: {key}"


def _wrong_answers(evidence: Evidence) -> Iterator[str]:
    """I2: the provider accepted one answer to each question, and no other."""
    due = Counter((item.place, item.answer) for item in evidence.asked if item.accepted_at is not None)
    allowed = Counter((item.place, item.answer) for item in evidence.asked)
    told = Counter((item.place, item.text) for item in evidence.seen)
    yield from (f"accepted and not answered: {key}" for key in due - told)
    yield from (f"said twice, or to nobody's question: {key}" for key in told - allowed)


def _foreign(evidence: Evidence) -> Iterator[str]:
    """I3: nothing was said through one tenant's account that belongs to another."""
    for item in evidence.seen:
        tenant = evidence.tenant_of.get(item.place.account)
        if tenant is None or not item.text.startswith(f"K{tenant}"):
            yield f"said through the account of tenant {tenant}: {item}"


def _out_of_order(evidence: Evidence) -> Iterator[str]:
    """I4: what was accepted before the next was sent is answered before it, within a conversation."""
    order = {(item.place, item.text): place for place, item in enumerate(evidence.seen)}
    conversations: dict[tuple[int, str], list[Asked]] = defaultdict(list)
    for item in evidence.asked:
        if item.accepted_at is not None and (item.place, item.answer) in order:
            conversations[item.tenant, item.conversation].append(item)
    for items in conversations.values():
        for item in items:
            earlier = [
                other
                for other in items
                if other.accepted_at is not None
                and other.accepted_at < item.began
                and order[other.place, other.answer] > order[item.place, item.answer]
            ]
            if earlier:
                yield f"answered before {earlier[0].answer}: {item}"
