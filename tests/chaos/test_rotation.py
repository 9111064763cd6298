"""Credentials that change while clients read and write: nobody notices but those who look."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from cryptography import x509

from chaos.credentials import Catalogue, Login, write_plainly
from chaos.load import MODELS, Load, constant_load
from chaos.nodes import CERTIFIED, Node, wait_until
from chaos.truth import untruths
from mounted import mount
from parts import RunningServer, migrated, new_database, running_server
from tls.authority import Authority, Pair
from tls.servers import HOST

IN_USE_SECONDS = 3 * 5.0
"""Three times what a changed secret may take until it is in use."""
PAUSE = timedelta(seconds=5)
"""Between two logins at one host that may be refused."""
WINDOW_SECONDS = 8.0
"""How long the file is behind the database: kubelet's ninety seconds, made shorter."""

Layout = Callable[[Path, Mapping[str, bytes]], object]
layouts = pytest.mark.parametrize(
    "lay", [mount, write_plainly], ids=["as kubelet does", "as plain files"]
)


@contextmanager
def secret_server(
    directory: Path, files: Mapping[str, bytes], lay: Layout = mount, client: Pair | None = None
) -> Generator[RunningServer]:
    """Run a server with a mounted secret, and a client certificate where there is one."""
    lay(directory / "secret", files)
    environment = {"METADATA_PG_SECRET_DIR": str(directory / "secret")}
    if client is not None:
        mount_pair(directory, client)
        environment["METADATA_PG_CLIENT_TLS_DIR"] = str(directory / "client")
    with running_server(directory, environment) as server:
        yield server


def mount_pair(directory: Path, pair: Pair) -> None:
    mount(directory / "client", {"tls.crt": pair.certificate, "tls.key": pair.key})


def readiness(server: RunningServer) -> tuple[int, str]:
    """Return the status of readiness, and what it says that is amiss."""
    answer = httpx.get(f"{server.url}/readyz", timeout=30)
    return answer.status_code, answer.json().get("message", "")


def is_current(server: RunningServer) -> bool:
    """Whether the newest credentials are in use, by the metric."""
    lines = httpx.get(f"{server.url}/metrics", timeout=30).text.splitlines()
    return "pinakes_credentials_current 1.0" in lines


def events(server: RunningServer, name: str) -> list[dict[str, str]]:
    logged = map(json.loads, server.log.read_text().splitlines())
    return [event for event in logged if event["event"] == name]


@contextmanager
def unnoticed(server: RunningServer, catalogue: Catalogue) -> Generator[Load]:
    """Read and write meanwhile; in the end no request has failed, and all that was told is true."""
    assert readiness(server) == (200, "")
    with constant_load(server.url) as load:
        wait_until(lambda: load.succeeds_since(0))
        yield load
        moment = time.monotonic()
        wait_until(lambda: load.succeeds_since(moment))
    assert load.failed() == []
    assert untruths(load.outcomes, catalogue.conninfo) == []


def wait_until_renewed(catalogue: Catalogue, since: datetime, user: str) -> float:
    """Wait until every connection is this user's and from after a moment; return how long."""
    began = time.monotonic()
    wait_until(lambda: catalogue.is_renewed(since, user), IN_USE_SECONDS, "it is not in use")
    return time.monotonic() - began


# What changes as it should


@layouts
def test_a_password_that_changes_again_and_again_is_used_at_once_and_unnoticed(
    catalogue: Catalogue,
    tmp_path: Path,
    lay: Layout,
    record_property: Callable[[str, object], None],
) -> None:
    login = catalogue.new_login()
    seconds: list[float] = []
    with (
        secret_server(tmp_path, catalogue.secret(login), lay) as server,
        unnoticed(server, catalogue),
    ):
        for number in range(10 if lay is mount else 2):
            password = uuid4().hex
            file_first = number % 2
            if file_first:
                lay(tmp_path / "secret", catalogue.secret(Login(login.user, password)))
                time.sleep(0.3)  # between the two changes
            login = catalogue.change_password(login, password)
            if not file_first:
                time.sleep(0.3)  # between the two changes
                lay(tmp_path / "secret", catalogue.secret(login))
            seconds.append(wait_until_renewed(catalogue, catalogue.now(), login.user))
        assert is_current(server)
        assert readiness(server) == (200, "")
        assert len(events(server, "CredentialsRenewed")) >= len(seconds)
    record_property("seconds until in use", ", ".join(f"{each:.2f}" for each in seconds))


