"""Backends that are killed, a database that is frozen or takes no writes, under load."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from chaos.load import MODELS, OK, UNAVAILABLE, Client, Verb, constant_load
from chaos.nodes import Node, wait_until
from chaos.truth import untruths
from parts import RunningServer, environment_of, running_server

ANSWER_SECONDS = 3 * 10.0
RECOVERY_SECONDS = 3 * 5.0
MAX_WAITING = 200
CROWD = 2 * MAX_WAITING
"""More than may wait for a connection, and than have one."""


@pytest.fixture
def node_server(node_database: str, tmp_path: Path) -> Iterator[RunningServer]:
    """A server over a database that a test may do anything to."""
    with running_server(tmp_path, environment_of(node_database)) as server:
        assert httpx.get(f"{server.url}/readyz").status_code == OK
        yield server


def test_backends_that_are_killed_again_and_again_cost_no_request(
    node_server: RunningServer, node_database: str, record_property: Callable[[str, object], None]
) -> None:
    killed = 0
    with (
        psycopg.connect(node_database, autocommit=True) as connection,
        constant_load(node_server.url, clients=6) as load,
    ):
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            found = connection.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            ).fetchone()
            assert found
            killed += found[0]
            time.sleep(0.2)  # in which the server comes back, and is asked
    assert killed > 20
    assert untruths(load.outcomes, node_database) == []
    assert [each for each in load.failed() if each.verb is Verb.READ] == []
    record_property("writes that failed", len(load.failed()))
    assert load.failed() == []
    assert len(load.outcomes) > 100


@contextmanager
def frozen(node: Node) -> Generator[None]:
    node.freeze()
    try:
        yield
    finally:
        node.thaw()


def test_a_frozen_database_keeps_nobody_waiting_for_long_and_few_at_all(
    node: Node, node_server: RunningServer, node_database: str
) -> None:
    with constant_load(node_server.url) as load:
        wait_until(lambda: load.succeeds_since(0))
        with frozen(node):
            frozen_at = time.monotonic()
            with watched_queue(node_server) as lengths:
                answers = asyncio.run(ask_all_at_once(node_server, CROWD))
            assert httpx.get(f"{node_server.url}/livez", timeout=30).status_code == OK
            time.sleep(max(0, frozen_at + 12 - time.monotonic()))  # longer than a request may take
        thawed_at = time.monotonic()
        wait_until(lambda: load.succeeds_since(thawed_at), RECOVERY_SECONDS, "it does not recover")
    assert {status for status, _, _ in answers} == {UNAVAILABLE}
    assert max(seconds for _, seconds, _ in answers) < ANSWER_SECONDS
    assert 100 < max(lengths) <= MAX_WAITING
    assert "too many requests wait for the database" in {message for _, _, message in answers}
    assert {each.status for each in load.failed()} == {UNAVAILABLE}
    assert max(each.seconds for each in load.outcomes) < ANSWER_SECONDS
    wait_until(lambda: not busy(node_database))
    assert untruths(load.outcomes, node_database) == []


@contextmanager
def watched_queue(server: RunningServer) -> Generator[list[float]]:
    """Look at how many requests wait for a connection, again and again until the block ends."""
    lengths: list[float] = []
    enough = threading.Event()

    def watch() -> None:
        while not enough.wait(0.1):
            lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
            lengths.extend(
                float(line.split()[1])
                for line in lines
                if line.startswith("pinakes_pool_waiting_requests ")
            )

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lengths
    finally:
        enough.set()
        thread.join()


def busy(conninfo: str) -> int:
    """Return how many statements of others run."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and state <> 'idle' and pid <> pg_backend_pid()"
        ).fetchone()
    assert found
    return int(found[0])


async def ask_all_at_once(server: RunningServer, count: int) -> list[tuple[int, float, str]]:
    """Ask many times at once; return each status, after how long, and what was said."""
    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:

        async def ask() -> tuple[int, float, str]:
            began = time.monotonic()
            answer = await client.get(server.url + MODELS)
            return answer.status_code, time.monotonic() - began, answer.json().get("message", "")

        return await asyncio.gather(*(ask() for _ in range(count)))


@contextmanager
def read_only(node: Node) -> Generator[None]:
    """Let the server refuse every write, as one does whose disk is full."""
    node.configure("alter system set default_transaction_read_only = on")
    try:
        yield
    finally:
        node.configure("alter system reset default_transaction_read_only")


def test_a_database_that_takes_no_writes_is_read_and_written_again_when_it_does(
    node: Node, node_server: RunningServer, node_database: str
) -> None:
    with Client(node_server.url) as client:
        kept = f"gs://{uuid4().hex}"
        assert client.create(kept, "kept").is_ok
        with read_only(node):
            wait_until(lambda: not client.update(kept, uuid4().hex).is_ok)
            for _ in range(10):
                write = client.create(f"gs://{uuid4().hex}", "refused")
                assert (write.status, write.is_unknown) == (UNAVAILABLE, False)
                assert int(write.retry_after) > 0
                assert httpx.get(f"{node_server.url}/livez").status_code == OK
                assert httpx.get(f"{node_server.url}/readyz").status_code == OK
                assert httpx.get(node_server.url + MODELS, params={"URI": kept}).status_code == OK
            answers = asyncio.run(ask_all_at_once(node_server, 50))  # who want more connections
            assert {status for status, _, _ in answers} == {OK}
        deadline = time.monotonic() + RECOVERY_SECONDS
        while not client.create(f"gs://{uuid4().hex}", "kept").is_ok:
            assert time.monotonic() < deadline
            time.sleep(0.1)  # between tries
    assert max(each.seconds for each in client.outcomes) < ANSWER_SECONDS
    assert untruths(client.outcomes, node_database) == []
