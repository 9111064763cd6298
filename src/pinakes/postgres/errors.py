"""What PostgreSQL says, in the words of the catalogue: one table of SQLSTATEs, one of refusals.

Nothing here repeats a message of the driver: those name hosts, users and databases.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pinakes.catalog.errors import CatalogUnavailable, SchemaMismatch

NOT_MIGRATED = "the database has no catalogue, or an older one: run 'pinakes migrate'"

UNAVAILABLE = {
    "25006": "the database is read-only at the moment",
    "3F000": NOT_MIGRATED,
    "42501": "the database role lacks a privilege on the catalogue",
    "42703": NOT_MIGRATED,
    "42P01": NOT_MIGRATED,
    "53100": "the database's disk is full",
    "53200": "the database is out of memory",
    "53300": "the database has no connection left",
    "55P03": "the database is busy with a lock; try again",
    "57014": "the database took too long for this and was stopped",
    "57P03": "the database is starting up or shutting down",
}
"""SQLSTATE to what the user is told; an error that is not here is our own fault."""


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """Why no connection could be made: its class for those who count, its words for people."""

    kind: str
    told: str


CONNECT_FAILURES = [
    (re.compile(pattern), ConnectFailure(kind, told))
    for pattern, kind, told in [
        (
            "session is read-only|server is in hot standby mode",
            "read_only",
            "it takes no writes at the moment (it is read-only)",
        ),
        (
            "session is not read-only|server is not in hot standby mode",
            "configuration",
            "it is a primary, while target_session_attrs asks for a standby",
        ),
        (
            "invalid (sslmode|port|integer)",
            "configuration",
            "libpq refuses the sslmode, port or timeout given",
        ),
        ("refused", "refused", "nothing listens there (connection refused)"),
        ("timeout|timed out", "timeout", "it does not answer"),
        ("translate host|resolve|Name or service|idna", "dns", "its host name is not known"),
        (
            "authentication failed|no password supplied",
            "login",
            "the login was refused",
        ),
        (r"pg_hba\.conf rejects", "pg_hba", "a line of pg_hba.conf rejects this login"),
        (r"no pg_hba\.conf entry", "pg_hba", "pg_hba.conf has no entry for this login"),
        (
            "database … does not exist|no such database",
            "database",
            "the database named in the configuration does not exist",
        ),
        (
            "role … does not exist",
            "login",
            "the role named in the configuration does not exist",
        ),
        ("starting up|shutting down", "starting", "it is starting up or shutting down"),
        (
            "too many (clients|connections)|remaining connection slots",
            "full",
            "it has no connection left",
        ),
        (
            "does not support SSL",
            "plaintext",
            "the server does not speak TLS, which sslmode asks for",
        ),
        ("certificate|SSL", "tls", "TLS could not be agreed on"),
    ]
]
"""What libpq says when it cannot connect, for it gives no SQLSTATE, to what the user is told."""

UNKNOWN_FAILURE = ConnectFailure("other", "no connection could be made")


QUOTED = re.compile(r"\"[^\"\n]*\"|(?<=host )'[^'\n]*'|(?<=host: )'[^'\n]*'")
"""How libpq, psycopg and the server write names."""


def without_names(said: str) -> str:
    """Leave the names out of a message: they are the user's own, and may be any word."""
    return QUOTED.sub("…", said)


def explain_connect_failure(error: Exception) -> ConnectFailure:
    """Say why no connection could be made, without naming host, user or database."""
    text = without_names(str(error))
    reasons = (failure for pattern, failure in CONNECT_FAILURES if pattern.search(text))
    return next(reasons, UNKNOWN_FAILURE)


class AnswerLost(CatalogUnavailable):
    """The database was asked, and its answer did not arrive: the connection died, or time is up."""


@contextmanager
def in_catalogue_words() -> Generator[None, None, None]:
    """Turn what the driver raises inside into CatalogUnavailable, where it is the database's."""
    try:
        yield
    except psycopg.Error as error:
        if told := UNAVAILABLE.get(error.sqlstate or ""):
            kind = SchemaMismatch if told == NOT_MIGRATED else CatalogUnavailable
            raise kind(told) from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            raise AnswerLost("the connection to the database was lost") from error
        raise
