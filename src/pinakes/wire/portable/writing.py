"""Write a portable catalogue: a header, the entries, and a manifest of them."""

from collections.abc import Callable, Iterable

from pinakes.wire.portable.lines import Entry, write_line
from pinakes.wire.portable.manifest import FORMAT, Header, Kind, Manifest, Sections, Tally


class PortableWriter:
    """Writes a file; the same entries always make the same bytes.

    Nothing of the moment or the place is written, so that two files differ only where two
    catalogues do.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._tally = Tally()
        write(write_line(Header(FORMAT)))

    def add(self, kind: Kind, entries: Iterable[Entry]) -> None:
        """Write entries of a kind, which come in the order of their keys."""
        lines = [write_line(entry) for entry in entries]
        text = b"".join(lines)
        self._tally.add(kind, text, len(lines))
        self._write(text)

    def finish(self) -> Sections:
        """Write the manifest, and return what it says."""
        sections = self._tally.sections()
        self._write(write_line(Manifest(sections)))
        return sections
