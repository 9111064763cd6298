"""One examination: from the settings to the findings."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from pinakes.doctor.checks import CHECKS
from pinakes.doctor.finding import Evidence, Finding, Status
from pinakes.doctor.walk import walk
from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.diagnosis.description import Description, describe, with_password
from pinakes.postgres.diagnosis.session import Refusal, Session, log_in
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.passwords.choice import fetch_once
from pinakes.postgres.passwords.source import PasswordUnavailable
from pinakes.settings.database import (
    ConfiguredDatabase,
    EmbeddedDatabase,
    NoDatabase,
    UnknownDatabase,
)
from pinakes.settings.environment import Settings
from pinakes.settings.passwords import PasswordCommand

FIRST = CHECKS[0].id

DISABLED = "METADATA_PG_ENABLED is false: the catalogue is off, and nothing was connected to"
EMBEDDED = (
    "no METADATA_PG_* variable is set: 'pinakes serve' starts a PostgreSQL of its own in {}, and"
    " looks after it by itself"
)
CONFIGURE = "set METADATA_PG_SECRET_DIR to the directory of the mounted secret"
CONNECTING = (
    "connecting as 'pinakes serve' would, for up to {seconds} s to each address of {hosts} ..."
)
ASKING = "asking for the password: {} ..."
COMMAND = "what PINAKES_PG_PASSWORD_COMMAND prints"
TOKENS = "the token of PINAKES_PG_TOKEN_PROVIDER"
CORRECT = "correct that variable; 'pinakes serve' does not start with it"

Notice = Callable[[str], None]


def _say_nothing(_: str) -> None: ...


def misread(problem: str) -> Iterator[Finding]:
    """Tell of a setting that means nothing: beyond it there is nothing to look at."""
    yield Finding(FIRST, Status.FAILED, problem, CORRECT)


def examine(settings: Settings, notice: Notice = _say_nothing) -> Iterator[Finding]:
    """Look at everything, and at nothing where there is no database to look at.

    Each finding comes as soon as it is made; ``notice`` is told before what may take long.
    """
    match settings.database:
        case NoDatabase():
            yield Finding(FIRST, Status.OK, DISABLED)
        case EmbeddedDatabase(directory):
            yield Finding(FIRST, Status.OK, EMBEDDED.format(directory))
        case UnknownDatabase(reason):
            yield Finding(FIRST, Status.FAILED, reason, CONFIGURE)
        case ConfiguredDatabase() as database:
            yield from _examine(database, settings.schema, notice)
        case _:
            assert_never(settings.database)


def _examine(database: ConfiguredDatabase, schema: str, notice: Notice) -> Iterator[Finding]:
    """Connect first, as the server would: what comes of that tells how grave the rest is."""
    description = _describe(database, notice)
    may_try = description.conninfo and not description.password_problem
    login = _log_in(description, schema, notice) if may_try else None
    evidence = Evidence(schema=schema, now=datetime.now(UTC), description=description, login=login)
    try:
        yield from walk(CHECKS, evidence)
    finally:
        if isinstance(login, Session):
            login.close()


def _describe(database: ConfiguredDatabase, notice: Notice) -> Description:
    configuration = Configuration(
        database.environment, database.libpq_environment, needs_tls=database.sends_token
    )
    files = PrivateFiles(may_use_disk=database.keys_on_disk)
    description = describe(configuration, files)
    if database.password_source is None or not description.conninfo:
        return description
    told = COMMAND if isinstance(database.password_source, PasswordCommand) else TOKENS
    notice(ASKING.format(told))
    login = ConnectionReader(configuration, files).login()
    try:
        password = fetch_once(database.password_source, login)
    except PasswordUnavailable as error:
        return replace(description, passwords=told, password_problem=str(error))
    return with_password(description, told, password)


def _log_in(description: Description, schema: str, notice: Notice) -> Session | Refusal:
    parameters = description.parameters
    notice(CONNECTING.format(seconds=parameters["connect_timeout"], hosts=parameters["host"]))
    return log_in(description.conninfo, schema)
