"""PostgreSQL under Patroni: three members, an etcd, and HAProxy before them, all on loopback.

What the page on high availability says of Patroni and HAProxy is what they are configured with.
"""

import os
import re
import secrets
import signal
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from docs.pages import blocks, page, section
from drill.processes import Running, run, wait_until
from parts import migrated
from pinakes.postgres.embedded.server import free_port
from tls.servers import HOST, find_programs, give_away

PAGE = section(page("operate-high-availability"), "With Patroni and HAProxy")
DATABASE, OWNER, ADMINISTRATOR = "metadata", "pinakes", "postgres"
LEADER, SYNCHRONOUS, ANY_STANDBY = "leader", "sync_standby", "replica"


@dataclass
class Member:
    """One PostgreSQL and its Patroni."""

    name: str
    port: int
    rest_port: int
    data: Path
    configuration: Path
    patroni: Running | None = None

    @property
    def url(self) -> str:
        """Where its Patroni is asked."""
        return f"http://{HOST}:{self.rest_port}"

    def start(self, undo: ExitStack) -> None:
        """Start its Patroni, which starts PostgreSQL."""
        log = self.configuration.with_suffix(".log")
        self.patroni = run(["patroni", str(self.configuration)], log, undo)

    def crash(self) -> None:
        """Kill PostgreSQL with all its processes; Patroni stays."""
        postmaster = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGSTOP)  # first, so that it forks no more
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def lose(self) -> None:
        """Kill everything of it, as when its machine is gone."""
        assert self.patroni
        self.patroni.process.kill()
        self.patroni.process.wait()
        self.crash()


@dataclass
class PatroniCluster:
    """Members who agree on a leader."""

    members: list[Member]
    proxy_port: int
    password: str
    undo: ExitStack = field(repr=False)

    def roles(self) -> dict[str, str]:
        """Return the role of each member that runs, as whoever answers first sees it."""
        for member in self.members:
            with suppress(httpx.HTTPError):
                seen = httpx.get(f"{member.url}/cluster", timeout=3).json()["members"]
                return {one["name"]: one["role"] for one in seen if _is_well(one)}
        return {}

    def leader(self) -> Member:
        """Return who is the primary."""
        [name] = [name for name, role in self.roles().items() if role == LEADER]
        return self.named(name)

    def named(self, name: str) -> Member:
        return next(member for member in self.members if member.name == name)

    def await_whole(self) -> None:
        """Wait until there is a leader, a synchronous standby and a third member."""
        whole = sorted([LEADER, SYNCHRONOUS, ANY_STANDBY])
        wait_until(lambda: sorted(self.roles().values()) == whole, "the cluster is whole")

    def await_primary(self, *, but: Member | None = None) -> None:
        """Wait until a member takes writes, or one that is not ``but``."""
        members = [member for member in self.members if member is not but]
        wait_until(lambda: any(map(self._takes_writes, members)), "a member takes writes")

    def switch_over(self) -> None:
        """Hand over to the synchronous standby, as an administrator does."""
        roles = {role: name for name, role in self.roles().items()}
        asked = {"leader": roles[LEADER], "candidate": roles[SYNCHRONOUS]}
        answer = httpx.post(f"{self.leader().url}/switchover", json=asked, timeout=60)
        answer.raise_for_status()

    def conninfo(self, dbname: str = DATABASE) -> str:
        """Return how an administrator reaches the primary."""
        return self._conninfo_of(self.leader(), dbname)

    def _conninfo_of(self, member: Member, dbname: str) -> str:
        login = {"user": ADMINISTRATOR, "password": self.password, "dbname": dbname}
        return make_conninfo(host=HOST, port=member.port, connect_timeout=3, **login)

    def _takes_writes(self, member: Member) -> bool:
        conninfo = self._conninfo_of(member, "postgres")
        with suppress(psycopg.OperationalError):
            psycopg.connect(conninfo, target_session_attrs="read-write").close()
            return True
        return False

    def environment(self, *, through_proxy: bool) -> dict[str, str]:
        """Describe the database to Pinakes: by HAProxy, or by the list of the members."""
        ports = [self.proxy_port] if through_proxy else [member.port for member in self.members]
        return {
            "METADATA_PG_HOST": ",".join([HOST] * len(ports)),
            "METADATA_PG_PORT": ",".join(map(str, ports)),
            "METADATA_PG_USER": OWNER,
            "METADATA_PG_PASSWORD": self.password,
            "METADATA_PG_DBNAME": DATABASE,
            "METADATA_PG_SSLMODE": "disable",
        }


