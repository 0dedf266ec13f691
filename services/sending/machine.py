"""What becomes of a message: pure functions, which the outbox and its simulation share.

::

              ┌───────────── waits: a limit, a pace, the provider, a repair ──────────────┐
              ▼                                                                           │
    ──▶ queued ──begin──▶ sending ──accepted──▶ sent ─▶ delivered                         │
              ▲              │  │                                                        │
              │   surely not │  └── ambiguous, or cut off ──▶ sending, looked up ─────────┤
              └──────────────┘                                  │         │               │
                                     unknown ◀── cannot tell ───┘         └── not found ──┘
    failed ◀── refused, opted out, attempts used up

A message is sent at most once: an attempt whose outcome is not known is looked up at the provider, never repeated.
Times are the database's; jitter is drawn by the caller.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from models import MessageState
from services.attempts import CUT_OFF, MOST_CUT_OFF, seconds_until_retry
from services.connections import WAITS_FOR_CONNECTION, WAITS_FOR_PROVIDER
from services.connections.breaker import is_failure
from services.kernel.errors import NeedsReauth, PatchbayError, Refused, RetryLater
from services.provider_kit.contract import SentMessage

LOOK_UP_AFTER = timedelta(seconds=5)
"""How long after an ambiguous answer the provider is asked whether it accepted the message."""
PARKED = timedelta(seconds=60)
"""How often a message that waits for its connection to be repaired is looked at."""
PATIENCE = timedelta(days=1)
"""How long a provider may be away without using up a message's attempts."""
ATTEMPTS_USED_UP = "attempts_used_up"
"""Code of a message whose last attempt was looked up and had surely not been accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator may set."""

    max_attempts: int
    retry_base_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A message that is due, as its row says."""

    state: MessageState
    """``queued`` or ``sending``."""
    attempt: int = 0
    """Attempts begun so far, the one under way included."""
    written_at: datetime
    cut_offs: int = 0
    """Attempts that ended with their worker, the last one included."""


class Ground(StrEnum):
    """How the connection stands through which a message leaves."""

    WORKING = "working"
    PAUSED = "paused"
    BROKEN = "broken"
    """It waits for a person."""
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What decides whether a message leaves now, beside itself."""

    ground: Ground = Ground.WORKING
    opted_out: bool = False
    overtaken: bool = False
    """A person took over while it waited for a limit."""
    provider_until: datetime | None = None
    """When the next call to the provider may be made; None if now."""
    provider_words: str = ""


class Act(StrEnum):
    """What is done with a message."""

    SEND = "send"
    LOOK_UP = "look_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a message stands from now on."""

    state: MessageState
    attempt: int
    due_at: datetime | None = None
    """When it is looked at next; None if its time stays as it is."""
    lease_until: datetime | None = None
    """Not to be looked up before; only while ``sending``."""
    code: str = ""
    words: str = ""
    sent: SentMessage | None = None
    retry_at: datetime | None = None
    """When the next attempt is, for the trace; None if there is none."""

    @property
    def next_at(self) -> datetime | None:
        """When the message is worth a look again, if ever."""
        return self.lease_until if self.state is MessageState.SENDING else self.due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider has the message."""

    sent: SentMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """A look-up found that the provider surely has not accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBegun:
    """There was no time to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The call raised."""

    error: PatchbayError


Outcome = Accepted | NotFound | NotBegun | Failed


def begin(standing: Standing, around: Around, *, now: datetime) -> Act | Change:
    """Return what is done with a message that is due, or how it stands if nothing is done now.

    What was cut off is looked up whoever opted out meanwhile: it may have left.
    """
    is_unsure = standing.state is MessageState.SENDING
    if around.ground is Ground.GONE:
        return _gone(standing)
    if is_unsure and standing.cut_offs >= MOST_CUT_OFF:
        return _ended(standing, MessageState.UNKNOWN, CUT_OFF, "Each attempt ended with its worker.")
    if not is_unsure:
        stop = _stopped(standing, around, now=now)
        if stop:
            return stop
    if around.provider_until is not None:
        return _waits(standing, until=around.provider_until, code=WAITS_FOR_PROVIDER, words=around.provider_words)
    return Act.LOOK_UP if is_unsure else Act.SEND


def settle(
    standing: Standing,
    act: Act,
    outcome: Outcome,
    *,
    policy: Policy,
    now: datetime,
    jitter: float,
    provider_until: datetime | None = None,
) -> Change:
    """Return how a message stands after an attempt at it.

    Args:
        standing: as it was when the attempt began; ``attempt`` counts it.
        act: what was done.
        outcome: what came of it.
        policy: what an operator may set.
        now: the database's time.
        jitter: between 0 and 1.
        provider_until: when the next call may be made, if the provider does not answer; its failures then use up no
            attempt, as nobody could have succeeded.
    """
    match outcome:
        case Accepted(sent=sent):
            state = MessageState.DELIVERED if sent.status == "delivered" else MessageState.SENT
            return Change(state=state, attempt=standing.attempt, sent=sent)
        case NotFound():
            return _not_found(standing, policy=policy, now=now)
        case NotBegun():
            return _put_back(standing, act, now=now)
        case Failed(error=error):
            return _failed(standing, act, error, policy=policy, now=now, jitter=jitter, provider_until=provider_until)


