"""Primaries that die and answers that are lost: clients are told the truth, and soon."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from chaos.credentials import Catalogue, Login
from chaos.load import NO_ANSWER, OK, UNAVAILABLE, Client, Load, Outcome, Verb, constant_load
from chaos.nodes import Duo, Node, duo_of_nodes, new_node, wait_until
from chaos.proxy import Door, Fault, Proxy, black_hole, proxy_to
from chaos.truth import untruths
from mounted import mount
from parts import API, RunningServer, environment_of, migrated, new_database, running_server
from tls.servers import HOST, Programs

ROUNDS = int(os.environ.get("PINAKES_TEST_FAILOVERS", "2"))
"""How many primaries are killed."""
OUTAGES = (12.0, 1.0, 0.0, 2.0, 3.0, 4.0, 5.0)
"""Seconds without a primary, one round after the other; at first longer than a request may take."""
ANSWER_SECONDS = 3 * 10.0
RECOVERY_SECONDS = 3 * 5.0
CONNECT_SECONDS = 3.0
"""What we wait for one host unless told otherwise."""


def described(conninfo: str, **places: str) -> dict[str, str]:
    """Describe a database whose administrator comes in, from other places than it says."""
    told = environment_of(conninfo)
    return told | {f"METADATA_PG_{name.upper()}": value for name, value in places.items()}


# Primaries that are killed


@dataclass
class Failovers:
    """What was seen while primaries were killed, one after the other."""

    outcomes: list[Outcome] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    """From when to when there was no primary."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from the promotion to the first write, and to the first read, that was answered."""
    livez: list[int] = field(default_factory=list)
    readyz: list[int] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    crashes: int = 0
    is_running: bool = False

    def during_outages(self) -> list[Outcome]:
        """Return what was both asked and answered while there was no primary."""
        return [
            each
            for each in self.outcomes
            if any(since <= each.began and each.ended <= until for since, until in self.outages)
        ]


@pytest.fixture(scope="module")
def failovers(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failovers]:
    """Kill the primary and promote its standby, some times, under a load of reads and writes."""
    seen = Failovers()
    with duo_of_nodes(programs) as duo:
        conninfo = migrated(new_database(duo.primary.conninfo()))
        dbname = str(conninfo_to_dict(conninfo)["dbname"])
        directory = tmp_path_factory.mktemp("failover")
        places = described(conninfo, host=f"{HOST},{HOST}", port=duo.ports)
        with running_server(directory, places) as server:
            assert httpx.get(f"{server.url}/readyz").status_code == OK
            with constant_load(server.url) as load:
                for seconds in itertools.islice(itertools.cycle(OUTAGES), ROUNDS):
                    fail_over(duo, server, load, seen, seconds)
            seen.is_running = server.process.poll() is None
            seen.crashes = server.log.read_text().count("RequestCrashed")
        seen.outcomes = load.outcomes
        seen.untrue = untruths(load.outcomes, duo.primary.conninfo(dbname))
        yield seen


def fail_over(duo: Duo, server: RunningServer, load: Load, seen: Failovers, seconds: float) -> None:
    """Kill, look at the server for some seconds, promote, and wait until all is well again."""
    moment = time.monotonic()
    wait_until(lambda: load.succeeds_since(moment))
    duo.primary.kill()
    killed = time.monotonic()
    while time.monotonic() < killed + seconds:
        seen.livez.append(httpx.get(f"{server.url}/livez", timeout=30).status_code)
        seen.readyz.append(httpx.get(f"{server.url}/readyz", timeout=30).status_code)
    seen.outages.append((killed, time.monotonic()))
    duo.promote()
    promoted = time.monotonic()
    wait_until(lambda: load.succeeds_since(killed))
    good = [each for each in load.since(killed) if each.is_ok]
    for kind in (True, False):
        first = min(each.ended for each in good if (each.verb is Verb.READ) is kind)
        seen.recoveries.append(first - promoted)
    duo.rebuild_standby()


