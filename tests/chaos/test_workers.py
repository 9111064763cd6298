"""Several processes of one server: one may die, and all end together."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chaos.nodes import wait_until
from parts import RunningServer, clean_environment, environment_of, running_server

COUNT = 3


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[RunningServer]:
    admin = {"PINAKES_ADMIN_PORT": "0"}
    with running_server(
        tmp_path, environment_of(database) | admin, "--workers", str(COUNT)
    ) as running:
        wait_until(lambda: len(admin_urls(running)) == COUNT)
        yield running


def events(server: RunningServer, name: str) -> list[dict[str, object]]:
    found = map(json.loads, server.log.read_text().splitlines())
    return [event for event in found if event["event"] == name]


def admin_urls(server: RunningServer) -> list[str]:
    return [str(event["admin_url"]) for event in events(server, "ServerListening")]


def workers(server: RunningServer) -> set[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return set(map(int, children.read_text().split()))


def serve(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pinakes", "serve", *arguments],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_each_worker_tells_of_itself_on_a_port_of_its_own(server: RunningServer) -> None:
    assert len(set(admin_urls(server))) == COUNT
    for url in admin_urls(server):
        assert httpx.get(url + "/livez").status_code == 200


def test_a_worker_that_is_killed_is_told_and_replaced(server: RunningServer) -> None:
    before = workers(server)
    killed = before.pop()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(admin_urls(server)) == COUNT + 1)
    assert before < workers(server)
    assert len(workers(server)) == COUNT
    assert [event["exit_code"] for event in events(server, "WorkerDied")] == [-signal.SIGKILL]
    assert httpx.get(server.url + "/livez").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_workers_stop_with_the_server(server: RunningServer, number: signal.Signals) -> None:
    running = workers(server)
    server.process.send_signal(number)
    assert server.process.wait(timeout=60) == 0
    assert not any(map(exists, running))
    assert len(events(server, "ServerStopped")) == COUNT


def test_a_server_whose_log_nobody_reads_any_more_stops_as_well(database: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pinakes", "serve", "--port", "0"],
        env=clean_environment() | environment_of(database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"Pinakes serves")
        process.stderr.close()
        process.terminate()
        process.wait(timeout=60)


def test_no_worker_outlives_a_server_that_is_killed(server: RunningServer) -> None:
    running = workers(server)
    server.process.kill()
    wait_until(lambda: not any(map(exists, running)))


def test_what_one_worker_cannot_use_ends_all_with_its_message(
    database: str, tmp_path: Path
) -> None:
    environment = environment_of(database) | {"PINAKES_TLS_DIR": str(tmp_path / "nothing")}
    done = serve(environment, "--port", "0", "--workers", "2")
    assert done.returncode == 1
    assert "PINAKES_TLS_DIR names cannot be used" in done.stderr


def test_an_embedded_database_belongs_to_one_process(tmp_path: Path) -> None:
    done = serve({"PINAKES_DATA_DIR": str(tmp_path)}, "--port", "0", "--workers", "2")
    assert done.returncode == 1
    assert "--workers needs a PostgreSQL of yours" in done.stderr


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_number_of_workers_that_is_none_is_refused(count: str) -> None:
    done = serve({}, f"--workers={count}")
    assert done.returncode == 2
    assert "is no number of processes" in done.stderr