def _gone(standing: Standing) -> Change:
    if standing.state is MessageState.SENDING:
        words = "The connection was disconnected during the attempt."
        return _ended(standing, MessageState.UNKNOWN, "disconnected", words)
    return _ended(standing, MessageState.FAILED, "disconnected", "The connection was disconnected.")


def _stopped(standing: Standing, around: Around, *, now: datetime) -> Change | None:
    if around.opted_out:
        words = "The contact opted out of messages from this number."
        return _ended(standing, MessageState.FAILED, "opted_out", words)
    if around.ground is not Ground.WORKING:
        words = f"Waits until the connection is {'resumed' if around.ground is Ground.PAUSED else 'repaired'}."
        return _waits(standing, until=now + PARKED, code=WAITS_FOR_CONNECTION, words=words)
    if around.overtaken:
        words = "Not sent: a person took over while it waited for its limit."
        return _ended(standing, MessageState.FAILED, "limit_overtaken", words)
    return None


def _waits(standing: Standing, *, until: datetime, code: str, words: str) -> Change:
    if standing.state is MessageState.SENDING:
        return Change(state=standing.state, attempt=standing.attempt, lease_until=until, code=code, words=words)
    return Change(state=standing.state, attempt=standing.attempt, due_at=until, code=code, words=words)


def _not_found(standing: Standing, *, policy: Policy, now: datetime) -> Change:
    if standing.attempt >= policy.max_attempts:
        words = "No attempt succeeded; the provider has not accepted this message."
        return _ended(standing, MessageState.FAILED, ATTEMPTS_USED_UP, words)
    return Change(state=MessageState.QUEUED, attempt=standing.attempt, due_at=now)


def _put_back(standing: Standing, act: Act, *, now: datetime) -> Change:
    if act is Act.LOOK_UP:
        return Change(state=MessageState.SENDING, attempt=standing.attempt - 1, lease_until=now)
    return Change(state=MessageState.QUEUED, attempt=standing.attempt - 1, due_at=now)


def _failed(
    standing: Standing,
    act: Act,
    error: PatchbayError,
    *,
    policy: Policy,
    now: datetime,
    jitter: float,
    provider_until: datetime | None,
) -> Change:
    is_unsure = act is Act.LOOK_UP or (isinstance(error, RetryLater) and error.ambiguous)
    is_away = provider_until is not None and is_failure(error) and now - standing.written_at < PATIENCE
    counted = replace(standing, attempt=standing.attempt - 1) if is_away else standing
    wait = _wait(counted, error, policy=policy, jitter=jitter)
    if is_away and provider_until is not None:
        wait = max(provider_until - now, _named(error))
    if is_unsure:
        wait = _named(error) if wait is None and act is Act.SEND else wait  # nobody has looked yet
        return _unsure(counted, error, wait=wait, now=now)
    if wait is None:
        return _ended(counted, MessageState.FAILED, error.code, error.message)
    due_at = now + wait
    return Change(
        state=MessageState.QUEUED,
        attempt=counted.attempt,
        due_at=due_at,
        retry_at=due_at,
        code=_waiting_code(error, is_away=is_away),
        words=error.message,
    )


def _wait(standing: Standing, error: PatchbayError, *, policy: Policy, jitter: float) -> timedelta | None:
    if isinstance(error, NeedsReauth):
        return PARKED
    seconds = seconds_until_retry(policy, error, attempt=standing.attempt, jitter=jitter)
    return None if seconds is None else timedelta(seconds=seconds)


def _named(error: PatchbayError) -> timedelta:
    """Return how long the provider asked us to wait; nothing if it did not."""
    return (error.after if isinstance(error, RetryLater) else None) or timedelta()


def _unsure(standing: Standing, error: PatchbayError, *, wait: timedelta | None, now: datetime) -> Change:
    if wait is None or isinstance(error, Refused):
        words = "The provider cannot say whether it accepted this message."
        return _ended(standing, MessageState.UNKNOWN, error.code, words)
    again_at = now + max(LOOK_UP_AFTER, wait)
    return Change(
        state=MessageState.SENDING,
        attempt=standing.attempt,
        lease_until=again_at,
        retry_at=again_at,
        code=error.code,
        words=error.message,
    )


def _waiting_code(error: PatchbayError, *, is_away: bool) -> str:
    if isinstance(error, NeedsReauth):
        return WAITS_FOR_CONNECTION  # leaves as soon as the connection is repaired
    return WAITS_FOR_PROVIDER if is_away else error.code


def _ended(standing: Standing, state: MessageState, code: str, words: str) -> Change:
    return Change(state=state, attempt=standing.attempt, code=code, words=words)
