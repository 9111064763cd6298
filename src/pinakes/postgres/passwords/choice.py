"""From the setting to the source of passwords."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import assert_never

from pinakes.postgres.passwords.cached import CachedPasswords
from pinakes.postgres.passwords.command import run_command
from pinakes.postgres.passwords.source import Login, PasswordSource, PasswordUnavailable
from pinakes.settings.passwords import CloudSqlIam, PasswordCommand, PasswordSettings, RdsIam
from pinakes.telemetry import Event


def fetch_once(settings: PasswordSettings, login: Login) -> str:
    """Return one password, for who connects once. Raises PasswordUnavailable."""
    source = password_source(settings, lambda _: None)  # the error says what the event would
    return asyncio.run(source.password(login))


def password_source(settings: PasswordSettings, notice: Callable[[Event], None]) -> PasswordSource:
    """Make the source that was chosen.

    Raises PasswordUnavailable where the library of a cloud is not installed.
    """
    match settings:
        case PasswordCommand():
            return CachedPasswords("command", partial(run_command, settings), notice)
        case RdsIam() | CloudSqlIam():
            raise PasswordUnavailable("tokens of this provider are still to come")
        case _:
            assert_never(settings)
