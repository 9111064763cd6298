"""Log in exactly as the server does, and ask what only one who is in can know."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.errors import FAILURES, NOT_MIGRATED
from pinakes.postgres.migrate import Applied, MigrationError, objection, pending, shipped
from pinakes.postgres.pool import SESSION
from pinakes.postgres.statements import FOLDER, NAME, for_schema, load_statements

A_MODEL: Mapping[str, object] = {
    "project": "pinakes-doctor",
    "name": "",
    "version": "",
    "artifact_type": "",
    "task_type": "",
    "tags": "{}",
    "metrics": "{}",
    "prediction_schema": None,
    "default_protocol": None,
    "actor": "pinakes doctor",
    "door": "doctor",
    "request_id": "",
}
"""What is written and rolled back."""

TEMPORARY = "pg_temp"


class QuestionFailed(CatalogUnavailable):
    """The server refused to answer a question; the message is the server's."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why libpq could not connect."""

    message: str


@dataclass(frozen=True, slots=True)
class Server:
    """The server, seen from inside, and the clock of this machine at the same moment."""

    number: int
    version: str
    encoding: str
    is_standby: bool
    is_read_only: bool
    time: datetime
    our_time: datetime


class Session:
    """A connection, and the named questions that can be asked over it."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._questions = _load_questions(schema)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """Return the rows that answer a named question. Raises QuestionFailed."""
        with _in_words():
            cursor = self._connection.execute(
                self._questions[question], {"schema": self._schema}, prepare=False
            )
            return cursor.fetchall()

    def server(self) -> Server:
        """Look at the server, and at the clock in the middle of that."""
        before = datetime.now(UTC)
        [row] = self.ask("server")
        return Server(*row, our_time=before + (datetime.now(UTC) - before) / 2)

    def is_direct(self) -> bool:
        """Say whether nothing stands between: a pooler makes up the process told at login."""
        return self.ask("process") == [(self._connection.pgconn.backend_pid,)]

    def is_encrypted(self) -> bool:
        """Say whether TLS is spoken with whoever answers."""
        return self._connection.pgconn.ssl_in_use

    def host(self) -> str:
        """Say where the connection goes to."""
        return f"{self._connection.info.host}:{self._connection.info.port}"

    def applied(self) -> list[Applied]:
        """Return what was migrated, as the database remembers it. Raises QuestionFailed."""
        has_list = self.ask("find_migrations")
        return [Applied(*row) for row in self.ask("list_migrations")] if has_list else []

    def write_and_roll_back(self) -> None:
        """Write a model as the server does, and undo it. Raises QuestionFailed."""
        create = self._questions["create_model"]
        names = {"uri": "pinakes:doctor", "change_id": "00000000-0000-0000-0000-000000000000"}
        with _in_words(), self._connection.transaction(force_rollback=True):
            self._connection.execute(create, {**A_MODEL, **names}, prepare=False)

    @contextmanager
    def migrated_afresh(self) -> Generator["Session", None, None]:
        """Lend what the migrations make of an empty schema: temporary tables, gone at the end.

        They are of this very connection, for the role may be allowed no other.
        """
        with _in_words():
            try:
                for migration in shipped():
                    for statement in migration.statements:
                        self._connection.execute(for_schema(statement, TEMPORARY))
                yield Session(self._connection, TEMPORARY)
            finally:
                self._connection.execute("discard temp")


def log_in(conninfo: str, schema: str) -> Session | Refusal:
    """Connect as the server would."""
    try:
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
    except (psycopg.Error, OSError, UnicodeError) as error:
        return Refusal(str(error).strip())
    with suppress(psycopg.Error):
        connection.execute(SESSION)
    return Session(connection, schema)


def banner_of_pgbouncer(conninfo: str) -> str:
    """Return what PgBouncer's console says that it is, where we may ask it."""
    try:
        with psycopg.connect(
            conninfo,
            dbname="pgbouncer",
            autocommit=True,
            cursor_factory=psycopg.ClientCursor,
            target_session_attrs="any",
        ) as console:
            row = console.execute("show version").fetchone()
            return str(row[0]) if row else ""
    except (psycopg.Error, OSError):
        return ""


@dataclass(frozen=True, slots=True)
class Migrated:
    """How far the schema is, and why this version cannot work with that; nothing where it can."""

    last: str
    problem: str = ""

    @property
    def is_behind(self) -> bool:
        """Whether to migrate is what helps."""
        return self.problem == NOT_MIGRATED


def look_at_schema(session: Session) -> Migrated:
    """Compare what was migrated with what this version ships. Raises QuestionFailed."""
    applied = session.applied()
    try:
        pending(shipped(), applied, post=False)
    except MigrationError as error:
        return Migrated("", str(error))
    last = max((one.name for one in applied), default="")
    return Migrated(last, objection(shipped(), applied))


def drift(session: Session) -> Sequence[str]:
    """Compare the schema with what the migrations make. Raises QuestionFailed."""
    with session.migrated_afresh() as made:
        return [*_differences("column", made, session), *_differences("index", made, session)]


def _differences(kind: str, made: Session, found: Session) -> list[str]:
    question = "columns" if kind == "column" else "indexes"
    wanted = {(table, name): what for table, name, what in made.ask(question)}
    tables = {table for table, _ in wanted}
    actual = {(table, name): what for table, name, what in found.ask(question) if table in tables}
    return [
        f"{kind} {name} of {table} is {actual.get((table, name), 'missing')}, expected {what}"
        for (table, name), what in wanted.items()
        if actual.get((table, name)) != what
    ]


def _load_questions(schema: str) -> Mapping[str, bytes]:
    """Load those of ``diagnosis.sql``, and the statements that the others know."""
    _, *parts = NAME.split((FOLDER / "diagnosis.sql").read_text(encoding="utf-8"))
    own = {
        name: for_schema(body, schema) for name, body in zip(parts[::2], parts[1::2], strict=True)
    }
    return {**load_statements(schema), **own}


@contextmanager
def _in_words() -> Generator[None, None, None]:
    try:
        yield
    except psycopg.Error as error:
        failure = FAILURES.get(error.sqlstate or "")
        said = failure.told if failure else "the server refused"
        raise QuestionFailed(f"{said} ({error.diag.message_primary or error})") from error