@layouts
def test_another_user_takes_the_place_of_one_who_is_shut_out_unnoticed(
    catalogue: Catalogue, tmp_path: Path, lay: Layout
) -> None:
    before, after = catalogue.new_login(), catalogue.new_login()
    with (
        secret_server(tmp_path, catalogue.secret(before), lay) as server,
        unnoticed(server, catalogue),
    ):
        moment = catalogue.now()
        lay(tmp_path / "secret", catalogue.secret(after))
        catalogue.shut_out(before)
        wait_until_renewed(catalogue, moment, after.user)


def test_another_authority_of_the_server_is_followed_unnoticed(
    node: Node, catalogue: Catalogue, authority: Authority, tmp_path: Path
) -> None:
    """First both are trusted, then the server shows the new certificate, then the new one alone."""
    login, new = catalogue.new_login(), Authority.root("the next authority")

    def secret(*trusted: Authority) -> dict[str, bytes]:
        bundle = "".join(each.pem.decode() for each in trusted)
        return catalogue.secret(login, **{"sslmode": "verify-full", "ca.crt": bundle})

    try:
        with (
            secret_server(tmp_path, secret(authority)) as server,
            unnoticed(server, catalogue),
        ):
            mount(tmp_path / "secret", secret(authority, new))
            wait_until_renewed(catalogue, catalogue.now(), login.user)
            node.present(new.issue("server", HOST))
            mount(tmp_path / "secret", secret(new))
            wait_until_renewed(catalogue, catalogue.now(), login.user)
            assert is_current(server)
    finally:
        node.present(authority.issue("server", HOST))


def test_a_renewed_client_certificate_is_shown_unnoticed(
    catalogue: Catalogue, authority: Authority, tmp_path: Path
) -> None:
    login = catalogue.new_login(CERTIFIED)
    first, second = (authority.issue(login.user) for _ in range(2))
    with (
        secret_server(tmp_path, catalogue.secret(login), client=first) as server,
        unnoticed(server, catalogue),
    ):
        assert {backend.serial for backend in catalogue.backends()} == {number_of(first)}
        mount_pair(tmp_path, second)
        wait_until(
            lambda: {backend.serial for backend in catalogue.backends()} == {number_of(second)},
            IN_USE_SECONDS,
        )


def number_of(pair: Pair) -> int:
    return x509.load_pem_x509_certificate(pair.certificate).serial_number


