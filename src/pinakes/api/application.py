"""The API as one ASGI application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from pinakes.api.answers import answer_error, answer_unrouted
from pinakes.api.gate import Gate
from pinakes.api.health import LastActive
from pinakes.api.journal import Journal
from pinakes.api.routes import route_table
from pinakes.catalog.errors import CatalogError
from pinakes.catalog.service import ModelCatalog
from pinakes.query.errors import QuerySyntaxError
from pinakes.telemetry import Telemetry
from pinakes.wire.errors import RequestError


def application(catalog: ModelCatalog, gate: Gate, telemetry: Telemetry) -> ASGIApp:
    """Join the routes, what turns errors into answers, and the journal."""
    routed = Starlette(
        routes=route_table(gate),
        exception_handlers={
            CatalogError: answer_error,
            QuerySyntaxError: answer_error,
            RequestError: answer_error,
            HTTPException: answer_unrouted,
            Exception: answer_error,
        },
    )
    routed.router.redirect_slashes = False
    routed.state.catalog = catalog
    routed.state.telemetry = telemetry
    routed.state.last_active = LastActive()
    return Journal(routed, telemetry)
