"""Files that are followed: what is in them counts, until it cannot be used."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pinakes.mounted import Mounted, UnusableError


class World:
    """A file with a number in it, which is followed, and a disk that may fail."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "number"
        self.reads = 0
        self.refusals: list[str] = []
        self.fails = False
        self.file.write_text("1")
        self.followed = Mounted([self.file], self.read, self.refusals.append)

    def read(self) -> int:
        self.reads += 1
        if self.fails:
            raise OSError(5, "Input/output error")
        text = self.file.read_text()
        if not text.isdecimal():
            raise UnusableError("it is no number")
        return int(text)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_file_is_read_again_only_when_it_was_changed(world: World) -> None:
    assert [world.followed.content() for _ in range(3)] == [1, 1, 1]
    assert world.reads == 1
    world.file.write_text("22")
    assert [world.followed.content() for _ in range(3)] == [22, 22, 22]
    assert world.reads == 2


@pytest.mark.parametrize(
    "spoil", [lambda file: file.write_text("x"), lambda file: file.unlink()], ids=["bad", "gone"]
)
def test_what_cannot_be_used_is_reported_once_and_what_was_goes_on(
    world: World, spoil: Callable[[Path], object]
) -> None:
    spoil(world.file)
    assert [world.followed.content() for _ in range(3)] == [1, 1, 1]
    assert len(world.refusals) == 1
    assert not world.followed.is_current
    world.file.write_text("333")
    assert world.followed.content() == 333
    assert world.followed.is_current


def test_what_is_bad_is_not_read_again_and_again(world: World) -> None:
    world.file.write_text("x")
    for _ in range(5):
        world.followed.content()
    assert world.reads == 2


def test_a_disk_that_failed_is_asked_again_though_nothing_was_changed(world: World) -> None:
    world.file.write_text("22")
    world.fails = True
    assert [world.followed.content(), world.followed.content()] == [1, 1]
    assert world.refusals == ["it cannot be read: Input/output error"]
    world.fails = False
    assert world.followed.content() == 22


def test_a_file_that_may_be_read_at_last_is_read(world: World) -> None:
    world.file.write_text("x")
    world.followed.content()
    reads = world.reads
    world.file.chmod(0o640)
    world.followed.content()
    assert world.reads == reads + 1


def test_what_was_never_good_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="it cannot be read: No such file or directory"):
        Mounted([tmp_path / "absent"], (tmp_path / "absent").read_text, print)
