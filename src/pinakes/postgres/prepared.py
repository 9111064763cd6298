"""What is prepared on one connection, by name: the statements used last, and so many at most."""

from collections import OrderedDict
from collections.abc import Sequence

MOST_PREPARED = 24
"""The plan of a search takes 0.3 to 0.8 MB of the server's memory, on each connection."""

Key = tuple[bytes, Sequence[int]]
"""A statement is prepared for the types of its values."""


class Prepared:
    """Names of statements, and how many were ``made``; to prepare and to forget is for others."""

    def __init__(self) -> None:
        self._names: OrderedDict[Key, bytes] = OrderedDict()
        self.made = 0

    def name_of(self, key: Key) -> bytes | None:
        """Return the name of a statement that is to be run, if it is prepared."""
        name = self._names.get(key)
        if name:
            self._names.move_to_end(key)
        return name

    def new_name(self) -> bytes:
        """Return a name that nothing has had."""
        self.made += 1
        return b"pinakes_%d" % self.made

    def add(self, key: Key, name: bytes) -> None:
        """Note that a statement is prepared."""
        self._names[key] = name

    def pop_surplus(self) -> bytes | None:
        """Give up the name that was of no use for the longest time, if another needs its place."""
        return self._names.popitem(last=False)[1] if len(self._names) >= MOST_PREPARED else None

    def clear(self) -> None:
        """Forget all names."""
        self._names.clear()
