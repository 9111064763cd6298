"""The Dockerfile is well written, and so is what is said of it."""

import re
import subprocess
import sys
from pathlib import Path

from image.containers import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")


def test_the_dockerfile_is_well_written() -> None:
    done = subprocess.run(
        [HADOLINT, ROOT / "Dockerfile"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_page_names_what_the_dockerfile_knows() -> None:
    page = (ROOT / "docs" / "how-to" / "build-the-image.md").read_text()
    dockerfile = (ROOT / "Dockerfile").read_text()
    targets = re.findall(r"--target (\w+)", page)
    assert targets == ["plain", "embedded", "sbom"]
    assert not [target for target in targets if f" AS {target}\n" not in dockerfile]
    arguments = re.findall(r"^ARG (\w+)$", dockerfile, re.MULTILINE)
    assert not [argument for argument in arguments if argument not in page]
