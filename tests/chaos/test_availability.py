"""What clients see where there is no database, or no longer, or not yet."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from parts import (
    API,
    RunningServer,
    clean_environment,
    environment_of,
    migrated,
    running_server,
)

MODELS = f"{API}/model/metadata"
STRANGE_HOSTS = [f"{'h' * 70}.example", "ä..b", "..", "db..example"]
HIDDEN = ("hush-host", "hush-user", "hush-password", "hush-database")


def operations(server: RunningServer) -> list[httpx.Response]:
    """Try every operation on the catalogue, some of them wrongly."""
    url = server.url + MODELS
    with httpx.Client(timeout=15) as client:
        return [
            client.get(url),
            client.get(url, params={"query": "("}),
            client.post(url, json={"URI": "x"}),
            client.put(url, json={"URI": "x"}),
            client.delete(url, params={"URI": "x"}),
            client.delete(url),
            client.get(f"{url}/runtime"),
        ]


def readiness(server: RunningServer) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{server.url}/readyz", timeout=15)
    return answer.status_code, answer.json()


def wait_until(happens: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # between looks, not instead of one


def test_a_disabled_catalogue_answers_501_and_is_ready(tmp_path: Path) -> None:
    environment = {"METADATA_PG_ENABLED": "false", "METADATA_PG_HOST": "127.0.0.1"}
    with running_server(tmp_path, environment) as server:
        for answer in operations(server):
            assert (answer.status_code, answer.json()["code"]) == (501, 12)
            assert "METADATA_PG_ENABLED" in answer.json()["message"]
        for path in ("/livez", "/readyz", f"{API}/user", "/metrics", "/docs"):
            assert httpx.get(server.url + path).status_code == 200
        [postgres] = httpx.get(f"{server.api}/healthcheck/POSTGRES").json()["dependenciesHealth"]
        assert (postgres["status"], postgres["lastActiveFetchedAt"]) == ("DISABLED", None)


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"METADATA_PG_ENABLED": "true"}, ["METADATA_PG_HOST", "METADATA_PG_USER"]),
        ({"METADATA_PG_HOST": "127.0.0.1", "METADATA_PG_USER": ""}, ["METADATA_PG_DBNAME"]),
        ({"PINAKES_MIGRATE_SECRET_DIR": "/mnt"}, ["METADATA_PG_HOST", "METADATA_PG_USER"]),
        ({"PINAKES_MIGRATE_CLIENT_TLS_DIR": "/mnt"}, ["METADATA_PG_HOST", "METADATA_PG_USER"]),
        ({"PINAKES_EMBEDDED": "false"}, ["METADATA_PG_"]),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, ["PINAKES_EMBEDDED=true"]),
    ],
)
def test_a_missing_configuration_is_named_and_never_becomes_embedded(
    tmp_path: Path, environment: dict[str, str], missing: list[str]
) -> None:
    environment |= {"PINAKES_DATA_DIR": str(tmp_path / "data")}
    with running_server(tmp_path, environment) as server:
        status, body = readiness(server)
        assert status == 503
        assert all(name in body["message"] for name in missing)
        [postgres] = httpx.get(f"{server.api}/healthcheck/ALL").json()["dependenciesHealth"]
        assert postgres["status"] == "ENABLED_AND_UNREACHABLE"
        assert httpx.get(server.url + MODELS).status_code == 503
        assert httpx.get(f"{server.url}/livez").status_code == 200
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("away", ["closed", "silent", "unknown"])
def test_a_database_that_is_away_is_503_in_time_and_gives_nothing_away(
    tmp_path: Path, away: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {
            "METADATA_PG_HOST": "hush-host.invalid" if away == "unknown" else "127.0.0.1",
            "METADATA_PG_PORT": "1" if away == "closed" else str(silent.getsockname()[1]),
            "METADATA_PG_USER": "hush-user",
            "METADATA_PG_PASSWORD": "hush-password",
            "METADATA_PG_DBNAME": "hush-database",
        }
        with running_server(tmp_path, environment) as server:
            started = time.monotonic()
            answer = httpx.get(server.url + MODELS, timeout=40)
            assert time.monotonic() - started < 3 * 10
            assert (answer.status_code, answer.json()["code"]) == (503, 14)
            assert int(answer.headers["retry-after"]) > 0
            status, body = readiness(server)
            assert status == 503
            assert httpx.get(f"{server.url}/livez").status_code == 200
    told = answer.text + json.dumps(body) + server.log.read_text()
    assert not [hidden for hidden in HIDDEN if hidden in told]


@pytest.mark.parametrize("host", STRANGE_HOSTS)
def test_a_host_that_cannot_be_a_name_is_told_as_one_that_is_not_known(
    tmp_path: Path, host: str
) -> None:
    """A resolver is not even asked for it: what encodes the name breaks before."""
    environment = {
        "METADATA_PG_HOST": host,
        "METADATA_PG_USER": "hush-user",
        "METADATA_PG_DBNAME": "hush-database",
    }
    with running_server(tmp_path, environment) as server:
        status, body = readiness(server)
        assert (status, "its host name is not known" in body["message"]) == (503, True)
        told = body["message"] + server.log.read_text()
    assert not [hidden for hidden in (host, "hush-user", "hush-database") if hidden in told]


def test_a_wrong_password_is_told_as_such(tmp_path: Path, database: str) -> None:
    environment = environment_of(database) | {"METADATA_PG_PASSWORD": "hush-password"}
    with running_server(tmp_path, environment) as server:
        status, body = readiness(server)
        assert (status, "login was refused" in body["message"]) == (503, True)
        assert "hush" not in server.log.read_text()


def test_a_database_without_a_catalogue_is_503_until_it_is_migrated(
    tmp_path: Path, empty_database: str
) -> None:
    with running_server(tmp_path, environment_of(empty_database)) as server:
        assert {answer.status_code for answer in operations(server)} == {400, 503}
        assert "pinakes migrate" in readiness(server)[1]["message"]
        migrated(empty_database)
        assert readiness(server)[0] == 200
        assert httpx.get(server.url + MODELS).json()["models"] == []


def test_a_server_told_to_migrate_makes_itself_ready(tmp_path: Path, empty_database: str) -> None:
    environment = environment_of(empty_database) | {"PINAKES_MIGRATE_ON_START": "true"}
    with running_server(tmp_path, environment) as server:
        wait_until(lambda: readiness(server)[0] == 200)


def test_once_ready_a_database_that_is_away_is_told_but_changes_nothing(
    fresh_server: RunningServer, postgres: str
) -> None:
    server = fresh_server
    assert readiness(server) == (200, {"status": "ok"})
    assert metric(server, "pinakes_catalog_available") == 1
    allow_connections(postgres, server.conninfo, allowed=False)
    kill_backends_of(postgres, server.conninfo)
    status, body = readiness(server)
    assert (status, body["status"]) == (200, "degraded")
    assert "the database is away" in body["message"]
    assert metric(server, "pinakes_catalog_available") == 0
    answer = httpx.get(server.url + MODELS, timeout=40)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    allow_connections(postgres, server.conninfo, allowed=True)
    wait_until(lambda: readiness(server) == (200, {"status": "ok"}))


def test_a_schema_that_went_away_makes_even_a_ready_server_unready(
    fresh_server: RunningServer,
) -> None:
    assert readiness(fresh_server)[0] == 200
    with psycopg.connect(fresh_server.conninfo, autocommit=True) as connection:
        connection.execute("alter schema pinakes rename to elsewhere")
        assert readiness(fresh_server)[0] == 503
        assert metric(fresh_server, "pinakes_schema_mismatch") == 1
        connection.execute("alter schema elsewhere rename to pinakes")
        assert readiness(fresh_server)[0] == 200
        assert metric(fresh_server, "pinakes_schema_mismatch") == 0


def metric(server: RunningServer, name: str) -> float:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def allow_connections(administrator: str, conninfo: str, *, allowed: bool) -> None:
    name = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    statement = sql.SQL("alter database {} allow_connections {}").format(name, sql.Literal(allowed))
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute(statement)


def kill_backends_of(administrator: str, conninfo: str) -> None:
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
            [conninfo_to_dict(conninfo)["dbname"]],
        )


# How it stops


def test_a_server_that_is_told_to_stop_under_load_loses_no_request(
    fresh_server: RunningServer,
) -> None:
    server = fresh_server
    readiness(server)
    enough = threading.Event()
    with ThreadPoolExecutor(8) as threads:
        clients = [threads.submit(ask_until, enough, server) for _ in range(8)]
        wait_until(lambda: metric(server, "pinakes_pool_requests") > 100)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: readiness(server)[0] == 503)
        assert "shutting down" in readiness(server)[1]["message"]
        asked = count_of_requests(server)
        wait_until(lambda: count_of_requests(server) > asked + 50)
        enough.set()
        answers = [status for client in clients for status in client.result()]
    assert set(answers) == {200}
    assert server.process.wait(timeout=3 * 30) == 0


def ask_until(enough: threading.Event, server: RunningServer) -> list[int]:
    """Ask over one connection, or as many as it takes, until it is enough."""
    answers: list[int] = []
    with httpx.Client(timeout=40) as client:
        while not enough.is_set():
            answers.append(client.get(server.url + MODELS).status_code)
    return answers


def count_of_requests(server: RunningServer) -> int:
    return server.log.read_text().count("RequestAnswered")


def test_a_person_does_not_wait_for_a_cluster(fresh_server: RunningServer) -> None:
    fresh_server.process.send_signal(signal.SIGINT)
    assert fresh_server.process.wait(timeout=3 * 10) == 0
    assert "ServerStopping" not in fresh_server.log.read_text()


def test_all_backends_killed_are_noticed_by_nobody(fresh_server: RunningServer) -> None:
    with httpx.Client() as client:
        client.get(fresh_server.url + MODELS)
        for number in range(5):
            kill_backends(fresh_server.conninfo)
            body = {"URI": f"gs://{number}"}
            assert client.post(fresh_server.url + MODELS, json=body).status_code == 200
            kill_backends(fresh_server.conninfo)
            assert len(client.get(fresh_server.url + MODELS).json()["models"]) == number + 1


def kill_backends(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


def test_a_frozen_database_is_503_in_time_and_recovers(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server:
        assert httpx.get(server.url + MODELS).status_code == 200
        frozen = postgres_of(server)
        signal_all(frozen, signal.SIGSTOP)
        started = time.monotonic()
        read = httpx.get(server.url + MODELS, timeout=40)
        assert time.monotonic() - started < 3 * 10
        written = httpx.post(server.url + MODELS, json={"URI": "x"}, timeout=40)
        signal_all(frozen, signal.SIGCONT)
        assert [read.status_code, written.status_code] == [503, 503]
        wait_until(lambda: httpx.get(server.url + MODELS, timeout=40).status_code == 200)


def test_a_second_start_finds_the_data_again(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server:
        assert httpx.post(server.url + MODELS, json={"URI": "kept"}).status_code == 200
    with embedded_server(tmp_path) as server:
        assert uris(server) == ["kept"]


def test_after_the_server_was_killed_the_next_start_recovers(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server:
        assert httpx.post(server.url + MODELS, json={"URI": "kept"}).status_code == 200
        server.process.kill()
        server.process.wait()
    with embedded_server(tmp_path) as server:
        assert uris(server) == ["kept"]


def test_a_killed_embedded_postgres_is_503_and_started_again(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server:
        for number in range(3):
            body = {"URI": str(number)}
            assert httpx.post(server.url + MODELS, json=body).status_code == 200
            os.kill(postgres_of(server)[0], signal.SIGKILL)
            wait_until(lambda: status(server) == 200)
            assert uris(server) == [str(each) for each in range(number + 1)]
        assert server.log.read_text().count("EmbeddedServerDied") == 3


def test_both_killed_at_once_recover_at_the_next_start(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server:
        assert httpx.post(server.url + MODELS, json={"URI": "kept"}).status_code == 200
        postmaster = postgres_of(server)[0]
        server.process.kill()
        os.kill(postmaster, signal.SIGKILL)
        server.process.wait()
    with embedded_server(tmp_path) as server:
        assert uris(server) == ["kept"]


def test_a_stopped_server_leaves_no_postgres_behind(tmp_path: Path) -> None:
    with embedded_server(tmp_path) as server:
        processes = postgres_of(server)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=30) == 0
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]


def embedded_server(directory: Path) -> AbstractContextManager[RunningServer]:
    return running_server(directory, {}, "--data-dir", str(directory / "data"))


def uris(server: RunningServer) -> list[str]:
    return [model["URI"] for model in httpx.get(server.url + MODELS).json()["models"]]


def postgres_of(server: RunningServer) -> list[int]:
    """The processes of the embedded PostgreSQL, its postmaster first."""
    [postmaster] = children_of(server.process.pid)
    return [postmaster, *children_of(postmaster)]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def signal_all(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        os.kill(pid, number)


def status(server: RunningServer) -> int:
    """Read once; nothing but success and "not now" may ever be seen."""
    answer = httpx.get(server.url + MODELS, timeout=30)
    assert answer.status_code in (200, 503)
    return answer.status_code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_is_interrupted_ends_quietly(tmp_path: Path, number: signal.Signals) -> None:
    directory = tmp_path / "data"
    command = [
        sys.executable,
        "-m",
        "pinakes",
        "serve",
        "--port",
        "0",
        "--data-dir",
        str(directory),
    ]
    with subprocess.Popen(
        command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until((directory / "lock").exists)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors
    with embedded_server(tmp_path) as server:
        assert uris(server) == []


def test_a_fault_of_the_start_is_one_line_for_a_person() -> None:
    environment = clean_environment() | {"METADATA_PG_ENABLED": "maybe"}
    command = [sys.executable, "-m", "pinakes", "serve", "--port", "0"]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "pinakes serve: METADATA_PG_ENABLED is 'maybe', expected true or false\n"
    )
