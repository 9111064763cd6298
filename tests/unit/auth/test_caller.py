"""Who a token speaks of."""

from typing import Any

import pytest

from oidc.keys import Json
from pinakes.auth.caller import Caller, caller_of
from pinakes.auth.errors import TokenRefused
from pinakes.settings.auth import ClaimNames

USUAL = ClaimNames()
OWN = ClaimNames(user="uid", service_account="client", groups="roles", name="cn", email="mail")


def test_the_claims_are_those_of_the_platform() -> None:
    claims = {
        "sub": "1",
        "preferred_username": "ada",
        "name": "Ada",
        "email": "a@b.c",
        "groups": ["x", "y"],
    }
    assert caller_of(claims, USUAL) == Caller("ada", "Ada", "a@b.c", ("x", "y"))


def test_other_claims_can_be_named() -> None:
    claims = {"sub": "1", "uid": "u7", "cn": "Seven", "mail": "7@b.c", "roles": "only one"}
    assert caller_of(claims, OWN) == Caller("u7", "Seven", "7@b.c", ("only one",))
    assert caller_of({"sub": "1", "client": "batch"}, OWN).id == "batch"


@pytest.mark.parametrize("name", ["Žofie", "李小龍", "José Núñez", "😀"])
def test_a_name_may_be_of_any_script(name: str) -> None:
    assert caller_of({"preferred_username": name}, USUAL).id == name


def test_who_has_no_name_but_a_subject_is_known_by_it() -> None:
    token_of_a_pod = {"sub": "system:serviceaccount:seldon:watcher", "kubernetes.io": {}}
    assert caller_of(token_of_a_pod, USUAL) == Caller(
        "system:serviceaccount:seldon:watcher", name="system:serviceaccount:seldon:watcher"
    )


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({"preferred_username": "system:serviceaccount:seldon:watcher"}, USUAL),
        ({"preferred_username": "a" * 256}, USUAL),
        ({"preferred_username": None}, USUAL),
        ({"email": "boss@example.org", "email_verified": False}, ClaimNames(user="email")),
    ],
)
def test_a_name_that_is_not_his_leads_to_no_other(claims: Json, names: ClaimNames) -> None:
    with pytest.raises(TokenRefused):
        caller_of({"sub": "1"} | claims, names)


def test_an_address_is_good_unless_it_is_said_not_to_be_verified() -> None:
    for verified in ({}, {"email_verified": True}):
        claims = {"sub": "1", "email": "ada@example.org"} | verified
        assert caller_of(claims, ClaimNames(user="email")).id == "ada@example.org"


@pytest.mark.parametrize("name", ["", None, 7, ["ada"], "a\0b", "a\nb", "\ud800", "a" * 256])
def test_what_is_no_name_names_nobody(name: Any) -> None:
    with pytest.raises(TokenRefused):
        caller_of({"preferred_username": name, "sub": name}, USUAL)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (None, ()),
        ([], ()),
        ("one", ("one",)),
        (["a", 1, "", None, "b\0", "c"], ("a", "c")),
        ({}, ()),
    ],
)
def test_only_what_is_a_name_is_a_group(groups: Any, expected: tuple[str, ...]) -> None:
    claims: Json = {"sub": "1", "groups": groups}
    assert caller_of(claims, USUAL).groups == expected
