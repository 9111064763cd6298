"""``pinakes secret from --from-cluster``: by the user's kubectl, or by the account of a pod."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from cluster.api_server import Allowed, Cluster, serving
from cluster.command import secret_command
from cluster.followers import running_pod
from cluster.kubectl import MISSING
from pinakes.bridge.manifest import Manifest, read_documents, secrets_in
from tls.authority import Authority

PASSWORD = "hunter2"
APP = ("postgres", "pinakes-db-app")
AUTHORITY = ("postgres", "pinakes-db-ca")
FROM_CNPG = ("from", "cnpg", "--from-cluster", "/".join(APP), "--from-cluster", "/".join(AUTHORITY))
FROM_APP = FROM_CNPG[:4]
ROOT = Authority.root("an operator's authority")

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason=MISSING)


def encoded(**keys: bytes) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in keys.items()}


def cluster_of(*places: tuple[str, str]) -> Cluster:
    """Return a cluster with the secrets of CloudNativePG, of which those of ``places`` are read."""
    cluster = Cluster(role=[Allowed(place, frozenset({"get"})) for place in places])
    login = {"user": b"pinakes", "password": PASSWORD.encode(), "dbname": b"metadata"}
    cluster.put(APP, data=encoded(**login, host=b"pinakes-db-rw"))
    key = ROOT.issue("another").key
    cluster.put(AUTHORITY, data=encoded(**{"ca.crt": ROOT.pem, "ca.key": key}))
    return cluster


@pytest.fixture
def cluster() -> Cluster:
    return cluster_of(APP, AUTHORITY)


@pytest.fixture
def environment(cluster: Cluster, tmp_path: Path) -> Generator[dict[str, str]]:
    """Serve the cluster, and yield the environment of a person who may use it by kubectl."""
    with serving(cluster, tmp_path, "pinakes") as url:
        config = tmp_path / "config"
        config.write_text(json.dumps(kubeconfig(url, tmp_path / "ca.crt", cluster.token)))
        yield {"KUBECONFIG": str(config), "HOME": str(tmp_path)}


def kubeconfig(url: str, authority: Path, token: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "it", "cluster": {"server": url, "certificate-authority": str(authority)}}
        ],
        "users": [{"name": "we", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "it", "user": "we"}}],
        "current-context": "here",
    }


def the_secret(done: "subprocess.CompletedProcess[bytes]") -> Manifest:
    assert done.returncode == 0, done.stderr
    [secret] = secrets_in(read_documents(done.stdout))
    return secret


def refusal(done: "subprocess.CompletedProcess[bytes]") -> str:
    assert done.returncode == 1
    assert not done.stdout
    assert "Traceback" not in done.stderr.decode()
    return done.stderr.decode()


def assert_is_copied(secret: Manifest) -> None:
    assert secret.files["host"] == b"pinakes-db-rw.postgres.svc"
    assert secret.files["password"] == PASSWORD.encode()
    assert secret.files["ca.crt"] == ROOT.pem
    assert secret.files["sslmode"] == b"verify-full"
    assert secret.annotations["pinakes/source"] == "/".join(APP)


@needs_kubectl
def test_outside_of_a_pod_the_user_s_own_kubectl_reads(environment: dict[str, str]) -> None:
    assert_is_copied(the_secret(secret_command(*FROM_CNPG, environment=environment)))


@needs_kubectl
def test_the_private_key_of_an_authority_is_never_copied(environment: dict[str, str]) -> None:
    done = secret_command(*FROM_CNPG, environment=environment)
    secret = the_secret(done)
    assert "ca.key" not in secret.files
    assert not any(b"PRIVATE KEY" in value for value in secret.files.values())


@needs_kubectl
def test_no_more_is_asked_than_to_get_the_two(
    cluster: Cluster, environment: dict[str, str]
) -> None:
    the_secret(secret_command(*FROM_CNPG, environment=environment))
    assert cluster.asked == [("get", APP), ("get", AUTHORITY)]
    assert not cluster.refused


@needs_kubectl
def test_what_kubectl_says_of_a_secret_that_is_not_there_is_told(
    cluster: Cluster, environment: dict[str, str]
) -> None:
    cluster.delete(APP)
    told = refusal(secret_command(*FROM_APP, environment=environment))
    assert "NotFound" in told
    assert told.endswith(
        "kubectl could not read the secret postgres/pinakes-db-app; above it says why\n"
    )


def test_without_kubectl_the_other_ways_are_told(tmp_path: Path) -> None:
    told = refusal(secret_command(*FROM_APP, environment={"PATH": str(tmp_path)}))
    assert "kubectl is not among the programs of PATH" in told
    assert "-f" in told


def test_what_is_not_of_kubectl_s_making_is_refused(tmp_path: Path) -> None:
    stand_in(tmp_path, "echo 'password: hunter2: no'")
    told = refusal(secret_command(*FROM_APP, environment={"PATH": str(tmp_path)}))
    assert "this is neither YAML nor JSON" in told
    assert PASSWORD not in told


def test_names_reach_kubectl_as_they_are_and_no_shell(tmp_path: Path) -> None:
    stand_in(tmp_path, 'for word; do echo "<$word>" >&2; done; exit 1')
    told = refusal(secret_command(*FROM_APP, environment={"PATH": str(tmp_path)}))
    words = ["get", "secret", "--output=json", "--namespace=postgres", "pinakes-db-app"]
    assert told.splitlines()[:-1] == [f"<{word}>" for word in words]


def stand_in(directory: Path, script: str) -> None:
    program = directory / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


def test_in_a_pod_its_service_account_reads(cluster: Cluster, tmp_path: Path) -> None:
    with running_pod(cluster, tmp_path, "secret", *FROM_CNPG) as pod:
        out, errors = pod.process.communicate()
    assert not errors
    [secret] = secrets_in(read_documents(out.encode()))
    assert_is_copied(secret)
    assert cluster.asked == [("get", APP), ("get", AUTHORITY)]


def test_in_a_pod_the_role_that_is_lacking_is_told(tmp_path: Path) -> None:
    with running_pod(cluster_of(APP), tmp_path, "secret", *FROM_CNPG) as pod:
        out, errors = pod.process.communicate()
    assert (out, pod.process.returncode) == ("", 1)
    assert "bind the service account of this pod to a Role in postgres that has the verbs get" in (
        errors
    )


def test_in_a_pod_a_secret_that_is_not_there_is_told(cluster: Cluster, tmp_path: Path) -> None:
    cluster.delete(APP)
    with running_pod(cluster, tmp_path, "secret", *FROM_APP) as pod:
        _, errors = pod.process.communicate()
    assert "answers 404 NotFound; is there such a namespace, and such a secret in it?" in errors


@needs_kubectl
def test_a_kubeconfig_that_is_named_wins_over_the_pod_that_it_is_named_in(
    environment: dict[str, str],
) -> None:
    pod = {"KUBERNETES_SERVICE_HOST": "192.0.2.1", "KUBERNETES_SERVICE_PORT": "1"}
    assert_is_copied(the_secret(secret_command(*FROM_CNPG, environment=environment | pod)))


@pytest.mark.parametrize("place", ["pinakes-db-app", "postgres/", "/app", "a/b/c", "--all/x", ""])
def test_what_is_no_place_of_a_secret_is_refused(place: str) -> None:
    done = secret_command("from", "cnpg", f"--from-cluster={place}")
    assert done.returncode == 2
    assert b"--from-cluster: expected NAMESPACE/SECRET" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("cnpg", "-f", "app.yaml"), "-f does not go with --from-cluster"),
        (("cnpg", "--follow", "postgres/other"), "--from-cluster does not go with --follow"),
        (("cloudsql",), "an instance of Cloud SQL is in no secret of a cluster"),
    ],
)
def test_what_does_not_go_with_it_is_refused(arguments: tuple[str, ...], told: str) -> None:
    operator, *others = arguments
    assert told in refusal(secret_command("from", operator, *FROM_APP[2:], *others))


@needs_kubectl
def test_the_secret_string_of_amazon_is_read_where_it_was_brought_into_the_cluster(
    cluster: Cluster, environment: dict[str, str]
) -> None:
    """As External Secrets does it: each part of the string is a key."""
    keys = {"username": b"pinakes", "password": PASSWORD.encode(), "engine": b"postgres"}
    cluster.put(APP, data=encoded(**keys, host=b"db.example", port=b"5433", dbname=b"metadata"))
    secret = the_secret(
        secret_command("from", "rds", *FROM_APP[2:], environment=os.environ | environment)
    )
    assert secret.files == {
        "host": b"db.example",
        "port": b"5433",
        "user": b"pinakes",
        "password": PASSWORD.encode(),
        "dbname": b"metadata",
        "sslmode": b"require",
        "source": secret.files["source"],
    }
