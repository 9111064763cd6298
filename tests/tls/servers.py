"""Real PostgreSQL servers that speak TLS: Debian's, as an ordinary user, on loopback."""

import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pinakes.postgres.embedded import postmaster
from pinakes.postgres.embedded.server import free_port
from pinakes.postgres.embedded.user import server_user
from tls.authority import Pair

DEBIAN = Path("/usr/lib/postgresql")
HOST = "127.0.0.1"
DATABASE = "metadata"
PASSWORD = "p'a\\s&s%w#o@r d é"
"""Everything that quoting may stumble over."""

EITHER = "either"
TLS_ONLY = "tls_only"
PLAIN_ONLY = "plain_only"
CERTIFIED = "certified"
"""Needs its password and a certificate that has its name."""
CERTIFICATE_ONLY = "certificate_only"
"""Comes in by the certificate of ``certified``, without a password."""
MIGRATOR = "migrator"
"""Comes in by a certificate of its own name, without a password."""
TRUSTED = "trusted"
REJECTED = "rejected"
USERS = (EITHER, TLS_ONLY, PLAIN_ONLY, CERTIFIED, CERTIFICATE_ONLY, MIGRATOR, TRUSTED, REJECTED)

HBA = f"""
host      all  postgres            {HOST}/32  trust
host      all  {TRUSTED}           {HOST}/32  trust
host      all  {REJECTED}          {HOST}/32  reject
host      all  {EITHER}            {HOST}/32  scram-sha-256
hostssl   all  {TLS_ONLY}          {HOST}/32  scram-sha-256
hostnossl all  {PLAIN_ONLY}        {HOST}/32  scram-sha-256
hostssl   all  {CERTIFIED}         {HOST}/32  scram-sha-256 clientcert=verify-full
hostssl   all  {CERTIFICATE_ONLY}  {HOST}/32  cert map=certificates
hostssl   all  {MIGRATOR}          {HOST}/32  cert
"""
"""One line a login; what has none is refused too."""

HBA_WITHOUT_TLS = "\n".join(line for line in HBA.splitlines() if not line.startswith("hostssl"))
IDENT = f"certificates {CERTIFIED} {CERTIFICATE_ONLY}\n"

SETTINGS = (
    "fsync=off",
    "shared_buffers=16MB",
    "max_connections=40",
    f"listen_addresses={HOST}",
    "unix_socket_directories=",
)
READY_SECONDS = 30.0
POLL_SECONDS = 0.01
DIE_WITH_US = ("--pdeathsig", "INT")


@dataclass(frozen=True)
class Programs:
    """The programs of a PostgreSQL with TLS, and the words before them that make us no root."""

    folder: Path
    prefix: tuple[str, ...]

    def command(self, name: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.folder / name), *arguments]


@dataclass(frozen=True)
class Cluster:
    """A running server."""

    data: Path
    port: int
    process: subprocess.Popen[bytes]

    def conninfo(self, user: str = "postgres") -> str:
        return f"host={HOST} port={self.port} user={user} dbname={DATABASE} sslmode=disable"

    def present(self, pair: Pair) -> None:
        """Serve with another certificate, and return when that is so."""
        _write_pair(self.data, pair)
        self.process.send_signal(signal.SIGHUP)
        wanted = ssl.PEM_cert_to_DER_cert(
            pair.certificate.decode().partition(END_OF_PEM)[0] + END_OF_PEM
        )
        _await(lambda: presented_at(self.port) == wanted, self.process, "present its certificate")


END_OF_PEM = "-----END CERTIFICATE-----"
SSL_REQUEST = struct.pack(">ii", 8, 80877103)


