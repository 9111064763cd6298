"""Where passwords come from if not from the secret: a command, or a cloud's tokens."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pinakes.settings.values import SettingsError, read_choice, read_list

COMMAND = "PINAKES_PG_PASSWORD_COMMAND"
COMMAND_ENV = "PINAKES_PG_PASSWORD_COMMAND_ENV"
PROVIDER = "PINAKES_PG_TOKEN_PROVIDER"
REGION = "PINAKES_PG_TOKEN_REGION"

PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a command sees of our environment beside what it is promised by name."""

REGION_NAME = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class PasswordCommand:
    """A program that prints the password: its arguments, and all of its environment."""

    argv: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RdsIam:
    """Tokens of Amazon RDS; without a region the name of the host tells it."""

    region: str = ""


@dataclass(frozen=True, slots=True)
class CloudSqlIam:
    """Tokens of Google Cloud SQL."""


PasswordSettings = PasswordCommand | RdsIam | CloudSqlIam


def read_passwords(environment: Mapping[str, str]) -> PasswordSettings | None:
    """Read where passwords come from, None for the secret. Raises SettingsError."""
    provider = read_choice(environment, PROVIDER, "", "amazon-rds", "google-cloud-sql")
    command = environment.get(COMMAND, "")
    _refuse_contradictions(environment, provider, command)
    if command:
        return PasswordCommand(_read_argv(command), _read_environment(environment))
    if provider == "amazon-rds":
        return RdsIam(_read_region(environment))
    return CloudSqlIam() if provider else None


def refuse_without_database(environment: Mapping[str, str], problem: str) -> None:
    """Raise SettingsError where passwords are asked for that nothing could use."""
    for name in (COMMAND, PROVIDER):
        if environment.get(name):
            raise SettingsError(f"{name} is set, while {problem}")


def _refuse_contradictions(environment: Mapping[str, str], provider: str, command: str) -> None:
    if command and provider:
        raise SettingsError(f"{COMMAND} and {PROVIDER} are both set: one of them gives passwords")
    if environment.get(COMMAND_ENV) and not command:
        raise SettingsError(f"{COMMAND_ENV} is set, which needs {COMMAND}")
    if environment.get(REGION) and provider != "amazon-rds":
        raise SettingsError(f"{REGION} is set, which needs {PROVIDER}=amazon-rds")


def _read_argv(command: str) -> tuple[str, ...]:
    """Cut a command into words, as a shell would; what they say is not told: it may be secret."""
    try:
        argv = tuple(shlex.split(command))
    except ValueError as error:
        raise SettingsError(f"{COMMAND} cannot be cut into words: {error}") from None
    if not argv or not Path(argv[0]).is_absolute():
        raise SettingsError(f"{COMMAND} does not begin with the absolute path of a program")
    return argv


def _read_environment(environment: Mapping[str, str]) -> dict[str, str]:
    names = (*PASSED, *read_list(environment, COMMAND_ENV))
    return {name: environment[name] for name in names if name in environment}


def _read_region(environment: Mapping[str, str]) -> str:
    region = environment.get(REGION, "").strip()
    if region and not REGION_NAME.fullmatch(region):
        raise SettingsError(f"{REGION} is {region!r}, expected a region such as eu-west-1")
    return region
