"""Bound what slow reads take of the connections, so that whoever asks for little is not kept."""

from types import TracebackType

from typing_extensions import override

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.deadline import Deadline

SLOW_SECONDS = 1.0
"""What runs longer is slow."""

MAX_SLOW = 3
"""Slow reads at a time, of eight connections: another that turns out to be slow is stopped."""

TOLD = "too many slow reads are running; try again, or ask for less"


class SlowReads:
    """Counts the reads that are slow."""

    def __init__(self) -> None:
        self._running = 0

    def bounded(self) -> Deadline:
        """Run a read to its end unless it is slow while too many others are.

        Raises CatalogUnavailable where it is.
        """
        return _Read(self)

    def begin(self) -> bool:
        """Count one more, if there is room."""
        has_room = self._running < MAX_SLOW
        self._running += has_room
        return has_room

    def end(self) -> None:
        """Count one less."""
        self._running -= 1


class _Read(Deadline):
    """One read: counted once it is slow, or stopped."""

    def __init__(self, reads: SlowReads) -> None:
        super().__init__(SLOW_SECONDS, lambda: CatalogUnavailable(TOLD))
        self._reads = reads
        self._is_counted = False

    @override
    def on_time_up(self) -> None:
        self._is_counted = self._reads.begin()
        if not self._is_counted:
            super().on_time_up()

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._is_counted:
            self._reads.end()
        super().__exit__(kind, error, at)
