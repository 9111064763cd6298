"""Where the API server is, and what is made of what it refuses."""

import json
from pathlib import Path

import pytest

from pinakes.kubernetes.errors import ClusterError, VersionGone, read_status, refusal
from pinakes.kubernetes.pod import ACCOUNT, Pod
from pinakes.kubernetes.reference import SecretReference

WANTED = SecretReference("pg", "db-app")


@pytest.mark.parametrize(
    ("host", "url"),
    [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")],
)
def test_the_environment_of_a_pod_says_where_the_api_server_is(host: str, url: str) -> None:
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    assert Pod.here(environment) == Pod(url, ACCOUNT)


@pytest.mark.parametrize("environment", [{}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}])
def test_elsewhere_there_is_none(environment: dict[str, str]) -> None:
    with pytest.raises(ClusterError, match="this is no pod of a cluster"):
        Pod.here(environment)


def test_an_account_that_is_not_mounted_is_told(tmp_path: Path) -> None:
    pod = Pod("https://10.0.0.1:443", tmp_path)
    for read in (pod.namespace, pod.token, pod.trust):
        with pytest.raises(ClusterError, match="of the service account cannot be read"):
            read()


def told(code: int, body: bytes) -> str:
    return str(refusal(("patch", "create"), WANTED, read_status(code, body)))


def test_of_a_refusal_the_fields_are_told_and_not_the_message() -> None:
    causes = [{"field": "type", "message": "hunter2"}]
    status = {"reason": "Invalid", "message": "hunter2", "details": {"causes": causes}}
    expected = "patch of the secret pg/db-app: the API server answers 422 Invalid (type)"
    assert told(422, json.dumps(status).encode()) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"reason": 1}'])
def test_who_stands_between_may_answer_as_he_likes(body: bytes) -> None:
    assert told(502, body) == "patch of the secret pg/db-app: the API server answers 502"


def test_a_right_that_is_missing_is_told_as_a_role() -> None:
    assert told(403, b"").endswith(
        "answers 403; bind the service account of this pod to a Role in pg that has the verbs"
        " patch, create on secrets, resourceNames db-app"
    )


def test_a_version_that_is_gone_is_told_apart() -> None:
    assert isinstance(refusal(("watch",), WANTED, read_status(410, b"")), VersionGone)
