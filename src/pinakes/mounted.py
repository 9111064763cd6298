"""Files that may be replaced while we run, as Kubernetes does: read again whenever they were."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")
State = tuple[tuple[int, ...] | None, ...]


class UnusableError(Exception):
    """What was read cannot be used; the message says why."""


class Mounted(Generic[Content]):
    """What stands in some files now; a look at the directory, and no more unless they changed.

    Where it cannot be read or used, that is reported once, and what was read last goes on.
    """

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[], Content],
        on_refusal: Callable[[str], None],
    ) -> None:
        """Read the files. Raises UnusableError: there is nothing yet that could go on."""
        self._files = files
        self._read_files = read
        self._on_refusal = on_refusal
        self._state = self._refused = _state_of(files)
        self._content = self._read()
        self.is_current = True
        """Whether what is in the files is what goes on."""

    def content(self) -> Content:
        """Return what was last read and could be used."""
        state = _state_of(self._files)
        if state != self._state:
            self._follow(state)
        return self._content

    def _follow(self, state: State) -> None:
        try:
            self._content = self._read()
            self._state, self.is_current = state, True
        except UnusableError as error:
            self.is_current = False
            if not isinstance(error.__cause__, OSError):
                self._state = state  # else it is tried again: the files may be as they should be
            if state != self._refused:
                self._on_refusal(str(error))
            self._refused = state

    def _read(self) -> Content:
        try:
            return self._read_files()
        except OSError as error:
            raise UnusableError(f"it cannot be read: {error.strerror or error}") from error


def _state_of(files: Sequence[Path]) -> State:
    """Tell one state of files from another: written, replaced, flipped, or allowed to be read."""
    return tuple(_state_of_one(file) for file in files)


def _state_of_one(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
