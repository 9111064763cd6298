"""An OpenID provider as far as our server needs one: a document and a key; and a token of it."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

from oidc.keys import Key
from oidc.tokens import token_of

AUDIENCE = "pinakes-bench"
CALLER = "bench"
LIFETIME = 86400


@dataclass(frozen=True, slots=True)
class Issuer:
    """A provider that runs, and a token of it."""

    url: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a server that trusts it, and lets the token's holder write."""
        return {
            "PINAKES_AUTH": "oidc",
            "PINAKES_OIDC_ISSUER": self.url,
            "PINAKES_OIDC_AUDIENCE": AUDIENCE,
            "PINAKES_WRITERS": CALLER,
        }

    @property
    def headers(self) -> dict[str, str]:
        """What its holder shows."""
        return {"Authorization": f"Bearer {self.token}"}


@contextmanager
def issuing() -> Generator[Issuer]:
    """Publish a new key until the block ends."""
    key = Key.rsa()

    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://{self.headers['Host']}"
            documents: dict[str, object] = {
                "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
                "/keys": {"keys": [key.public_jwk()]},
            }
            body = json.dumps(documents.get(self.path, {})).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield Issuer(url, _token(key, url))
    finally:
        server.shutdown()
        server.server_close()


def _token(key: Key, issuer: str) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "4b7d1c",
        "preferred_username": CALLER,
        "groups": ["data-science", "platform"],
        "iat": now,
        "exp": now + LIFETIME,
    }
    return token_of(claims, key)
