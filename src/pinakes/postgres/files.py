"""Files for libpq, which reads certificates and keys only from files, that nobody else can read."""

import atexit
import os
import shutil
import stat
import tempfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from pinakes.postgres.secret import ConfigurationError

KEPT = 8
"""Contents that stay readable: a connection may still be opening its predecessor's files."""

ON_DISK = "PINAKES_KEYS_ON_DISK"


class PrivateFiles:
    """Keeps contents as files of this process alone, in memory, mode 0600, gone at its end.

    A mounted key has the mode that Kubernetes gave it, which libpq may refuse, and the directory it
    came from may be replaced between our look at it and libpq's: so libpq never sees the mount.
    """

    def __init__(self, *, may_use_disk: bool = False) -> None:
        self._may_use_disk = may_use_disk
        self._files: OrderedDict[bytes, _File] = OrderedDict()

    def path_of(self, content: bytes) -> str:
        """Return the path at which ``content`` can be read, at least until KEPT others were asked.

        Raises ConfigurationError where there is no memory to keep files in, and the disk is not
        allowed.
        """
        if content not in self._files:
            self._files[content] = self._make(content)
        self._files.move_to_end(content)
        while len(self._files) > KEPT:
            self._files.popitem(last=False)[1].remove()
        return self._files[content].path

    def _make(self, content: bytes) -> "_File":
        if hasattr(os, "memfd_create"):
            with suppress(OSError):  # a kernel may forbid it
                return _MemoryFile(content)
        if self._may_use_disk:
            return _DiskFile(content)
        raise ConfigurationError(
            "this system keeps no files in memory, and a key is not written to a disk"
            f" unless {ON_DISK}=true"
        )


class _MemoryFile:
    """A file without a name, reached through the process that holds it."""

    def __init__(self, content: bytes) -> None:
        self._descriptor = os.memfd_create("pinakes")
        os.fchmod(self._descriptor, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(os.dup(self._descriptor), "wb") as file:
            file.write(content)
        self.path = f"/proc/self/fd/{self._descriptor}"

    def remove(self) -> None:
        os.close(self._descriptor)


class _DiskFile:
    """A file in a directory of its own, removed at exit."""

    def __init__(self, content: bytes) -> None:
        self._directory = tempfile.mkdtemp(prefix="pinakes-")
        atexit.register(self.remove)
        file = Path(self._directory) / "file"
        file.touch(mode=0o600)
        file.write_bytes(content)
        self.path = str(file)

    def remove(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)


_File = _MemoryFile | _DiskFile
