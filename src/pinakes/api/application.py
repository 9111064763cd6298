"""The API, and what is behind the admin port, each as one ASGI application."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, ExceptionHandler

from pinakes.api.answers import answer_error, error_answer, unrouted_answer
from pinakes.api.gate import Gate
from pinakes.api.health import LastActive
from pinakes.api.journal import Journal
from pinakes.api.routes import admin_route_table, route_table
from pinakes.catalog.errors import CatalogError
from pinakes.catalog.service import ModelCatalog
from pinakes.query.errors import QuerySyntaxError
from pinakes.telemetry import Telemetry
from pinakes.wire.errors import RequestError


def application(catalog: ModelCatalog, gate: Gate, telemetry: Telemetry) -> ASGIApp:
    """Make the API; to strangers it does not even say which paths there are."""

    async def answer_unrouted(request: Request, error: Exception) -> Response:
        try:
            await gate.admit(request)
        except RequestError as refusal:
            return error_answer(refusal)
        return unrouted_answer(error)

    return _application(route_table(gate), answer_unrouted, catalog, telemetry)


def admin_application(catalog: ModelCatalog, telemetry: Telemetry) -> ASGIApp:
    """Make what is for those who run the server: health and metrics, open to who reaches them."""

    async def answer_unrouted(_: Request, error: Exception) -> Response:
        return unrouted_answer(error)

    return _application(admin_route_table(), answer_unrouted, catalog, telemetry)


def _application(
    routes: Sequence[BaseRoute],
    answer_unrouted: ExceptionHandler,
    catalog: ModelCatalog,
    telemetry: Telemetry,
) -> ASGIApp:
    """Join the routes, what turns errors into answers, and the journal."""
    routed = Starlette(
        routes=routes,
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
