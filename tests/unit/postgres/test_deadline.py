"""What a deadline stops, and what it leaves to others."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pinakes.postgres.deadline import Deadline


class Late(Exception):
    """Time is up."""


async def wait_for(seconds: float, answer: Awaitable[object]) -> object:
    with Deadline(seconds, Late):
        return await answer


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def test_what_is_late_is_stopped_and_raises_what_was_said() -> None:
    with pytest.raises(Late):
        asyncio.run(wait_for(0, forever()))


def test_what_is_in_time_returns_and_is_not_stopped_afterwards() -> None:
    async def story() -> object:
        answer = await wait_for(0.01, asyncio.sleep(0, "in time"))
        await asyncio.sleep(0.05)  # beyond the deadline
        return answer

    assert asyncio.run(story()) == "in time"


def test_an_error_in_time_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(wait_for(60, fail()))


@pytest.mark.parametrize("is_late_too", [False, True])
def test_who_is_cancelled_by_others_is_not_late(*, is_late_too: bool) -> None:
    async def story() -> None:
        with Deadline(60, Late) as deadline:
            stop = both(deadline.on_time_up, cancel_this()) if is_late_too else cancel_this()
            asyncio.get_running_loop().call_soon(stop)
            await forever()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(story())


def cancel_this() -> Callable[[], object]:
    task = asyncio.current_task()
    assert task
    return task.cancel


def both(first: Callable[[], object], second: Callable[[], object]) -> Callable[[], object]:
    return lambda: (first(), second())


def test_of_two_deadlines_the_one_that_is_up_is_told() -> None:
    async def story(outer: float, inner: float) -> None:
        with Deadline(outer, Late), Deadline(inner, TimeoutError):
            await forever()

    with pytest.raises(TimeoutError):
        asyncio.run(story(60, 0))
    with pytest.raises(Late):
        asyncio.run(story(0, 60))
