"""PostgreSQL servers that can be killed, frozen and promoted: Debian's, on loopback."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pinakes.postgres.embedded.server import free_port
from pinakes.postgres.embedded.user import server_user
from tls.authority import Pair
from tls.servers import HOST, SETTINGS, Programs

CERTIFIED = "certified"
"""The group of those who must show a certificate that has their name."""

HBA = f"""
host     all          postgres      {HOST}/32  trust
host     replication  postgres      {HOST}/32  trust
hostssl  all          +{CERTIFIED}  {HOST}/32  scram-sha-256 clientcert=verify-full
host     all          all           {HOST}/32  scram-sha-256
"""

READY_SECONDS = 30.0
ROOM = ("max_connections=100", "dynamic_shared_memory_type=mmap")
"""Room for many clients; and nothing is left in the memory of the system by one that is killed."""


def wait_until(happens: Callable[[], object], seconds: float = 30, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # between looks, not instead of one


@dataclass(frozen=True)
class Node:
    """A running server, and its process."""

    programs: Programs
    data: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """Everything that the server has said."""
        return _log_of(self.data).read_text()

    def conninfo(self, dbname: str = "postgres") -> str:
        """Return how its administrator connects."""
        return make_conninfo(
            host=HOST,
            port=self.port,
            user="postgres",
            password="",
            dbname=dbname,
            sslmode="disable",
            options="-c default_transaction_read_only=off",
        )

    def execute(self, statement: LiteralString, *names: str) -> None:
        """Run a statement as the administrator; ``names`` are quoted into it."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            quoted = [sql.Identifier(name) for name in names]
            connection.execute(sql.SQL(statement).format(*quoted))

    def configure(self, statement: LiteralString) -> None:
        """Alter the system, and make it so."""
        self.execute(statement)
        self.execute("select pg_reload_conf()")

    def ask(self, question: str) -> object:
        """Return the one value that is the answer."""
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            [answer] = connection.execute(question.encode()).fetchone() or [None]
            return answer

    def present(self, pair: Pair) -> None:
        """Show another certificate from now on."""
        _write_pair(self.data, pair)
        self.execute("select pg_reload_conf()")

    def processes(self) -> list[int]:
        """Return its processes, the postmaster first."""
        postmaster = self.process.pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text()
        return [postmaster, *map(int, children.split())]

    def freeze(self) -> None:
        """Stop every process: connections stay, and nobody answers on them."""
        os.kill(self.process.pid, signal.SIGSTOP)  # first, so that it forks no more
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on as if no time had passed."""
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Lose power: no process of it says a last word."""
        self.freeze()
        for pid in reversed(self.processes()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it, however it is; its data is not needed any more."""
        if self.process.poll() is None:
            self.thaw()
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=READY_SECONDS)


@dataclass
class Duo:
    """A primary, and a standby that has every commit before a client hears of it."""

    primary: Node
    standby: Node
    _undo: ExitStack

    @property
    def ports(self) -> str:
        """The ports of both, in an order that never changes."""
        return ",".join(map(str, sorted((self.primary.port, self.standby.port))))

    def promote(self) -> None:
        """Make the standby the primary."""
        assert self.standby.ask("select pg_promote(true, 60)")
        self.primary, self.standby = self.standby, self.primary

    def rebuild_standby(self) -> None:
        """Make a standby where the one that was killed stood."""
        self.standby = clone(self.primary, self.standby.port, self._undo)
        self.synchronise()

    def synchronise(self) -> None:
        """Let no commit be answered before the standby has it."""
        self.primary.configure("alter system set synchronous_standby_names = '*'")
        question = "select bool_or(sync_state = 'sync') from pg_stat_replication"
        wait_until(lambda: self.primary.ask(question))


@contextmanager
def place_of_nodes() -> Generator[Path]:
    """Make a directory that servers may have their data in."""
    with tempfile.TemporaryDirectory(prefix="pinakes-chaos-") as place:
        _give_away(Path(place))
        yield Path(place)


@contextmanager
def new_node(
    programs: Programs, pair: Pair | None = None, client_ca: bytes = b""
) -> Generator[Node]:
    """Run a new server, until the block ends."""
    with place_of_nodes() as place, ExitStack() as undo:
        data = initialise(programs, place, pair, client_ca)
        settings = () if pair is None else ("ssl=on", "ssl_ca_file=client-ca.crt")
        yield start(programs, data, free_port(), undo, *settings)


@contextmanager
def duo_of_nodes(programs: Programs) -> Generator[Duo]:
    """Run a primary and its synchronous standby, until the block ends."""
    with place_of_nodes() as place, ExitStack() as undo:
        primary = start(programs, initialise(programs, place), free_port(), undo)
        duo = Duo(primary, clone(primary, free_port(), undo), undo)
        duo.synchronise()
        yield duo


def initialise(
    programs: Programs, place: Path, pair: Pair | None = None, client_ca: bytes = b""
) -> Path:
    """Make the data of a server."""
    data = place / "data"
    _run(
        programs.command(
            "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
    )
    (data / "pg_hba.conf").write_text(HBA)
    if pair is not None:
        _write_pair(data, pair)
        (data / "client-ca.crt").write_bytes(client_ca)
    return data


def start(programs: Programs, data: Path, port: int, undo: ExitStack, *settings: str) -> Node:
    """Start a server, and return when it answers."""
    options = [word for setting in (*SETTINGS, *ROOM, *settings) for word in ("-c", setting)]
    command = programs.command("postgres", "-D", str(data), "-p", str(port), *options)
    with _log_of(data).open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", env={"LC_ALL": "C"})
    node = Node(programs, data, port, process)
    undo.callback(node.stop)
    wait_until(lambda: _answers(node), READY_SECONDS, "the server does not start")
    return node


def clone(primary: Node, port: int, undo: ExitStack) -> Node:
    """Start a standby of a primary."""
    data = Path(tempfile.mkdtemp(prefix="standby-", dir=primary.data.parent))
    _give_away(data)
    source = f"host={HOST} port={primary.port} user=postgres application_name=standby"
    options = ("-D", str(data), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
    _run(primary.programs.command("pg_basebackup", *options))
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write("synchronous_standby_names = ''\n")  # its own standby comes later
    return start(primary.programs, data, port, undo)


def _answers(node: Node) -> bool:
    assert node.process.poll() is None, node.log
    with suppress(psycopg.OperationalError):
        psycopg.connect(node.conninfo(), connect_timeout=3).close()
        return True
    return False


def _log_of(data: Path) -> Path:
    return data.parent / f"{data.name}.log"


def _write_pair(data: Path, pair: Pair) -> None:
    for name, content in [("server.crt", pair.certificate), ("server.key", pair.key)]:
        fresh = data / f"{name}.new"
        fresh.touch(mode=0o600)
        fresh.write_bytes(content)
        _give_away(fresh)
        fresh.rename(data / name)


def _give_away(path: Path) -> None:
    user = server_user(Path("/"))
    if not user.is_us():
        os.chown(path, user.uid, user.gid)


def _run(command: list[str]) -> None:
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd="/", env=environment
    )
    assert done.returncode == 0, done.stderr
