"""Fetch what a provider publishes."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from pinakes.settings.auth import is_loopback

MAX_BYTES = 1024 * 1024

POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's own token, and the certificate of the cluster's authority."""
API_SERVER = "kubernetes.default.svc"
"""The name of the API server within its cluster, and how its longer names begin."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Return what is at a URL. Raises FetchError."""


class FetchError(Exception):
    """Nothing of use is at a URL; the message says why."""


@dataclass(frozen=True, slots=True)
class HttpFetch:
    """Fetches over HTTP from servers of the usual authorities, and of more if given."""

    ca_files: Sequence[Path] = ()

    async def __call__(self, url: str) -> bytes:
        """Return what is at a URL, of MAX_BYTES at most; a redirection is not followed."""
        context = httpx.create_ssl_context()
        context.load_default_certs()
        _trust(context, self.ca_files)
        return await _get(url, context, {})


@dataclass(frozen=True, slots=True)
class ClusterFetch:
    """Fetches from the API server of the cluster that we are a pod of.

    It tells its keys only to who is known there: so it is shown the token of the pod, under the
    cluster's own authority and no other. Whatever address it gives for its keys, it is asked by the
    name that we know, so that the token goes nowhere else.
    """

    issuer: str
    pod: Path = POD

    async def __call__(self, url: str) -> bytes:
        """Return what the API server has at the path of a URL."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, [self.pod / "ca.crt"])
        asked = urlsplit(self.issuer)._replace(path=urlsplit(url).path).geturl()
        return await _get(asked, context, {"Authorization": f"Bearer {self._token()}"})

    def _token(self) -> str:
        try:
            return (self.pod / "token").read_text().strip()
        except OSError as error:
            raise FetchError(f"the token of this pod cannot be read: {error.strerror}") from error


def fetch_for(issuer: str, ca_files: Sequence[Path]) -> Fetch:
    """Choose how to fetch from an issuer."""
    host = urlsplit(issuer).hostname or ""
    is_api_server = host == API_SERVER or host.startswith(f"{API_SERVER}.")
    return ClusterFetch(issuer) if is_api_server else HttpFetch(ca_files)


def _trust(context: ssl.SSLContext, ca_files: Iterable[Path]) -> None:
    for file in ca_files:
        try:
            context.load_verify_locations(file)
        except OSError as error:
            raise FetchError(f"{file} holds no certificates that can be read: {error}") from error


async def _get(url: str, context: ssl.SSLContext, headers: Mapping[str, str]) -> bytes:
    """Get a URL; nobody stands between us and this very machine, not even a proxy."""
    through_proxies = not is_loopback(urlsplit(url).hostname or "")
    try:
        async with (
            httpx.AsyncClient(verify=context, headers=headers, trust_env=through_proxies) as client,
            client.stream("GET", url) as answer,
        ):
            return await _body_of(answer)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchError(f"{url}: {str(error) or type(error).__name__}") from error


async def _body_of(answer: httpx.Response) -> bytes:
    if not answer.is_success:
        raise FetchError(f"{answer.url} answers {answer.status_code}")
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchError(f"{answer.url} is larger than {MAX_BYTES} bytes")
    return bytes(body)
