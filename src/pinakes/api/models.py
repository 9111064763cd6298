"""The operations on models."""

from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import json_answer
from pinakes.api.context import access_of, catalog_of, change_of, notes_of
from pinakes.wire.models import read_model, write_model_page
from pinakes.wire.names import MODEL_SPELLINGS
from pinakes.wire.parameters import (
    Parameters,
    read_mask,
    read_model_key,
    read_model_listing,
)


async def list_models(request: Request) -> Response:
    """Find models, one page at a time."""
    parameters = Parameters(request.scope["query_string"])
    listing = read_model_listing(parameters)
    mask = read_mask(parameters, MODEL_SPELLINGS)
    page = await catalog_of(request).list_models(listing, access_of(request))
    return json_answer(write_model_page(page, listing, mask))


async def create_model(request: Request) -> Response:
    """Register a new model."""
    access_of(request).check_any_create()
    model = read_model(notes_of(request)["body"])
    await catalog_of(request).create_model(model, change_of(request), access_of(request))
    return json_answer()


async def update_model(request: Request) -> Response:
    """Replace all that is known of a model but its key and creation time."""
    model = read_model(notes_of(request)["body"])
    await catalog_of(request).update_model(model, change_of(request), access_of(request))
    return json_answer()


async def delete_model(request: Request) -> Response:
    """Forget a model; the body, which the SDK sends, means nothing."""
    key = read_model_key(Parameters(request.scope["query_string"]))
    await catalog_of(request).delete_model(key, change_of(request), access_of(request))
    return json_answer()
