"""The operation on runtime metadata."""

from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import json_answer
from pinakes.api.context import access_of, catalog_of
from pinakes.wire.names import RUNTIME_SPELLINGS
from pinakes.wire.parameters import Parameters, read_mask, read_runtime_listing
from pinakes.wire.runtime import write_runtime_page


async def list_runtime(request: Request) -> Response:
    """Find which deployments run which models, one page at a time."""
    parameters = Parameters(request.scope["query_string"])
    listing = read_runtime_listing(parameters)
    mask = read_mask(parameters, RUNTIME_SPELLINGS)
    page = await catalog_of(request).list_runtime(listing, access_of(request))
    return json_answer(write_runtime_page(page, listing, mask))
