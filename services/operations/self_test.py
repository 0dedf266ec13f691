"""A webhook to ourselves: signed and acknowledged like a provider's, and leaving nothing behind.

Who asks proves that they hold this installation's key, and so does who answers: what answers under the public address
is then this installation and no other, and what stands in between passes bodies and headers on as they are.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from services.kernel.errors import Unauthenticated
from services.kernel.vault import KeyEncryptionRing

SELF_TEST_PATH = "/api/ai-agents/webhooks/patchbay/test"
PROOF_HEADER = "patchbay-proof"
_TOLERANCE_SECONDS = 300


class Seen(BaseModel):
    """What the door saw of a request."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    host: str = ""
    forwarded_proto: str = ""
    forwarded_host: str = ""


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    nonce: str
    at: float


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    proof: str
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """A request to send to ourselves."""

    nonce: str
    body: bytes
    proof: str


def write_self_test(ring: KeyEncryptionRing, *, now: datetime) -> SelfTest:
    """Return a signed request."""
    nonce = secrets.token_urlsafe(16)
    body = json.dumps({"nonce": nonce, "at": now.timestamp()}).encode()
    return SelfTest(nonce=nonce, body=body, proof=ring.prove(b"question:" + body))


def answer_self_test(ring: KeyEncryptionRing, *, headers: Mapping[str, str], body: bytes, now: datetime) -> bytes:
    """Return the answer to a request to ourselves.

    Raises:
        Unauthenticated: it is not signed with this installation's key, or too old.
    """
    if not ring.is_proof(headers.get(PROOF_HEADER, ""), b"question:" + body):
        raise Unauthenticated("The request is not signed with this installation's key.")
    try:
        question = _Question.model_validate_json(body)
    except ValidationError:
        raise Unauthenticated("The request is not one of ours.") from None
    if abs(now.timestamp() - question.at) > _TOLERANCE_SECONDS:
        raise Unauthenticated("The request is too old, or a clock is wrong.")
    seen = Seen(
        host=headers.get("host", ""),
        forwarded_proto=headers.get("x-forwarded-proto", ""),
        forwarded_host=headers.get("x-forwarded-host", ""),
    )
    return _Reply(proof=ring.prove(_signed(question.nonce, seen)), seen=seen).model_dump_json().encode()


def read_answer(ring: KeyEncryptionRing, *, nonce: str, body: bytes) -> Seen | None:
    """Return what the door saw, or ``None`` if whoever answered does not hold this installation's key."""
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        return None
    return reply.seen if ring.is_proof(reply.proof, _signed(nonce, reply.seen)) else None


def _signed(nonce: str, seen: Seen) -> bytes:
    return b"answer:" + json.dumps([nonce, seen.host, seen.forwarded_proto, seen.forwarded_host]).encode()
