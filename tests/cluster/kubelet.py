"""What kubelet does with a rendered pod: lay out its volumes, and run its container.

The pod's paths stand for directories here, its ports for free ones; else its command and its
variables are exactly what was rendered. Where we are root, the container is the pod's user in no
group but the pod's, and so can write nowhere but into its volumes.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cluster.pods import environment
from mounted import mount
from parts import RunningServer

Pod = dict[str, Any]
Files = Mapping[str, bytes]

PROGRAMS = Path(sys.executable).parent
PORTS = {"8000": "0", "8001": "0"}
"""The ports of the pod: here any free ones, which the server tells."""

OF_EVERY_CONTAINER = {"KUBERNETES_SERVICE_HOST": "192.0.2.1", "KUBERNETES_SERVICE_PORT": "443"}

NO_CAPABILITY = ("--bounding-set=-all", "--inh-caps=-all")
SEARCH_CLOSED = tuple(
    f"--{capabilities}=-all,+dac_read_search"
    for capabilities in ("bounding-set", "inh-caps", "ambient-caps")
)
"""For who keeps Python, or this folder, where no other user may look."""


@dataclass(frozen=True)
class Node:
    """A place for pods, and the secrets of their namespace."""

    place: Path
    secrets: Mapping[str, Files] = field(repr=False)

    def run(self, pod: Pod) -> "subprocess.CompletedProcess[str]":
        """Run the container of a pod that ends by itself."""
        command, variables = self._prepare(pod)
        return subprocess.run(
            command, env=variables, cwd="/", capture_output=True, text=True, check=False
        )

    @contextmanager
    def serving(self, pod: Pod) -> Generator[RunningServer]:
        """Run the container of a server until the block ends; in time it ends as it should."""
        command, variables = self._prepare(pod)
        log = self._directory() / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                command, env=variables, cwd="/", stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Pinakes serves"), log.read_text()
            url = next(word for word in line.split() if word.startswith("http"))
            try:
                yield RunningServer(url, log, process)
            finally:
                process.terminate()
                assert process.wait(timeout=pod["terminationGracePeriodSeconds"]) == 0

    def lay_out(self, pod: Pod) -> dict[str, str]:
        """Lay out the volumes of a pod; return which directory stands for which of its paths."""
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        [container] = pod["containers"]
        return {
            mounted["mountPath"]: str(self._volume(volumes[mounted["name"]], group_of(pod)))
            for mounted in container["volumeMounts"]
        }

    def _prepare(self, pod: Pod) -> tuple[list[str], dict[str, str]]:
        [container] = pod["containers"]
        paths = self.lay_out(pod)
        given = {name: PORTS.get(value, value) for name, value in environment(container).items()}
        ours = {
            "HOME": str(self._directory()),
            "TMPDIR": paths["/tmp"],  # noqa: S108 - in the pod
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        placed = {name: _placed(value, paths) for name, value in given.items()}
        words: list[str] = container["command"]
        command = [str(PROGRAMS / words[0]), *(PORTS.get(word, word) for word in words[1:])]
        return [*_become(pod), *command], OF_EVERY_CONTAINER | placed | ours

    def _volume(self, volume: dict[str, Any], group: int) -> Path:
        directory = self._directory()
        if "secret" not in volume:
            directory.chmod(0o2770)
            os.chown(directory, -1, group)
            return directory
        secret = self.secrets.get(volume["secret"]["secretName"], {})
        assert secret or volume["secret"].get("optional"), "the pod would wait for its secret"
        mount(directory, secret, volume["secret"]["defaultMode"])
        for path in directory.rglob("*"):
            os.chown(path, -1, group, follow_symlinks=False)
        return directory

    def _directory(self) -> Path:
        directory = Path(tempfile.mkdtemp(dir=self.place))
        directory.chmod(0o755)
        return directory


def _placed(value: str, paths: Mapping[str, str]) -> str:
    """Return what stands for a value of the pod: for a path in a volume, that of its directory."""
    for path, directory in paths.items():
        if value == path or value.startswith(f"{path}/"):
            return directory + value.removeprefix(path)
    return value


def group_of(pod: Pod) -> int:
    """Return the group that may read the pod's volumes; where we are not root, it is ours."""
    return pod["securityContext"]["fsGroup"] if os.geteuid() == 0 else os.getegid()


def _become(pod: Pod) -> tuple[str, ...]:
    """Return the words before a command that make it run as the pod's user.

    Where that cannot be, as we are not root or he cannot reach Python, it runs as we do.
    """
    if os.geteuid() != 0:
        return ()
    security = pod["securityContext"]
    return _reach(as_user(security["runAsUser"], security["fsGroup"]))


def as_user(user: int, group: int) -> tuple[str, ...]:
    """Return the words before a command that make a user run it, in nobody's group and one more."""
    return ("setpriv", f"--reuid={user}", "--regid=65534", f"--groups={group}")


@cache
def _reach(user: tuple[str, ...]) -> tuple[str, ...]:
    python = (sys.executable, "-c", "import pinakes")
    ways = [(*user, *capabilities) for capabilities in (NO_CAPABILITY, SEARCH_CLOSED)]
    for way in ways:
        done = subprocess.run([*way, *python], cwd="/", capture_output=True, check=False)
        if done.returncode == 0:
            return way
    return ()
