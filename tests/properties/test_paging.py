"""What holds for every walk through the pages of a listing, whatever others write meanwhile."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from io import StringIO

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conditions import SPELLINGS, models
from parts import API, SCHEMA, open_gate
from pinakes.api.application import application
from pinakes.api.state import ServerState
from pinakes.catalog.listing import text_of
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.catalog.service import ModelCatalog
from pinakes.catalog.stored import stored_model
from pinakes.postgres.pool import Pool
from pinakes.postgres.statement import numbered
from pinakes.postgres.store import PostgresStore
from pinakes.query.conditions import Column
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log
from pinakes.telemetry.process import Telemetry

orders = st.lists(
    st.tuples(st.sampled_from(list(SPELLINGS)), st.sampled_from(["", " asc", " desc"])),
    max_size=3,
    unique_by=lambda item: item[0],
)


@given(
    staying=st.lists(models(), max_size=15, unique_by=lambda model: model.key),
    coming=st.lists(models(), max_size=15, unique_by=lambda model: model.key),
    order=orders,
    size=st.integers(1, 7),
)
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_a_walk_meets_every_model_that_stays_exactly_once_and_in_order(
    fresh_database: str,
    staying: list[Model],
    coming: list[Model],
    order: list[tuple[Column, str]],
    size: int,
) -> None:
    keys = {model.key for model in staying}
    passing = [model for model in coming if model.key not in keys]
    walked = asyncio.run(_walk_while_others_write(fresh_database, staying, passing, order, size))
    met = [key for key in walked if key in {(key.uri, key.project) for key in keys}]
    assert met == [(model.uri, model.project) for model in _sorted(staying, order)]


def _sorted(models: Sequence[Model], order: Sequence[tuple[Column, str]]) -> list[Model]:
    """Sort by the last item first: each sort leaves equals as the ones before put them."""
    direction = order[-1][1] if order else ""
    ties = [(Column.URI, direction), (Column.PROJECT, direction)]
    named = [column for column, _ in order]
    items = [*order, *(tie for tie in ties if tie[0] not in named)]
    found = list(models)
    for column, way in reversed(items):
        found.sort(key=lambda model: text_of(stored_model(model), column), reverse=way == " desc")
    return found


async def _walk_while_others_write(
    conninfo: str,
    staying: Sequence[Model],
    passing: Sequence[Model],
    order: Sequence[tuple[Column, str]],
    size: int,
) -> list[tuple[str, str]]:
    async with _client(conninfo) as (client, store):
        for model in staying:
            await store.create_model(model, change())
        writing = asyncio.create_task(_come_and_go(store, passing))
        order_by = ",".join(SPELLINGS[column] + direction for column, direction in order)
        walked = await _walk(client, {"orderBy": order_by, "pageSize": str(size)})
        writing.cancel()
        [ended] = await asyncio.gather(writing, return_exceptions=True)
        assert not passing or isinstance(ended, asyncio.CancelledError), ended
        return walked


async def _walk(client: httpx.AsyncClient, asked: dict[str, str]) -> list[tuple[str, str]]:
    walked: list[tuple[str, str]] = []
    token = ""
    for _ in itertools.count():
        answer = await client.get("/model/metadata", params=asked | {"pageToken": token})
        page = answer.raise_for_status().json()
        walked += [(model["URI"], model["project"]) for model in page["models"]]
        token = page["nextPageToken"]
        if not token:
            break
    return walked


async def _come_and_go(store: PostgresStore, passing: Sequence[Model]) -> None:
    for model in itertools.cycle(passing):
        await store.create_model(model, change())
        await store.delete_model(model.key, change())


def change() -> Change:
    return Change(actor="test", door="test")


@asynccontextmanager
async def _client(
    conninfo: str,
) -> AsyncGenerator[tuple[httpx.AsyncClient, PostgresStore], None]:
    async with Pool(lambda: conninfo) as pool:
        async with pool.connection() as channel:
            await channel.execute(numbered(b"truncate pinakes.models"), {})
        store = PostgresStore(pool, SCHEMA)
        telemetry = Telemetry(Log(LogFormat.JSON, StringIO()))
        served = application(ModelCatalog(store), open_gate(), telemetry, ServerState())
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://localhost{API}"
        ) as client:
            yield client, store
