"""Pinakes with constant answers, a program of its own: what of a request is not the catalogue.

usage: python -m bench.constant (whole | bare) GET_FILE PAGE_FILE

``whole`` is our application with its server, its journal, its gate and its routes, and constants
where the handlers would ask the catalogue. ``bare`` is our server alone, with the smallest
application there is behind it.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pinakes.api import models
from pinakes.api.answers import json_answer
from pinakes.api.application import application
from pinakes.api.gate import Gate
from pinakes.api.server import Server, listen, url_of
from pinakes.api.state import ServerState
from pinakes.auth.admission import Admission
from pinakes.catalog.access import FULL_ACCESS
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.catalog.service import ModelCatalog
from pinakes.postgres.pool import NoConnections
from pinakes.postgres.store import PostgresStore
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log
from pinakes.telemetry.process import Telemetry


def _choose(scope: Scope, get: bytes, page: bytes) -> bytes:
    return get if scope["query_string"].startswith(b"URI=") else page


def whole(get: bytes, page: bytes, telemetry: Telemetry) -> ASGIApp:
    """Return our application, whose listings are constants."""

    async def list_models(request: Request) -> Response:
        return json_answer(_choose(request.scope, get, page))

    models.list_models = list_models
    store = PostgresStore(NoConnections(CatalogUnavailable("this catalogue is none")), "pinakes")
    gate = Gate(frozenset(), Admission(lambda _: FULL_ACCESS))
    return application(ModelCatalog(store), gate, telemetry, ServerState())


def bare(get: bytes, page: bytes) -> ASGIApp:
    """Return the smallest application."""

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        body = _choose(scope, get, page)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


async def _serve(kind: str, get: bytes, page: bytes) -> None:
    telemetry = Telemetry(Log(LogFormat.JSON))
    makers: dict[str, Callable[[], ASGIApp]] = {
        "whole": lambda: whole(get, page, telemetry),
        "bare": lambda: bare(get, page),
    }
    listener = listen("127.0.0.1", 0)
    serving: Awaitable[None] = Server(makers[kind](), telemetry).serve([listener])
    print(f"Pinakes serves constants on {url_of(listener)}", flush=True)
    await serving


def main() -> None:
    """Serve until told to stop."""
    kind, get, page = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(kind, Path(get).read_bytes(), Path(page).read_bytes()))


if __name__ == "__main__":
    main()
