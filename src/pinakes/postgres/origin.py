"""What a copied secret says of where it came from, in words and for us to read again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

KEY = "source"
"""The key of a copy that says so; it is mounted with the others."""

FORM = re.compile(
    r"a copy of the secret (?P<name>[-a-z0-9.]+) in the namespace (?P<namespace>[-a-z0-9]+)"
    r" as of its resourceVersion (?P<version>\w+)(?P<followed>, kept up to date by a follower)?\n?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """The secret that another one is a copy of, and whether somebody keeps it up to date."""

    namespace: str
    name: str
    version: str
    is_followed: bool = False

    @property
    def place(self) -> str:
        """Name the secret with its namespace."""
        return f"{self.namespace}/{self.name}"

    def words(self) -> str:
        """Say it to whoever finds the copy."""
        followed = ", kept up to date by a follower" if self.is_followed else ""
        copy = f"a copy of the secret {self.name} in the namespace {self.namespace}"
        return f"{copy} as of its resourceVersion {self.version}{followed}"


def read_origin(files: Mapping[str, bytes]) -> Origin | None:
    """Return what a secret says of itself, where it says so in our words and no others.

    So nothing that somebody else keeps under that key is ever told.
    """
    found = FORM.fullmatch(files.get(KEY, b"").decode(errors="replace"))
    if found is None:
        return None
    return Origin(
        namespace=found["namespace"],
        name=found["name"],
        version=found["version"],
        is_followed=found["followed"] is not None,
    )
