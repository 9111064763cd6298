"""From one version to the next, and back, under load: nobody notices."""

import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from parts import API, RunningServer, clean_environment, environment_of, running_server

ROOT = Path(__file__).parents[2]
BEFORE = "c2c4c47c15e356187f35889df9fc1a9061464027"
"""The last commit before servers stopped without losing a request."""

MIGRATIONS = Path("src/pinakes/postgres/sql/migrations")
EXPAND = "alter table {schema}.models add column reviewer text not null default '';\n"
CONTRACT = "drop index {schema}.models_by_name;\n"
MODELS = f"{API}/model/metadata"


@pytest.fixture
def version_before(tmp_path: Path) -> Path:
    """The version that is being replaced, as its commit has it."""
    packed = subprocess.run(
        ["git", "-C", ROOT, "archive", BEFORE, "src"],  # noqa: S607 - whichever git there is
        check=False,
        capture_output=True,
    )
    if packed.returncode:
        pytest.skip(f"commit {BEFORE[:7]} is not in this clone, which is shallow or no clone")
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(tmp_path / "before", filter="data")
    return tmp_path / "before"


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    """The version at hand, with a step that expands the schema and one that contracts it."""
    shutil.copytree(ROOT / "src", tmp_path / "next" / "src")
    folder = tmp_path / "next" / MIGRATIONS
    number = max(int(file.name[:4]) for file in folder.iterdir()) + 1
    (folder / f"{number:04}_expand.pre.sql").write_text(EXPAND)
    (folder / f"{number + 1:04}_contract.post.sql").write_text(CONTRACT)
    return tmp_path / "next"


class Balancer:
    """Sends requests to one server, and knows when none is on its way to another any more."""

    def __init__(self, first: RunningServer) -> None:
        self._current = first.url
        self._under_way: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def server(self) -> Generator[str, None, None]:
        """Lend the URL of the server that requests go to now."""
        with self._changed:
            url = self._current
            self._under_way[url] += 1
        yield url
        with self._changed:
            self._under_way[url] -= 1
            self._changed.notify_all()

    def switch_to(self, server: RunningServer) -> None:
        """Send what comes from now on to another server."""
        with self._changed:
            before, self._current = self._current, server.url
            assert self._changed.wait_for(lambda: not self._under_way[before], timeout=60)


def test_an_upgrade_and_the_way_back_lose_no_request(
    version_before: Path, next_version: Path, empty_database: str, tmp_path: Path
) -> None:
    migrate(version_before, empty_database)
    with ExitStack() as stack:

        def start(version: Path) -> RunningServer:
            directory = tmp_path / uuid4().hex
            directory.mkdir()
            environment = environment_of(empty_database) | {"PYTHONPATH": str(version / "src")}
            server = stack.enter_context(running_server(directory, environment))
            assert httpx.get(f"{server.url}/readyz").status_code == 200
            return server

        first = start(version_before)
        balancer = Balancer(first)
        with load(balancer) as answers:
            migrate(next_version, empty_database)
            second = start(next_version)
            replace(balancer, first, second)
            third = start(version_before)
            replace(balancer, second, third)
            fourth = start(next_version)
            replace(balancer, third, fourth)
            migrate(next_version, empty_database, "--post")
            assert httpx.get(f"{fourth.url}/readyz").status_code == 200
    assert set(answers) == {200}
    assert answers.total() > 100
    assert ["ServerStopping" in server.log.read_text() for server in (first, second)] == [
        False,
        True,
    ], "each server ran the version that was meant"


def replace(balancer: Balancer, one: RunningServer, other: RunningServer) -> None:
    """Put a server in the place of another, which is then stopped as a cluster stops it."""
    balancer.switch_to(other)
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(timeout=3 * 30) == 0


def migrate(version: Path, conninfo: str, *options: str) -> None:
    environment = environment_of(conninfo) | {"PYTHONPATH": str(version / "src")}
    subprocess.run(
        [sys.executable, "-m", "pinakes", "migrate", *options],
        check=True,
        env=clean_environment() | environment,
        timeout=120,
    )


@contextmanager
def load(balancer: Balancer) -> Generator[Counter[int], None, None]:
    """Ask without a pause until the block ends; then yielded statuses are complete."""
    enough = threading.Event()
    answers: Counter[int] = Counter()
    with ThreadPoolExecutor(4) as threads:
        clients = [threads.submit(ask_until, enough, balancer) for _ in range(4)]
        try:
            yield answers
        finally:
            enough.set()
        for client in clients:
            answers += client.result()


def ask_until(enough: threading.Event, balancer: Balancer) -> Counter[int]:
    """Create, find, change and forget a model, again and again."""
    answers: Counter[int] = Counter()
    with httpx.Client(timeout=60) as client:
        while not enough.is_set():
            key = {"URI": f"s3://upgrade/{uuid4().hex}"}
            story: list[tuple[str, dict[str, Any]]] = [
                ("POST", {"json": key}),
                ("GET", {"params": key}),
                ("PUT", {"json": key | {"name": "changed"}}),
                ("DELETE", {"params": key}),
            ]
            for method, sent in story:
                with balancer.server() as url:
                    answers[client.request(method, url + MODELS, **sent).status_code] += 1
    return answers
