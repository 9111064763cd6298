"""Take the configuration apart: which places there are, what each says, and why it is refused."""

import difflib
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pinakes.postgres.connection import (
    CLIENT_TLS_DIRECTORY,
    NOWHERE,
    SECRET_DIRECTORY,
    Configuration,
    ConnectionReader,
    write_conninfo,
)
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.origin import Origin, read_origin
from pinakes.postgres.secret import ConfigurationError, Secret, read_secret
from pinakes.postgres.sources import (
    ALIASES,
    CA_KEYS,
    SYSTEM,
    URI_KEYS,
    Certificate,
    Source,
    Trust,
    ca_of,
    certificate_of,
    libpq_source,
    secret_source,
    variables_source,
)
from pinakes.postgres.tls import SslMode, check_certificate, read_authorities

NEEDED = ("host", "user", "dbname")
LOGIN = ("user", "password", "sslmode")
"""What the place that names the user decides alone."""

KEYS = {key for keys in ALIASES.values() for key in keys} | {*URI_KEYS, *CA_KEYS}
VARIABLES = {f"METADATA_PG_{keyword.upper()}" for keyword in ALIASES} | {
    "METADATA_PG_ENABLED",
    SECRET_DIRECTORY,
    CLIENT_TLS_DIRECTORY,
}

