"""From the setting to the source of passwords."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import assert_never

from pinakes.postgres.passwords.cached import CachedPasswords
from pinakes.postgres.passwords.command import run_command
from pinakes.postgres.passwords.source import Login, PasswordSource, PasswordUnavailable
from pinakes.settings.passwords import CloudSqlIam, PasswordCommand, PasswordSettings, RdsIam
from pinakes.telemetry.events import Event


def fetch_once(settings: PasswordSettings, login: Login) -> str:
    """Return one password, for who connects once. Raises PasswordUnavailable."""
    source = password_source(settings, lambda _: None)  # the error says what the event would
    return asyncio.run(source.password(login))


def password_source(settings: PasswordSettings, notice: Callable[[Event], None]) -> PasswordSource:
    """Make the source that was chosen.

    Raises PasswordUnavailable where the library of a cloud is not installed: who does not choose it
    does not need it.
    """
    match settings:
        case PasswordCommand():
            return CachedPasswords("command", partial(run_command, settings), notice)
        case RdsIam(region):
            with _needing("aws"):
                from pinakes.postgres.passwords.rds import RdsTokens  # noqa: PLC0415
            return CachedPasswords("amazon-rds", RdsTokens(region).fetch, notice)
        case CloudSqlIam():
            with _needing("gcp"):
                from pinakes.postgres.passwords.cloudsql import CloudSqlTokens  # noqa: PLC0415
            return CachedPasswords("google-cloud-sql", CloudSqlTokens().fetch, notice)
        case _:
            assert_never(settings)


@contextmanager
def _needing(extra: str) -> Generator[None, None, None]:
    try:
        yield
    except ImportError as error:
        raise PasswordUnavailable(
            "PINAKES_PG_TOKEN_PROVIDER needs a library that is not installed:"
            f" pip install 'pinakes[{extra}]'"
        ) from error
