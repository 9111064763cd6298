"""Bound what slow searches take of the connections, so that whoever asks for little is not kept."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pinakes.catalog.errors import CatalogUnavailable

SLOW_SECONDS = 1.0
"""What runs longer is slow."""

MAX_SLOW = 3
"""Slow searches at a time, of eight connections: another that turns out to be slow is stopped."""

TOLD = "too many slow searches are running; try again, or narrow the query"


class SlowSearches:
    """Counts the searches that are slow."""

    def __init__(self) -> None:
        self._running = 0

    @asynccontextmanager
    async def bounded(self) -> AsyncGenerator[None]:
        """Run a search to its end unless it is slow while too many others are.

        Raises CatalogUnavailable where it is.
        """
        try:
            async with asyncio.timeout(None) as clock:
                slow = _Slow(self, clock)
                timer = asyncio.get_running_loop().call_later(SLOW_SECONDS, slow.begin)
                try:
                    yield
                finally:
                    timer.cancel()
                    slow.end()
        except TimeoutError as error:
            raise CatalogUnavailable(TOLD) from error

    def begin(self) -> bool:
        """Count one more, if there is room."""
        has_room = self._running < MAX_SLOW
        self._running += has_room
        return has_room

    def end(self) -> None:
        """Count one less."""
        self._running -= 1


class _Slow:
    """One search: counted once it is slow, or stopped."""

    def __init__(self, searches: SlowSearches, clock: asyncio.Timeout) -> None:
        self._searches = searches
        self._clock = clock
        self._is_counted = False

    def begin(self) -> None:
        self._is_counted = self._searches.begin()
        if not self._is_counted:
            self._clock.reschedule(asyncio.get_running_loop().time())

    def end(self) -> None:
        if self._is_counted:
            self._searches.end()
