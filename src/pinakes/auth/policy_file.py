"""A policy that follows its file."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pinakes.auth.caller import Caller
from pinakes.auth.policy import Policy, PolicyError, read_policy
from pinakes.catalog.access import Access
from pinakes.settings.files import state_of
from pinakes.telemetry import Event, PolicyRead, PolicyRefused, Reading

VALID = "pinakes_policy_valid"


class PolicyFile:
    """Applies the policy in a file as the file is now.

    It is looked at whenever somebody asks, which is a look at the directory and no more unless it
    was changed. A changed one that cannot be used is reported, and the last good one goes on.
    """

    def __init__(self, path: Path, notice: Callable[[Event], None]) -> None:
        """Read the file. Raises PolicyError: without any policy nothing is started."""
        self._path = path
        self._notice = notice
        self._state = state_of(path)
        self._policy = self._read()
        self._is_valid = True

    def access_of(self, caller: Caller) -> Access:
        """Return what a caller may do now."""
        self._follow()
        return self._policy.access_of(caller)

    def readings(self) -> Iterator[Reading]:
        """Tell whether the file, as it is now, is in force."""
        self._follow()
        description = (
            "Whether the policy file can be used: 1, else 0 and its last good state goes on"
        )
        yield Reading(VALID, description, self._is_valid)

    def _follow(self) -> None:
        state = state_of(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._policy = self._read()
            self._is_valid = True
        except PolicyError as error:
            self._is_valid = False
            self._notice(PolicyRefused(str(self._path), str(error)))

    def _read(self) -> Policy:
        try:
            policy = read_policy(self._path.read_bytes())
        except OSError as error:
            raise PolicyError(f"it cannot be read: {error.strerror}") from error
        self._notice(PolicyRead(str(self._path), policy.ignored))
        return policy
