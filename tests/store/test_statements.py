"""The SQL that is shipped: every statement fits the schema that the migrations make."""

import asyncio
import re

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from parts import SCHEMA, migrated, new_database
from pinakes.postgres.migrate import MigrationError, migrate, shipped
from pinakes.postgres.statements import load_statements

STATEMENTS = load_statements(SCHEMA)
PLANNED = sorted({*STATEMENTS} - {"create_schema", "create_migrations"})
"""All but what makes tables, which PostgreSQL cannot explain."""


@pytest.fixture(scope="module")
def pathless_database(postgres: str) -> str:
    """A database where a table is found only by its schema."""
    conninfo = new_database(postgres)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set search_path = ''").format(name))
    return migrated(conninfo)


@pytest.mark.parametrize("name", PLANNED)
def test_a_statement_can_be_planned_and_names_its_schema(pathless_database: str, name: str) -> None:
    statement = STATEMENTS[name]
    names = re.findall(r"%\((\w+)\)s", statement.decode())
    with psycopg.connect(pathless_database) as connection:
        connection.execute(b"explain " + _without_comment(statement), dict.fromkeys(names))


def _without_comment(statement: bytes) -> bytes:
    return re.sub(rb"(?m)^--.*\n", b"", statement)


def test_every_statement_is_described() -> None:
    for name, statement in STATEMENTS.items():
        assert statement.lstrip().startswith(b"-- "), name


def test_migrating_twice_changes_nothing(empty_database: str) -> None:
    names = [migration.name for migration in shipped()]
    assert list(asyncio.run(migrate(empty_database, SCHEMA))) == names
    assert list(asyncio.run(migrate(empty_database, SCHEMA))) == []


def test_processes_that_migrate_at_once_do_not_meet(empty_database: str) -> None:
    async def story() -> list[int]:
        applied = await asyncio.gather(*(migrate(empty_database, SCHEMA) for _ in range(5)))
        return sorted(len(names) for names in applied)

    assert asyncio.run(story()) == [0, 0, 0, 0, len(shipped())]


def test_two_schemas_of_one_database_do_not_meet(empty_database: str) -> None:
    for schema in ("one", "Two"):
        assert asyncio.run(migrate(empty_database, schema))
    with psycopg.connect(empty_database) as connection:
        found = connection.execute(
            "select table_schema, count(*) from information_schema.tables"
            " where table_schema not in ('pg_catalog', 'information_schema')"
            " group by table_schema order by table_schema"
        ).fetchall()
    assert found == [("Two", 4), ("one", 4)]


def test_an_edited_migration_is_noticed(empty_database: str) -> None:
    migrated(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("update pinakes.migrations set digest = 'edited'")
    with pytest.raises(MigrationError, match="another text"):
        asyncio.run(migrate(empty_database, SCHEMA))


def test_a_role_that_may_not_make_a_schema_migrates_into_one_that_is_there(
    empty_database: str,
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        role = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("create role {} login password 'test'").format(role))
        connection.execute(sql.SQL("create schema pinakes authorization {}").format(role))
        own = make_conninfo(empty_database, user=connection.info.dbname, password="test")
    assert asyncio.run(migrate(own, SCHEMA))


@pytest.mark.parametrize("metrics", ['{"a": "text"}', '{"a": null}', "[]", '{"a": {}}'])
def test_the_table_itself_keeps_metrics_numeric(fresh_database: str, metrics: str) -> None:
    with (
        psycopg.connect(fresh_database) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute(
            "insert into pinakes.models values"
            " ('u', 'p', '', '', 'UNKNOWN', '', '{}', %s, null, null)",
            [metrics],
        )
