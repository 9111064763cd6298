"""The page's own commands, run by the real kubectl, which needs no cluster for them."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.kubelet import Files

MISSING = "needs kubectl (apt-get install kubernetes-client)"


def made_by(script: str, home: Path) -> dict[str, Files]:
    """Run a script of kubectl's; return the secrets it would apply, by name.

    Skip the test where there is no kubectl.
    """
    if not shutil.which("kubectl"):
        pytest.skip(MISSING)
    done = subprocess.run(
        ["/bin/sh", "-euc", script],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": "/dev/null"},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    secrets = list(yaml.safe_load_all(done.stdout))
    return {secret["metadata"]["name"]: _decoded(secret) for secret in secrets}


def _decoded(secret: dict[str, dict[str, str]]) -> Files:
    return {key: base64.b64decode(value) for key, value in secret["data"].items()}
