"""The system user of the embedded server: ourselves, or somebody else where we are root."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from pinakes.postgres.embedded.errors import EmbeddedError

ROOT = 0


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A user of this machine with the one group that the server keeps."""

    uid: int
    gid: int

    def __str__(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"the user with uid {self.uid}"

    def is_us(self) -> bool:
        """Whether a program of ours runs as this user anyway."""
        return self.uid == os.geteuid()

    def closed_above(self, path: Path) -> list[Path]:
        """Name the directories from the root down to ``path`` that this user cannot pass."""
        return [step for step in (*reversed(path.parents), path) if not self._passes(step)]

    def _passes(self, directory: Path) -> bool:
        status = directory.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def owner_of(path: Path) -> SystemUser:
    """Name the user that a file or directory belongs to."""
    status = path.stat()
    return SystemUser(status.st_uid, status.st_gid)


def server_user(data: Path) -> SystemUser:
    """Choose the user that runs the server on ``data``, which need not exist yet.

    PostgreSQL refuses to run as root. Started by root it runs as the owner of the data, else as
    ``nobody``, whom every system has: no account is created.
    """
    if os.geteuid() != ROOT:
        return SystemUser(os.geteuid(), os.getegid())
    if data.exists() and owner_of(data).uid != ROOT:
        return owner_of(data)
    return _nobody()


def _nobody() -> SystemUser:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and this system has no user nobody to run it as:"
            " start Pinakes as an ordinary user"
        ) from None
    return SystemUser(entry.pw_uid, entry.pw_gid)
