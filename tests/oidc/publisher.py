"""An issuer without a network, for tests of what is made of its keys and its tokens."""

import json
from dataclasses import dataclass, field
from typing import Any

from oidc.keys import Json, Key
from oidc.tokens import honest_header, token_of
from pinakes.auth.fetch import FetchError

ISSUER = "https://issuer.example/realm"


def sign(key: Key, claims: Json, **header: Any) -> str:
    """Sign claims; ``header`` adds to the honest header, or takes away where it is None."""
    told = honest_header(key) | header
    return token_of(
        claims, key, header={name: value for name, value in told.items() if value is not None}
    )


@dataclass
class Publisher:
    """What an issuer publishes, handed out as ``fetch`` would bring it."""

    keys: list[Key]
    is_away: bool = False
    reads: int = 0
    discovery: Json = field(default_factory=dict[str, Any])
    """What the discovery document says otherwise than usual."""

    async def fetch(self, url: str) -> bytes:
        """Answer as the issuer would, counting how often its keys are read."""
        if self.is_away:
            raise FetchError(f"{url} does not answer")
        if url == f"{ISSUER}/.well-known/openid-configuration":
            usual = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
            return json.dumps(usual | self.discovery).encode()
        assert url == f"{ISSUER}/keys"
        self.reads += 1
        return json.dumps({"keys": [key.public_jwk() for key in self.keys]}).encode()
