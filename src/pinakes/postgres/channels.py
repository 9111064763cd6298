"""The channels to one database: made when they are needed, each lent to one at a time."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import psycopg

from pinakes.catalog.errors import CatalogError
from pinakes.postgres.channel import Channel
from pinakes.postgres.deadline import Deadline

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 1.0
"""Between attempts to make a channel while there is none; what was refused pauses for longer by
itself (``logins.PAUSE_SECONDS``)."""


class QueueFull(Exception):
    """Too many wait for a channel."""


@dataclass
class Tally:
    """What was counted since the start."""

    requests: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    failures: int = 0


class Channels:
    """Lends channels, the one used last first, so that few are kept warm.

    One is made at a time, so that a server that comes back is not stormed. Whoever waits is served
    in turn. ``most`` is how many channels there may be, ``most_waiting`` how many may wait.
    """

    def __init__(
        self, make: Callable[[], Awaitable[Channel]], *, most: int, most_waiting: int
    ) -> None:
        self._make = make
        self._most = most
        self._most_waiting = most_waiting
        self._idle: list[Channel] = []
        self._current: set[Channel] = set()
        self._waiting: deque[asyncio.Future[Channel]] = deque()
        self._making: asyncio.Task[None] | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._running: set[asyncio.Task[None]] = set()
        self._lent = 0
        self._is_closed = False
        self.tally = Tally()

    @property
    def size(self) -> int:
        """How many channels there are."""
        return len(self._idle) + self._lent

    @property
    def idle(self) -> int:
        """How many of them wait for a request."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """How many requests wait for a channel."""
        return len(self._waiting)

    async def take(self, seconds: float) -> Channel:
        """Take a channel for so long as it is not given back.

        Raises TimeoutError where none is to be had in time, QueueFull where too many wait.
        """
        if channel := self.take_idle():
            return channel
        self.tally.requests += 1
        try:
            return await self._wait(seconds)
        except (TimeoutError, QueueFull):
            self.tally.failures += 1
            raise

    def take_idle(self) -> Channel | None:
        """Take a channel that waits for a request, if one does."""
        while self._idle:
            channel = self._idle.pop()
            if channel.is_usable:
                self.tally.requests += 1
                self._lent += 1
                return channel
            self._retire(channel)
        return None

    def give_back(self, channel: Channel) -> None:
        """Let the next one have a channel, if it is still good."""
        self._lent -= 1
        if channel.is_usable and channel in self._current:
            self._hand_out(channel)
        else:
            self._retire(channel)

    def drain(self) -> None:
        """Replace every channel: the idle ones now, the others when they come back."""
        self._current = set()
        idle, self._idle = self._idle, []
        for channel in idle:
            self._retire(channel)

    def open(self) -> None:
        """Begin to make the first channel."""
        self._make_more()

    async def close(self) -> None:
        """Leave the server; those that are lent leave when they come back."""
        self._is_closed = True
        if self._making:
            self._making.cancel()
        self.drain()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _wait(self, seconds: float) -> Channel:
        if len(self._waiting) >= self._most_waiting:
            raise QueueFull
        waiter: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._make_more()
        began_at = time.monotonic()
        try:
            with Deadline(seconds, TimeoutError):
                return await waiter
        except BaseException:
            self._leave_queue(waiter)
            raise
        finally:
            self.tally.waits += 1
            self.tally.waited_seconds += time.monotonic() - began_at

    def _leave_queue(self, waiter: asyncio.Future[Channel]) -> None:
        """Give up, also where a channel was handed out at that very moment."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled():
            self.give_back(waiter.result())

    def _hand_out(self, channel: Channel) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._lent += 1
                waiter.set_result(channel)
                return
        self._idle.append(channel)

    def _retire(self, channel: Channel) -> None:
        self._current.discard(channel)
        self._run(channel.close())
        self._make_more()

    def _make_more(self) -> None:
        if self._is_wanted() and self._making is None:
            self._making = self._run(self._make_while_wanted())

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _is_wanted(self) -> bool:
        """Whether one more may be made, and somebody waits for it or there is none at all."""
        is_needed = bool(self._waiting) or not self.size
        return is_needed and self.size < self._most and not self._is_closed

    async def _make_while_wanted(self) -> None:
        try:
            while self._is_wanted():
                await self._make_one()
        finally:
            self._making = None

    async def _make_one(self) -> None:
        """Make a channel; one that was begun before all were replaced is of no use any more."""
        current = self._current
        try:
            channel = await self._make()
        except (CatalogError, psycopg.Error, TimeoutError):
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        else:
            self._pause = FIRST_PAUSE_SECONDS
            current.add(channel)
            if current is self._current:
                self._hand_out(channel)
            else:
                self._retire(channel)
