"""Make responses: every one is JSON, the errors too."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pinakes.wire.errors import MethodNotAllowed, NoSuchPath, Unauthenticated
from pinakes.wire.status import is_temporary, status_of, write_error

RETRY_AFTER_SECONDS = "2"


def json_answer(body: bytes = b"{}", status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(body, status, media_type="application/json")


def error_answer(error: Exception) -> Response:
    """Answer with an error."""
    response = json_answer(write_error(error), status_of(error).http)
    if is_temporary(error):
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = error.challenge
    return response


async def answer_error(_: Request, error: Exception) -> Response:
    """Answer what a handler raised."""
    return error_answer(error)


def unrouted_answer(error: Exception) -> Response:
    """Answer a request that fits no route, in the words of the contract."""
    if not isinstance(error, HTTPException) or error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return error_answer(NoSuchPath())
    response = error_answer(MethodNotAllowed())
    allowed = (error.headers or {}).get("Allow", "GET, HEAD")
    response.headers["Allow"] = ", ".join(sorted(allowed.split(", ")))
    return response
