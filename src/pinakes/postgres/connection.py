"""From the configuration to what libpq connects with: read anew for every connection."""

import ipaddress
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo

from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.passwords.source import Login, PasswordSource
from pinakes.postgres.secret import ConfigurationError, read_secret
from pinakes.postgres.sources import (
    Certificate,
    Source,
    Trust,
    ca_of,
    certificate_of,
    libpq_source,
    secret_source,
    variables_source,
)
from pinakes.postgres.tls import SslMode, check_certificate, default_mode, read_authorities

SECRET_DIRECTORY = "METADATA_PG_SECRET_DIR"  # noqa: S105 - a name
CLIENT_TLS_DIRECTORY = "METADATA_PG_CLIENT_TLS_DIR"

NOWHERE = "/dev/null/nowhere"
"""A path that cannot be: keeps libpq from the files it would look for in ``~/.postgresql``."""

DEFAULTS = {
    "connect_timeout": "3",
    "target_session_attrs": "read-write",
    "application_name": f"pinakes/{socket.gethostname()}",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "gssencmode": "disable",
    "client_encoding": "UTF8",
    "options": "",
    "passfile": NOWHERE,
    "sslcrl": NOWHERE,
}
"""How we connect unless told otherwise: to a primary, and away from a host that is silent."""

SESSIONS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
MODES = {mode.value: mode for mode in SslMode}
PLAIN = (SslMode.DISABLE, SslMode.ALLOW, SslMode.PREFER)
"""What may end in plain text."""
DEFAULT_PORT = "5432"
MAX_PORT = 65535
MAX_TIMEOUT = 10
MAX_DIGITS = 9
"""Python reads no number that is too long."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where the description of the database stands: the settings' part of it."""

    environment: Mapping[str, str] = field(repr=False)
    """METADATA_PG_*, and so the two directories."""
    libpq_environment: Mapping[str, str] = field(repr=False)
    """PG*, empty unless they count."""
    needs_tls: bool = False
    """Whether the password is a token, which nobody on the way may read."""


class ConnectionReader:
    """Reads how to connect from the configuration, and from the mounted secrets as they are now."""

    def __init__(self, configuration: Configuration, files: PrivateFiles) -> None:
        _hide_libpq_environment()
        self._configuration = configuration
        self._files = files

    def conninfo(self, password: str | None = None) -> str:
        """Return a connection string; its files stay readable while the connection is made.

        A password that is given counts in place of the one that is described.
        Raises ConfigurationError, which names what is missing or wrong and never its value.
        """
        return write_conninfo(self._sources(), self._files, password)

    async def conninfo_from(self, passwords: PasswordSource | None) -> str:
        """Return the same with the password of a source, where there is one.

        Raises PasswordUnavailable as well.
        """
        if passwords is None:
            return self.conninfo()
        return self.conninfo(await passwords.password(self.login()))

    def login(self) -> Login:
        """Return who wants to come in, and at which host first.

        Raises ConfigurationError as ``conninfo`` does.
        """
        sources = self._sources()
        login = _login_of(sources)
        places = _places_of(sources, login)
        host, port = places["host"].split(",")[0], places["port"].split(",")[0]
        return Login(host, int(port or DEFAULT_PORT), login.values["user"])

    def trust(self) -> Trust:
        """Return whom a connection trusts now, and which certificate it shows.

        Raises ConfigurationError as ``conninfo`` does.
        """
        return _trust_of(_login_of(self._sources()))

    def _sources(self) -> list[Source]:
        """Read the places; a token is not shown to a connection that may be read by others."""
        sources = list(_read_sources(self._configuration))
        if self._configuration.needs_tls:
            _check_tls(_login_of(sources))
        return sources


