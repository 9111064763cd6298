"""Write a portable catalogue: a header, the lines of its entries, and a manifest of them."""

from collections.abc import Callable

import msgspec

from pinakes.wire.portable.manifest import FORMAT, Kind, Sections, Tally


class PortableWriter:
    """Writes a file; the same entries always make the same bytes.

    Nothing of the moment or the place is written, so that two files differ only where two
    catalogues do.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._tally = Tally()
        write(_line("export", {"format": FORMAT}))

    def add(self, kind: Kind, lines: bytes, count: int) -> None:
        """Write lines of a kind, each with its end, which come in the order of their keys."""
        self._tally.add(kind, lines, count)
        self._write(lines)

    def finish(self) -> Sections:
        """Write the manifest, and return what it says."""
        sections = self._tally.sections()
        self._write(_line("manifest", {kind.value: told for kind, told in sections.items()}))
        return sections


def _line(name: str, value: object) -> bytes:
    return msgspec.json.encode({name: value}) + b"\n"
