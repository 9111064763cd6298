"""Secrets as kubelet mounts them: directories with a time behind ``..data``, a link to each key."""

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path

KUBERNETES_MODE = 0o644
NUMBERS = itertools.count()


def mount(directory: Path, files: Mapping[str, bytes], mode: int = KUBERNETES_MODE) -> Path:
    """Mount a secret, or what follows it: the one before disappears after the flip."""
    directory.mkdir(parents=True, exist_ok=True)
    current = directory / "..data"
    before = current.resolve() if current.is_symlink() else None
    flip(directory, files, mode)
    if before is not None:
        shutil.rmtree(before)
    return directory


def flip(directory: Path, files: Mapping[str, bytes], mode: int = KUBERNETES_MODE) -> None:
    """Write new files beside the old ones, and turn ``..data`` to them in one step."""
    place = directory / f"..2026_11_23_05_00_00.{next(NUMBERS)}"
    place.mkdir()
    for key, content in files.items():
        (place / key).write_bytes(content)
        (place / key).chmod(mode)
        if not (directory / key).is_symlink():
            (directory / key).symlink_to(Path("..data") / key)
    fresh = directory / "..data_tmp"
    fresh.symlink_to(place.name)
    fresh.rename(directory / "..data")


def page_secret(**values: str | None) -> dict[str, bytes]:
    """Return the secret of the page, with a line end here and there; None leaves a key out."""
    keys = {
        "dbname": "metadata",
        "host": "db.example",
        "user": "pinakes\n",
        "password": "correct horse\n",
        "port": "5432\n",
    } | values
    return {key: value.encode() for key, value in keys.items() if value is not None}
