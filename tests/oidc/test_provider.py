"""The published SDKs log in at a real OpenID provider and get the tokens that it should give."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import time

import httpx
import pytest

from contract.sdk.client import Login, Refused, running_sdk
from oidc.keys import Json, Key
from oidc.provider import ANNA, CLIENT_ID, ZOE, Provider, running_provider
from oidc.tokens import claims_of, header_of, is_signed_by

AUDIENCE = "https://pinakes.example.org"
RESOURCE = "https://elsewhere.example.org"
LIFETIME = 600

with_both_sdks = pytest.mark.parametrize("version", ["1.6.0.1", "2.4.0"])


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.rsa()


@pytest.fixture(scope="module")
def provider(key: Key) -> Iterator[Provider]:
    with running_provider(keys=[key], audience=AUDIENCE, lifetime=LIFETIME) as running:
        yield running


# What anybody may read


def test_the_provider_publishes_who_it_is_and_where_clients_log_in(provider: Provider) -> None:
    published = discovery(provider)
    assert published["issuer"] == provider.issuer
    assert published["token_endpoint"].startswith(f"{provider.issuer}/")
    assert {"password", "client_credentials"} <= set(published["grant_types_supported"])
    assert {"openid", "profile", "email", "groups"} <= set(published["scopes_supported"])


def test_the_provider_publishes_its_key_and_nothing_private(provider: Provider, key: Key) -> None:
    assert published_keys(provider) == [key.public_jwk()]


# What the SDK gets


@with_both_sdks
def test_a_user_gets_an_id_token_that_names_them_and_their_groups(
    version: str, provider: Provider, key: Key
) -> None:
    before = int(time())
    token = token_for(provider.login_of(ZOE), version)
    assert is_signed_by(key, token)
    assert header_of(token) == {"alg": "RS256", "kid": key.id}
    claims = claims_of(token)
    assert before <= claims["iat"] <= time()
    assert claims == ZOE.claims() | {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "iat": claims["iat"],
        "exp": claims["iat"] + LIFETIME,
    }


@with_both_sdks
def test_a_user_who_asks_for_fewer_scopes_tells_less(version: str, provider: Provider) -> None:
    login = replace(provider.login_of(ANNA), scope="openid groups")
    claims = claims_of(token_for(login, version))
    assert claims["groups"] == list(ANNA.groups)
    assert claims.keys().isdisjoint({"preferred_username", "name", "email"})


@with_both_sdks
def test_a_user_who_does_not_ask_for_openid_gets_an_access_token(
    version: str, provider: Provider, key: Key
) -> None:
    token = token_for(replace(provider.login_of(ANNA), scope="profile"), version)
    assert is_signed_by(key, token)
    assert header_of(token) == {"alg": "RS256", "kid": key.id, "typ": "at+jwt"}
    claims = claims_of(token)
    assert claims == claims | {
        "iss": provider.issuer,
        "aud": AUDIENCE,
        "sub": ANNA.subject,
        "client_id": CLIENT_ID,
        "scope": "profile",
    }


@with_both_sdks
def test_a_client_gets_an_access_token_of_its_own(
    version: str, provider: Provider, key: Key
) -> None:
    token = token_for(provider.login_of_client(), version)
    assert is_signed_by(key, token)
    assert header_of(token) == {"alg": "RS256", "kid": key.id, "typ": "at+jwt"}
    claims = claims_of(token)
    assert claims == claims | {
        "iss": provider.issuer,
        "aud": AUDIENCE,
        "sub": CLIENT_ID,
        "client_id": CLIENT_ID,
        "exp": claims["iat"] + LIFETIME,
    }


@with_both_sdks
def test_an_access_token_is_for_the_resource_that_the_login_names(
    version: str, provider: Provider
) -> None:
    login = replace(provider.login_of_client(), oidc_resource=RESOURCE)
    assert claims_of(token_for(login, version))["aud"] == RESOURCE


@with_both_sdks
def test_a_user_with_a_wrong_password_gets_no_token(version: str, provider: Provider) -> None:
    with pytest.raises(Refused, match="invalid_grant"):
        token_for(provider.login_of(replace(ANNA, password="guessed")), version)


# What tests do with it


@pytest.mark.parametrize("new_key", [Key.ec, Key.ed25519])
def test_a_provider_signs_with_a_key_of_any_kind(new_key: Callable[[], Key]) -> None:
    key = new_key()
    with running_provider(keys=[key]) as provider:
        assert published_keys(provider) == [key.public_jwk()]
        for login in (provider.login_of(ANNA), provider.login_of_client()):
            assert is_signed_by(key, token_for(login))


def test_a_provider_that_is_started_anew_rolls_over_to_the_first_of_its_keys() -> None:
    old, new = Key.rsa(), Key.rsa()
    with running_provider(keys=[old]) as provider:
        login = provider.login_of(ANNA)
    with running_provider(keys=[new, old], port=provider.port) as renewed:
        assert renewed == provider
        assert published_keys(renewed) == [new.public_jwk(), old.public_jwk()]
        assert is_signed_by(new, token_for(login))


def discovery(provider: Provider) -> Json:
    return httpx.get(f"{provider.issuer}/.well-known/openid-configuration").json()


def published_keys(provider: Provider) -> list[Json]:
    return httpx.get(discovery(provider)["jwks_uri"]).json()["keys"]


def token_for(login: Login, version: str = "2.4.0") -> str:
    """Log in with the SDK; the server that it would speak to then is not needed."""
    with running_sdk(version, "http://server.invalid", login) as sdk:
        return sdk.token()
