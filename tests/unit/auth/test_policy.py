"""What a policy says, and what it says nothing of."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pinakes.auth.caller import Caller
from pinakes.auth.policy import read_policy
from pinakes.auth.policy_file import PolicyFile
from pinakes.auth.writers import Writers
from pinakes.catalog.access import FULL_ACCESS, READ_ACCESS, Access
from pinakes.mounted import UnusableError
from pinakes.telemetry.events import Event, PolicyRead, PolicyRefused

ADA = Caller("ada", groups=("analysts",))
BOB = Caller("bob", groups=("analysts", "interns"))
NONE = frozenset[str]()
NO_ACCESS = Access(NONE, NONE)


def grant(action: str, resource: str) -> dict[str, str]:
    return {"action": action, "resource": resource}


def access(document: dict[str, Any], caller: Caller = ADA) -> Access:
    return read_policy(json.dumps(document).encode()).access_of(caller)


def test_an_empty_policy_allows_nothing() -> None:
    assert access({}) == access({"role_grants": {}, "user_grants": {}}) == NO_ACCESS


def test_grants_come_from_the_user_from_his_groups_and_from_everybody() -> None:
    document = {
        "role_grants": {
            "analysts": [grant("read", "project/a")],
            "interns": [grant("read", "project/b")],
        },
        "user_grants": {"ada": [grant("write", "project/c")], "*": [grant("read", "project/d")]},
    }
    assert access(document, ADA) == Access(frozenset("ad"), frozenset("c"))
    assert access(document, BOB) == Access(frozenset("abd"), NONE)
    assert access(document, Caller("eve")) == Access(frozenset("d"), NONE)


def test_to_write_is_not_to_read() -> None:
    document = {"user_grants": {"ada": [grant("write", "project/a")]}}
    assert access(document) == Access(NONE, frozenset("a"))


def test_the_wildcard_is_every_project_and_no_other_pattern_is() -> None:
    everything = {"user_grants": {"ada": [grant("read", "project/*")]}}
    assert access(everything) == READ_ACCESS
    for resource in ("*", "project/a*", "project", "project/", "PROJECT/*", "namespace/*"):
        document = {"user_grants": {"ada": [grant("read", resource)]}}
        reads = access(document).reads
        assert reads is not None
        assert "a" not in reads


def test_users_and_groups_of_one_name_are_two() -> None:
    as_user = {"user_grants": {"analysts": [grant("read", "project/a")]}}
    as_group = {"role_grants": {"ada": [grant("read", "project/a")]}}
    assert access(as_user) == access(as_group) == NO_ACCESS


def test_a_group_called_star_is_a_group_and_not_everybody() -> None:
    document = {"role_grants": {"*": [grant("read", "project/a")]}}
    assert access(document) == NO_ACCESS


def test_what_the_platform_grants_beside_projects_is_ignored_and_told() -> None:
    document = {
        "role_grants": {"analysts": [grant("write", "namespace/*"), grant("read", "system/iam")]},
        "user_grants": {"ada": [grant("grant", "project/a"), grant("write", "namespace/*")]},
    }
    policy = read_policy(json.dumps(document).encode())
    assert policy.access_of(ADA) == NO_ACCESS
    assert policy.ignored == ("write namespace/*", "read system/iam", "grant project/a")


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("[]", "object"),
        ('{"user_grants": {"ada": [],}}', "malformed"),
        ('{"user_grant": {}}', "user_grant"),
        ('{"user_grants": []}', "$.user_grants"),
        ('{"user_grants": {"ada": {}}}', "$.user_grants[...]"),
        ('{"user_grants": {"ada": [{"action": "read"}]}}', "resource"),
        ('{"user_grants": {"ada": [{"action": 1, "resource": "x"}]}}', "action"),
    ],
)
def test_a_broken_policy_is_refused_with_the_place_that_is_wrong(document: str, where: str) -> None:
    with pytest.raises(UnusableError, match=r".") as refused:
        read_policy(document.encode())
    assert where.lower() in str(refused.value).lower()


def test_the_example_of_the_how_to_says_what_its_words_say() -> None:
    how_to = Path(__file__).parents[3] / "docs" / "how-to" / "authenticate.md"
    [example] = re.findall(r"```json\n(.*?)```", how_to.read_text(), re.DOTALL)
    policy = read_policy(example.encode())
    assert policy.ignored == ()
    assert policy.access_of(Caller("alice")) == Access(None, frozenset({"income"}))
    assert policy.access_of(Caller("x", groups=("data-scientist",))) == Access(
        frozenset({"public", "default"}), NONE
    )


# The policy in a file


def write(file: Path, resource: str) -> None:
    file.write_text(json.dumps({"user_grants": {"ada": [grant("read", resource)]}}))


def reads(policy: PolicyFile) -> set[str]:
    return set(policy.access_of(ADA).reads or ())


def test_a_policy_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    write(file, "project/a")
    policy = PolicyFile(file, print)
    assert reads(policy) == {"a"}
    write(file, "project/bcd")
    assert reads(policy) == {"bcd"}


def test_a_policy_follows_a_link_that_is_flipped(tmp_path: Path) -> None:
    for name, resource in (("..1", "project/a"), ("..2", "project/b")):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "data", resource)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "data").symlink_to("..data/data")
    policy = PolicyFile(tmp_path / "data", print)
    assert reads(policy) == {"a"}
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert reads(policy) == {"b"}


@pytest.mark.parametrize("broken", ["{", "", None])
def test_a_broken_new_policy_is_reported_once_and_the_old_one_goes_on(
    tmp_path: Path, broken: str | None
) -> None:
    file = tmp_path / "policy.json"
    write(file, "project/a")
    events: list[Event] = []
    policy = PolicyFile(file, events.append)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
    assert reads(policy) == reads(policy) == {"a"}
    assert [type(event) for event in events] == [PolicyRead, PolicyRefused]
    assert [reading.value for reading in policy.readings()] == [0]
    write(file, "project/mended")
    assert reads(policy) == {"mended"}
    assert [reading.value for reading in policy.readings()] == [1]


def test_a_policy_that_was_never_good_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match=os.strerror(2)):
        PolicyFile(tmp_path / "absent", print)


# The list of writers, where there is no policy


@pytest.mark.parametrize(
    ("names", "may_write"),
    [
        ((), False),
        (("ada",), True),
        (("analysts",), True),
        (("user:ada",), True),
        (("group:analysts",), True),
        (("user:analysts",), False),
        (("group:ada",), False),
        (("bob", "interns"), False),
        (("*",), False),
    ],
)
def test_everybody_reads_and_those_named_write(names: tuple[str, ...], may_write: bool) -> None:
    assert Writers(names).access_of(ADA) == (FULL_ACCESS if may_write else READ_ACCESS)


def test_nobody_becomes_a_group_by_calling_himself_so() -> None:
    assert Writers(["group:analysts"]).access_of(Caller("group:analysts")) == READ_ACCESS
    assert Writers(["user:ada"]).access_of(Caller("x", groups=("user:ada",))) == READ_ACCESS
