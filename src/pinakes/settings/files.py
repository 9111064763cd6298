"""Files that may be changed while we run: tell whether they were."""

from pathlib import Path

State = tuple[tuple[int, int, int] | None, ...]


def state_of(*files: Path) -> State:
    """Return what differs once a file was written, replaced, or reached through a flipped link."""
    return tuple(_state_of(file) for file in files)


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
