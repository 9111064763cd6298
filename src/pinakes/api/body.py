"""Read the body of a request, if it is one we read."""

import asyncio

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from pinakes.wire.errors import BadRequest, BodyNotJson, BodyTooLarge, RequestTooSlow

MAX_BODY = 1024 * 1024
BODY_SECONDS = 20.0

UTF8 = {"charset=utf-8", 'charset="utf-8"'}


async def read_body(request: Request) -> bytes:
    """Read a JSON body of at most MAX_BODY bytes, which must arrive within BODY_SECONDS.

    Another content type is refused: a web page elsewhere can send those without asking us first.
    """
    if not _announces_body(request.headers):
        return b""
    if not _is_json(request.headers):
        raise BodyNotJson
    if int(request.headers.get("content-length", "0")) > MAX_BODY:
        raise BodyTooLarge
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request)
    except TimeoutError as error:
        raise RequestTooSlow from error
    except ClientDisconnect as error:
        raise BadRequest("", "the client went away before its body had arrived") from error


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise BodyTooLarge
    return bytes(body)


def _announces_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _is_json(headers: Headers) -> bool:
    """Say whether the body is called JSON, in UTF-8, once, and is not packed."""
    content_types = headers.getlist("content-type")
    if len(content_types) != 1 or "content-encoding" in headers:
        return False
    media_type, *parameters = (part.strip() for part in content_types[0].lower().split(";"))
    charsets = [part for part in parameters if part.startswith("charset=")]
    return media_type == "application/json" and set(charsets) <= UTF8
