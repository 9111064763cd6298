"""A cluster with an operator's secret in it, and ``pinakes secret from --follow`` as its pod."""

import base64
import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from cluster.api_server import Allowed, Cluster, serving
from parts import clean_environment

SOURCE = ("postgres", "pinakes.pinakes-db.credentials.postgresql.acid.zalan.do")
TARGET = ("pinakes", "metadata-postgres")
ROLE = [
    Allowed(SOURCE, frozenset({"list", "watch"})),
    Allowed(TARGET, frozenset({"patch", "create"})),
]
LABELS = {"application": "spilo", "cluster-name": "pinakes-db"}
TIMEOUT_SECONDS = 30
POD = Path(__file__).with_name("pod.py")


def rotate(cluster: Cluster, password: str, user: str = "pinakes") -> str:
    """Write the operator's secret anew, and return its version."""
    data = {"username": user, "password": password}
    cluster.put(
        SOURCE,
        metadata={"labels": LABELS, "annotations": {"note": "one\x85line\u2028"}},
        data={key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    )
    return cluster.secrets[SOURCE]["metadata"]["resourceVersion"]


def keys_of(cluster: Cluster) -> dict[str, bytes]:
    """Return the keys of the target, none where it is not there."""
    data = cluster.secrets.get(TARGET, {}).get("data", {})
    return {key: base64.b64decode(value) for key, value in data.items()}


@dataclass
class Follower:
    """The running command, and the events that it has told of so far."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def next(self, event: str) -> dict[str, Any]:
        """Read the log until it tells of an event."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                return self.events[-1]
        raise AssertionError(f"it ended without {event}: {self.events}")

    def end(self) -> tuple[int, str]:
        """Tell it to stop; return how it ends, and all that it said meanwhile."""
        self.process.terminate()
        out, errors = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode, out + errors


@contextmanager
def running_pod(
    cluster: Cluster,
    account: Path,
    *arguments: str,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Generator[Follower]:
    """Run a cluster, and the command as a pod of it, until the block ends."""
    with serving(cluster, account, namespace=TARGET[0]) as url:
        address = urlsplit(url)
        place = {
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        }
        with subprocess.Popen(
            [sys.executable, str(POD), str(account), *arguments],
            env={**clean_environment(), **place, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Follower(process)
            finally:
                process.kill()


@contextmanager
def following(cluster: Cluster, account: Path, *options: str) -> Generator[Follower]:
    """Run a cluster, and in it a follower of its source, until the block ends."""
    arguments = ("from", "zalando", "--follow", "/".join(SOURCE), "--dbname=metadata", *options)
    with running_pod(cluster, account, "secret", *arguments) as follower:
        yield follower
