"""Where the description of the database may stand, and what each place says in libpq's words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from pinakes.postgres.secret import ConfigurationError, Secret

ALIASES = {
    "host": ("host", "hostname", "endpoint"),
    "port": ("port",),
    "user": ("user", "username"),
    "password": ("password",),
    "dbname": ("dbname", "database", "db"),
    "sslmode": ("sslmode",),
    "target_session_attrs": ("target_session_attrs",),
    "connect_timeout": ("connect_timeout",),
}
"""The keys of the page's secret, and what the operators call the same: the first that is there."""

URI_KEYS = ("uri", "fqdn-uri", "DATABASE_URL", "dsn")
SCHEMES = ("postgresql://", "postgres://")
PARAMETERS_OF_URI = re.compile(r"postgres(?:ql)?://(?:[^@/]*@)?+[^?]*\?(.*)", re.DOTALL)
"""What a URI asks for, cut off as libpq does: a ? before the @ is of the password."""

SYSTEM = b"system"
"""In place of certificates: those that the operating system trusts."""

CA_KEYS = ("ca.crt", "certificates", "sslrootcert", "server-ca.pem")

LIBPQ_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
"""What counts of libpq's own environment; its services, passfile and options never do."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate with its chain, and its key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """The authorities that are trusted, and the certificate that we show: None for the lack."""

    ca: bytes | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One place: what it says, by libpq's keyword, and what each keyword is called there."""

    values: Mapping[str, str] = field(repr=False)
    names: Mapping[str, str]
    """What each keyword is called here, also one without a value: for messages."""
    read_trust: Callable[[], Trust]
    """Raises ConfigurationError: so it is asked only where the login is of this place."""


def secret_source(secret: Secret, read_trust: Callable[[], Trust]) -> Source:
    """Read the secret of the page, or one of those that the operators make.

    A key of its own wins over what a connection string says.
    """
    key_of_uri = next((key for key in URI_KEYS if secret.files.get(key)), None)
    values = _read_uri(secret, key_of_uri) if key_of_uri else {}
    names = {keyword: f"{keyword} of {key_of_uri}" for keyword in values}
    for keyword, aliases in ALIASES.items():
        key = next((key for key in aliases if secret.files.get(key)), None)
        if key is not None and (value := secret.text(key)):
            values[keyword], names[keyword] = value, key
    return Source(
        values,
        names={
            keyword: f"{names.get(keyword, aliases[0])} in {secret.directory}"
            for keyword, aliases in ALIASES.items()
        },
        read_trust=read_trust,
    )


def ca_of(secret: Secret) -> bytes | None:
    """Return the certificates of the authorities that a secret trusts, where it has the key."""
    return next((secret.files[key] for key in CA_KEYS if key in secret.files), None)


def certificate_of(secret: Secret) -> Certificate | None:
    """Return the client certificate of a mounted TLS secret.

    None where there is no file at all: so Kubernetes mounts an optional secret that is not there.
    """
    if not secret.files:
        return None
    return Certificate(secret.files.get("tls.crt", b""), secret.files.get("tls.key", b""))


def variables_source(environment: Mapping[str, str], read_trust: Callable[[], Trust]) -> Source:
    """Read METADATA_PG_*; the certificates come from the mounted secrets."""
    names = {keyword: f"METADATA_PG_{keyword.upper()}" for keyword in ALIASES}
    return Source(_present(environment, names), names, read_trust)


def libpq_source(environment: Mapping[str, str]) -> Source:
    """Read libpq's own variables, files that they name included."""

    def read_trust() -> Trust:
        is_system = environment.get("PGSSLROOTCERT") == SYSTEM.decode()
        ca = SYSTEM if is_system else _file(environment, "PGSSLROOTCERT")
        return Trust(ca, _certificate_files(environment))

    return Source(_present(environment, LIBPQ_VARIABLES), LIBPQ_VARIABLES, read_trust)


def _present(environment: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    for name in names.values():
        if not _is_text(environment.get(name, "")):
            raise ConfigurationError(f"{name} is not UTF-8")
    return {keyword: environment[name] for keyword, name in names.items() if environment.get(name)}


def _is_text(value: str) -> bool:
    """Tell text from bytes that the environment had to disguise."""
    return value.encode(errors="replace").decode() == value


def _certificate_files(environment: Mapping[str, str]) -> Certificate | None:
    certificate, key = (_file(environment, name) for name in ("PGSSLCERT", "PGSSLKEY"))
    if certificate is None and key is None:
        return None
    return Certificate(certificate or b"", key or b"")


def _file(environment: Mapping[str, str], name: str) -> bytes | None:
    path = environment.get(name)
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the file that {name} names cannot be read: {error.strerror}"
        ) from error


def _read_uri(secret: Secret, key: str) -> dict[str, str]:
    """Read a connection string, of which only what can be meant to be in a secret is taken."""
    text, what = secret.text(key), f"{key} in {secret.directory}"
    if text.startswith(SCHEMES) and text.count("@") > 1:
        raise ConfigurationError(f"{what} has more than one @; the first ends the password")
    if found := PARAMETERS_OF_URI.fullmatch(text):
        _refuse_foreign(what, {name for name, _ in parse_qsl(found[1])})
    try:
        values = conninfo_to_dict(text)
    except ProgrammingError:
        raise ConfigurationError(f"{what} is no PostgreSQL URI") from None
    except UnicodeDecodeError:  # of what its % stand for
        raise ConfigurationError(f"{what} is not UTF-8") from None
    _refuse_foreign(what, set(values))
    return {keyword: str(value) for keyword, value in values.items() if value}


def _refuse_foreign(what: str, asked: set[str]) -> None:
    """Refuse what is no key of a secret, by its name where that cannot be a part of a password."""
    if foreign := asked - set(ALIASES):
        known = {option.keyword.decode() for option in Conninfo.get_defaults()} | {"ssl"}
        named = ", ".join(sorted(foreign & known)) or "something that libpq does not know"
        raise ConfigurationError(f"{what} asks for {named}, which a secret cannot set")
