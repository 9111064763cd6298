"""The tokens that attacks are made of are what they claim to be."""

import hashlib
import hmac
from collections.abc import Callable

import pytest

from oidc.keys import Key, decoded
from oidc.tokens import claims_of, header_of, honest_header, is_signed_by, token_of

CLAIMS = {"sub": "zoë", "groups": ["研究"]}

of_every_kind = pytest.mark.parametrize("new_key", [Key.rsa, Key.ec, Key.ed25519])


@of_every_kind
def test_a_token_is_signed_by_its_key_and_by_no_other(new_key: Callable[[], Key]) -> None:
    key = new_key()
    token = token_of(CLAIMS, key)
    assert claims_of(token) == CLAIMS
    assert header_of(token) == {"typ": "JWT", "alg": key.algorithm, "kid": key.id}
    assert is_signed_by(key, token)
    assert not is_signed_by(new_key(), token)


@of_every_kind
def test_a_token_that_was_changed_is_signed_by_nobody(new_key: Callable[[], Key]) -> None:
    key = new_key()
    header, _, signature = token_of(CLAIMS, key).split(".")
    _, other_claims, _ = token_of(CLAIMS | {"sub": "anna"}, key).split(".")
    assert not is_signed_by(key, f"{header}.{other_claims}.{signature}")


def test_a_token_may_lie_about_who_signed_it() -> None:
    honest, liar = Key.rsa(), Key.rsa()
    token = token_of(CLAIMS, liar, header=honest_header(honest))
    assert header_of(token)["kid"] == honest.id
    assert is_signed_by(liar, token)


def test_a_token_may_be_signed_by_nobody() -> None:
    token = token_of(CLAIMS, None)
    assert header_of(token)["alg"] == "none"
    assert token.endswith(".")


def test_a_public_key_may_be_taken_for_a_shared_secret() -> None:
    pem = Key.rsa().public_pem()
    token = token_of(CLAIMS, pem)
    message, _, signature = token.rpartition(".")
    assert header_of(token)["alg"] == "HS256"
    assert decoded(signature) == hmac.digest(pem, message.encode(), hashlib.sha256)
