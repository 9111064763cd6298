"""Who may write where there is no policy: those on a list."""

from collections.abc import Collection

from pinakes.auth.caller import Caller
from pinakes.catalog.access import FULL_ACCESS, READ_ACCESS, Access

USER = "user:"
GROUP = "group:"


class Writers:
    """Lets every caller read, and those named write.

    ``user:ada`` names a user, ``group:analysts`` a group, a plain name either of both.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._users = {name.removeprefix(USER) for name in names if not name.startswith(GROUP)}
        self._groups = {name.removeprefix(GROUP) for name in names if not name.startswith(USER)}

    def access_of(self, caller: Caller) -> Access:
        """Return what a caller may do."""
        may_write = caller.id in self._users or not self._groups.isdisjoint(caller.groups)
        return FULL_ACCESS if may_write else READ_ACCESS
