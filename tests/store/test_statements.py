"""The SQL that is shipped: every statement fits the schema that the migrations make."""

import re

import psycopg
import pytest
from psycopg import sql

from parts import SCHEMA, migrated, new_database
from pinakes.postgres.statements import load_statements

STATEMENTS = load_statements(SCHEMA)
UNPLANNED = ("create_schema", "create_migrations", "copy_")
PLANNED = sorted(name for name in STATEMENTS if not name.startswith(UNPLANNED))
"""All but what makes tables or copies into them, which PostgreSQL cannot explain."""


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
        connection.execute(b"explain " + _query_of(statement), dict.fromkeys(names))


def _query_of(statement: bytes) -> bytes:
    """Return the statement itself, or the query whose rows it copies out."""
    uncommented = re.sub(rb"(?m)^--.*\n", b"", statement)
    copied = re.fullmatch(rb"\s*copy \((.*)\) to stdout \(.*\)\s*", uncommented, re.DOTALL)
    return copied[1] if copied else uncommented


def test_every_statement_is_described() -> None:
    for name, statement in STATEMENTS.items():
        assert statement.lstrip().startswith(b"-- "), name


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
