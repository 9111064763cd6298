"""Every pod is as closed as it can be, and no secret leaves its files."""

from typing import Any

import pytest

from cluster.cases import EVERYTHING, FOLLOWER, MATRIX, OPENSHIFT, PAGE, TRIAL, Values
from cluster.helm import render
from cluster.pods import containers, environment, pods, violations

matrix = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)


@matrix
def test_every_pod_passes_the_restricted_standard(values: Values) -> None:
    assert {
        kind: violations(pod) for kind, pod in pods(render(values)).items() if violations(pod)
    } == {}


def test_a_pod_that_is_not_closed_is_found() -> None:
    open_pod = {
        "hostNetwork": True,
        "volumes": [{"name": "node", "hostPath": {"path": "/"}}],
        "containers": [
            {"name": "open", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}
        ],
    }
    assert violations(open_pod) == [
        "hostNetwork",
        "volume node",
        "open: allowPrivilegeEscalation",
        "open: runAsNonRoot",
        "open: seccompProfile",
        "open: capabilities.drop",
        "open: capabilities.add",
    ]


@matrix
def test_nothing_can_be_written_but_the_volumes(values: Values) -> None:
    for pod in pods(render(values)).values():
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            written = [
                mount["mountPath"]
                for mount in container["volumeMounts"]
                if not mount.get("readOnly")
            ]
            assert set(written) <= {"/tmp", "/var/lib/pinakes"}  # noqa: S108 - in a pod


def test_keys_are_copied_to_memory() -> None:
    for pod in pods(render(PAGE)).values():
        volume = next(volume for volume in pod["volumes"] if volume["name"] == "tmp")
        assert volume["emptyDir"]["medium"] == "Memory"


@matrix
def test_secrets_are_mounted_whole_for_the_group_of_the_pod(values: Values) -> None:
    for pod in pods(render(values)).values():
        for volume in pod["volumes"]:
            source: dict[str, Any] = volume.get("secret") or volume.get("configMap") or {}
            assert "items" not in source
            assert source.get("defaultMode", 0o440) == 0o440
        for container in containers(pod):
            assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]


@matrix
def test_no_variable_holds_what_a_secret_does(values: Values) -> None:
    for pod in pods(render(values)).values():
        for container in containers(pod):
            assert "envFrom" not in container
            assert {key for variable in container["env"] for key in variable} <= {"name", "value"}
            named = {name for name in environment(container) if name.startswith("METADATA_PG_")}
            assert named <= {
                "METADATA_PG_ENABLED",
                "METADATA_PG_SECRET_DIR",
                "METADATA_PG_CLIENT_TLS_DIR",
            }


def test_on_openshift_the_cluster_chooses_user_and_group() -> None:
    for pod in pods(render(OPENSHIFT)).values():
        assert pod["securityContext"] == {
            "fsGroupChangePolicy": "OnRootMismatch",
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }


def test_only_who_asks_the_api_server_has_a_token() -> None:
    def tokens(values: Values) -> dict[str, bool]:
        return {
            kind: pod["automountServiceAccountToken"] for kind, pod in pods(render(values)).items()
        }

    assert tokens(EVERYTHING) == {"Deployment": True, "Job": False, "Pod": False}
    assert tokens(PAGE) == {"Deployment": False, "Job": False, "Pod": False}
    assert tokens(FOLLOWER) == tokens(PAGE) | {"follower": True, "Pod": True}


def test_names_of_services_become_no_settings() -> None:
    """A Service called pinakes-admin would set PINAKES_ADMIN_PORT to an address."""
    for values in (PAGE, TRIAL):
        assert {pod["enableServiceLinks"] for pod in pods(render(values)).values()} == {False}


def test_a_pod_has_time_to_finish_its_requests() -> None:
    assert pods(render(PAGE))["Deployment"]["terminationGracePeriodSeconds"] == 40
