"""Fetch what a provider publishes."""

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

MAX_BYTES = 1024 * 1024

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's own token, and the certificate of the cluster's authority."""
CLUSTER = "kubernetes.default.svc"
"""The name of the API server within its cluster, and how its longer names begin."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Return what is at a URL. Raises FetchError."""


class FetchError(Exception):
    """Nothing of use is at a URL; the message says why."""


@dataclass(frozen=True, slots=True)
class HttpFetch:
    """Fetches over HTTP, trusting the usual authorities and those of ``ca_files``."""

    ca_files: tuple[Path, ...] = ()
    token_file: Path | None = None
    """A token to show, read anew each time."""

    async def __call__(self, url: str) -> bytes:
        """Return what is at a URL, of MAX_BYTES at most; a redirection is not followed."""
        try:
            async with (
                httpx.AsyncClient(verify=self._trust(), headers=self._headers()) as client,
                client.stream("GET", url) as answer,
            ):
                return await _body_of(answer)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise FetchError(f"{url}: {error or type(error).__name__}") from error

    def _trust(self) -> ssl.SSLContext:
        context = httpx.create_ssl_context()
        context.load_default_certs()
        for file in self.ca_files:
            context.load_verify_locations(file)
        return context

    def _headers(self) -> dict[str, str]:
        if self.token_file is None:
            return {}
        return {"Authorization": f"Bearer {self.token_file.read_text().strip()}"}


def fetch_for(issuer: str, ca_file: Path | None, pod: Path = POD) -> HttpFetch:
    """Choose how to fetch from an issuer.

    The API server of a cluster shows its keys only to who is known there, under its own authority:
    to the issuer of that name, and to no other, the token of the pod is shown.
    """
    given = () if ca_file is None else (ca_file,)
    if not (urlsplit(issuer).hostname or "").startswith(CLUSTER):
        return HttpFetch(given)
    return HttpFetch((*given, pod / "ca.crt"), pod / "token")


async def _body_of(answer: httpx.Response) -> bytes:
    if not answer.is_success:
        raise FetchError(f"{answer.url} answers {answer.status_code}")
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchError(f"{answer.url} is larger than {MAX_BYTES} bytes")
    return bytes(body)
