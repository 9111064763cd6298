"""Tokens of Amazon RDS: signed here by the library of Amazon, with whose credentials it finds."""

import asyncio
import re
from typing import Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pinakes.postgres.passwords.source import Login, Password, PasswordUnavailable
from pinakes.postgres.quiet import keep_quiet

TOKEN_SECONDS = 900.0
"""How long Amazon lets a token in; a connection that it opened stays."""

REGION_OF_HOST = re.compile(r".+\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?", re.IGNORECASE)
CODE = re.compile(r"[A-Za-z]{1,60}")

HASTY = Config(connect_timeout=2, read_timeout=3, retries={"max_attempts": 1, "mode": "standard"})
"""How those are asked who give credentials: nothing else is asked anything."""


class RdsTokens:
    """Signs tokens for a role, which is to be granted ``rds_iam``.

    Credentials come from where Amazon's own programs take them: variables, files, the service
    account of a pod, the machine.
    """

    def __init__(self, region: str) -> None:
        keep_quiet("botocore", "urllib3")
        self._region = region
        self._session: Any = None

    async def fetch(self, login: Login) -> Password:
        """Return a token for a login. Raises PasswordUnavailable."""
        region = self._region or _region_of(login.host)
        token = await asyncio.to_thread(self._sign, login, region)
        return Password(token, TOKEN_SECONDS)

    def _sign(self, login: Login, region: str) -> str:
        try:
            client = self._made_session().create_client("rds", region_name=region)
            return str(
                client.generate_db_auth_token(
                    DBHostname=login.host, Port=login.port, DBUsername=login.user
                )
            )
        except (BotoCoreError, ClientError) as error:
            raise PasswordUnavailable(f"Amazon's library gives no token: {_told(error)}") from None

    def _made_session(self) -> Any:  # noqa: ANN401 - the library has no types
        """Return what finds credentials, keeps them and renews them."""
        if self._session is None:
            session = cast("Any", botocore.session).get_session()
            session.set_default_client_config(HASTY)
            self._session = session
        return self._session


def _region_of(host: str) -> str:
    """Read a region off an endpoint, which must be named as Amazon does: the host is signed."""
    if found := REGION_OF_HOST.fullmatch(host):
        return found[1].lower()
    raise PasswordUnavailable(
        "the host is not named like an endpoint of Amazon RDS, which would tell the region: name"
        " the endpoint or, where it is one, set PINAKES_PG_TOKEN_REGION"
    )


def _told(error: Exception) -> str:
    """Name a failure; the library's own words may name roles and hosts."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    told = f" ({code})" if CODE.fullmatch(code) else ""
    return f"{type(error).__name__}{told}"
