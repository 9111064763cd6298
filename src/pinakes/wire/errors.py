"""What can be wrong with a request, before the catalogue is asked.

::

    RequestError
    ├── BadRequest
    ├── ForeignHost
    ├── Unauthenticated
    │   └── InvalidToken
    ├── CallerUnknown
    ├── NoSuchPath
    ├── MethodNotAllowed
    ├── RequestTooSlow
    ├── BodyTooLarge
    ├── PathTooLong
    ├── BodyNotJson
    ├── HeadersTooLarge
    ├── TooManyRequests
    └── ServerStopping
"""


class RequestError(Exception):
    """The request is refused; the class docstring is the message unless another is given."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__)


class BadRequest(RequestError):
    """The request is malformed."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)


class ForeignHost(RequestError):
    """The Host header is no name of this server; list it in PINAKES_ALLOWED_HOSTS."""


class Unauthenticated(RequestError):
    """Say who you are: send an ID or access token as Authorization: Bearer."""

    challenge = 'Bearer realm="pinakes"'
    """What WWW-Authenticate says: RFC 6750."""


class InvalidToken(Unauthenticated):
    """The token is not accepted; get a new one."""

    challenge = 'Bearer realm="pinakes", error="invalid_token"'


class CallerUnknown(RequestError):
    """The identity provider cannot be reached, so nobody can be let in; try again soon."""


class NoSuchPath(RequestError):
    """There is nothing at this path; /docs shows what there is."""


class MethodNotAllowed(RequestError):
    """The path does not answer to this method; /docs shows the ones it does."""


class RequestTooSlow(RequestError):
    """The request did not arrive in time."""


class BodyTooLarge(RequestError):
    """The body is larger than 1 MiB."""


class PathTooLong(RequestError):
    """The path with its parameters is longer than 64 KiB."""


class BodyNotJson(RequestError):
    """A body is only read as Content-Type: application/json, in UTF-8."""


class HeadersTooLarge(RequestError):
    """The headers are larger than 64 KiB."""


class TooManyRequests(RequestError):
    """The server is busy with as many requests as it takes at once; try again soon."""


class ServerStopping(RequestError):
    """The server is shutting down; ask another one."""
