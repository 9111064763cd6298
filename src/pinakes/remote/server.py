"""Ask another server of the API: safely, and again where that may help."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pinakes.settings.auth import is_loopback, is_trustworthy_url

API = "/seldon-deploy/api/v1alpha1"

MAX_BYTES = 64 * 1024 * 1024
"""A longer answer is no page."""

SECONDS = 60.0
"""How long a server may think, or be silent within an answer."""

FIRST_PAUSES = (1, 2)
"""Seconds between attempts while the server has never answered: its URL may be wrong."""
PAUSES = (1, 2, 4, 8, 16, 30, 30, 30, 60, 60)
"""The same for one that has: about four minutes in all."""
LONGEST_PAUSE = 300

PASSING = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

REFUSALS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "it wants a token that it accepts: --token-file",
    HTTPStatus.FORBIDDEN: "the token may not read there",
}


class RemoteError(Exception):
    """The other server cannot be read; the message says why."""


class UnsafeUrl(RemoteError):
    """A token, and what is read, would be open to those on the way."""


class NothingThere(RemoteError):
    """The other server does not know the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where another server is, whom it trusts, and who we are to it."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None


class RemoteServer:
    """Asks one server; its token is read anew for every request and never told."""

    def __init__(
        self, remote: Remote, client: httpx.AsyncClient, notice: Callable[[str], None]
    ) -> None:
        self._base = base_of(remote.url)
        self._token_file = remote.token_file
        self._client = client
        self._notice = notice
        self._has_answered = False

    async def get(self, path: str, parameters: Mapping[str, str]) -> bytes:
        """Return the body at a path. Raises RemoteError.

        What passes by itself is waited for, as long as the server asks for (``Retry-After``).
        """
        pauses = iter(PAUSES if self._has_answered else FIRST_PAUSES)
        while True:
            try:
                return await self._get(path, parameters)
            except _Passing as passing:
                pause = next(pauses, None)
                if pause is None:
                    raise RemoteError(f"{passing}; try again later") from passing
                pause = pause if passing.after is None else min(passing.after, LONGEST_PAUSE)
                self._notice(f"{passing}; trying again in {pause} s")
                await asyncio.sleep(pause)

    async def _get(self, path: str, parameters: Mapping[str, str]) -> bytes:
        url = f"{self._base}{path}"
        try:
            async with self._client.stream(
                "GET", url, params=parameters, headers=self._headers()
            ) as answer:
                self._has_answered |= answer.status_code not in PASSING
                _check_status(answer)
                return await _body_of(answer)
        except httpx.TransportError as error:
            told = f"{self._base} cannot be reached: {error or type(error).__name__}"
            if _is_of_trust(error):
                raise RemoteError(f"{told} (--ca-file names another authority)") from error
            raise _Passing(told) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError(f"{self._base} cannot be read: {error}") from error

    def _headers(self) -> Mapping[str, str]:
        if self._token_file is None:
            return {}
        try:
            token = self._token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RemoteError(f"{self._token_file} cannot be read as a token") from error
        if not (token and token.isascii() and token.isprintable() and " " not in token):
            raise RemoteError(f"{self._token_file} holds no token, which is one word")
        return {"Authorization": f"Bearer {token}"}


class _Passing(Exception):
    """What may be over by itself, ``after`` so many seconds if that is known."""

    def __init__(self, told: str, after: int | None = None) -> None:
        super().__init__(told)
        self.after = after


@asynccontextmanager
async def remote_server(
    remote: Remote, notice: Callable[[str], None]
) -> AsyncGenerator[RemoteServer, None]:
    """Open the way to another server; ``notice`` is told while it is waited for.

    Raises UnsafeUrl where that would not be safe, else RemoteError.
    """
    if not is_trustworthy_url(remote.url):
        raise UnsafeUrl(
            "--from-api wants a URL with https (http for a loopback host only), without user and"
            " parameters"
        )
    client = httpx.AsyncClient(
        verify=_context(remote.ca_file),
        timeout=SECONDS,
        trust_env=not is_loopback(urlsplit(remote.url).hostname or ""),
    )
    async with client:
        yield RemoteServer(remote, client, notice)


def base_of(url: str) -> str:
    """Return the base of the API, whether or not the URL of a server names it."""
    return url.rstrip("/").removesuffix(API) + API


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise RemoteError(f"{ca_file} holds no certificates that can be read") from error
    return context


def _is_of_trust(error: BaseException | None) -> bool:
    """Tell a certificate that is not trusted, which does not pass, by what lies beneath."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _check_status(answer: httpx.Response) -> None:
    status = answer.status_code
    told = f"{answer.url.copy_with(query=None)} answers {status}"
    if status in PASSING:
        after = answer.headers.get("Retry-After", "")
        raise _Passing(told, int(after) if after.isascii() and after.isdecimal() else None)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED):
        raise NothingThere(f"{told}: there is no catalogue of models")
    if not answer.is_success:
        raise RemoteError(f"{told}: {REFUSALS.get(status, 'it refuses')}")


async def _body_of(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise RemoteError(f"an answer is larger than {MAX_BYTES} bytes")
    return bytes(body)