def test_every_acknowledged_write_survives_the_primary_once_and_nothing_else_does(
    failovers: Failovers,
) -> None:
    assert failovers.untrue == []
    acknowledged = [each for each in failovers.outcomes if each.is_ok]
    assert len([each for each in acknowledged if each.verb is not Verb.READ]) > 50


def test_the_first_success_comes_within_seconds_of_the_promotion(
    failovers: Failovers, record_property: Callable[[str, object], None]
) -> None:
    told = ", ".join(f"{seconds:.2f}" for seconds in failovers.recoveries)
    print(f"\nseconds from the promotion to the first read and write: {told}")  # noqa: T201
    record_property("seconds from the promotion to the first read and write", told)
    assert max(failovers.recoveries) < RECOVERY_SECONDS


def test_without_a_primary_every_answer_is_503_in_time_and_says_when_to_come_again(
    failovers: Failovers,
) -> None:
    refused = failovers.during_outages()
    assert refused
    assert {each.status for each in refused} == {UNAVAILABLE}
    assert all(int(each.retry_after) > 0 for each in refused)


def test_no_answer_hangs_whatever_happens_to_the_primary(failovers: Failovers) -> None:
    assert NO_ANSWER not in {each.status for each in failovers.outcomes}
    assert max(each.seconds for each in failovers.outcomes) < ANSWER_SECONDS


def test_a_server_without_a_primary_lives_on_and_is_never_started_again(
    failovers: Failovers,
) -> None:
    assert set(failovers.livez) == {OK}
    assert set(failovers.readyz) == {OK}, "it was ready before, and is of the same use as others"
    assert failovers.is_running
    assert failovers.crashes == 0


# A change that no standby has


def test_a_change_that_waits_for_its_standby_is_not_told_to_be_made(
    programs: Programs, tmp_path: Path
) -> None:
    """Its backend can be ended meanwhile: then it is there, and would be gone with the primary."""
    with duo_of_nodes(programs) as duo, ThreadPoolExecutor(1) as thread:
        conninfo = migrated(new_database(duo.primary.conninfo()))
        with running_server(tmp_path, described(conninfo)) as server, Client(server.url) as client:
            assert client.create("gs://before", "new").is_ok
            duo.standby.kill()
            waiting = thread.submit(client.create, "gs://lost", "new")
            wait_until(lambda: end_waiting(conninfo))
            assert waiting.result().status == UNAVAILABLE


