"""What becomes of a statement that the server refuses, row by row of the table of SQLSTATEs."""

import asyncio

import psycopg
import pytest

from parts import SCHEMA
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.catalog.listing import ModelListing
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.postgres.errors import FAILURES, AnswerLost, TryAgain
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore

FAIL = """
create sequence fails_left;
create function fail() returns boolean language plpgsql as $$
begin
    if nextval('fails_left') <= {times} then
        raise exception 'a failure of the test' using errcode = '{code}';
    end if;
    return true;
end $$;
"""
FAIL_WRITES = """
create function fail_writing() returns trigger language plpgsql as $$
begin perform fail(); return new; end $$;
create trigger failing before insert on pinakes.models
    for each statement execute function fail_writing();
"""
FAIL_READS = """
alter table pinakes.models rename to kept;
create view pinakes.models as select * from pinakes.kept where fail();
insert into pinakes.kept values
    ('gs://a', 'default', '', '', 'UNKNOWN', '', '{}', '{}', null, null);
"""
SOMETIMES = sorted(code for code, row in FAILURES.items() if issubclass(row.kind, TryAgain))
UNSURE = sorted(code for code, row in FAILURES.items() if row.kind is AnswerLost)
FOR_GOOD = sorted({*FAILURES} - {*SOMETIMES} - {*UNSURE})

MODEL = Model(uri="gs://a")


def break_database(conninfo: str, what: str, code: str, times: int) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(FAIL.format(code=code, times=times).encode())
        connection.execute(what.encode())


async def create(conninfo: str) -> tuple[int, int]:
    """Create a model; return how many models and revisions there are then."""
    async with Pool(lambda: conninfo) as pool:
        store = PostgresStore(pool, SCHEMA)
        await store.create_model(MODEL, Change(actor="test", door="test"))
        models = (await store.list_models(ModelListing())).models
        return len(models), len(await store.list_revisions(MODEL.key))


async def count(conninfo: str) -> int:
    async with Pool(lambda: conninfo) as pool:
        return len((await PostgresStore(pool, SCHEMA).list_models(ModelListing())).models)


@pytest.mark.parametrize("code", SOMETIMES + UNSURE)
def test_a_change_is_made_once_after_a_failure_that_passes(fresh_database: str, code: str) -> None:
    break_database(fresh_database, FAIL_WRITES, code, times=1)
    assert asyncio.run(create(fresh_database)) == (1, 1)


@pytest.mark.parametrize("code", SOMETIMES)
def test_a_change_that_keeps_failing_is_told_of_and_not_made(
    fresh_database: str, code: str
) -> None:
    break_database(fresh_database, FAIL_WRITES, code, times=9)
    with pytest.raises(CatalogUnavailable, match=FAILURES[code].told):
        asyncio.run(create(fresh_database))
    assert asyncio.run(count(fresh_database)) == 0


@pytest.mark.parametrize("code", FOR_GOOD)
def test_what_does_not_pass_is_not_tried_again(fresh_database: str, code: str) -> None:
    break_database(fresh_database, FAIL_WRITES, code, times=1)
    with pytest.raises(CatalogUnavailable, match=FAILURES[code].told) as caught:
        asyncio.run(create(fresh_database))
    assert type(caught.value) is FAILURES[code].kind
    assert asyncio.run(count(fresh_database)) == 0


@pytest.mark.parametrize("code", SOMETIMES + UNSURE)
def test_a_read_is_repeated_once(fresh_database: str, code: str) -> None:
    break_database(fresh_database, FAIL_READS, code, times=1)
    assert asyncio.run(count(fresh_database)) == 1


@pytest.mark.parametrize("code", SOMETIMES + UNSURE)
def test_a_read_is_not_repeated_twice(fresh_database: str, code: str) -> None:
    break_database(fresh_database, FAIL_READS, code, times=2)
    with pytest.raises(CatalogUnavailable, match=FAILURES[code].told):
        asyncio.run(count(fresh_database))


def test_an_error_that_is_our_own_fault_is_not_called_the_databases(fresh_database: str) -> None:
    break_database(fresh_database, FAIL_WRITES, "25P02", times=1)
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        asyncio.run(create(fresh_database))