def presented_at(port: int) -> bytes | None:
    """Return the certificate that a server shows, as anybody may ask for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((HOST, port)) as plain:
        plain.sendall(SSL_REQUEST)
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain) as encrypted:
            return encrypted.getpeercert(binary_form=True)


def missing_programs() -> str:
    """Say what is missing for these servers, nothing where all is there."""
    if not _folders():
        return "needs a PostgreSQL that speaks TLS (apt-get install postgresql-15)"
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        return "needs setpriv, as PostgreSQL does not run as root (apt-get install util-linux)"
    return ""


def find_programs() -> Programs:
    """Find the programs, the newest where there are several."""
    return Programs(_folders()[0], _prefix())


def _folders() -> list[Path]:
    named = shutil.which("pg_config")
    known = sorted(DEBIAN.glob("*/bin"), key=lambda folder: folder.parent.name, reverse=True)
    told = [_bindir(named)] if named else []
    return [folder for folder in (*known, *told) if (folder / "postgres").exists()]


def _bindir(pg_config: str) -> Path:
    return Path(subprocess.check_output([pg_config, "--bindir"], text=True).strip())


def _prefix() -> tuple[str, ...]:
    user = server_user(Path("/"))
    setpriv = shutil.which("setpriv")
    if user.is_us():
        return (setpriv, *DIE_WITH_US) if setpriv else ()
    become = (f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups")
    return (setpriv or "setpriv", *DIE_WITH_US, *become)


def make_template(programs: Programs, place: Path) -> Path:
    """Make the data that all servers begin with: the logins, and their database."""
    data = place / "template"
    give_away(place)
    initdb = ("-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    _run(programs.command("initdb", *initdb, "--locale=C.UTF-8"))
    (data / "pg_hba.conf").write_text(HBA_WITHOUT_TLS)
    (data / "pg_ident.conf").write_text(IDENT)
    with running(programs, data) as cluster:
        conninfo = cluster.conninfo().replace(f"dbname={DATABASE}", "dbname=postgres")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            _make_logins(connection)
    return data


def _make_logins(connection: psycopg.Connection) -> None:
    connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
    for user in USERS:
        connection.execute(
            sql.SQL("create role {} login password {}").format(
                sql.Identifier(user), sql.Literal(PASSWORD)
            )
        )


@contextmanager
def cluster_of(
    programs: Programs, template: Path, name: str, pair: Pair | None, client_ca: bytes = b""
) -> Generator[Cluster]:
    """Run a server on a copy of the template: with a certificate, or without TLS."""
    data = template.parent / name
    shutil.copytree(template, data)
    settings: list[str] = []
    if pair is not None:
        (data / "pg_hba.conf").write_text(HBA)
        (data / "client-ca.crt").write_bytes(client_ca)
        _write_pair(data, pair)
        settings = ["ssl=on", "ssl_ca_file=client-ca.crt"]
    for file in (data, *data.rglob("*")):
        give_away(file)
    with running(programs, data, settings) as cluster:
        yield cluster


@contextmanager
def running(programs: Programs, data: Path, settings: Sequence[str] = ()) -> Generator[Cluster]:
    """Run a server, until the block ends."""
    port = free_port()
    options = [word for setting in (*SETTINGS, *settings) for word in ("-c", setting)]
    command = programs.command("postgres", "-D", str(data), "-p", str(port), *options)
    with (
        (data.parent / f"{data.name}.log").open("wb") as log,
        subprocess.Popen(command, stderr=log, stdout=log, cwd="/", env={"LC_ALL": "C"}) as process,
    ):
        try:
            _await(lambda: postmaster.is_ready(data, process.pid), process, "become ready")
            yield Cluster(data, port, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=READY_SECONDS)


def _await(is_so: Callable[[], bool], process: subprocess.Popen[bytes], what: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while not is_so():
        assert process.poll() is None, "the server ended; its log lies beside its data"
        assert time.monotonic() < end, f"the server does not {what}"
        time.sleep(POLL_SECONDS)


def _write_pair(data: Path, pair: Pair) -> None:
    for name, content in [("server.crt", pair.certificate), ("server.key", pair.key)]:
        file = data / name
        file.touch(mode=0o600)
        file.write_bytes(content)
        give_away(file)


def give_away(path: Path) -> None:
    user = server_user(Path("/"))
    if not user.is_us():
        os.chown(path, user.uid, user.gid)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
