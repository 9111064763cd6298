"""Read a portable catalogue, a batch at a time, and find everything that is wrong with it."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, assert_never

from pinakes.catalog.runtime import RuntimeMetadata
from pinakes.catalog.stored import StoredModel, StoredRevision
from pinakes.wire.errors import BadRequest
from pinakes.wire.portable.lines import Entry, kind_of, read_line
from pinakes.wire.portable.manifest import FORMAT, Header, Kind, Manifest, Tally

MAX_LINE = 32 * 1024 * 1024
"""Longer than any revision can be: a body of the API, filled up with defaults, before and after."""

BATCH_ENTRIES = 2000
BATCH_BYTES = 8 * 1024 * 1024
"""Where a batch ends: a bound on the memory that reading needs."""

MAX_PROBLEMS = 100
"""So many are told; the others are counted."""


COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh", b"PK\x03\x04")
"""How files begin that gzip, zstd, xz, bzip2 and zip make."""

MARKED = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How files begin that other systems made of text."""


class UnreadableFormat(Exception):
    """The file is not what this version reads; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line, or, where ``line`` is 0, with the file."""

    line: int
    told: str


@dataclass(slots=True)
class Batch:
    """Entries in the order of the file."""

    revisions: list[StoredRevision] = field(default_factory=list[StoredRevision])
    models: list[StoredModel] = field(default_factory=list[StoredModel])
    runtime: list[RuntimeMetadata] = field(default_factory=list[RuntimeMetadata])

    def add(self, entry: Entry) -> None:
        """Put an entry to its kind."""
        match entry:
            case StoredRevision():
                self.revisions.append(entry)
            case StoredModel():
                self.models.append(entry)
            case RuntimeMetadata():
                self.runtime.append(entry)
            case _:
                assert_never(entry)


class PortableReader:
    """Reads a file that an export wrote, or lines that somebody else made.

    Where anything is wrong, ``problems`` says what, at the latest when the last batch was read:
    until then nothing of it may be kept for good.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = _lines_of(stream)
        self._tally = Tally()
        self._number = 0
        self._header: Header | None = None
        self._manifest: Manifest | None = None
        self._last: tuple[Kind, tuple[str, ...]] = (Kind.REVISIONS, ())
        self.problems: list[Problem] = []
        self.untold = 0
        """How many problems there are beside those that are told."""

    @property
    def is_export(self) -> bool:
        """Whether the file begins as an export does."""
        return self._header is not None

    def next_batch(self) -> Batch | None:
        """Return the entries that come next, None where there are none.

        Raises UnreadableFormat.
        """
        batch, size, count = Batch(), 0, 0
        for line in self._lines:
            self._number += 1
            size += len(line)
            count += self._take(line, batch)
            if count >= BATCH_ENTRIES or size > BATCH_BYTES:
                return batch
        if count:
            return batch
        self._check_end()
        return None

    def _take(self, line: bytes, batch: Batch) -> int:
        """Take a line, and return how many entries it was."""
        if self._number == 1 and line.startswith(COMPRESSED):
            raise UnreadableFormat(
                "the file is compressed: unpack it into a pipe, as with"
                " gunzip -c FILE | pinakes import -"
            )
        if self._number == 1 and line.startswith(MARKED):
            raise UnreadableFormat(
                "the file begins with a mark of its encoding: make it UTF-8 without one, as with"
                " iconv -f UTF-16 -t UTF-8, or tail -c +4 where it is UTF-8 already"
            )
        if not line.strip():
            return 0
        try:
            return self._take_entry(line, batch)
        except BadRequest as error:
            self._refuse(str(error))
            return 0

    def _take_entry(self, line: bytes, batch: Batch) -> int:
        if len(line) > MAX_LINE:
            raise BadRequest("", f"is longer than {MAX_LINE} bytes")
        read = read_line(line)
        if self._manifest:
            raise BadRequest("", "comes after the manifest, which is the last line")
        match read:
            case Header():
                self._begin(read)
            case Manifest():
                self._manifest = read
            case _:
                kind = kind_of(read)
                self._tally.add(kind, line if line.endswith(b"\n") else line + b"\n")
                self._check_order(kind, read)
                batch.add(read)
                return 1
        return 0

    def _begin(self, header: Header) -> None:
        if self._number > 1:
            raise BadRequest("", "begins another export; a file holds one")
        if header.format != FORMAT:
            raise UnreadableFormat(
                f"the file has format {header.format}, this version reads {FORMAT}:"
                " import it with the version that exported it, or a later one"
            )
        self._header = header

    def _check_order(self, kind: Kind, entry: Entry) -> None:
        """Refuse what comes out of order: so what comes twice is found without keeping all keys."""
        place = _place_of(entry)
        last_kind, last = self._last
        self._last = kind, place
        if kind is not last_kind:
            if ORDER[kind] < ORDER[last_kind]:
                raise BadRequest("", f"{kind.value} come before {last_kind.value}")
        elif place < last:
            raise BadRequest("", f"{_told(place)} comes before {_told(last)}: {SORT}")
        elif place and place == last:
            raise BadRequest("", f"{_told(place)} comes a second time")

    def _check_end(self) -> None:
        if self._number == 0:
            self._refuse("it is empty: what was to write it has probably failed")
        self._number = 0
        if self._manifest is None:
            if self._header is not None:
                self._refuse("the file ends before its manifest: it was cut; get it again")
            return
        if self._header is None:
            self._refuse("the file has a manifest but not its first line: it was cut")
        for kind, found in self._tally.sections().items():
            told = self._manifest.sections[kind]
            if found.count != told.count:
                self._refuse(f"{kind.value}: {found.count} lines, the manifest says {told.count}")
            elif found.sha256 != told.sha256:
                self._refuse(f"{kind.value}: the lines are not those that were exported (SHA-256)")

    def _refuse(self, told: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self._number, told))
        else:
            self.untold += 1


ORDER = {kind: place for place, kind in enumerate(Kind)}

SORT = "sort models by URI and project, as with jq -sc 'sort_by(.URI, .project)[]'"


def _lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Cut a stream into lines; of one that is too long only its beginning is kept."""
    while line := stream.readline(MAX_LINE + 1):
        beginning = line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE + 1)
        yield beginning


def _place_of(entry: Entry) -> tuple[str, ...]:
    """Say where among its kind an entry comes; revisions come as they were made."""
    match entry:
        case StoredRevision():
            return ()
        case StoredModel():
            return entry.key
        case RuntimeMetadata():
            return entry.key
        case _:
            assert_never(entry)


def _told(place: tuple[str, ...]) -> str:
    return " ".join(map(repr, place))
