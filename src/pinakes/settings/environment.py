"""Everything that the environment decides, as one value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pinakes.settings.auth import Auth, read_auth
from pinakes.settings.database import Database, read_database
from pinakes.settings.values import SettingsError, read_choice, read_list, read_port
from pinakes.telemetry.formats import LogFormat

SCHEMA_NAME = re.compile(r"[A-Za-z_]\w{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the environment decides."""

    database: Database
    schema: str
    allowed_hosts: frozenset[str]
    log_format: LogFormat
    auth: Auth
    admin_host: str
    """Where the admin port listens; empty is where the API does."""
    admin_port: int | None
    tls_directory: Path | None


def read_settings(
    environment: Mapping[str, str], *, data_directory: Path | None, embedded_installed: bool
) -> Settings:
    """Read the settings; ``data_directory`` overrides PINAKES_DATA_DIR.

    Raises SettingsError.
    """
    tls_directory = environment.get("PINAKES_TLS_DIR")
    admin_port = read_port(environment, "PINAKES_ADMIN_PORT")
    if admin_port is None and environment.get("PINAKES_ADMIN_HOST"):
        raise SettingsError("PINAKES_ADMIN_HOST is set, which needs PINAKES_ADMIN_PORT")
    hosts = read_list(environment, "PINAKES_ALLOWED_HOSTS")
    return Settings(
        database=read_database(environment, data_directory, embedded_installed=embedded_installed),
        schema=_read_schema(environment),
        allowed_hosts=frozenset(host.lower() for host in hosts),
        log_format=read_log_format(environment),
        auth=read_auth(environment),
        admin_host=environment.get("PINAKES_ADMIN_HOST", ""),
        admin_port=admin_port,
        tls_directory=Path(tls_directory) if tls_directory else None,
    )


def read_log_format(environment: Mapping[str, str]) -> LogFormat:
    """Read how the log is written. Raises SettingsError."""
    return LogFormat(read_choice(environment, "PINAKES_LOG_FORMAT", "json", "text"))


def _read_schema(environment: Mapping[str, str]) -> str:
    value = environment.get("PINAKES_PG_SCHEMA") or "pinakes"
    if not SCHEMA_NAME.fullmatch(value):
        raise SettingsError(
            f"PINAKES_PG_SCHEMA is {value!r}, expected a letter or underscore, then letters,"
            " digits and underscores, 63 at most"
        )
    return value
