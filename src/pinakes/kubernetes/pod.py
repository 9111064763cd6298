"""What a pod knows of its cluster: where the API server is, who vouches for it, who we are."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pinakes.kubernetes.errors import ClusterError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts the service account of a pod."""


@dataclass(frozen=True, slots=True)
class Pod:
    """The place of a pod in its cluster; what is mounted is read anew each time, for it rotates."""

    url: str
    account: Path

    @classmethod
    def here(cls, environment: Mapping[str, str]) -> Self:
        """Find the cluster that we are a pod of. Raises ClusterError where we are none."""
        host = environment.get("KUBERNETES_SERVICE_HOST")
        port = environment.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise ClusterError(
                "this is no pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT"
                " are not set"
            )
        return cls(f"https://{f'[{host}]' if ':' in host else host}:{port}", ACCOUNT)

    @classmethod
    def known(cls, environment: Mapping[str, str]) -> Self | None:
        """Find the same; None where we are no pod, or one without a service account."""
        try:
            pod = cls.here(environment)
        except ClusterError:
            return None
        return pod if (pod.account / "token").exists() else None

    def namespace(self) -> str:
        """Return the namespace that we run in. Raises ClusterError."""
        return self._read("namespace")

    def token(self) -> str:
        """Return what the API server knows us by. Raises ClusterError."""
        return self._read("token")

    def trust(self) -> ssl.SSLContext:
        """Trust the cluster's own authority and no other. Raises ClusterError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(self.account / "ca.crt")
        except OSError as error:
            raise self._unreadable("ca.crt", error) from error
        return context

    def _read(self, file: str) -> str:
        try:
            return (self.account / file).read_text().strip()
        except OSError as error:
            raise self._unreadable(file, error) from error

    def _unreadable(self, file: str, error: OSError) -> ClusterError:
        return ClusterError(
            f"{file} of the service account cannot be read in {self.account}: {error.strerror};"
            " the pod needs automountServiceAccountToken: true"
        )
