"""A mounted secret: all of one moment, and each value without what ``echo`` puts behind it."""

import os
import shutil
import stat
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mounted import flip, mount, page_secret
from pinakes.postgres.secret import (
    MAX_BYTES,
    TRIES,
    ConfigurationError,
    Secret,
    read_secret,
)

PASSWORD = b"swordfish"
OPEN = "pinakes.postgres.secret.open"


def text(content: bytes, key: str = "password") -> str:
    return Secret(Path("/mnt"), {key: content}).text(key)


def test_every_key_of_a_mounted_secret_is_read(tmp_path: Path) -> None:
    files = page_secret()
    secret = read_secret(mount(tmp_path / "secret", files))
    assert secret.files == files


def test_a_directory_of_plain_files_is_a_secret_too(tmp_path: Path) -> None:
    (tmp_path / "host").write_text("db")
    (tmp_path / ".hidden").write_text("not a key")
    (tmp_path / "folder").mkdir()
    assert read_secret(tmp_path).files == {"host": b"db"}


def test_what_was_mounted_later_is_read_later(tmp_path: Path) -> None:
    mount(tmp_path, page_secret(password="old", port=None))
    mount(tmp_path, page_secret(password="new", sslmode="require"))
    files = read_secret(tmp_path).files
    assert files == page_secret(password="new", sslmode="require")


class Kubelet:
    """Turns the secret to its next values in the middle of reading, as often as it is told."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.directory = directory
        self.left = times
        ordinary = open

        def open_and_turn(file: Path, mode: str, **how: Any) -> Any:
            opened = ordinary(file, mode, **how)
            if self.left:
                self.left -= 1
                self.turn()
            return opened

        monkeypatch.setattr(OPEN, open_and_turn, raising=False)

    def turn(self) -> None:
        mount(self.directory, {"user": b"new", "password": b"new"})


class SlowKubelet(Kubelet):
    """Has turned to the next values, and taken but some of the old ones away."""

    def turn(self) -> None:
        place = (self.directory / "..data").resolve()
        flip(self.directory, {"user": b"new", "password": b"new"})
        for file in place.iterdir():
            file.unlink()


@pytest.mark.parametrize("kubelet", [Kubelet, SlowKubelet])
def test_a_secret_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kubelet: type[Kubelet]
) -> None:
    mount(tmp_path, {"user": b"old", "password": b"old", "ca.crt": b"old"})
    kubelet(tmp_path, monkeypatch, times=1)
    assert read_secret(tmp_path).files == {"user": b"new", "password": b"new"}


def test_a_secret_without_its_last_keys_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that could be read was read, yet what was taken away before would be missing."""
    mount(tmp_path, {"user": b"old"})
    Kubelet(tmp_path, monkeypatch, times=1)
    assert read_secret(tmp_path).files == {"user": b"new", "password": b"new"}


def test_one_that_never_comes_to_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(tmp_path, {"user": b"old"})
    Kubelet(tmp_path, monkeypatch, times=TRIES)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_secret(tmp_path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x", "x"),
        (b"x\n", "x"),
        (b"x\r\n", "x"),
        (b"", ""),
        (b"\n", ""),
        (b" x \n", " x "),
        ("é\n".encode(), "é"),
        (rb"' \ & % # @", r"' \ & % # @"),
    ],
)
def test_one_line_end_is_stripped(content: bytes, expected: str) -> None:
    assert text(content) == expected


@pytest.mark.parametrize(
    "content", [b"x\n\n", b"x\r", b"x\r\r\n", b"\nx", b"x\ny", b"x\ry\n", b"x\0", b"\0x\n"]
)
def test_a_nul_or_another_line_end_is_an_error_of_its_key(content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="password in /mnt has a NUL or a line end"):
        text(content)


def test_what_is_not_utf8_is_an_error_that_does_not_quote_it() -> None:
    with pytest.raises(ConfigurationError, match="password in /mnt is not UTF-8") as failure:
        text(PASSWORD + b"\xff")
    printed = "".join(traceback.format_exception(failure.value))
    assert PASSWORD.decode() not in printed
    assert "0xff" not in printed


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(ConfigurationError, match=f"^{missing} cannot be read: No such file"):
        read_secret(missing)


def test_a_file_for_a_directory_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigurationError, match=f"^{file} cannot be read: Not a directory"):
        read_secret(file)


def test_a_link_that_leads_nowhere_is_not_a_key_left_out(tmp_path: Path) -> None:
    mount(tmp_path, page_secret())
    shutil.rmtree((tmp_path / "..data").resolve())
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_secret(tmp_path)
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "ca.crt").symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match=r"ca\.crt in .* cannot be read: No such file"):
        read_secret(plain)


def make_pipe(file: Path) -> None:
    os.mkfifo(file)


def make_socket(file: Path) -> None:
    os.mknod(file, stat.S_IFSOCK | 0o600)


def make_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device])
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_key_that_is_no_regular_file_is_refused_by_name(
    tmp_path: Path, make: Callable[[Path], None], *, is_linked: bool
) -> None:
    """A pipe would never be read to its end, and a device has none."""
    secret = tmp_path / "secret"
    secret.mkdir()
    make(tmp_path / "target" if is_linked else secret / "password")
    if is_linked:
        (secret / "password").symlink_to(tmp_path / "target")
    with pytest.raises(ConfigurationError, match=f"^password in {secret} cannot be read: "):
        read_secret(secret)


def test_a_link_to_a_directory_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "folder").symlink_to("/")
    assert read_secret(tmp_path).files == {}


def test_a_key_is_read_whole_or_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"x" * MAX_BYTES)
    assert len(read_secret(tmp_path).files["ca.crt"]) == MAX_BYTES
    (tmp_path / "ca.crt").write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ConfigurationError, match=r"ca\.crt in .* it is larger than 1 MiB"):
        read_secret(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_directory_or_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "tls.key").touch(mode=0)
    with pytest.raises(ConfigurationError, match=r"tls\.key in .* cannot be read: Permission"):
        read_secret(tmp_path)
    tmp_path.chmod(0)
    with pytest.raises(ConfigurationError, match="cannot be read: Permission denied"):
        read_secret(tmp_path)
    tmp_path.chmod(0o700)


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, _mode: str, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    mount(tmp_path, {"tls.key": b"key"}, mode=0o400)
    monkeypatch.setattr(OPEN, refuse, raising=False)
    with pytest.raises(ConfigurationError, match=r"tls\.key in .* cannot be read: Permission"):
        read_secret(tmp_path)


def test_it_does_not_show_its_values() -> None:
    assert PASSWORD.decode() not in repr(Secret(Path("/mnt"), {"password": PASSWORD}))