def end_waiting(conninfo: str) -> bool:
    """End a backend that waits for a standby, if there is one."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        ended = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and wait_event = 'SyncRep'"
        )
        return bool(ended.fetchall())


# Servers that are left


def test_reads_leave_a_server_that_fell_silent_within_their_time(
    programs: Programs, tmp_path: Path
) -> None:
    with duo_of_nodes(programs) as duo:
        conninfo = migrated(new_database(duo.primary.conninfo()))
        places = described(conninfo, host=f"{HOST},{HOST}", port=duo.ports)
        with running_server(tmp_path, places) as server, Client(server.url) as client:
            assert client.read("gs://nothing").is_ok
            silent = duo.primary
            silent.freeze()
            try:
                duo.promote()
                new = {"query": "name = nothing"}  # asked for the first time, so prepared before
                found = httpx.get(f"{server.url}{API}/model/metadata", params=new, timeout=10)
                assert found.is_success
                assert client.read("gs://nothing").is_ok
            finally:
                silent.thaw()


def test_a_server_that_takes_no_writes_is_left_also_while_the_newest_secret_is_bad(
    programs: Programs, tmp_path: Path
) -> None:
    with new_node(programs) as node, new_node(programs) as other:
        catalogue = Catalogue.of(node, migrated(new_database(node.conninfo())))
        login = catalogue.new_login()
        other.execute("create database {}", catalogue.dbname)
        other.execute("create role {} login superuser", login.user)
        same = Catalogue.of(other, migrated(other.conninfo(catalogue.dbname)))
        same.change_password(login, login.password)
        places = {"host": f"{HOST},{HOST}", "port": f"{node.port},{other.port}"}
        mounted = tmp_path / "secret"
        mount(mounted, catalogue.secret(login, sslmode="disable", **places))
        environment = {"METADATA_PG_SECRET_DIR": str(mounted)}
        with running_server(tmp_path, environment) as server, Client(server.url) as client:
            assert client.create("gs://before", "new").is_ok
            wrong = Login(login.user, "wrong")
            mount(mounted, catalogue.secret(wrong, sslmode="disable", **places))
            wait_until(lambda: "do not work" in httpx.get(f"{server.url}/readyz").text)
            node.configure("alter system set default_transaction_read_only = on")
            wait_until(lambda: client.create(f"gs://{uuid4().hex}", "new").is_ok, seconds=15)


# A first host that is silent


@contextmanager
def silent_host(kind: str) -> Generator[int]:
    """Have a port that takes connections and says nothing, or that does not even take them."""
    if kind == "drops what knocks":
        with black_hole() as port:
            yield port
    else:
        with proxy_to(1) as proxy:
            proxy.door = Door.SILENT
            yield proxy.port


@pytest.mark.parametrize("kind", ["drops what knocks", "takes connections"])
@pytest.mark.parametrize("mode", ["disable", "prefer"])
def test_a_silent_first_host_costs_its_timeout_once(
    node: Node, node_database: str, tmp_path: Path, kind: str, mode: str
) -> None:
    with silent_host(kind) as port:
        ports = f"{port},{node.port}"
        places = described(node_database, host=f"{HOST},{HOST}", port=ports, sslmode=mode)
        with running_server(tmp_path, places) as server, Client(server.url) as client:
            first = client.read("gs://nothing")
            assert first.is_ok
            assert first.seconds < 3 * CONNECT_SECONDS
            later: list[Outcome] = []
            for _ in range(4):
                kill_backends(node_database)
                later += [client.create(f"gs://{uuid4().hex}", "new"), client.read("gs://nothing")]
            with constant_load(server.url, clients=12) as crowd:
                time.sleep(1)  # in which the pool wants to grow
    assert {each.status for each in later} == {OK}
    assert crowd.failed() == []
    waited = max(each.seconds for each in (*later, *crowd.outcomes))
    assert waited < CONNECT_SECONDS / 2, "it has waited for the silent one again"


def kill_backends(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


# Answers that are lost


@dataclass
class Through:
    """A client of a server whose way to the database fails when it is told to."""

    client: Client
    proxy: Proxy
    conninfo: str

    def prepare(self, verb: Verb) -> Callable[[], Outcome]:
        """Return a write that is yet to be made, and make what it needs before."""
        uri, name = f"gs://{uuid4().hex}", uuid4().hex
        match verb:
            case Verb.CREATE:
                return lambda: self.client.create(uri, name)
            case Verb.UPDATE:
                assert self.client.create(uri, "before").is_ok
                return lambda: self.client.update(uri, name)
            case _:
                assert self.client.create(uri, "before").is_ok
                return lambda: self.client.delete(uri)

    def untruths(self) -> list[str]:
        return untruths(self.client.outcomes, self.conninfo)


@pytest.fixture
def through(node: Node, node_database: str, tmp_path: Path) -> Iterator[Through]:
    """A server that reaches its database through a proxy."""
    with proxy_to(node.port) as proxy:
        places = described(node_database, port=str(proxy.port))
        with running_server(tmp_path, places) as server, Client(server.url) as client:
            assert client.read("gs://nothing").is_ok
            yield Through(client, proxy, node_database)


writes = pytest.mark.parametrize("verb", [Verb.CREATE, Verb.UPDATE, Verb.DELETE])


@writes
@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.STATEMENT_LOST])
def test_a_write_that_is_cut_off_is_found_out_about_and_made_once(
    through: Through, verb: Verb, fault: Fault
) -> None:
    for number in range(1, 6):
        write = through.prepare(verb)
        through.proxy.fail_next_writes(fault)
        outcome = write()
        assert through.proxy.faults == number
        assert (outcome.status, outcome.message) == (OK, "")
    assert through.untruths() == []


@writes
def test_a_write_that_is_cut_off_twice_is_made_once(through: Through, verb: Verb) -> None:
    """The second time it is the one that should make up for the first."""
    write = through.prepare(verb)
    through.proxy.fail_next_writes(Fault.STATEMENT_LOST, Fault.ANSWER_LOST)
    outcome = write()
    assert through.proxy.faults == 2
    assert (outcome.status, outcome.message) == (OK, "")
    assert through.untruths() == []


@pytest.mark.parametrize(
    ("verb", "fault"),
    [(Verb.CREATE, Fault.ANSWER_LOST), (Verb.DELETE, Fault.STATEMENT_LOST)],
)
def test_where_the_database_is_gone_for_good_the_outcome_is_said_to_be_unknown(
    through: Through, verb: Verb, fault: Fault
) -> None:
    write = through.prepare(verb)
    through.proxy.fail_next_writes(fault, door_after=Door.SHUT)
    outcome = write()
    assert through.proxy.faults == 1
    assert (outcome.status, "unknown" in outcome.message) == (UNAVAILABLE, True)
    assert outcome.seconds < ANSWER_SECONDS
    assert int(outcome.retry_after) > 0
    assert through.untruths() == []


def test_an_answer_that_never_comes_is_not_guessed_at(through: Through) -> None:
    write = through.prepare(Verb.CREATE)
    through.proxy.fail_next_writes(Fault.ANSWER_SWALLOWED)
    outcome = write()
    assert through.proxy.faults == 1
    assert outcome.is_ok or outcome.is_unknown
    assert outcome.seconds < ANSWER_SECONDS
    assert through.untruths() == []
    assert through.client.create("gs://after", "after").is_ok


@writes
def test_a_write_that_is_cut_off_while_it_waits_is_not_overtaken_by_its_second_try(
    through: Through, verb: Verb
) -> None:
    """It waits for a lock in the server, which does not notice that nobody waits for it."""
    uri = f"gs://{uuid4().hex}"
    if verb is not Verb.CREATE:
        assert through.client.create(uri, "before").is_ok
    with psycopg.connect(through.conninfo) as blocker:
        block(blocker, verb, uri)
        results: list[Outcome] = []
        asking = threading.Thread(target=lambda: results.append(ask(through.client, verb, uri)))
        asking.start()
        wait_until(lambda: waiting_for_locks(through.conninfo) == 1)
        through.proxy.cut_all()
        wait_until(lambda: waiting_for_locks(through.conninfo) == 2, what="it is not tried again")
        blocker.rollback()
        asking.join()
    assert (results[0].status, results[0].message) == (OK, "")
    assert through.untruths() == []


def ask(client: Client, verb: Verb, uri: str) -> Outcome:
    match verb:
        case Verb.CREATE:
            return client.create(uri, "asked")
        case Verb.UPDATE:
            return client.update(uri, "asked")
        case _:
            return client.delete(uri)


def block(connection: psycopg.Connection, verb: Verb, uri: str) -> None:
    """Let a write of a model wait."""
    if verb is Verb.CREATE:
        connection.execute(
            "insert into pinakes.models"
            " (uri, project, name, version, artifact_type, task_type, tags, metrics)"
            " values (%s, 'default', '', '', 'UNKNOWN', '', '{}', '{}')",
            [uri],
        )
    else:
        connection.execute("select from pinakes.models where uri = %s for update", [uri])


def waiting_for_locks(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone()
    assert found
    return int(found[0])


def test_answers_that_are_lost_again_and_again_under_load_are_all_true(
    through: Through,
) -> None:
    """One write in a few is cut, before it arrives or after it is committed."""
    with constant_load(through.client.url) as load:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for fault in (Fault.ANSWER_LOST, Fault.STATEMENT_LOST):
                through.proxy.fail_next_writes(fault)
                time.sleep(0.1)  # for the clients to meet it
    assert through.proxy.faults > 10
    assert load.failed() == []
    assert untruths(load.outcomes, through.conninfo) == []
