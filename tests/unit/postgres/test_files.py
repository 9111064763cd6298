"""Private files: readable by path, by nobody else, for as long as they may be needed."""

import atexit
import os
import stat
from pathlib import Path

import pytest

from pinakes.postgres.files import KEPT, PrivateFiles
from pinakes.postgres.secret import ConfigurationError

in_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="is about Linux")


def forbidden(*_: object) -> int:
    raise PermissionError


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system, or a kernel's setting, that keeps no files in memory."""
    monkeypatch.setattr(os, "memfd_create", forbidden, raising=False)


@in_memory
def test_a_file_is_in_memory_and_private() -> None:
    path = Path(PrivateFiles().path_of(b"key"))
    assert path.read_bytes() == path.read_bytes() == b"key"
    status = path.stat()
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_uid == os.geteuid()
    assert status.st_nlink == 0, "it has a name somewhere"


@in_memory
def test_it_is_not_inherited() -> None:
    assert not os.get_inheritable(int(PrivateFiles().path_of(b"key").rpartition("/")[2]))


def test_the_same_content_is_the_same_file() -> None:
    files = PrivateFiles()
    assert files.path_of(b"key") == files.path_of(b"key")


def test_the_files_asked_for_last_stay() -> None:
    files = PrivateFiles()
    contents = [str(number).encode() for number in range(KEPT)]
    paths = [files.path_of(content) for content in contents]
    assert [Path(path).read_bytes() for path in paths] == contents


@in_memory
def test_the_one_asked_for_longest_ago_goes() -> None:
    files = PrivateFiles()
    first = files.path_of(b"first")
    for number in range(KEPT - 1):
        files.path_of(str(number).encode())
    files.path_of(b"first")
    second = files.path_of(b"new")
    assert Path(first).read_bytes() == b"first"
    assert Path(second).read_bytes() == b"new"
    assert len({files.path_of(content) for content in (b"first", b"new")}) == 2


@pytest.mark.usefixtures("no_memory")
def test_without_memory_a_disk_must_be_allowed() -> None:
    with pytest.raises(ConfigurationError, match="PINAKES_KEYS_ON_DISK=true") as failure:
        PrivateFiles().path_of(b"swordfish")
    assert "swordfish" not in str(failure.value)


@pytest.mark.usefixtures("no_memory")
def test_on_a_disk_it_is_private_and_gone_at_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    at_exit: list[object] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    path = Path(PrivateFiles(may_use_disk=True).path_of(b"key"))
    assert path.read_bytes() == b"key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    [remove] = at_exit
    assert callable(remove)
    remove()
    assert not path.parent.exists()