def _hide_libpq_environment() -> None:
    """Take PG* out of this process, where libpq would find what a connection string leaves open.

    What of it counts is in the configuration already.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def write_conninfo(
    sources: Sequence[Source], files: PrivateFiles, password: str | None = None
) -> str:
    """Return what libpq connects with where these places count, the one that wins first.

    Raises ConfigurationError, which names what is missing or wrong and never its value.
    """
    login = _login_of(sources)
    trust = _trust_of(login)
    mode = _mode_of(login) or default_mode(trust.ca)
    parameters = DEFAULTS | _places_of(sources, login) | {"user": login.values["user"]}
    if password := password or login.values.get("password"):
        parameters["password"] = password
    parameters["sslmode"] = mode.value
    authorities = read_authorities(mode, trust.ca)
    parameters["sslrootcert"] = files.path_of(authorities) if authorities else NOWHERE
    return make_conninfo(**parameters, **_certificate_parameters(trust.certificate, files))


def _certificate_parameters(certificate: Certificate | None, files: PrivateFiles) -> dict[str, str]:
    if certificate is None:
        return {"sslcert": NOWHERE}
    check_certificate(certificate, files)
    return {
        "sslcert": files.path_of(certificate.certificate),
        "sslkey": files.path_of(certificate.key),
    }


def _read_sources(configuration: Configuration) -> Iterator[Source]:
    """Read every place that counts, the one that wins first."""
    environment = configuration.environment
    directory = environment.get(SECRET_DIRECTORY)
    secret = read_secret(Path(directory)) if directory else None

    def read_trust() -> Trust:
        mounted = environment.get(CLIENT_TLS_DIRECTORY)
        certificate = certificate_of(read_secret(Path(mounted))) if mounted else None
        return Trust(ca_of(secret) if secret else None, certificate)

    if secret is not None:
        yield secret_source(secret, read_trust)
    yield variables_source(environment, read_trust)
    if configuration.libpq_environment:
        yield libpq_source(configuration.libpq_environment)


def _trust_of(login: Source) -> Trust:
    return Trust() if _mode_of(login) is SslMode.DISABLE else login.read_trust()


def _login_of(sources: Sequence[Source]) -> Source:
    """Return the first place that names a user: who comes in, how, and whom he trusts, is one."""
    missing = [
        keyword
        for keyword in ("host", "user", "dbname")
        if not any(keyword in source.values for source in sources)
    ]
    if missing:
        named = ", ".join(
            " or ".join(source.names[keyword] for source in sources) for keyword in missing
        )
        raise ConfigurationError(f"the database is not configured: {named} missing")
    return next(source for source in sources if "user" in source.values)


def _places_of(sources: Sequence[Source], login: Source) -> dict[str, str]:
    """Return where to connect to: here each place fills what the ones before it left open.

    How to connect is not filled from below the login.
    """
    down_to_login = sources[: sources.index(login) + 1]
    places: dict[str, str] = {}
    for keyword, check in PLACES.items():
        asked = sources if keyword in FILLED else down_to_login
        source = next((source for source in asked if keyword in source.values), None)
        if source is not None:
            places[keyword] = source.values[keyword]
            if not check(places[keyword]):
                raise ConfigurationError(f"{source.names[keyword]} has a value that means nothing")
    hosts, ports = places["host"].count(","), places.setdefault("port", DEFAULT_PORT).count(",")
    if ports not in (0, hosts):
        raise ConfigurationError("there are neither one port nor as many ports as hosts")
    return places


def is_address(host: str) -> bool:
    """Tell an address from a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _mode_of(login: Source) -> SslMode | None:
    given = login.values.get("sslmode")
    if given is None:
        return None
    if given not in MODES:
        raise ConfigurationError(f"{login.names['sslmode']} is none of {', '.join(MODES)}")
    return MODES[given]


def _check_tls(login: Source) -> None:
    mode = _mode_of(login)
    if mode in PLAIN:
        raise ConfigurationError(
            f"{login.names['sslmode']} is {mode.value}: a token goes over TLS alone; set require"
            " or stricter"
        )


def _are_hosts(text: str) -> bool:
    """Tell hosts from a stray comma, which would mean a socket of this machine, blanks, and URLs.

    A URL would be looked up as a name, and told as one that is not known, with its password; so
    would be what stands behind an @.
    """
    return all(_is_host(host) for host in text.split(","))


def _is_host(text: str) -> bool:
    if text.startswith(("/", "@")):  # the directory of a socket
        return True
    has_more = "/" in text or "@" in text or text.split() != [text]
    return not has_more and (":" not in text or is_address(text))


def _are_ports(text: str) -> bool:
    """Tell ports from nonsense; between commas an empty one is the default."""
    return all(not port or _is_number(port, MAX_PORT) for port in text.split(","))


def _is_timeout(text: str) -> bool:
    return _is_number(text, MAX_TIMEOUT)


def _is_number(text: str, largest: int) -> bool:
    is_short = len(text) <= MAX_DIGITS
    return is_short and text.isascii() and text.isdecimal() and 0 < int(text) <= largest


FILLED = ("host", "port", "dbname")

PLACES = {
    "host": _are_hosts,
    "port": _are_ports,
    "dbname": bool,
    "target_session_attrs": SESSIONS.__contains__,
    "connect_timeout": _is_timeout,
}
"""What says where and how to connect, and what tells whether its value means anything."""
