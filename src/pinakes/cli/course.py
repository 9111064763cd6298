"""How far another server was read: remembered in a file, so that an import goes on where it was."""

import sys
from pathlib import Path

import msgspec

from pinakes.cli.appearing import appearing
from pinakes.cli.carrying import ProgressLine
from pinakes.cli.failure import CommandFailed
from pinakes.remote.listings import Listing, Place

BEGINNING = Place(Listing.MODELS)


class State(msgspec.Struct, rename="camel", frozen=True):
    """What is remembered: of which import, and where it goes on."""

    url: str
    catalogue: str
    listing: Listing
    page_token: str


class Course:
    """Remembers in ``file`` where the listings of the server at ``url`` go on, if it is given."""

    def __init__(self, url: str, file: Path | None, progress: ProgressLine) -> None:
        self._url = url
        self._file = file
        self._progress = progress
        self._catalogue = ""

    def begin(self, catalogue: str) -> Place | None:
        """Return where to begin. Raises CommandFailed where the file is about something else."""
        self._catalogue = catalogue
        if self._file is None or not self._file.exists():
            return BEGINNING
        state = _read(self._file)
        if (state.url, state.catalogue) != (self._url, catalogue):
            raise CommandFailed(
                f"{self._file} remembers an import from another server, or into another catalogue:"
                " name another file, or remove it to begin anew"
            )
        return Place(state.listing, state.page_token)

    def reach(self, place: Place | None) -> None:
        """Remember where to go on; at the end there is nothing to remember."""
        if self._file is None:
            return
        if place is None:
            self._file.unlink(missing_ok=True)
            return
        state = State(self._url, self._catalogue, place.listing, place.token)
        with appearing(self._file) as file:
            file.write(msgspec.json.encode(state) + b"\n")

    def notice(self, told: str) -> None:
        """Tell what is waited for."""
        self._progress.clear()
        if sys.stderr:
            print(told, file=sys.stderr, flush=True)


def _read(file: Path) -> State:
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise CommandFailed(
            f"{file} is no state of an import: name another file, or remove it"
        ) from error
