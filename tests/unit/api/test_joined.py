"""Writes of one turn of the loop: how many the system sees, and which of them."""

import asyncio
from collections.abc import Callable
from typing import cast

from pinakes.api.joined import JoinedWrites


class Recorder:
    """A transport that remembers what was done to it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")


def done_in(*turns: Callable[[JoinedWrites], None]) -> list[object]:
    """Return what a transport is told where each of ``turns`` is one turn of the loop."""
    recorder = Recorder()

    async def story() -> None:
        joined = JoinedWrites(cast("asyncio.Transport", recorder), asyncio.get_running_loop())
        for turn in turns:
            turn(joined)
            await asyncio.sleep(0)  # the turn is over

    asyncio.run(story())
    return recorder.done


def write_head_and_body(joined: JoinedWrites) -> None:
    joined.write(b"head ")
    joined.write(b"body")


def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    assert done_in(write_head_and_body) == [b"head body"]


def test_what_is_written_later_is_sent_later() -> None:
    sent = done_in(lambda joined: joined.write(b"one"), lambda joined: joined.write(b"two"))
    assert sent == [b"one", b"two"]


def test_what_was_written_is_sent_before_the_end() -> None:
    def write_and_close(joined: JoinedWrites) -> None:
        write_head_and_body(joined)
        joined.close()

    assert done_in(write_and_close) == [b"head body", "close"]


def test_nothing_is_sent_to_who_is_left() -> None:
    def write_and_abort(joined: JoinedWrites) -> None:
        write_head_and_body(joined)
        joined.abort()

    assert done_in(write_and_abort) == ["abort"]
