"""A time limit for many: who takes too long is interrupted, nobody else."""

import asyncio

import pytest

from app.http.coarse_timeout import CoarseTimeout


async def stay(limit: CoarseTimeout, inside: asyncio.Event) -> None:
    """Stay inside for as long as one is allowed to."""
    with limit:
        inside.set()
        await asyncio.Event().wait()


async def test_who_takes_too_long_is_interrupted() -> None:
    limit = CoarseTimeout(0.02)
    with pytest.raises(TimeoutError):
        await stay(limit, asyncio.Event())
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_who_is_in_time_is_left_alone() -> None:
    limit = CoarseTimeout(0.02)
    slow = asyncio.create_task(stay(limit, asyncio.Event()))
    with limit:
        pass
    with pytest.raises(TimeoutError):
        await slow
    await asyncio.sleep(0)


async def test_each_has_the_whole_time() -> None:
    limit = CoarseTimeout(0.02)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await stay(limit, asyncio.Event())


async def test_who_is_cancelled_by_others_is_not_told_that_it_took_too_long() -> None:
    inside = asyncio.Event()
    task = asyncio.create_task(stay(CoarseTimeout(30), inside))
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_goes_wrong_inside_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError), CoarseTimeout(30):
        raise ZeroDivisionError
