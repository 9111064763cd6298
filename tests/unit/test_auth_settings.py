"""Who may come in, as the environment says it, and what it may not say."""

from pathlib import Path

import pytest

from pinakes.settings.auth import (
    Anonymous,
    Auth,
    ClaimNames,
    NoAuth,
    Oidc,
    is_trustworthy_url,
    read_auth,
)
from pinakes.settings.values import SettingsError

OIDC = {
    "PINAKES_AUTH": "oidc",
    "PINAKES_OIDC_ISSUER": "https://issuer.example",
    "PINAKES_OIDC_AUDIENCE": "pinakes",
}


def auth(**changes: str) -> Auth:
    return read_auth({**OIDC, **changes})


def test_nothing_said_is_no_authentication() -> None:
    assert read_auth({}) == read_auth({"PINAKES_AUTH": "none"}) == NoAuth()


def test_what_everybody_may_do_is_said_by_name() -> None:
    assert read_auth({"PINAKES_ALLOW_ANONYMOUS": "read"}) == NoAuth(Anonymous.READ)
    assert read_auth({"PINAKES_ALLOW_ANONYMOUS": "write"}) == NoAuth(Anonymous.WRITE)


def test_the_claims_are_those_of_the_platform_unless_told_otherwise() -> None:
    usual = Oidc(issuers=("https://issuer.example",), audiences=("pinakes",))
    assert auth() == usual
    assert auth(
        USERID_CLAIM_KEY="uid",
        SA_ID_CLAIM_KEY="client",
        GROUPS_CLAIM_KEY="roles",
        USERNAME_CLAIM_KEY="cn",
        EMAIL_CLAIM_KEY="mail",
    ) == Oidc(
        issuers=usual.issuers,
        audiences=usual.audiences,
        claims=ClaimNames("uid", "client", "roles", "cn", "mail"),
    )


def test_issuers_audiences_and_writers_are_comma_lists() -> None:
    given = auth(
        PINAKES_OIDC_ISSUER="https://a.example, http://127.0.0.1:9/realm,https://a.example",
        PINAKES_OIDC_AUDIENCE="one,two",
        PINAKES_WRITERS="ada, group:analysts,",
        PINAKES_OIDC_CA_FILE="/ca.crt",
        PINAKES_EXTRA_CA_FILE="/extra.crt",
    )
    assert given == Oidc(
        issuers=("https://a.example", "http://127.0.0.1:9/realm"),
        audiences=("one", "two"),
        writers=("ada", "group:analysts"),
        ca_files=(Path("/ca.crt"), Path("/extra.crt")),
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PINAKES_AUTH": "OIDC"}, "PINAKES_AUTH is 'OIDC', expected none or oidc"),
        ({"PINAKES_ALLOW_ANONYMOUS": "yes"}, "expected read or write"),
        ({"PINAKES_AUTH": "oidc"}, "PINAKES_OIDC_ISSUER is missing"),
        ({**OIDC, "PINAKES_OIDC_AUDIENCE": " , "}, "PINAKES_OIDC_AUDIENCE is missing"),
        ({**OIDC, "PINAKES_OIDC_ISSUER": "http://issuer.example"}, "expected a URL with https"),
        ({**OIDC, "PINAKES_ALLOW_ANONYMOUS": "read"}, "PINAKES_ALLOW_ANONYMOUS means nothing"),
        ({**OIDC, "PINAKES_WRITERS": "a", "PINAKES_POLICY_FILE": "p"}, "are both set"),
        ({"PINAKES_OIDC_ISSUER": "https://issuer.example"}, "needs PINAKES_AUTH=oidc"),
        ({"PINAKES_OIDC_AUDIENCE": "pinakes"}, "needs PINAKES_AUTH=oidc"),
        ({"PINAKES_POLICY_FILE": "/p"}, "needs PINAKES_AUTH=oidc"),
        (
            {"PINAKES_AUTH": "none", "PINAKES_WRITERS": "ada"},
            "PINAKES_WRITERS is set, which means",
        ),
    ],
)
def test_a_contradiction_is_refused_by_name(environment: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_auth(environment)


@pytest.mark.parametrize(
    ("url", "is_trustworthy"),
    [
        ("https://issuer.example/realm", True),
        ("HTTPS://issuer.example", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:1/x", True),
        ("http://issuer.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost@evil.example", False),
        ("ftp://issuer.example", False),
        ("issuer.example", False),
        ("https://", False),
        ("https://issuer.example?x", False),
        ("https://issuer.example#x", False),
        ("https://[", False),
        ("https://exa mple/", False),
        ("https://issuer.example:65536", False),
    ],
)
def test_only_what_nobody_can_change_on_the_way_is_trusted(url: str, is_trustworthy: bool) -> None:
    assert is_trustworthy_url(url) == is_trustworthy
