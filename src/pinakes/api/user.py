"""Who asks."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import json_answer
from pinakes.api.context import caller_of


async def read_user(request: Request) -> Response:
    """Tell the caller who he is: without authentication, anonymous."""
    caller = caller_of(request)
    user: dict[str, object] = {
        "Id": caller.id,
        "Name": caller.name,
        "Email": caller.email,
        "Groups": caller.groups,
    }
    return json_answer(msgspec.json.encode(user))
