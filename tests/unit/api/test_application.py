"""The application around a store that fails: what the client is told, and what the log."""

import asyncio
import json
from io import StringIO
from typing import Any

import httpx
import pytest

from memory_store import MemoryStore
from parts import API, open_gate
from pinakes.api.application import application
from pinakes.api.gate import MAX_REQUESTS
from pinakes.api.state import ServerState
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.catalog.listing import ModelListing, ModelPage
from pinakes.catalog.service import ModelCatalog
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log
from pinakes.telemetry.process import Telemetry

MODELS = f"http://localhost{API}/model/metadata"


class FailingStore(MemoryStore):
    """A store whose listings raise what they were told to."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def list_models(self, listing: ModelListing) -> ModelPage:  # noqa: ARG002 - as in Store
        raise self._error


class WaitingStore(MemoryStore):
    """A store whose listings wait, once as many are here as may be, until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = 0
        self.is_full = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def list_models(self, listing: ModelListing) -> ModelPage:
        self._waiting += 1
        if self._waiting == MAX_REQUESTS:
            self.is_full.set()
        await self.may_go_on.wait()
        return await super().list_models(listing)


def client(store: MemoryStore, log: StringIO) -> httpx.AsyncClient:
    telemetry = Telemetry(Log(LogFormat.JSON, log))
    served = application(
        ModelCatalog(store), open_gate("pinakes.example"), telemetry, ServerState()
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(served))


def get(store: MemoryStore, log: StringIO, url: str = MODELS) -> httpx.Response:
    async def story() -> httpx.Response:
        async with client(store, log) as asking:
            return await asking.get(url)

    return asyncio.run(story())


def events(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_fault_of_ours_is_a_500_that_gives_nothing_away() -> None:
    log = StringIO()
    answer = get(FailingStore(KeyError("hush")), log)
    assert (answer.status_code, answer.json()["code"]) == (500, 13)
    assert "X-Request-Id" in answer.json()["message"]
    crashed, answered = events(log)
    assert crashed["event"] == "RequestCrashed"
    assert crashed["request_id"] == answered["request_id"] == answer.headers["x-request-id"]
    assert "KeyError" in crashed["traceback"]
    assert answered["status"] == 500
    assert "hush" not in log.getvalue() + answer.text


def test_what_is_away_for_now_is_asked_for_again_later() -> None:
    answer = get(FailingStore(CatalogUnavailable("away")), StringIO())
    assert (answer.status_code, answer.json()["message"]) == (503, "away")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("host", "status"),
    [("pinakes.example", 200), ("PINAKES.example:80", 200), ("other.example", 403)],
)
def test_an_allowed_host_may_ask(host: str, status: int) -> None:
    assert (
        get(MemoryStore(), StringIO(), f"http://{host}{API}/model/metadata").status_code == status
    )


def test_too_many_requests_at_once_are_turned_away_and_health_is_not() -> None:
    async def story() -> list[int]:
        store = WaitingStore()
        async with client(store, StringIO()) as asking:
            waiting = [asyncio.create_task(asking.get(MODELS)) for _ in range(MAX_REQUESTS)]
            await store.is_full.wait()
            turned_away = await asking.get(MODELS)
            alive = await asking.get("http://localhost/livez")
            store.may_go_on.set()
            served = await asyncio.gather(*waiting)
            return [
                turned_away.status_code,
                alive.status_code,
                *{one.status_code for one in served},
            ]

    assert asyncio.run(story()) == [503, 200, 200]
