"""What can go wrong with a token.

::

    AuthError
    ├── TokenRefused
    └── ProviderUnreachable
"""


class AuthError(Exception):
    """Nobody can be told from the token; the message is for the log, never for who sent it."""


class TokenRefused(AuthError):
    """The token is not good, and trying it again will not help."""


class ProviderUnreachable(AuthError):
    """The token cannot be judged: the keys of its issuer could never be read so far."""
