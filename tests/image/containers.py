"""Images as buildah keeps them, and processes of them as a cluster would start them."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
POD = Path(__file__).with_name("pod.sh")
VERSION = version("pinakes")
PATH = f"{os.environ['PATH']}:/usr/sbin"
PACKAGES = {"buildah": "buildah", "debootstrap": "debootstrap", "unshare": "util-linux"}
"""Which package of Debian brings which program."""
UNSHARE = shutil.which("unshare", path=PATH) or "unshare"
WITHOUT_NETWORK = (UNSHARE, "--net")
USER = 10001
"""The user of the image."""


def missing_parts() -> str:
    """Say what is missing to build and run images, nothing where all is there."""
    for program, package in PACKAGES.items():
        if not shutil.which(program, path=PATH):
            return f"needs {program} (Debian: apt-get install {package})"
    if os.geteuid() != 0:
        return "needs root, for debootstrap and to mount images"
    if subprocess.run([UNSHARE, "--net", "--mount", "true"], check=False).returncode:
        return "needs namespaces of network and mounts, which are not allowed here"
    return ""


@dataclass(frozen=True)
class Image:
    """An image, unpacked at ``root``."""

    name: str
    root: Path
    config: Mapping[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return dict(variable.split("=", 1) for variable in self.config["Env"])

    @property
    def site_packages(self) -> Path:
        [found] = (self.root / "opt" / "pinakes").glob("lib/python3.*/site-packages")
        return found

    def start(
        self,
        *arguments: str,
        user: int = USER,
        environment: Mapping[str, str] | None = None,
        volumes: Mapping[Path, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start the command of the image in a restricted pod; no ``arguments`` mean its own."""
        mounts = "\n".join(f"{source}:{target}" for source, target in (volumes or {}).items())
        pod = [str(POD), str(self.root), str(user), str(user if user == USER else 0), mounts]
        command = [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
        return subprocess.Popen(
            [UNSHARE, "--mount", "sh", *pod, *command],
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def serving(process: subprocess.Popen[str]) -> Generator[str, None, None]:
    """Yield the URL that a server tells; at the end it is asked to stop, and must do so well."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            told = process.stdout.readline()
            assert told.startswith("Pinakes serves"), process.stderr.read()
            yield next(word for word in told.split() if word.startswith("http"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    assert process.returncode == 0


@dataclass(frozen=True)
class Storage:
    """Where buildah keeps images: a place of the tests' own, not that of the machine."""

    place: Path

    @property
    def engine(self) -> list[str]:
        return ["buildah", "--root", f"{self.place}/root", "--runroot", f"{self.place}/run"]

    def ask(self, *arguments: str) -> str:
        return subprocess.check_output([*self.engine, *arguments], text=True).strip()

    def run_script(self, *command: str) -> None:
        """Run one of our scripts on this storage; what it prints is shown where it fails."""
        done = self.try_script(*command)
        assert done.returncode == 0, done.stdout

    def try_script(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of our scripts, which may fail for want of what is not ours."""
        building = {
            "ENGINE": " ".join(self.engine),
            "BUILDAH_ISOLATION": "chroot",
            "BUILDAH_LAYERS": "true",
        }
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PATH": PATH, **building},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def unpack(self, name: str) -> Image:
        described = json.loads(self.ask("inspect", "--type", "image", name))
        root = self.ask("mount", self.ask("from", name))
        return Image(name, Path(root), described["OCIv1"]["config"])

    def empty(self) -> None:
        self.ask("rm", "--all")
        self.ask("rmi", "--all", "--force")
        shutil.rmtree(self.place)
