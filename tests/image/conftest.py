"""The images, built once: on a base that debootstrap makes, and without a network."""

from collections.abc import Iterator

import pytest

from image.containers import VERSION, WITHOUT_NETWORK, Image, Storage, missing_parts


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """Both images in a storage of their own."""
    if missing := missing_parts():
        pytest.skip(missing)
    storage = Storage(tmp_path_factory.mktemp("images"))
    made = storage.try_script("scripts/image-base")
    if made.returncode:
        pytest.skip(f"needs a package mirror for debootstrap: {made.stdout.strip()[-200:]}")
    storage.run_script("scripts/wheelhouse")
    storage.run_script(*WITHOUT_NETWORK, "scripts/image", "pinakes-base")
    yield storage
    storage.empty()


@pytest.fixture(scope="session")
def plain(storage: Storage) -> Image:
    """The image for a PostgreSQL of one's own."""
    return storage.unpack(f"pinakes:{VERSION}")


@pytest.fixture(scope="session")
def embedded(storage: Storage) -> Image:
    """The image that carries a PostgreSQL."""
    return storage.unpack(f"pinakes:{VERSION}-embedded")


@pytest.fixture(params=["plain", "embedded"])
def image(request: pytest.FixtureRequest) -> Image:
    """Each of the two."""
    return request.getfixturevalue(request.param)
