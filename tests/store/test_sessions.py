"""A store does not depend on what somebody has set for the role or the database."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from parts import SCHEMA, environment_of
from pinakes.catalog.errors import SchemaMismatch
from pinakes.catalog.listing import ModelListing
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.postgres.connection import Configuration, ConnectionReader
from pinakes.postgres.files import PrivateFiles
from pinakes.postgres.migrate import MigrationError, migrate
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore
from pooler import pgbouncer, with_pgbouncer

SETTINGS = [
    ("client_encoding", "latin1"),
    ("datestyle", "German"),
    ("timezone", "Asia/Tokyo"),
    ("search_path", ""),
    ("bytea_output", "escape"),
    ("standard_conforming_strings", "off"),
]


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_a_setting_of_the_database_changes_nothing(
    fresh_database: str, name: str, value: str
) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        statement = sql.SQL("alter database {} set {} = {}")
        connection.execute(statement.format(database, sql.Identifier(name), sql.Literal(value)))
    model = Model(uri="gs://日本", tags={"\\a'b": "é"})
    [listed] = asyncio.run(written_and_listed(conninfo_of(fresh_database), model))
    assert (listed.uri, listed.tags) == (model.uri, model.tags)
    assert listed.creation_time is not None


async def written_and_listed(conninfo: str, model: Model) -> list[Model]:
    async with Pool(lambda: conninfo) as pool:
        store = PostgresStore(pool, SCHEMA)
        await store.create_model(model, Change(actor="test", door="test"))
        return list((await store.list_models(ModelListing())).models)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_keep_every_text_is_not_migrated(
    postgres: str, encoding: str
) -> None:
    with pytest.raises(MigrationError, match=f"encoding {encoding}"):
        asyncio.run(migrate(encoded(postgres, encoding), SCHEMA))


def test_of_a_database_that_cannot_keep_every_text_no_migration_is_asked_for(
    postgres: str,
) -> None:
    with pytest.raises(SchemaMismatch, match="encoding LATIN1") as refused:
        asyncio.run(checked(encoded(postgres, "LATIN1")))
    assert "pinakes migrate" not in str(refused.value)


def test_of_a_database_without_a_catalogue_a_migration_is_asked_for(empty_database: str) -> None:
    with pytest.raises(SchemaMismatch, match="run 'pinakes migrate'"):
        asyncio.run(checked(empty_database))


async def checked(conninfo: str) -> None:
    async with Pool(lambda: conninfo) as pool:
        await PostgresStore(pool, SCHEMA).check()


def encoded(postgres: str, encoding: str) -> str:
    """Make a database with an encoding, and return how to connect to it."""
    other = f"test_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        statement = sql.SQL(
            "create database {} template template0 encoding {} locale 'C' locale_provider libc"
        )
        connection.execute(statement.format(sql.Identifier(other), sql.Literal(encoding)))
    return make_conninfo(postgres, dbname=other)


@with_pgbouncer
def test_requests_at_once_through_a_pooler_are_all_answered(fresh_database: str) -> None:
    """In transaction mode every statement may meet another session: nothing may be left in one."""
    with pgbouncer(fresh_database) as through:
        assert asyncio.run(written_and_counted(through, 120)) == 120


async def written_and_counted(conninfo: str, count: int) -> int:
    async with Pool(lambda: conninfo) as one, Pool(lambda: conninfo) as other:
        stores = (PostgresStore(one, SCHEMA), PostgresStore(other, SCHEMA))
        for start in range(0, count, 12):
            numbers = range(start, start + 12)
            await asyncio.gather(*(create(stores[each % 2], each) for each in numbers))
        return len((await stores[0].list_models(ModelListing())).models)


async def create(store: PostgresStore, number: int) -> None:
    await store.create_model(Model(uri=str(number)), Change(actor="test", door="test"))
    await store.list_models(ModelListing(size=1))


def conninfo_of(conninfo: str) -> str:
    configuration = Configuration(environment_of(conninfo), {})
    return ConnectionReader(configuration, PrivateFiles()).conninfo()