def test_a_file_that_is_late_costs_no_working_connection(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    """The database changed first: who is in stays in, even where more would like to come in."""
    login = catalogue.new_login()
    with (
        secret_server(tmp_path, catalogue.secret(login)) as server,
        unnoticed(server, catalogue) as load,
    ):
        changed = catalogue.change_password(login, uuid4().hex)
        known = set(catalogue.backends())
        with constant_load(server.url, clients=12) as crowd:
            time.sleep(WINDOW_SECONDS)  # the file is behind
        assert known <= set(catalogue.backends())
        assert crowd.failed() == load.failed() == []
        assert are_seldom(catalogue.refused_logins(login))
        load.outcomes.extend(crowd.outcomes)
        mount(tmp_path / "secret", catalogue.secret(changed))
        wait_until_renewed(catalogue, catalogue.now(), login.user)
        assert is_current(server)
        assert readiness(server) == (200, "")


# What changes as it should not


def take_away(directory: Path, _: Mapping[str, bytes]) -> None:
    """Leave a secret with nothing in it but a password that is no text."""
    mount(directory, {"password": b"\xff"})


FOREIGN = Authority.root("a stranger").pem.decode()

BAD: dict[str, tuple[Layout, dict[str, str | None]]] = {
    "a wrong password": (mount, {"password": "hush-wrong"}),
    "no user": (mount, {"user": None}),
    "another authority": (mount, {"sslmode": "verify-full", "ca.crt": FOREIGN}),
    "another port": (mount, {"port": "1"}),
    "another database": (mount, {"dbname": "hush-elsewhere"}),
    "nothing that can be read": (take_away, {}),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_secret_that_does_not_work_is_told_and_changes_nothing_until_it_is_mended(
    catalogue: Catalogue, tmp_path: Path, bad: str
) -> None:
    login = catalogue.new_login()
    lay, changed = BAD[bad]
    with (
        secret_server(tmp_path, catalogue.secret(login)) as server,
        unnoticed(server, catalogue),
    ):
        assert is_current(server)
        known = set(catalogue.backends())
        lay(tmp_path / "secret", catalogue.secret(login, **changed))
        wait_until(lambda: not is_current(server), IN_USE_SECONDS)
        status, message = readiness(server)
        assert (status, "credentials" in message) == (200, True)
        assert events(server, "CredentialsRefused")
        assert events(server, "CredentialsRenewed") == []
        assert known <= set(catalogue.backends())
        mended = catalogue.change_password(login, uuid4().hex)
        mount(tmp_path / "secret", catalogue.secret(mended))
        wait_until_renewed(catalogue, catalogue.now(), login.user)
        assert is_current(server)
        assert readiness(server) == (200, "")
        assert len(events(server, "CredentialsRenewed")) == 1
        told = message + server.log.read_text()
    hidden = ("hush", login.user, login.password, mended.password, catalogue.dbname, HOST)
    assert not [word for word in hidden if word in told.replace(server.url, "")]


# How often a login is tried that is refused


@dataclass(frozen=True)
class Refusals:
    """What came of a wrong password, after some seconds of it."""

    logins: list[datetime]
    statuses: frozenset[int]
    slowest: float
    message: str
    recovers: bool


BEGINNINGS: dict[str, dict[str, str]] = {
    "by one name": {},
    "where TLS is preferred": {"sslmode": "prefer"},
    "by two names": {"host": f"{HOST},localhost", "sslmode": "disable"},
    "beside one that is dead": {"host": f"{HOST},{HOST}", "port": "1,{port}", "sslmode": "disable"},
}


@pytest.fixture(scope="module")
def refusals(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Refusals]]:
    """Each beginning with a wrong password, all of them at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
        results = {
            name: threads.submit(refuse, node, tmp_path_factory.mktemp("refused"), changed)
            for name, changed in BEGINNINGS.items()
        }
        stack.callback(threads.shutdown)
        yield {name: result.result() for name, result in results.items()}


def refuse(node: Node, directory: Path, changed: dict[str, str]) -> Refusals:
    """Begin with a wrong password while many ask, and then let it be the right one."""
    catalogue = Catalogue.of(node, migrated(new_database(node.conninfo())))
    login = catalogue.new_login()
    wrong = Login(login.user, "wrong")
    began = time.monotonic()
    places = {key: value.format(port=node.port) for key, value in changed.items()}
    with secret_server(directory, catalogue.secret(wrong, **places)) as server:
        answers = ask_at_once(server, 20)
        time.sleep(max(0, began + 9 - time.monotonic()))  # some more could be tried meanwhile
        logins = catalogue.refused_logins(login)
        message = readiness(server)[1]
        catalogue.change_password(login, "wrong")
        deadline = time.monotonic() + IN_USE_SECONDS
        while not (recovers := answers_well(server)) and time.monotonic() < deadline:
            time.sleep(0.1)  # between looks
        return Refusals(
            logins,
            frozenset(status for status, _ in answers),
            max(seconds for _, seconds in answers),
            message,
            recovers,
        )


def ask_at_once(server: RunningServer, count: int) -> list[tuple[int, float]]:
    """Ask many times at once; return each status, and after how long."""

    def ask(_: int) -> tuple[int, float]:
        began = time.monotonic()
        status = httpx.get(server.url + MODELS, timeout=60).status_code
        return status, time.monotonic() - began

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(ask, range(count)))


def answers_well(server: RunningServer) -> bool:
    return httpx.get(server.url + MODELS, timeout=60).status_code == 200


def are_seldom(times: list[datetime], hosts: int = 1) -> bool:
    """Whether there are some, and never one within the pause after another at the same host."""
    pairs = zip(times, times[hosts:], strict=False)
    return bool(times) and all(later - earlier >= PAUSE for earlier, later in pairs)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_wrong_password_from_the_start_is_tried_seldom_told_and_followed(
    refusals: dict[str, Refusals], beginning: str
) -> None:
    found = refusals[beginning]
    hosts = 2 if "localhost" in BEGINNINGS[beginning].get("host", HOST) else 1
    assert are_seldom(found.logins, hosts)
    assert found.statuses == {503}
    assert found.slowest < 3 * 10
    assert "login was refused" in found.message
    assert found.recovers


def test_a_wrong_password_while_another_is_in_use_is_tried_seldom(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    login = catalogue.new_login()
    with (
        secret_server(tmp_path, catalogue.secret(login)) as server,
        unnoticed(server, catalogue) as load,
    ):
        wrong = Login(login.user, "wrong")
        mount(tmp_path / "secret", catalogue.secret(wrong))
        with constant_load(server.url, clients=12) as crowd:
            time.sleep(7)  # some more could be tried meanwhile
        load.outcomes.extend(crowd.outcomes)
        assert are_seldom(catalogue.refused_logins(login))
