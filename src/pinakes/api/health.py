"""How the server is: for Kubernetes, for Prometheus, and for the clients of the platform."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import error_answer, json_answer
from pinakes.api.context import catalog_of, state_of, telemetry_of
from pinakes.api.state import ServerState
from pinakes.catalog.errors import CatalogDisabled, CatalogError, SchemaMismatch
from pinakes.wire.errors import NoSuchPath, ServerStopping
from pinakes.wire.models import write_time

ALL = "ALL"
POSTGRES = "POSTGRES"


async def livez(_: Request) -> Response:
    """Say that the process answers; the database is not asked."""
    return json_answer(b'{"status":"ok"}')


async def readyz(request: Request) -> Response:
    """Say whether requests should come here, and if not, why; a disabled catalogue is ready.

    Once ready, a database that is away changes that no more: every other server would be without it
    as well, and to be sent nothing at all helps nobody. The answer tells of it all the same.
    """
    state = state_of(request)
    if state.is_stopping:
        return error_answer(ServerStopping())
    problem, warnings = await _look(request)
    state.was_ready |= problem is None
    if problem is None and not warnings:
        return json_answer(b'{"status":"ok"}')
    if problem and not _is_ready_beside(problem, state):
        return error_answer(problem)
    status = "disabled" if isinstance(problem, CatalogDisabled) else "degraded"
    message = str(problem or "; ".join(warnings))
    return json_answer(msgspec.json.encode({"status": status, "message": message}))


async def healthcheck(request: Request) -> Response:
    """Answer as the platform does: one dependency there is, and all of them are that one."""
    if request.path_params["dependency"] not in (ALL, POSTGRES):
        raise NoSuchPath(f"there is no dependency but {ALL} and {POSTGRES}")
    problem, warnings = await _look(request)
    told = {
        "dependency": POSTGRES,
        "status": _platform_status(problem),
        "description": str(problem or "; ".join(["the database answers", *warnings])),
        "fetchedAt": write_time(state_of(request).last_look),
        "lastActiveFetchedAt": write_time(state_of(request).last_active),
    }
    return json_answer(msgspec.json.encode({"dependenciesHealth": [told]}))


async def _look(request: Request) -> tuple[CatalogError | None, Sequence[str]]:
    """Ask the catalogue now; return why it cannot answer, or what to mend although it can."""
    state = state_of(request)
    try:
        warnings = await catalog_of(request).check()
    except CatalogError as error:
        state.is_available, state.last_look = False, datetime.now(UTC)
        state.is_mismatched = isinstance(error, SchemaMismatch)
        return error, ()
    state.is_available, state.last_look = True, datetime.now(UTC)
    state.is_mismatched = False
    state.last_active = state.last_look
    return None, warnings


def _is_ready_beside(problem: CatalogError, state: ServerState) -> bool:
    match problem:
        case CatalogDisabled():
            return True
        case SchemaMismatch():
            return False
        case _:
            return state.was_ready


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
