"""Files that are there when they are whole, and not before."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def appearing(path: Path) -> Generator[BinaryIO, None, None]:
    """Write beside a file, for its user alone, and give it the name at the end."""
    path = path.resolve()  # what a link leads to is written anew, not the link
    number, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(beside).rename(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
