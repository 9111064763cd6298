"""Who asks."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pinakes.api.answers import json_answer
from pinakes.api.context import ANONYMOUS


async def read_user(_: Request) -> Response:
    """Tell the caller who he is: without authentication, anonymous."""
    user: dict[str, object] = {"Id": ANONYMOUS, "Name": ANONYMOUS, "Email": "", "Groups": []}
    return json_answer(msgspec.json.encode(user))
