"""What PostgreSQL says, in the words of the catalogue: one table of SQLSTATEs, one of refusals.

Nothing here repeats a message of the driver: those name hosts, users and databases.
"""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg
from typing_extensions import override

from pinakes.catalog.errors import CatalogUnavailable, SchemaMismatch

NOT_MIGRATED = "the database has no catalogue, or an older one: run 'pinakes migrate'"

UTF8 = "UTF8"
NARROW = (
    "the database has the encoding {encoding}, which cannot keep every text; the catalogue needs"
    " one that was made with encoding 'UTF8'"
)


class AnswerLost(CatalogUnavailable):
    """The database was asked, and its answer did not arrive: the connection died, or time is up."""


class Silent(AnswerLost):
    """Nothing came in the time after which the server stops what it was asked for: it is away."""


class TookTooLong(CatalogUnavailable):
    """The server stopped a statement that ran longer than statements may."""


class TryAgain(CatalogUnavailable):
    """Nothing has changed, and the same may be asked again at once."""


class TakesNoWrites(TryAgain):
    """Nothing has changed; another server may be the one that takes writes by now."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What the user is told of a failed statement; its kind says what may be done about it."""

    told: str
    kind: type[CatalogUnavailable] = CatalogUnavailable


LOST = Failure("the connection to the database was lost", AnswerLost)
NO_CATALOGUE = Failure(NOT_MIGRATED, SchemaMismatch)

FAILURES = {
    "08000": LOST,
    "08001": LOST,
    "08003": LOST,
    "08004": LOST,
    "08006": LOST,
    "08007": LOST,
    "08P01": LOST,
    "0A000": Failure("the catalogue was changed meanwhile; try again", TryAgain),
    "25006": Failure("the database is read-only at the moment", TakesNoWrites),
    "25P03": LOST,
    "26000": Failure("a pooler has mixed up the connections to the database", TryAgain),
    "3D000": Failure("the database named in the configuration does not exist"),
    "3F000": NO_CATALOGUE,
    "40001": Failure("the database is busy with other changes; try again", TryAgain),
    "40P01": Failure("the database is busy with other changes; try again", TryAgain),
    "42501": Failure("the database role lacks a privilege on the catalogue"),
    "42703": NO_CATALOGUE,
    "42P01": NO_CATALOGUE,
    "42P05": Failure("a pooler has mixed up the connections to the database", TryAgain),
    "53100": Failure("the database's disk is full"),
    "53200": Failure("the database is out of memory"),
    "53300": Failure("the database has no connection left"),
    "53400": Failure("the database has reached a limit of its configuration"),
    "55P03": Failure("the database is busy with a lock; try again", TryAgain),
    "57014": Failure("the database took too long for this and was stopped", TookTooLong),
    "57P01": LOST,
    "57P02": LOST,
    "57P03": LOST,
    "57P05": LOST,
}
"""SQLSTATE to what becomes of it; an error that is not here is our own fault.

From PostgreSQL's appendix of error codes. That the server ends a connection (class 08 and 57P0x)
says nothing of what became of a change that it was asked for: it may have been made before.
"""


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """Why no connection could be made: its class for those who count, its words for people."""

    kind: str
    told: str

    @property
    def is_of_login(self) -> bool:
        """Whether the server did not take name and password."""
        return self.kind == "login"

    @property
    def is_silence(self) -> bool:
        """Whether nothing answered, which another way to the same address would not mend."""
        return self.kind == "timeout"

    @property
    def is_refusal(self) -> bool:
        """Whether the server may have refused the login, which it may count and punish.

        Of what we know nothing of this may be so too: a server may speak another language.
        """
        return self.kind in {"login", "pg_hba", "other"}


CONNECT_FAILURES = [
    (re.compile(pattern), ConnectFailure(kind, told))
    for pattern, kind, told in [
        (
            "authentication failed|no password supplied|not permitted to log in",
            "login",
            "the login was refused",
        ),
        (
            "role … does not exist",
            "login",
            "the role named in the configuration does not exist",
        ),
        (r"pg_hba\.conf rejects", "pg_hba", "a line of pg_hba.conf rejects this login"),
        (r"no pg_hba\.conf entry", "pg_hba", "pg_hba.conf has no entry for this login"),
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
        (
            "refused|No route to host|is unreachable",
            "refused",
            "nothing listens there (connection refused)",
        ),
        ("timeout|timed out", "timeout", "it does not answer"),
        ("translate host|resolve|Name or service|idna", "dns", "its host name is not known"),
        (
            "database … does not exist|no such database",
            "database",
            "the database named in the configuration does not exist",
        ),
        (
            "permission denied for database",
            "database",
            "the role may not connect to the database named in the configuration",
        ),
        (
            "starting up|shutting down|recovery mode|accepting connections|terminating connection",
            "starting",
            "it is starting up or shutting down",
        ),
        (
            "too many (clients|connections)|remaining connection slots|no more connections",
            "full",
            "it has no connection left",
        ),
        (
            "does not support SSL",
            "plaintext",
            "the server does not speak TLS, which sslmode asks for",
        ),
        ("certificate|SSL", "tls", "TLS could not be agreed on"),
        (
            "closed the connection|reset by peer|[Bb]roken pipe|could not (send|receive)",
            "cut_off",
            "it ended the connection before it was made",
        ),
    ]
]
"""What libpq says when it cannot connect, for it gives no SQLSTATE, to what the user is told.

The first that is said counts. Of several servers each may say something else: that a login was
refused comes first, for it is to be tried seldom, whatever the others are.
"""

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


class _InCatalogueWords(AbstractContextManager[object]):
    """No generator, which would cost five times as much where nothing is raised."""

    @override
    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, psycopg.Error):
            return
        failure = FAILURES.get(error.sqlstate or "")
        if failure is None and isinstance(error, CONNECTION_LOST):
            failure = LOST
        if failure is not None:
            raise failure.kind(failure.told) from error


def in_catalogue_words() -> AbstractContextManager[object]:
    """Turn what the driver raises inside into CatalogUnavailable, where it is the database's."""
    return _InCatalogueWords()


CONNECTION_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
