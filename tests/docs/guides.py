"""The guides that install, followed without a cluster.

Blocks run in a real shell, in which `stand-ins` take the places of kubectl, helm and pinakes: what
they would send to the cluster is kept.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.helm import Helm3, Manifest, find_helm
from cluster.kubectl import MISSING
from cluster.kubelet import PROGRAMS, Files
from docs.pages import HOW_TO, blocks
from parts import clean_environment
from pinakes.bridge.manifest import secrets_in

ROOT = HOW_TO.parents[1]
EXAMPLES = ROOT / "examples"
STAND_INS = Path(__file__).parent / "stand-ins"
GUIDES = sorted(HOW_TO.glob("install-*.md"))
ELSEWHERE = re.compile(r"(?:^|\| |\$\()(?:aws|curl|gcloud|psql)\b", re.MULTILINE)
"""A program that we have none of, or nothing for it to talk to."""


def runnable(guide: Path) -> list[str]:
    """Return the shell blocks of a guide that run without a cloud."""
    return [block for block in blocks(guide.read_text(), "sh") if not ELSEWHERE.search(block)]


def commands(block: str) -> list[str]:
    """Return the commands of a block, a pipe being one."""
    return re.sub(r"(?:\\|(?<=\|))\n\s*", " ", block).splitlines()


@dataclass(frozen=True)
class Followed:
    """What has been sent so far to the cluster that is not there."""

    place: Path
    programs: dict[str, str]

    def run(self, script: str, password: str) -> None:
        """Run a block; ``password`` is what is typed. Fails where a command does."""
        (self.place / "password").write_text(password)
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            env=clean_environment() | self.programs | self._files(),
            cwd=self.place,
            input=f"{password}\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        for manifest in self.sent():
            _put(self.place / "there" / _namespace(manifest), manifest)

    def sent(self) -> list[Manifest]:
        return _documents(self.place / "sent.yaml")

    def secrets(self, namespace: str) -> dict[str, Files]:
        """Return the secrets that a namespace has got, by their names."""
        return {secret.name: secret.files for secret in secrets_in(self.sent_to(namespace))}

    def sent_to(self, namespace: str) -> list[Manifest]:
        return [manifest for manifest in self.sent() if _namespace(manifest) == namespace]

    def rendered(self) -> list[Manifest]:
        """Return what helm was last told to install."""
        return _documents(self.place / "rendered.yaml")

    def _files(self) -> dict[str, str]:
        names = {"SENT": "sent.yaml", "RENDERED": "rendered.yaml", "PASSWORD": "password"}
        files = {variable: str(self.place / name) for variable, name in names.items()}
        return files | {"THERE": str(self.place / "there"), "KUBECONFIG": "/dev/null"}


def start(place: Path, files: Files, *there: Manifest) -> Followed:
    """Return a checkout with files beside it, and a cluster in which secrets are there already.

    Skips the test where kubectl or Helm 3 is missing.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip(MISSING)
    for folder in ("charts", "examples"):
        (place / folder).symlink_to(ROOT / folder)
    for name, content in files.items():
        (place / name).write_bytes(content)
    for secret in there:
        _put(place / "there" / _namespace(secret), secret)
    helm = find_helm(3)
    assert isinstance(helm, Helm3)
    programs = {
        "PATH": f"{STAND_INS}:{os.environ['PATH']}",
        "KUBECTL": kubectl,
        "HELM": str(helm.program),
        "PINAKES": str(PROGRAMS / "pinakes"),
    }
    return Followed(place, programs)


def _documents(file: Path) -> list[Manifest]:
    text = file.read_text() if file.exists() else ""
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def _namespace(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return metadata.get("annotations", metadata).get("namespace", "default")


def _put(folder: Path, manifest: Manifest) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / manifest["metadata"]["name"]).write_text(yaml.safe_dump(manifest))
