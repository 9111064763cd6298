"""What is pinned, as a Python environment would name it."""

import re

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from image.containers import ROOT, Image

PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


def locked(name: str) -> dict[str, str]:
    """Return the version of each package that ``requirements/`` pins for a system like this one."""
    pins = PIN.findall((ROOT / "requirements" / f"{name}.txt").read_text())
    assert pins
    return {
        package: version
        for package, version, marker in pins
        if not marker or Marker(marker).evaluate()
    }


def installed(image: Image) -> dict[str, str]:
    """Return the version of each package that is there in an image."""
    folders = [folder.stem for folder in image.site_packages.glob("*.dist-info")]
    pairs = [folder.rsplit("-", 1) for folder in folders]
    return {canonicalize_name(name): version for name, version in pairs}
