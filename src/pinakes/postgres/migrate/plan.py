"""Write down what would be applied, as SQL that can be read, and also run by hand."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from psycopg.sql import quote

from pinakes.postgres.migrate.locks import Lock, locks_of
from pinakes.postgres.migrate.migration import Migration
from pinakes.postgres.migrate.runner import LOCK_TIMEOUT
from pinakes.postgres.migrate.split import split
from pinakes.postgres.migrate.state import State
from pinakes.postgres.statements import for_schema, load_statements


def write_plan(migrations: Sequence[Migration], state: State, schema: str) -> str:
    """Write the SQL that applies ``migrations``, above each statement the locks it takes."""
    plan = _Plan(schema)
    parts = [*plan.preparation(state), *(plan.of(migration) for migration in migrations)]
    return "\n\n\n".join(parts)


class _Plan:
    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._statements = load_statements(schema)

    def preparation(self, state: State) -> Iterator[str]:
        """Write what makes the list of migrations, where it is not there."""
        names = [
            *([] if state.has_schema else ["create_schema"]),
            *([] if state.has_list else ["create_migrations"]),
        ]
        if names:
            text = ";\n".join(self._statements[name].decode() for name in names)
            yield _in_transaction("the list of migrations", _with_locks(split(text)))

    def of(self, migration: Migration) -> str:
        """Write what applies a migration, and remembers it."""
        shown = (
            for_schema(text, self._schema).decode() for text in _with_locks(migration.statements)
        )
        record = self._record(migration)
        if migration.in_transaction:
            return _in_transaction(migration.name, [*shown, record])
        return "\n\n".join([f"-- {migration.name}: each statement by itself", *shown, record])

    def _record(self, migration: Migration) -> str:
        values = {
            "name": quote(migration.name),
            "digest": quote(migration.digest),
            "compatible_with": quote(migration.compatible_with),
        }
        return f"{self._statements['record_migration'].decode().strip() % values};"


def _in_transaction(name: str, statements: Iterable[str]) -> str:
    begin = f"begin;\nset local lock_timeout = '{LOCK_TIMEOUT}';"
    return "\n\n".join([f"-- {name}: all in one transaction", begin, *statements, "commit;"])


def _with_locks(statements: Iterable[str]) -> Iterator[str]:
    new: set[str] = set()
    for statement in statements:
        locks = locks_of(statement)
        new |= {lock.on for lock in locks if lock.creates}
        told = "\n".join(f"-- lock: {_as_seen(lock, new)}" for lock in locks)
        yield f"{told}\n{statement};"


def _as_seen(lock: Lock, new: set[str]) -> Lock:
    return replace(lock, creates=lock.on in new)
