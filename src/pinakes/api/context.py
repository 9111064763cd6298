"""What a handler finds around a request: the catalogue, the telemetry, who asks."""

from typing import Any

from starlette.requests import Request

from pinakes.api.state import ServerState
from pinakes.auth.admission import Admitted
from pinakes.auth.caller import Caller
from pinakes.catalog.access import Access
from pinakes.catalog.revision import Change
from pinakes.catalog.service import ModelCatalog
from pinakes.telemetry.process import Telemetry

DOOR = "api"


def notes_of(request: Request) -> dict[str, Any]:
    """Return what is noted of one request on its way; ``request.state`` is ten times as slow."""
    notes: dict[str, Any] = request.scope["state"]
    return notes


def catalog_of(request: Request) -> ModelCatalog:
    """Return the catalogue that the application serves."""
    catalog: ModelCatalog = request.app.state.catalog
    return catalog


def telemetry_of(request: Request) -> Telemetry:
    """Return where the application's events go."""
    telemetry: Telemetry = request.app.state.telemetry
    return telemetry


def state_of(request: Request) -> ServerState:
    """Return the state of the server."""
    state: ServerState = request.app.state.server
    return state


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    admitted: Admitted = notes_of(request)["admitted"]
    return admitted.caller


def access_of(request: Request) -> Access:
    """Return what he who asks may do."""
    admitted: Admitted = notes_of(request)["admitted"]
    return admitted.access


def change_of(request: Request) -> Change:
    """Begin a change, in the name of whoever asks."""
    return Change(
        actor=caller_of(request).id, door=DOOR, request_id=notes_of(request)["request_id"]
    )
