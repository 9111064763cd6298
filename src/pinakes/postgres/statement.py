"""A statement as libpq takes it: its values are numbered, and sent beside it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLACEHOLDER = re.compile(rb"%\((\w+)\)s")

Values = Mapping[str, object]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; the names of its values stand in the order of their numbers.

    ``is_fixed`` says that it is asked again and its plan is good for all values: such a one is
    prepared once a connection. Any other is planned for the values of the day.
    """

    text: bytes
    names: tuple[str, ...]
    is_fixed: bool

    def arranged(self, values: Values) -> list[object]:
        """Return values in the order of their numbers."""
        return [values[name] for name in self.names]


def numbered(written: bytes, *, is_fixed: bool = False) -> Statement:
    """Read a statement that is written with named placeholders, ``%(name)s``."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(written)))
    numbers = {name: b"$%d" % number for number, name in enumerate(names, 1)}
    text = PLACEHOLDER.sub(lambda found: numbers[found[1]], written).replace(b"%%", b"%")
    return Statement(text, tuple(name.decode() for name in names), is_fixed)
