"""How a migration fails, and which failures pass by themselves."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from pinakes.postgres.errors import in_catalogue_words

NO_PRIVILEGE = (
    "the database role lacks a privilege: the one that migrates must own the schema. Where there is"
    " none yet, an administrator of the database runs: create schema pinakes authorization ROLE,"
    " with the schema and the role of the configuration; for two roles: 'pinakes roles --sql'"
)


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says what to do."""


class StepBusy(MigrationError):
    """A step met a lock of another session and was undone; a moment later it may succeed."""


@contextmanager
def in_words(what: str) -> Generator[None, None, None]:
    """Turn what the driver raises inside into MigrationError, which names ``what`` was done.

    Raises StepBusy for what passes by itself, CatalogUnavailable for what ails the database.
    """
    try:
        with in_catalogue_words(), _in_own_words(what):
            yield
    except psycopg.Error as error:
        raise _refused(what, error) from error


@contextmanager
def _in_own_words(what: str) -> Generator[None, None, None]:
    """Speak of what means something else here than it does to a client of the catalogue."""
    try:
        yield
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure) as error:
        raise StepBusy(f"{what} met a lock of another session") from error
    except errors.InsufficientPrivilege as error:
        raise MigrationError(f"{what}: {NO_PRIVILEGE}") from error
    except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
        raise _refused(what, error) from error


def _refused(what: str, error: psycopg.Error) -> MigrationError:
    reason = error.diag.message_primary or type(error).__name__
    return MigrationError(f"{what}: PostgreSQL refused: {reason}")