ROOT = 0
TOO_OPEN_OF_ROOT = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
TOO_OPEN = stat.S_IRWXG | stat.S_IRWXO
"""What libpq refuses in the mode of a key that belongs to root, and to anybody else."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted secret, or why it cannot be read."""

    variable: str
    directory: Path
    secret: Secret | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """The configuration, piece by piece."""

    mounts: Sequence[Mount]
    places: Mapping[str, str]
    """What each keyword that has a value is called where that stands."""
    missing: Sequence[str]
    misspelt: Mapping[str, str]
    """A name that nothing reads, and the one that it looks like."""
    problem: str
    """Why a connection is refused before it is tried."""
    ca_problem: str
    pair_problem: str
    conninfo: str = field(repr=False)
    trusts_system: bool = False
    """Whether the authorities are those of the operating system, which others look after."""
    origin: Origin | None = None
    """The secret that the password is a copy of, where the mounted one says so."""
    passwords: str = ""
    """What gives the password in place of what is described, in words."""
    password_problem: str = ""
    """Why that gives none."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """What libpq is told, by its keywords, without the password."""
        told = conninfo_to_dict(self.conninfo)
        return {name: str(value) for name, value in told.items() if name != "password"}

    def has_login(self, user: str | None, password: str | None) -> bool:
        """Say whether it is with these that a connection is made."""
        told = conninfo_to_dict(self.conninfo)
        return (told.get("user"), told.get("password")) == (user, password)

    @property
    def password_ends_a_line(self) -> bool:
        """Whether a line end is the last of the password, as only a variable can give it."""
        return str(conninfo_to_dict(self.conninfo).get("password", "")).endswith("\n")

    @property
    def mode(self) -> SslMode:
        """How TLS is used."""
        return SslMode(self.parameters["sslmode"])

    @property
    def authorities(self) -> bytes | None:
        """The certificates that are trusted; None where nothing is verified."""
        return self._file("sslrootcert")

    @property
    def certificate(self) -> bytes | None:
        """The client certificate with its chain, where there is one."""
        return self._file("sslcert")

    def _file(self, keyword: str) -> bytes | None:
        path = self.parameters.get(keyword, NOWHERE)
        return None if path == NOWHERE else Path(path).read_bytes()


def describe(configuration: Configuration, files: PrivateFiles) -> Description:
    """Take a configuration apart; the files that its connection string names are kept in files."""
    environment = configuration.environment
    mounts = [
        _mount(variable, Path(environment[variable]))
        for variable in (SECRET_DIRECTORY, CLIENT_TLS_DIRECTORY)
        if environment.get(variable)
    ]
    secrets = {mount.variable: mount.secret for mount in mounts if mount.secret}
    secret = secrets.get(SECRET_DIRECTORY)
    client = secrets.get(CLIENT_TLS_DIRECTORY)
    certificate = certificate_of(client) if client else None
    sources, problem = _sources(configuration, secret)
    reader = ConnectionReader(configuration, files)
    conninfo, refusal = _conninfo(reader)
    places = _places(sources)
    return Description(
        mounts=mounts,
        places=places,
        missing=[] if problem else [keyword for keyword in NEEDED if keyword not in places],
        misspelt=_misspelt(secret.files if secret else (), KEYS, places)
        | _misspelt(environment, VARIABLES, ()),
        problem=refusal,
        ca_problem=_ca_problem(ca_of(secret) if secret else None),
        pair_problem=_pair_problem(certificate, files),
        conninfo=conninfo,
        trusts_system=bool(conninfo) and (reader.trust().ca or b"").strip() == SYSTEM,
        origin=_origin(secret, places),
    )


def with_password(description: Description, passwords: str, password: str) -> Description:
    """Put a password from elsewhere in place of what is described."""
    return replace(
        description,
        conninfo=make_conninfo(description.conninfo, password=password),
        places={**description.places, "password": passwords},
        origin=None,
        passwords=passwords,
    )


def describe_secret(secret: Secret, files: PrivateFiles) -> Description:
    """Take apart a secret that is not mounted yet, as if nothing beside it said anything."""
    ca = ca_of(secret)
    try:
        sources, problem = [secret_source(secret, lambda: Trust(ca))], ""
    except ConfigurationError as error:
        sources, problem = [], str(error)
    places = _places(sources)
    conninfo, refusal = _conninfo_of(sources, files) if sources else ("", problem)
    return Description(
        mounts=[],
        places=places,
        missing=[] if problem else [keyword for keyword in NEEDED if keyword not in places],
        misspelt=_misspelt(secret.files, KEYS, places),
        problem=refusal,
        ca_problem=_ca_problem(ca),
        pair_problem="",
        conninfo=conninfo,
    )


def describe_pair(secret: Secret, files: PrivateFiles) -> Description:
    """Take apart a client certificate and its key that are not mounted yet."""
    problem = _pair_problem(certificate_of(secret), files)
    return Description(
        mounts=[],
        places={},
        missing=[],
        misspelt={},
        problem=problem,
        ca_problem="",
        pair_problem=problem,
        conninfo="" if problem else make_conninfo(sslcert=files.path_of(secret.files["tls.crt"])),
    )


def is_too_open(key: Path) -> bool:
    """Say whether libpq would refuse a key for its mode."""
    status = key.stat()
    return bool(status.st_mode & (TOO_OPEN_OF_ROOT if status.st_uid == ROOT else TOO_OPEN))


def keys_too_open(mounts: Iterable[Mount]) -> list[Path]:
    """Name the private keys that others may read."""
    keys = [
        mount.directory / "tls.key"
        for mount in mounts
        if mount.variable == CLIENT_TLS_DIRECTORY and mount.secret
    ]
    return [key for key in keys if key.is_file() and is_too_open(key)]


def _mount(variable: str, directory: Path) -> Mount:
    try:
        return Mount(variable, directory, read_secret(directory))
    except ConfigurationError as error:
        return Mount(variable, directory, None, _why_unread(variable, directory, error))


def _why_unread(variable: str, directory: Path, error: ConfigurationError) -> str:
    cause = error.__cause__
    is_absent = isinstance(cause, FileNotFoundError | NotADirectoryError)
    if is_absent and str(cause.filename) == str(directory):
        return f"{directory}, which {variable} names, is no directory"
    return str(error)


def _sources(configuration: Configuration, secret: Secret | None) -> tuple[list[Source], str]:
    """Read the places that count, the one that wins first, or say why one cannot be read."""
    try:
        sources = [] if secret is None else [secret_source(secret, Trust)]
        sources.append(variables_source(configuration.environment, Trust))
        if configuration.libpq_environment:
            sources.append(libpq_source(configuration.libpq_environment))
    except ConfigurationError as error:
        return [], str(error)
    return sources, ""


def _conninfo_of(sources: Sequence[Source], files: PrivateFiles) -> tuple[str, str]:
    try:
        return write_conninfo(sources, files), ""
    except ConfigurationError as error:
        return "", str(error)


def _conninfo(reader: ConnectionReader) -> tuple[str, str]:
    try:
        return reader.conninfo(), ""
    except ConfigurationError as error:
        return "", str(error)


def _places(sources: Sequence[Source]) -> dict[str, str]:
    """Say where each keyword comes from: those of the login from one place alone."""
    login = [source for source in sources if "user" in source.values][:1]
    chosen = {
        keyword: [
            source.names[keyword]
            for source in (login if keyword in LOGIN else sources)
            if keyword in source.values
        ]
        for keyword in ALIASES
    }
    return {keyword: names[0] for keyword, names in chosen.items() if names}


def _origin(secret: Secret | None, places: Mapping[str, str]) -> Origin | None:
    """Tell where the password was copied from, if it is that of the secret."""
    if secret is None or not places.get("password", "").endswith(f" in {secret.directory}"):
        return None
    return read_origin(secret.files)


def _misspelt(given: Iterable[str], known: set[str], places: Iterable[str]) -> dict[str, str]:
    """Find names that nothing reads, but that look like one that is not there."""
    wanted = sorted(known - set(given) - {key for place in places for key in ALIASES[place]})
    close = {name: _like(name, wanted) for name in given if name not in known}
    return {name: matches[0] for name, matches in close.items() if matches}


def _like(name: str, wanted: Sequence[str]) -> Sequence[str]:
    """Find what a name may be meant as: first one whose letters only changed places.

    In a short name that weighs too much for a measure of likeness.
    """
    swapped = [one for one in wanted if sorted(one) == sorted(name)]
    return swapped or difflib.get_close_matches(name, wanted, n=1, cutoff=0.8)


def _ca_problem(ca: bytes | None) -> str:
    try:
        read_authorities(SslMode.VERIFY_FULL, ca) if ca is not None else None
    except ConfigurationError as error:
        return str(error)
    return ""


def _pair_problem(certificate: Certificate | None, files: PrivateFiles) -> str:
    try:
        check_certificate(certificate, files) if certificate is not None else None
    except ConfigurationError as error:
        return str(error)
    return ""