def _is_well(seen: dict[str, Any]) -> bool:
    return seen["state"] in ("running", "streaming")


@contextmanager
def patroni_cluster() -> Generator[PatroniCluster]:
    """Run a whole cluster with an empty catalogue, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="pinakes-drill-") as name, ExitStack() as undo:
        place = Path(name)
        give_away(place)
        cluster = _start(place, undo)
        cluster.await_whole()
        _make_database(cluster)
        yield cluster


def _start(place: Path, undo: ExitStack) -> PatroniCluster:
    password, etcd, proxy = secrets.token_hex(16), free_port(), free_port()
    _start_etcd(place, etcd, undo)
    members = [_member(place, f"pg-{number}", etcd, password) for number in (1, 2, 3)]
    for member in members:
        member.start(undo)
    _write(place / "haproxy.cfg", proxy_configuration(proxy, members))
    run(["haproxy", "-f", str(place / "haproxy.cfg")], place / "haproxy.log", undo)
    return PatroniCluster(members, proxy, password, undo)


def _start_etcd(place: Path, port: int, undo: ExitStack) -> None:
    ours, peers = f"http://{HOST}:{port}", f"http://{HOST}:{free_port()}"
    options = {
        "name": "drill",
        "data-dir": str(place / "etcd"),
        "listen-client-urls": ours,
        "advertise-client-urls": ours,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"drill={peers}",
    }
    command = ["etcd", *(f"--{name}={value}" for name, value in options.items())]
    run(command, place / "etcd.log", undo)
    wait_until(lambda: _is_healthy(ours), "etcd answers")


def _is_healthy(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/health", timeout=3).json()["health"] == "true"
    return False


def _member(place: Path, name: str, etcd: int, password: str) -> Member:
    member = Member(name, free_port(), free_port(), place / name, place / f"{name}.yaml")
    _write(member.configuration, yaml.safe_dump(_settings(place, member, etcd, password)))
    return member


def _settings(place: Path, member: Member, etcd: int, password: str) -> dict[str, Any]:
    [dcs] = blocks(PAGE, "yaml")
    rest, address = f"{HOST}:{member.rest_port}", f"{HOST}:{member.port}"
    login = {"username": ADMINISTRATOR, "password": password}
    return {
        "scope": "drill",
        "name": member.name,
        "restapi": {"listen": rest, "connect_address": rest},
        "etcd3": {"host": f"{HOST}:{etcd}"},
        "bootstrap": {
            "dcs": yaml.safe_load(dcs),
            "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
        },
        "postgresql": {
            "listen": address,
            "connect_address": address,
            "data_dir": str(member.data),
            "bin_dir": str(find_programs().folder),
            "pgpass": str(place / f"{member.name}.pgpass"),
            "authentication": {"superuser": login, "replication": login},
            "pg_hba": [
                f"host all all {HOST}/32 scram-sha-256",
                f"host replication all {HOST}/32 scram-sha-256",
            ],
            "parameters": {
                "unix_socket_directories": "",
                "shared_buffers": "32MB",
                "dynamic_shared_memory_type": "mmap",  # of what is killed nothing is left
                "wal_log_hints": "on",  # for pg_rewind
            },
        },
    }


def proxy_configuration(port: int, members: list[Member]) -> str:
    """Put the ports of the drill into what the page says."""
    [configuration] = blocks(PAGE, "haproxy")
    configuration = configuration.replace("bind *:5000", f"bind {HOST}:{port}")
    for member in members:
        configuration = re.sub(
            rf"server {member.name} \S+ check port \d+",
            f"server {member.name} {HOST}:{member.port} check port {member.rest_port}",
            configuration,
        )
    return configuration


def _write(file: Path, text: str) -> None:
    """Write what only the user of the servers may read."""
    file.touch(mode=0o600)
    file.write_text(text)
    give_away(file)


def _make_database(cluster: PatroniCluster) -> None:
    """Make a catalogue, and the role that owns it and serves."""
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
        owner, name = sql.Identifier(OWNER), sql.Identifier(DATABASE)
        role = sql.SQL("create role {} login password {}")
        connection.execute(role.format(owner, sql.Literal(cluster.password)))
        connection.execute(sql.SQL("create database {} owner {}").format(name, owner))
    migrated(make_conninfo(cluster.conninfo(), user=OWNER))
