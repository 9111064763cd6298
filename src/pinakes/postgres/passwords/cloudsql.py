"""Tokens of Google Cloud SQL: an access token of the account that Google's library finds."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, cast

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from pinakes.postgres.passwords.source import Login, Password, PasswordUnavailable
from pinakes.postgres.quiet import keep_quiet

SCOPE = "https://www.googleapis.com/auth/sqlservice.login"
"""What the token is good for: to log in, and nothing else."""

REQUEST_SECONDS = 3


class _Credentials(Protocol):
    """What we use of the library's credentials, which have no types of their own."""

    token: str | None
    expiry: datetime | None

    def refresh(self, request: object) -> None: ...


class CloudSqlTokens:
    """Fetches tokens for a role that is an IAM user of the instance.

    The account is found as Google's own programs do: GOOGLE_APPLICATION_CREDENTIALS, or the
    metadata server of the machine or of the cluster.
    """

    def __init__(self) -> None:
        keep_quiet("google", "urllib3")
        self._request = partial(Request(), timeout=REQUEST_SECONDS)
        self._credentials: _Credentials | None = None

    async def fetch(self, login: Login) -> Password:
        """Return a token, which says by itself whose it is. Raises PasswordUnavailable."""
        del login
        return await asyncio.to_thread(self._refresh)

    def _refresh(self) -> Password:
        try:
            credentials = self._credentials or self._find()
            credentials.refresh(self._request)
        except GoogleAuthError as error:  # whose words may have an answer in them
            raise PasswordUnavailable(
                f"Google's library gives no token: {type(error).__name__}"
            ) from None
        self._credentials = credentials
        return _password_of(credentials)

    def _find(self) -> _Credentials:
        return cast("Any", google.auth).default(scopes=[SCOPE], request=self._request)[0]


def _password_of(credentials: _Credentials) -> Password:
    if not credentials.token or credentials.expiry is None:
        raise PasswordUnavailable("Google's library gives a token without an expiry")
    left = credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)
    return Password(credentials.token, left.total_seconds())
