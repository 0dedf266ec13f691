"""A webhook to ourselves proves both sides, and nobody else can ask or answer."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.errors import Unauthenticated
from services.kernel.vault import KeyEncryptionKey, KeyEncryptionRing
from services.operations.self_test import PROOF_HEADER, answer_self_test, read_answer, write_self_test

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
OLD, NEW, OTHER = (KeyEncryptionKey(secrets.token_bytes(32)) for _ in range(3))
OURS = KeyEncryptionRing([NEW, OLD])


def test_both_sides_prove_that_they_hold_the_key() -> None:
    test = write_self_test(OURS, now=NOW)
    headers = {PROOF_HEADER: test.proof, "host": "p.example.com", "x-forwarded-proto": "https"}
    answer = answer_self_test(OURS, headers=headers, body=test.body, now=NOW)
    seen = read_answer(OURS, nonce=test.nonce, body=answer)
    assert seen is not None
    assert (seen.host, seen.forwarded_proto) == ("p.example.com", "https")


def test_while_keys_are_exchanged_either_will_do() -> None:
    test = write_self_test(KeyEncryptionRing([OLD]), now=NOW)
    answer = answer_self_test(OURS, headers={PROOF_HEADER: test.proof}, body=test.body, now=NOW)
    assert read_answer(OURS, nonce=test.nonce, body=answer) is not None


@pytest.mark.parametrize(
    "change", ["no proof", "another key", "another body", "too old", "not ascii", "from the future"]
)
def test_what_is_not_ours_is_refused(change: str) -> None:
    ring = KeyEncryptionRing([OTHER]) if change == "another key" else OURS
    test = write_self_test(ring, now=NOW)
    proof = {"no proof": "", "not ascii": "ü" * 64}.get(change, test.proof)
    now = NOW + timedelta(minutes={"too old": 6, "from the future": -6}.get(change, 0))
    body = test.body + b" " if change == "another body" else test.body
    with pytest.raises(Unauthenticated):
        answer_self_test(OURS, headers={PROOF_HEADER: proof}, body=body, now=now)


def test_a_signed_body_of_another_shape_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        answer_self_test(OURS, headers={PROOF_HEADER: OURS.prove(b"question:{}")}, body=b"{}", now=NOW)


def test_an_answer_by_others_or_to_another_question_proves_nothing() -> None:
    test = write_self_test(OURS, now=NOW)
    answer = answer_self_test(OURS, headers={PROOF_HEADER: test.proof}, body=test.body, now=NOW)
    assert read_answer(OURS, nonce="another", body=answer) is None
    assert read_answer(KeyEncryptionRing([OTHER]), nonce=test.nonce, body=answer) is None
    assert read_answer(OURS, nonce=test.nonce, body=answer.replace(b'"host":""', b'"host":"x"')) is None
    assert read_answer(OURS, nonce=test.nonce, body=b"ok\n") is None


def test_a_question_is_no_answer() -> None:
    """Sending a request back to whoever wrote it does not do."""
    test = write_self_test(OURS, now=NOW)
    assert read_answer(OURS, nonce=test.nonce, body=test.body) is None
