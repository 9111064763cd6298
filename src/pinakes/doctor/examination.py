"""One examination: from the settings to the findings."""

from datetime import UTC, datetime
from typing import assert_never

from pinakes.doctor.checks import CHECKS
from pinakes.doctor.finding import Evidence, Finding, Status
from pinakes.doctor.walk import walk
from pinakes.postgres.connection import Configuration
from pinakes.postgres.diagnosis.description import describe
from pinakes.postgres.diagnosis.session import Session, log_in
from pinakes.postgres.files import PrivateFiles
from pinakes.settings.database import (
    ConfiguredDatabase,
    EmbeddedDatabase,
    NoDatabase,
    UnknownDatabase,
)
from pinakes.settings.environment import Settings

FIRST = CHECKS[0].id

DISABLED = "METADATA_PG_ENABLED is false: the catalogue is off, and nothing was connected to"
EMBEDDED = (
    "no METADATA_PG_* variable is set: 'pinakes serve' starts a PostgreSQL of its own in {}, and"
    " looks after it by itself"
)
CONFIGURE = "set METADATA_PG_SECRET_DIR to the directory of the mounted secret"
CORRECT = "correct that variable; 'pinakes serve' does not start with it"


def misread(problem: str) -> list[Finding]:
    """Tell of a setting that means nothing: beyond it there is nothing to look at."""
    return [Finding(FIRST, Status.FAILED, problem, CORRECT)]


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, and at nothing where there is no database to look at."""
    match settings.database:
        case NoDatabase():
            return [Finding(FIRST, Status.OK, DISABLED)]
        case EmbeddedDatabase(directory):
            return [Finding(FIRST, Status.OK, EMBEDDED.format(directory))]
        case UnknownDatabase(reason):
            return [Finding(FIRST, Status.FAILED, reason, CONFIGURE)]
        case ConfiguredDatabase() as database:
            return _examine(database, settings.schema)
        case _:
            assert_never(settings.database)


def _examine(database: ConfiguredDatabase, schema: str) -> list[Finding]:
    """Connect first, as the server would: what comes of that tells how grave the rest is."""
    configuration = Configuration(database.environment, database.libpq_environment)
    description = describe(configuration, PrivateFiles(may_use_disk=database.keys_on_disk))
    login = log_in(description.conninfo, schema) if description.conninfo else None
    evidence = Evidence(schema=schema, now=datetime.now(UTC), description=description, login=login)
    try:
        return list(walk(CHECKS, evidence))
    finally:
        if isinstance(login, Session):
            login.close()
