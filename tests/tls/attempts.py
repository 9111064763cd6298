"""Connect twice with the same settings: as Pinakes does, and with psql."""

import re
import subprocess
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from mounted import mount
from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.secret import ConfigurationError
from tls.authority import Pair
from tls.cases import Outcome, Verdict
from tls.servers import DATABASE, PASSWORD

IS_ENCRYPTED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
PRIVATE = 0o600
OPEN = 0o644
BY_SERVER = re.compile("FATAL|alert|server closed|reset by peer|Broken pipe|unexpected eof")
"""What libpq says when the server sent it away; the end of a connection may overtake its reason."""

_own = threading.local()


@dataclass(frozen=True)
class Target:
    """Where to connect to and as whom."""

    host: str
    port: int
    user: str
    password: str = PASSWORD


@dataclass(frozen=True)
class Material:
    """What a secret holds beside the target: None where it has no such key."""

    sslmode: str | None
    ca: bytes | None = None
    client: Pair | None = None
    """Empty bytes stand for a key of the secret that is not there."""
    ca_is_missing: bool = False
    """Whether a file is named for the authorities, and there is none."""
    key_mode: int = PRIVATE


def values_of(target: Target, material: Material) -> dict[str, str]:
    """Return what both are told in words."""
    values = {
        "host": target.host,
        "port": str(target.port),
        "user": target.user,
        "password": target.password,
        "dbname": DATABASE,
        "sslmode": material.sslmode or "",
    }
    return {keyword: value for keyword, value in values.items() if value}


def as_pinakes(target: Target, material: Material, place: Path) -> Verdict:
    """Connect as Pinakes does, from secrets mounted in ``place``."""
    configuration = configuration_of(target, material, place)
    try:
        conninfo = ConnectionReader(configuration, _private_files()).conninfo()
        with psycopg.connect(conninfo) as connection:
            row = connection.execute(IS_ENCRYPTED).fetchone()
    except ConfigurationError as error:
        return Verdict(Outcome.REFUSED_BY_US, str(error), _all_of(error))
    except psycopg.OperationalError as error:
        return Verdict(_refusal(str(error)), str(error), _all_of(error))
    return Verdict(Outcome.VERIFIED if row and row[0] else Outcome.PLAIN)


def configuration_of(target: Target, material: Material, place: Path) -> Configuration:
    """Lay out the secrets; only libpq's own variables can name a file that is not there."""
    values = values_of(target, material)
    if material.ca_is_missing:
        return Configuration({}, _libpq_environment(values, material, place))
    files = {key: f"{value}\n".encode() for key, value in values.items()}
    if material.ca is not None:
        files["ca.crt"] = material.ca
    environment = {"METADATA_PG_SECRET_DIR": str(mount(place / "secret", files))}
    if material.client is not None:
        pair = {"tls.crt": material.client.certificate, "tls.key": material.client.key}
        pair = {key: content for key, content in pair.items() if content}
        mounted = mount(place / "client", pair, material.key_mode)
        environment["METADATA_PG_CLIENT_TLS_DIR"] = str(mounted)
    return Configuration(environment, {})


def as_psql(psql: Path, target: Target, material: Material, place: Path) -> Verdict:
    """Connect as psql does, with copies of the same files, and nothing else of ours."""
    return run_psql([str(psql)], psql_environment(target, material, place))


def psql_environment(target: Target, material: Material, place: Path) -> dict[str, str]:
    """Lay out what psql is told, and a home in which nothing lies."""
    home = place / "home"
    home.mkdir(parents=True)
    environment = _libpq_environment(values_of(target, material), material, place)
    return environment | {"HOME": str(home), "PGCONNECT_TIMEOUT": "3", "LC_ALL": "C.UTF-8"}


def run_psql(command: list[str], environment: dict[str, str]) -> Verdict:
    """Ask whether the connection is encrypted, as whomever the command is run."""
    done = subprocess.run(
        [*command, "--no-psqlrc", "--no-password", "-Atc", IS_ENCRYPTED],
        env=environment,
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return Verdict(_refusal(done.stderr), done.stderr)
    return Verdict(Outcome.VERIFIED if done.stdout.strip() == "t" else Outcome.PLAIN)


def _libpq_environment(
    values: Mapping[str, str], material: Material, place: Path
) -> dict[str, str]:
    names = {"dbname": "PGDATABASE"}
    environment = {names.get(key, f"PG{key.upper()}"): value for key, value in values.items()}
    folder = place / "files"
    folder.mkdir(parents=True)
    if material.ca_is_missing:
        environment["PGSSLROOTCERT"] = str(folder / "missing.crt")
    elif material.ca is not None:
        environment["PGSSLROOTCERT"] = _write(folder / "ca.crt", material.ca)
    if material.client is not None:
        certificate, key = folder / "tls.crt", folder / "tls.key"
        environment |= {"PGSSLCERT": str(certificate), "PGSSLKEY": str(key)}
        if material.client.certificate:
            _write(certificate, material.client.certificate)
        if material.client.key:
            _write(key, material.client.key, material.key_mode)
    return environment


def _write(file: Path, content: bytes, mode: int = PRIVATE) -> str:
    file.touch(mode=PRIVATE)
    file.write_bytes(content)
    file.chmod(mode)
    return str(file)


def _private_files() -> PrivateFiles:
    """Return this thread's: files of the process live as long as it does."""
    if not hasattr(_own, "files"):
        _own.files = PrivateFiles()
    return _own.files


def _refusal(text: str) -> Outcome:
    return Outcome.REFUSED_BY_SERVER if BY_SERVER.search(text) else Outcome.REFUSED_BY_LIBPQ


def _all_of(error: Exception) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)
