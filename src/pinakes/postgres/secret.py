"""Read a mounted secret: one file a key, all of one moment."""

import errno
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pinakes.catalog.errors import CatalogUnavailable

CURRENT = "..data"
"""What kubelet flips, in one step, from one directory of files to the next."""

MAX_BYTES = 1024 * 1024
"""Kubernetes allows no larger secret."""

LINE_END = re.compile(r"\r?\n\Z")

TRIES = 3
"""A directory may be replaced, and deleted, while it is read; hardly ever three times in a row."""


class ConfigurationError(CatalogUnavailable):
    """The configuration cannot be used; the message names the key at fault, never its value."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The keys of a secret as they were mounted together at one moment."""

    directory: Path
    files: Mapping[str, bytes] = field(repr=False)

    def text(self, key: str) -> str:
        """Return the value of a key, without the one line end that ``echo`` puts behind it.

        Raises ConfigurationError for a value that is not UTF-8, or that has a NUL or a line end.
        """
        try:
            text = LINE_END.sub("", self.files[key].decode())
        except UnicodeDecodeError:  # which quotes the value
            raise ConfigurationError(f"{key} in {self.directory} is not UTF-8") from None
        if not {"\0", "\r", "\n"}.isdisjoint(text):
            problem = "has a NUL or a line end inside its value"
            raise ConfigurationError(f"{key} in {self.directory} {problem}")
        return text


def read_secret(directory: Path) -> Secret:
    """Read every key of a mounted secret; a directory of plain files is one as well.

    Raises ConfigurationError where the directory, or a file in it, cannot be read: what is no
    regular file, or too large to be of a secret, is none that can be.
    """
    try:
        return Secret(directory, _read_steadily(directory, TRIES))
    except OSError as error:
        file = Path(error.filename or directory)
        what = f"{file.name} in {directory}" if file != directory else f"{directory}"
        raise ConfigurationError(f"{what} cannot be read: {error.strerror}") from error


def _read_steadily(directory: Path, tries: int) -> dict[str, bytes]:
    try:
        return _read_files(directory)
    except FileNotFoundError:
        if tries == 1:
            raise
        return _read_steadily(directory, tries - 1)


def _read_files(directory: Path) -> dict[str, bytes]:
    """Read the files, or raise FileNotFoundError where they may not be all of them."""
    place = _place_of(directory)
    keys = [file for file in place.iterdir() if not file.name.startswith(".")]
    files = {file.name: _read(file) for file in keys if not file.is_dir()}
    if _place_of(directory) != place:
        raise FileNotFoundError(errno.ENOENT, "replaced while it was read", str(place))
    return files


def _place_of(directory: Path) -> Path:
    current = directory / CURRENT
    return current.resolve(strict=True) if current.is_symlink() else directory


def _read(file: Path) -> bytes:
    with open(file, "rb", opener=_open_at_once) as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(file))
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(errno.EFBIG, "it is larger than 1 MiB", str(file))
    return content


def _open_at_once(file: str, flags: int) -> int:
    """Open without waiting, as a pipe else would for one who writes to it."""
    return os.open(file, flags | os.O_NONBLOCK | os.O_NOCTTY)
