"""The URL table: what there is, and what a request must pass to get there."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from pinakes.api import description, health, models, runtime, user
from pinakes.api.context import notes_of
from pinakes.api.gate import Gate, Way, open_to_all

PLATFORM = "/seldon-deploy/api"
API = f"{PLATFORM}/v1alpha1"


def route_table(gate: Gate) -> list[BaseRoute]:
    """Return every route, each with the way that leads there."""
    return [
        _route("/livez", GET=open_to_all(health.livez)),
        _route("/readyz", GET=open_to_all(health.readyz)),
        _route("/metrics", GET=gate.to_callers(health.metrics)),
        _route("/openapi.yaml", GET=open_to_all(description.openapi)),
        _route("/docs", GET=open_to_all(description.docs)),
        _route("/docs/docs.js", GET=open_to_all(description.docs_script)),
        Mount("/docs/assets", description.assets()),
        _route(f"{PLATFORM}/status", GET=open_to_all(health.livez)),
        _route(f"{API}/healthcheck/{{dependency}}", GET=gate.to_callers(health.healthcheck)),
        _route(f"{API}/user", GET=gate.to_api(user.read_user)),
        _route(
            f"{API}/model/metadata",
            GET=gate.to_catalog(models.list_models),
            POST=gate.to_catalog(models.create_model),
            PUT=gate.to_catalog(models.update_model),
            DELETE=gate.to_catalog(models.delete_model),
        ),
        _route(f"{API}/model/metadata/runtime", GET=gate.to_catalog(runtime.list_runtime)),
    ]


def admin_route_table() -> list[BaseRoute]:
    """Return what the admin port answers, to everybody who reaches it."""
    return [
        _route("/livez", GET=open_to_all(health.livez)),
        _route("/readyz", GET=open_to_all(health.readyz)),
        _route("/metrics", GET=open_to_all(health.metrics)),
    ]


def _route(path: str, **ways: Way) -> Route:
    """Make one route of all the verbs of a path, so that a wrong verb is told of them all."""

    async def endpoint(request: Request) -> Response:
        notes_of(request)["route"] = path
        verb = "GET" if request.method == "HEAD" else request.method
        return await ways[verb].endpoint(request)

    return Route(path, endpoint, methods=list(ways))
