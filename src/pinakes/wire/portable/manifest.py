"""What proves that a file is whole: how many lines there are of each kind, and their digests."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

FORMAT = 1
"""The version of the format; one that differs is refused."""


class Kind(Enum):
    """What a file holds, in the order in which it stands there.

    History comes first: whoever reads a model knows whether its history came with it.
    """

    REVISIONS = "revisions"
    MODELS = "models"
    RUNTIME = "runtimeMetadata"


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an export: who begins with it promises to end with a manifest."""

    format: int


@dataclass(frozen=True, slots=True)
class Section:
    """All lines of one kind: how many, and the SHA-256 of them with their line ends."""

    count: int
    sha256: str


Sections = Mapping[Kind, Section]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The last line of an export."""

    sections: Sections


class Tally:
    """Counts and digests the lines of a file while they go by."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Kind, 0)
        self._digests = {kind: hashlib.sha256() for kind in Kind}

    def add(self, kind: Kind, lines: bytes, count: int = 1) -> None:
        """Add lines of a kind, each with its line end."""
        self._counts[kind] += count
        self._digests[kind].update(lines)

    def sections(self) -> Sections:
        """Return what was added so far."""
        return {kind: Section(self._counts[kind], self._digests[kind].hexdigest()) for kind in Kind}
