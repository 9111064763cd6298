"""How the server is: for Kubernetes, for Prometheus, and for the clients of the platform."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import json_answer
from pinakes.api.context import catalog_of, telemetry_of
from pinakes.catalog.errors import CatalogDisabled, CatalogError
from pinakes.wire.errors import NoSuchPath
from pinakes.wire.models import write_time

ALL = "ALL"
POSTGRES = "POSTGRES"


@dataclass
class LastActive:
    """When the database was last seen to answer; None before the first time."""

    time: datetime | None = None


async def livez(_: Request) -> Response:
    """Say that the process answers; the database is not asked."""
    return json_answer(b'{"status":"ok"}')


async def readyz(request: Request) -> Response:
    """Say whether the catalogue can answer, and if not, why; a disabled one is ready."""
    try:
        await catalog_of(request).check()
    except CatalogDisabled as error:
        return _state("disabled", str(error))
    except CatalogError as error:
        return _state("unavailable", str(error), status=503)
    return _state("ok")


def _state(status_word: str, message: str = "", status: int = 200) -> Response:
    body = {"status": status_word} | ({"message": message} if message else {})
    return json_answer(msgspec.json.encode(body), status)


async def healthcheck(request: Request) -> Response:
    """Answer as the platform does: one dependency there is, and all of them are that one."""
    if request.path_params["dependency"] not in (ALL, POSTGRES):
        raise NoSuchPath(f"there is no dependency but {ALL} and {POSTGRES}")
    status, description = await _postgres_health(request)
    now = datetime.now(UTC)
    last: LastActive = request.app.state.last_active
    if status == "ENABLED_AND_REACHABLE":
        last.time = now
    health = {
        "dependency": POSTGRES,
        "status": status,
        "description": description,
        "fetchedAt": write_time(now),
        "lastActiveFetchedAt": write_time(last.time),
    }
    return json_answer(msgspec.json.encode({"dependenciesHealth": [health]}))


async def _postgres_health(request: Request) -> tuple[str, str]:
    try:
        await catalog_of(request).check()
    except CatalogDisabled as error:
        return "DISABLED", str(error)
    except CatalogError as error:
        return "ENABLED_AND_UNREACHABLE", str(error)
    return "ENABLED_AND_REACHABLE", "the database answers"


async def metrics(request: Request) -> Response:
    """Show every metric in the Prometheus text format."""
    content_type = "text/plain; version=0.0.4; charset=utf-8"
    text = telemetry_of(request).metrics.text()
    return Response(text, headers={"Content-Type": content_type})
