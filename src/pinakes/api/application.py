"""The API, and what is behind the admin port, each as one ASGI application."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

from pinakes.api.answers import answer_error, error_answer, unrouted_answer
from pinakes.api.gate import Gate
from pinakes.api.journal import Journal
from pinakes.api.routes import admin_route_table, route_table
from pinakes.api.state import ServerState
from pinakes.catalog.errors import CatalogError
from pinakes.catalog.service import ModelCatalog
from pinakes.query.errors import QuerySyntaxError
from pinakes.telemetry.process import Telemetry
from pinakes.wire.errors import RequestError

EXPECTED = (CatalogError, QuerySyntaxError, RequestError)
"""What a handler raises to answer so."""


class Direct:
    """Leads straight to the endpoint of a path without parameters, asked with one of its verbs.

    Starlette, which asks one route after the other and wraps the request twice, would take a fifth
    of the time of a get; it serves all others.
    """

    def __init__(self, routed: Starlette) -> None:
        self._routed = routed
        self._endpoints = {
            (verb, route.path): route.endpoint
            for route in routed.routes
            if isinstance(route, Route) and not route.param_convertors
            for verb in (route.methods or set()) - {"HEAD"}
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = self._endpoints.get((scope["method"], scope["path"]))
        if endpoint is None:
            await self._routed(scope, receive, send)
            return
        scope["app"] = self._routed
        try:
            answer = await endpoint(Request(scope, receive))
        except EXPECTED as error:
            answer = error_answer(error)
        except Exception as error:
            await error_answer(error)(scope, receive, send)
            raise
        await answer(scope, receive, send)


def application(
    catalog: ModelCatalog, gate: Gate, telemetry: Telemetry, state: ServerState
) -> ASGIApp:
    """Make the API; to strangers it does not even say which paths there are."""

    async def answer_unrouted(request: Request, error: Exception) -> Response:
        try:
            await gate.admit(request)
        except RequestError as refusal:
            return error_answer(refusal)
        return unrouted_answer(error)

    routed = _routed(route_table(gate), answer_unrouted)
    return _joined(routed, catalog, telemetry, state)


def admin_application(catalog: ModelCatalog, telemetry: Telemetry, state: ServerState) -> ASGIApp:
    """Make what is for those who run the server: health and metrics, open to who reaches them."""

    async def answer_unrouted(_: Request, error: Exception) -> Response:
        return unrouted_answer(error)

    routed = _routed(admin_route_table(), answer_unrouted)
    return _joined(routed, catalog, telemetry, state)


def _routed(routes: Sequence[BaseRoute], answer_unrouted: ExceptionHandler) -> Starlette:
    """Join the routes and what turns errors into answers."""
    routed = Starlette(
        routes=routes,
        exception_handlers={
            **dict.fromkeys(EXPECTED, answer_error),
            HTTPException: answer_unrouted,
            Exception: answer_error,
        },
    )
    routed.router.redirect_slashes = False
    return routed


def _joined(
    routed: Starlette, catalog: ModelCatalog, telemetry: Telemetry, state: ServerState
) -> ASGIApp:
    """Give handlers what they find around a request, and put the journal before them."""
    routed.state.catalog = catalog
    routed.state.telemetry = telemetry
    routed.state.server = state
    return Journal(Direct(routed), telemetry, state)
