"""A policy that follows its file."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pinakes.auth.caller import Caller
from pinakes.auth.policy import Policy, read_policy
from pinakes.catalog.access import Access
from pinakes.mounted import Mounted, UnusableError
from pinakes.telemetry.events import Event, PolicyRead, PolicyRefused
from pinakes.telemetry.readings import Reading

VALID = "pinakes_policy_valid"
MAX_BYTES = 1024 * 1024
"""No ConfigMap is larger."""


class PolicyFile:
    """Applies the policy in a file as the file is now.

    A changed one that cannot be used is reported, and the last good one goes on.
    """

    def __init__(self, path: Path, notice: Callable[[Event], None]) -> None:
        """Read the file. Raises UnusableError: without any policy nothing is started."""

        def refuse(reason: str) -> None:
            notice(PolicyRefused(str(path), reason))

        self._policy = Mounted([path], partial(_read, path, notice), refuse)

    def access_of(self, caller: Caller) -> Access:
        """Return what a caller may do now."""
        return self._policy.content().access_of(caller)

    def readings(self) -> Iterator[Reading]:
        """Tell whether the file, as it is now, is in force."""
        self._policy.content()
        description = (
            "Whether the policy file can be used: 1, else 0 and its last good state goes on"
        )
        yield Reading(VALID, description, self._policy.is_current)


def _read(path: Path, notice: Callable[[Event], None]) -> Policy:
    with path.open("rb") as file:
        document = file.read(MAX_BYTES + 1)
    if len(document) > MAX_BYTES:
        raise UnusableError("it is larger than 1 MiB")
    policy = read_policy(document)
    notice(PolicyRead(str(path), policy.ignored))
    return policy
