"""The fixtures: a PostgreSQL of the session, databases in it, and servers over them.

Everything listens on loopback, on free ports, and ends with the test run.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import override
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from parts import RunningServer, environment_of, migrated, new_database, running_server
from pinakes.postgres.embedded import EmbeddedPostgres

IMAGES = "tests/image/"
"""A folder whose files share what they are about: two images, which take minutes to build."""


class ByFile(LoadScopeScheduling):
    """Gives a process whole files, so that what tests share is made once."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return IMAGES if file.startswith(IMAGES) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL of the session: the conninfo of its administrator.

    PINAKES_TEST_POSTGRES names another one to run against, such as an older version.
    """
    if given := os.environ.get("PINAKES_TEST_POSTGRES"):
        yield given
        return
    embedded = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(embedded.start(), loop).result()
    yield embedded.conninfo()
    asyncio.run_coroutine_threadsafe(embedded.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session")
def database(postgres: str) -> str:
    """A migrated database that the tests of the session share."""
    return migrated(new_database(postgres))


@pytest.fixture
def fresh_database(postgres: str) -> str:
    """A migrated database of this test's own."""
    return migrated(new_database(postgres))


@pytest.fixture
def empty_database(postgres: str) -> str:
    """A database of this test's own without a catalogue in it."""
    return new_database(postgres)


@pytest.fixture(scope="session")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that the tests of the session share: use URIs of your own."""
    with running_server(tmp_path_factory.mktemp("server"), environment_of(database)) as running:
        yield RunningServer(running.url, running.log, running.process, database)


@pytest.fixture
def fresh_server(fresh_database: str, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of this test's own, over an empty catalogue."""
    with running_server(tmp_path, environment_of(fresh_database)) as running:
        yield RunningServer(running.url, running.log, running.process, fresh_database)
