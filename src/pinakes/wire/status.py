"""Every error as an HTTP status and an rpcStatus body: the one table that knows their numbers."""

from http import HTTPStatus
from typing import NamedTuple

import msgspec

from pinakes.catalog import errors as catalog
from pinakes.query.errors import QuerySyntaxError
from pinakes.wire import errors as wire
from pinakes.wire.names import json_path


class Status(NamedTuple):
    """An HTTP status beside its gRPC code (google.rpc.Code)."""

    http: HTTPStatus
    code: int


INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

STATUSES: dict[type[Exception], Status] = {
    QuerySyntaxError: Status(HTTPStatus.BAD_REQUEST, INVALID_ARGUMENT),
    catalog.InvalidModel: Status(HTTPStatus.BAD_REQUEST, INVALID_ARGUMENT),
    catalog.ModelNotFound: Status(HTTPStatus.NOT_FOUND, NOT_FOUND),
    catalog.ModelAlreadyExists: Status(HTTPStatus.CONFLICT, ALREADY_EXISTS),
    catalog.WriteForbidden: Status(HTTPStatus.FORBIDDEN, PERMISSION_DENIED),
    catalog.SearchTooWide: Status(HTTPStatus.BAD_REQUEST, INVALID_ARGUMENT),
    catalog.CatalogDisabled: Status(HTTPStatus.NOT_IMPLEMENTED, UNIMPLEMENTED),
    catalog.CatalogUnavailable: Status(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE),
    wire.BadRequest: Status(HTTPStatus.BAD_REQUEST, INVALID_ARGUMENT),
    wire.ForeignHost: Status(HTTPStatus.FORBIDDEN, PERMISSION_DENIED),
    wire.Unauthenticated: Status(HTTPStatus.UNAUTHORIZED, UNAUTHENTICATED),
    wire.CallerUnknown: Status(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE),
    wire.NoSuchPath: Status(HTTPStatus.NOT_FOUND, NOT_FOUND),
    wire.MethodNotAllowed: Status(HTTPStatus.METHOD_NOT_ALLOWED, UNIMPLEMENTED),
    wire.RequestTooSlow: Status(HTTPStatus.REQUEST_TIMEOUT, DEADLINE_EXCEEDED),
    wire.BodyTooLarge: Status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, INVALID_ARGUMENT),
    wire.PathTooLong: Status(HTTPStatus.REQUEST_URI_TOO_LONG, INVALID_ARGUMENT),
    wire.BodyNotJson: Status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT),
    wire.HeadersTooLarge: Status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, INVALID_ARGUMENT),
    wire.TooManyRequests: Status(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE),
    wire.ServerStopping: Status(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE),
}

UNEXPECTED = Status(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL)


def status_of(error: Exception) -> Status:
    """Find the status of an error or its kind; one that is not in the table is our own fault."""
    kinds = (kind for kind in type(error).__mro__ if kind in STATUSES)
    return STATUSES.get(next(kinds, type(error)), UNEXPECTED)


def is_temporary(error: Exception) -> bool:
    """Say whether the same request may well succeed a little later."""
    return status_of(error).http is HTTPStatus.SERVICE_UNAVAILABLE


def write_error(error: Exception) -> bytes:
    """Write the rpcStatus body of an error. What is our own fault is logged, never told."""
    status = status_of(error)
    message = _message_of(error).encode(errors="backslashreplace").decode()
    body: dict[str, object] = {"code": status.code, "message": message, "details": []}
    return msgspec.json.encode(body)


def _message_of(error: Exception) -> str:
    if isinstance(error, catalog.InvalidModel):
        return f"{json_path(error.path)}: {error.problem}"
    if status_of(error) is UNEXPECTED:
        return "something went wrong in the server; its log says what, under this X-Request-Id"
    return str(error)
