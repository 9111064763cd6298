"""The URL table: what there is, and what a request must pass to get there."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from pinakes.api import description, health, models, runtime, user
from pinakes.api.gate import Endpoint, Gate

PLATFORM = "/seldon-deploy/api"
API = f"{PLATFORM}/v1alpha1"


def route_table(gate: Gate) -> list[BaseRoute]:
    """Return every route; those of the API stand behind the gate."""
    return [
        _route("/livez", GET=health.livez),
        _route("/readyz", GET=health.readyz),
        _route("/metrics", GET=health.metrics),
        _route("/openapi.yaml", GET=description.openapi),
        _route("/docs", GET=description.docs),
        _route("/docs/docs.js", GET=description.docs_script),
        Mount("/docs/assets", description.assets()),
        _route(f"{PLATFORM}/status", GET=health.livez),
        _route(f"{API}/healthcheck/{{dependency}}", GET=health.healthcheck),
        _route(f"{API}/user", GET=gate.guard(user.read_user)),
        _route(
            f"{API}/model/metadata",
            GET=gate.guard_catalog(models.list_models),
            POST=gate.guard_catalog(models.create_model),
            PUT=gate.guard_catalog(models.update_model),
            DELETE=gate.guard_catalog(models.delete_model),
        ),
        _route(f"{API}/model/metadata/runtime", GET=gate.guard_catalog(runtime.list_runtime)),
    ]


def _route(path: str, **verbs: Endpoint) -> Route:
    """Make one route of all the verbs of a path, so that a wrong verb is told of them all."""

    async def endpoint(request: Request) -> Response:
        request.state.route = path
        verb = "GET" if request.method == "HEAD" else request.method
        return await verbs[verb](request)

    return Route(path, endpoint, methods=list(verbs))
