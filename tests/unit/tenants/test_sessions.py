"""Signing in and out: the same answer for every wrong try, limits, and sessions that end."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest
from argon2 import PasswordHasher
from redis import Redis
from sqlmodel import select

from models import Membership, User, WebSession
from services.kernel.errors import RetryLater, Unauthenticated
from services.kernel.kernel import Kernel, connect_redis
from services.kernel.secret import Secret
from services.kernel.settings import Settings
from services.tenants import (
    SetupForm,
    SignInLimiter,
    create_setup_link,
    find_actor_by_session,
    redeem_setup,
    sign_in,
    sign_out,
)
from tests.support.clock import FakeClock

EMAIL = "ana@example.com"
PASSWORD = Secret("four unrelated words do")


@pytest.fixture
def limiter(settings: Settings) -> SignInLimiter:
    return SignInLimiter(connect_redis(settings))


@pytest.fixture(autouse=True)
def owner(kernel: Kernel) -> None:
    form = SetupForm(tenant_name="Acme", name="Ana", email=EMAIL, password=PASSWORD)
    redeem_setup(kernel, create_setup_link(kernel).partition("token=")[2], form)


def test_right_password_opens_a_session(kernel: Kernel, limiter: SignInLimiter) -> None:
    signed_in = sign_in(kernel, " ANA@example.com", PASSWORD, limiter=limiter)
    assert signed_in.expires_at == kernel.clock.now() + timedelta(hours=12)
    assert find_actor_by_session(kernel, signed_in.session_token.reveal()) == signed_in.actor
    with kernel.unscoped_session("test") as session:
        stored = session.exec(select(WebSession.token_hash)).all()
    assert signed_in.session_token.reveal() not in stored


WRONG_TRIES = (
    (EMAIL, "four unrelated words don't"),
    ("nobody@example.com", "four unrelated words do"),
    (EMAIL, ""),
    ("", ""),
    ("\x00", "\x00"),
    (EMAIL, "four unrelated words do" + "x" * 300),
    (EMAIL, "\ud800 lone surrogate"),
    ("\ud800@example.com", "x"),
)


def test_wrong_tries_get_the_same_answer(kernel: Kernel, limiter: SignInLimiter) -> None:
    for email, password in WRONG_TRIES:
        with pytest.raises(Unauthenticated, match="The e-mail address or the password is not right") as caught:
            sign_in(kernel, email, Secret(password), limiter=limiter)
        assert caught.value.code == "wrong_credentials"


def test_unknown_users_cost_as_much_work(kernel: Kernel, limiter: SignInLimiter) -> None:
    def duration(email: str) -> float:
        start = time.process_time()
        with pytest.raises(Unauthenticated):
            sign_in(kernel, email, Secret("a wrong one, surely"), limiter=limiter)
        return time.process_time() - start

    duration(EMAIL)
    known = min(duration(EMAIL) for _ in range(4))
    unknown = min(duration("nobody@example.com") for _ in range(4))
    assert unknown > known / 2


def test_account_limit_holds_even_with_the_right_password(
    kernel: Kernel, limiter: SignInLimiter, clock: FakeClock
) -> None:
    for number in range(10):
        with pytest.raises(Unauthenticated):
            sign_in(kernel, EMAIL, Secret("wrong"), limiter=limiter, address=f"192.0.2.{number}")
    with pytest.raises(RetryLater, match=r"Too many tries for this account\. Wait \d minutes?, then") as caught:
        sign_in(kernel, EMAIL.upper(), PASSWORD, limiter=limiter, address="192.0.2.99")
    assert caught.value.after
    clock.advance(caught.value.after)
    sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)


def test_success_clears_the_account_limit(kernel: Kernel, limiter: SignInLimiter) -> None:
    for _ in range(2):
        for _ in range(9):
            limiter.count_try(account=EMAIL, address="", now=kernel.clock.now())
        sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)


def test_address_limit_spans_accounts(kernel: Kernel, limiter: SignInLimiter) -> None:
    now = kernel.clock.now()
    for number in range(50):
        limiter.count_try(account=f"user{number}@example.com", address="192.0.2.1", now=now)
    with pytest.raises(RetryLater, match="from your network"):
        sign_in(kernel, EMAIL, PASSWORD, limiter=limiter, address="192.0.2.1")
    sign_in(kernel, EMAIL, PASSWORD, limiter=limiter, address="192.0.2.2")


def test_counters_name_nobody_and_expire(kernel: Kernel, limiter: SignInLimiter, settings: Settings) -> None:
    limiter.count_try(account=EMAIL, address="192.0.2.1", now=kernel.clock.now())
    redis = connect_redis(settings)
    found = cast("Iterator[bytes]", redis.scan_iter("patchbay:sign-in:*"))  # pyright: ignore[reportUnknownMemberType]
    keys = list(found)
    assert len(keys) == 2
    assert not any(b"ana" in key or b"192" in key for key in keys)
    assert all(0 < cast(int, redis.ttl(key)) <= 600 for key in keys)


def test_sign_in_goes_on_without_redis(kernel: Kernel, caplog: pytest.LogCaptureFixture) -> None:
    away = SignInLimiter(Redis.from_url("redis://127.0.0.1:1"))  # pyright: ignore[reportUnknownMemberType]
    sign_in(kernel, EMAIL, PASSWORD, limiter=away)
    assert sum("sign_in.limits.redis_unreachable" in record.getMessage() for record in caplog.records) == 1


def test_idle_session_ends_after_thirty_minutes(kernel: Kernel, limiter: SignInLimiter, clock: FakeClock) -> None:
    token = sign_in(kernel, EMAIL, PASSWORD, limiter=limiter).session_token.reveal()
    for _ in range(3):
        clock.advance(timedelta(minutes=29))
        assert find_actor_by_session(kernel, token)
    clock.advance(timedelta(minutes=30))
    assert find_actor_by_session(kernel, token) is None


def test_busy_session_ends_after_twelve_hours(kernel: Kernel, limiter: SignInLimiter, clock: FakeClock) -> None:
    token = sign_in(kernel, EMAIL, PASSWORD, limiter=limiter).session_token.reveal()
    for _ in range(35):
        clock.advance(timedelta(minutes=20))
        assert find_actor_by_session(kernel, token)
    clock.advance(timedelta(minutes=20))
    assert find_actor_by_session(kernel, token) is None


def test_last_seen_is_written_once_a_minute(kernel: Kernel, limiter: SignInLimiter, clock: FakeClock) -> None:
    signed_in = sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)

    def last_seen() -> timedelta:
        with kernel.unscoped_session("test") as session:
            row = session.exec(select(WebSession).where(WebSession.id == signed_in.actor.session_id)).one()
            return row.last_seen_at - row.created_at

    clock.advance(timedelta(seconds=59))
    find_actor_by_session(kernel, signed_in.session_token.reveal())
    assert last_seen() == timedelta()
    clock.advance(timedelta(seconds=1))
    find_actor_by_session(kernel, signed_in.session_token.reveal())
    assert last_seen() == timedelta(seconds=60)


def test_signed_out_session_is_dead_and_others_live(kernel: Kernel, limiter: SignInLimiter) -> None:
    first = sign_in(kernel, EMAIL, PASSWORD, limiter=limiter).session_token.reveal()
    second = sign_in(kernel, EMAIL, PASSWORD, limiter=limiter).session_token.reveal()
    sign_out(kernel, first)
    sign_out(kernel, first)
    assert find_actor_by_session(kernel, first) is None
    assert find_actor_by_session(kernel, second)


def test_removed_member_is_out_at_once(kernel: Kernel, limiter: SignInLimiter) -> None:
    signed_in = sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)
    with kernel.unscoped_session("test") as session:
        session.delete(session.exec(select(Membership)).one())
    assert find_actor_by_session(kernel, signed_in.session_token.reveal()) is None
    with pytest.raises(Unauthenticated, match="does not belong to a company"):
        sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)


def test_old_sessions_are_cleared_at_sign_in(kernel: Kernel, limiter: SignInLimiter, clock: FakeClock) -> None:
    sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)
    clock.advance(timedelta(hours=13))
    sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)
    with kernel.unscoped_session("test") as session:
        assert len(session.exec(select(WebSession)).all()) == 1


def test_weaker_hash_is_renewed_at_sign_in(kernel: Kernel, limiter: SignInLimiter) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD.reveal())
    with kernel.unscoped_session("test") as session:
        session.exec(select(User)).one().password_hash = weak
    sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)
    with kernel.unscoped_session("test") as session:
        assert "m=19456,t=2,p=1" in session.exec(select(User)).one().password_hash
    sign_in(kernel, EMAIL, PASSWORD, limiter=limiter)


def test_user_without_password_cannot_sign_in_with_one(kernel: Kernel, limiter: SignInLimiter) -> None:
    with kernel.unscoped_session("test") as session:
        session.exec(select(User)).one().password_hash = ""
    for password in ("", "nobody has this password"):
        with pytest.raises(Unauthenticated):
            sign_in(kernel, EMAIL, Secret(password), limiter=limiter)


def test_garbage_for_a_session_token_is_nobody(kernel: Kernel) -> None:
    for token in ("", "x", "\x00", "é", "a" * 100_000):
        assert find_actor_by_session(kernel, token) is None
        sign_out(kernel, token)
