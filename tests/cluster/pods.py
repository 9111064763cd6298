"""The pods in what was rendered, and the rules of the Pod Security Standard `restricted`."""

from collections.abc import Iterator
from typing import Any

from cluster.helm import Manifest

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
"""The sources of volumes that are allowed."""

SECCOMP = ("RuntimeDefault", "Localhost")


def pods(manifests: list[Manifest]) -> dict[str, dict[str, Any]]:
    """Return the specification of every pod, by the kind that makes it; of the follower by name."""
    return {
        _maker(manifest): spec for manifest in manifests if (spec := _pod_of(manifest)) is not None
    }


def _maker(manifest: Manifest) -> str:
    component = manifest["metadata"].get("labels", {}).get("app.kubernetes.io/component")
    return component if component == "follower" else manifest["kind"]


def _pod_of(manifest: Manifest) -> dict[str, Any] | None:
    match manifest["kind"]:
        case "Pod":
            return manifest["spec"]
        case "Deployment" | "Job":
            return manifest["spec"]["template"]["spec"]
        case _:
            return None


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def environment(container: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a container, each of which stands there once, as a value."""
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert len(variables) == len(container["env"])
    return variables


def violations(pod: dict[str, Any]) -> list[str]:
    """Say which rules of `restricted` a pod breaks, as Kubernetes states them since 1.25."""
    return [*_violations_of_pod(pod)] + [
        f"{container['name']}: {violation}"
        for container in containers(pod)
        for violation in _violations_of_container(pod.get("securityContext", {}), container)
    ]


def _violations_of_pod(pod: dict[str, Any]) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    if pod.get("securityContext", {}).get("sysctls"):
        yield "sysctls"
    for volume in pod.get("volumes", []):
        if not volume.keys() - {"name"} <= VOLUMES:
            yield f"volume {volume['name']}"


def _violations_of_container(of_pod: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    both = of_pod | own
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if both.get("runAsNonRoot") is not True:
        yield "runAsNonRoot"
    if both.get("runAsUser") == 0:
        yield "runAsUser"
    if both.get("seccompProfile", {}).get("type") not in SECCOMP:
        yield "seccompProfile"
    if "ALL" not in own.get("capabilities", {}).get("drop", []):
        yield "capabilities.drop"
    if set(own.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities.add"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "hostPort"
