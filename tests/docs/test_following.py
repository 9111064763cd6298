"""The page about following a rotation: its Roles are enough for its Deployment, and no more."""

from pathlib import Path
from typing import Any

from cluster.api_server import Allowed, Cluster
from cluster.followers import SOURCE, TARGET, keys_of, rotate, running_pod
from docs.pages import manifests, page

MANIFESTS = manifests(page("follow-a-rotation"))


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in MANIFESTS if one["kind"] == kind]


def rules() -> list[Allowed]:
    """Return what the Roles of the page allow, each on one secret."""
    return [
        Allowed((role["metadata"]["namespace"], name), frozenset(rule["verbs"]))
        for role in of_kind("Role")
        for rule in role["rules"]
        for name in rule["resourceNames"]
    ]


def test_the_roles_are_enough_and_all_of_them_is_used(tmp_path: Path) -> None:
    cluster = Cluster(role=rules())
    rotate(cluster, "pw")
    [deployment] = of_kind("Deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    with running_pod(cluster, tmp_path, *container["args"]) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
    assert keys_of(cluster)["password"] == b"pw"
    assert not cluster.refused
    allowed = {(verb, rule.place) for rule in cluster.role for verb in rule.verbs}
    assert allowed == set(cluster.asked)
    assert {rule.place for rule in cluster.role} == {SOURCE, TARGET}


def test_every_role_is_bound_to_the_account_of_the_deployment() -> None:
    [account] = of_kind("ServiceAccount")
    [deployment] = of_kind("Deployment")
    subject = {"kind": "ServiceAccount", **account["metadata"]}
    bound = [
        (one["metadata"]["namespace"], one["roleRef"]["name"]) for one in of_kind("RoleBinding")
    ]
    assert bound == [
        (one["metadata"]["namespace"], one["metadata"]["name"]) for one in of_kind("Role")
    ]
    assert all(one["subjects"] == [subject] for one in of_kind("RoleBinding"))
    assert (
        deployment["spec"]["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]
    )
    assert deployment["metadata"]["namespace"] == account["metadata"]["namespace"]
