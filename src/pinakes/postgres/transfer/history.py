"""Restore history: revisions are added as they were, and none is ever changed."""

from collections.abc import Sequence

from pinakes.catalog.revision import Verb
from pinakes.catalog.stored import StoredRevision
from pinakes.postgres import rows
from pinakes.postgres.transfer.order import Count, Mode, Order
from pinakes.postgres.transfer.session import Session, TransferError
from pinakes.postgres.transfer.tables import keys_of


class IncomingHistory:
    """Takes revisions, of which those that are known already, by their id, are left out."""

    def __init__(self, session: Session, order: Order, count: Count) -> None:
        self._session = session
        self._order = order
        self._count = count
        self._has_deletions = False

    async def take(self, revisions: Sequence[StoredRevision]) -> None:
        """Restore a batch. Raises TransferError where one comes twice."""
        if not revisions:
            return
        ids = [revision.change_id for revision in revisions]
        found = await self._session.run(
            "find_revisions", keys_of(["change_id"], [(one,) for one in ids])
        )
        twice = {change_id for change_id, is_ours in found if is_ours}
        if twice or len({*ids}) < len(ids):
            raise TransferError("a revision comes twice: no two have the same id")
        known = {change_id for change_id, _ in found}
        new = [revision for revision in revisions if revision.change_id not in known]
        self._count.unchanged += len(known)
        self._count.created += len(new)
        self._has_deletions |= any(revision.verb == Verb.DELETE.value for revision in new)
        if new and not self._order.is_dry:
            values = map(rows.values_of_stored_revision, new)
            await self._session.copy("copy_revisions", values)

    async def finish(self) -> int:
        """Tell of models that live on although they were deleted where their history is from.

        Returns how many there were.
        """
        if not self._has_deletions or self._order.mode is Mode.REPLACE or self._order.is_dry:
            return 0
        return await self._session.write("tell_living", rows.values_of_change(self._order.change))
