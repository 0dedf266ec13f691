"""The oracle itself: it finds nothing where all is well, and each thing that can be wrong."""

from dataclasses import replace

import pytest

from tests.faults.events import Place
from tests.faults.oracle import Asked, Effect, Evidence, Seen, judge

PHONE = Place(provider="twilio", account="AC0", channel="+14155550142")
FIRST = Asked(
    tenant=0, message="SM1", conversation="c", place=PHONE, answer="K0001 is a drawer.", began=1, accepted_at=2
)
SECOND = replace(FIRST, message="SM2", answer="K0002 is a drawer.", began=3, accepted_at=4)
UNKNOWN = replace(FIRST, message="SM3", answer="K0003 is a drawer.", began=5, accepted_at=None)
EFFECTS = tuple(Effect(tenant=0, message=item.message, answers=("sent",)) for item in (FIRST, SECOND))
SEEN = tuple(Seen(place=item.place, text=item.answer) for item in (FIRST, SECOND))
WELL = Evidence(asked=(FIRST, SECOND, UNKNOWN), effects=EFFECTS, seen=SEEN, tenant_of={"AC0": 0, "AC1": 1})


def test_nothing_is_found_where_all_is_well() -> None:
    assert judge(WELL) == []


def test_what_nobody_acknowledged_may_have_an_effect_or_none() -> None:
    effects = (*EFFECTS, Effect(tenant=0, message="SM3", answers=("sent",)))
    assert judge(replace(WELL, effects=effects, seen=(*SEEN, Seen(place=PHONE, text=UNKNOWN.answer)))) == []


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (replace(WELL, effects=EFFECTS[:1]), "accepted and lost"),
        (replace(WELL, effects=(*EFFECTS, EFFECTS[0])), "stored 2 times"),
        (replace(WELL, effects=(EFFECTS[0], replace(EFFECTS[1], answers=()))), "0 answers written"),
        (replace(WELL, effects=(EFFECTS[0], replace(EFFECTS[1], answers=("sent", "sent")))), "2 answers written"),
        (replace(WELL, effects=(EFFECTS[0], replace(EFFECTS[1], answers=("unknown",)))), "not known to be sent"),
        (replace(WELL, effects=(*EFFECTS, replace(EFFECTS[0], message="SM9"))), "nobody sent this"),
        (replace(WELL, effects=(EFFECTS[0], replace(EFFECTS[1], tenant=1))), "accepted and lost"),
        (replace(WELL, seen=SEEN[:1]), "accepted and not answered"),
        (replace(WELL, seen=(*SEEN, SEEN[1])), "said twice"),
        (replace(WELL, seen=(*SEEN, replace(SEEN[0], place=replace(PHONE, account="AC1")))), "account of tenant 1"),
        (replace(WELL, seen=tuple(reversed(SEEN))), "answered before"),
        (replace(WELL, dead=["delivery: cut_off"]), "put aside"),
    ],
)
def test_what_is_wrong_is_found(evidence: Evidence, words: str) -> None:
    assert any(words in finding for finding in judge(evidence))
