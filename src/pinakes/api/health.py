"""How the server is: for Kubernetes, for Prometheus, and for the clients of the platform."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import error_answer, json_answer
from pinakes.api.context import catalog_of, telemetry_of
from pinakes.catalog.errors import CatalogDisabled, CatalogError
from pinakes.wire.errors import NoSuchPath
from pinakes.wire.models import write_time

ALL = "ALL"
POSTGRES = "POSTGRES"


@dataclass
class LastActive:
    """When a health check last saw the database answer; None before the first time."""

    time: datetime | None = None


async def livez(_: Request) -> Response:
    """Say that the process answers; the database is not asked."""
    return json_answer(b'{"status":"ok"}')


async def readyz(request: Request) -> Response:
    """Say whether the catalogue can answer, and if not, why; a disabled one is ready."""
    problem = await _problem(request)
    match problem:
        case None:
            return json_answer(b'{"status":"ok"}')
        case CatalogDisabled():
            body = {"status": "disabled", "message": str(problem)}
            return json_answer(msgspec.json.encode(body))
        case _:
            return error_answer(problem)


async def healthcheck(request: Request) -> Response:
    """Answer as the platform does: one dependency there is, and all of them are that one."""
    if request.path_params["dependency"] not in (ALL, POSTGRES):
        raise NoSuchPath(f"there is no dependency but {ALL} and {POSTGRES}")
    problem = await _problem(request)
    now = datetime.now(UTC)
    last: LastActive = request.app.state.last_active
    if problem is None:
        last.time = now
    health = {
        "dependency": POSTGRES,
        "status": _platform_status(problem),
        "description": str(problem or "the database answers"),
        "fetchedAt": write_time(now),
        "lastActiveFetchedAt": write_time(last.time),
    }
    return json_answer(msgspec.json.encode({"dependenciesHealth": [health]}))


async def _problem(request: Request) -> CatalogError | None:
    """Ask the catalogue now; return why it cannot answer, None where it can."""
    try:
        await catalog_of(request).check()
    except CatalogError as error:
        return error
    return None


def _platform_status(problem: CatalogError | None) -> str:
    match problem:
        case None:
            return "ENABLED_AND_REACHABLE"
        case CatalogDisabled():
            return "DISABLED"
        case _:
            return "ENABLED_AND_UNREACHABLE"


async def metrics(request: Request) -> Response:
    """Show every metric in the Prometheus text format."""
    content_type = "text/plain; version=0.0.4; charset=utf-8"
    text = telemetry_of(request).metrics.text()
    return Response(text, headers={"Content-Type": content_type})
