"""Make one table what it should be, a batch of its entries at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic

from pinakes.catalog.revision import Verb
from pinakes.catalog.stored import StoredModel
from pinakes.postgres import rows
from pinakes.postgres.transfer.order import Count, Difference, Mode, Order, Place
from pinakes.postgres.transfer.session import Session
from pinakes.postgres.transfer.tables import Entry, Table

EXCESS = 1000
"""So many entries are deleted at a time."""

CREATION_TIME = "creation_time"


class IncomingEntries(Generic[Entry]):
    """Takes the entries of one table; those that come without a creation time get the present.

    ``told`` counts the revisions that this has added.
    """

    def __init__(
        self, table: Table[Entry], session: Session, order: Order, count: Count, now: datetime
    ) -> None:
        self.told = 0
        self._table = table
        self._session = session
        self._order = order
        self._count = count
        self._now = now
        self._by = rows.values_of_change(order.change)
        self._last = table.before_all()

    async def take(self, entries: Sequence[Entry]) -> None:
        """Create or update entries of a batch; their keys rise where others are to be deleted."""
        if not entries:
            return
        places = [self._table.place_of(entry) for entry in entries]
        if self._order.mode is Mode.REPLACE:
            await self._remove_excess(places, places[-1])
        there = await self._find(places)
        new: list[Entry] = []
        changed: list[Entry] = []
        for entry, place in zip(entries, places, strict=True):
            if place not in there:
                self._tell(Verb.CREATE, place)
                new.append(entry)
            elif names := self._differing(entry, there[place]):
                self._tell(Verb.UPDATE, place, names)
                changed.append(entry)
        self._count.created += len(new)
        self._count.updated += len(changed)
        self._count.unchanged += len(entries) - len(new) - len(changed)
        if not self._order.is_dry:
            await self._create(new)
            await self._update(changed)

    async def finish(self) -> None:
        """Delete what is behind the last entry, where others are to be deleted."""
        if self._order.mode is Mode.REPLACE:
            await self._remove_excess([], None)

    async def _find(self, places: Sequence[Place]) -> dict[Place, Entry]:
        found = await self._session.run(self._table.find, self._table.keys_of(places))
        entries = map(self._table.read, found)
        return {self._table.place_of(entry): entry for entry in entries}

    async def _create(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        await self._session.copy(self._table.copy, map(self._row_of, entries))
        if self._table.kind is StoredModel:
            places = [self._table.place_of(entry) for entry in entries]
            values = self._table.keys_of(places) | self._by
            self.told += await self._session.write("tell_created", values)

    def _row_of(self, entry: Entry) -> Sequence[object]:
        *values, created = self._table.values_of(entry).values()
        return (*values, created or self._now)

    async def _update(self, entries: Sequence[Entry]) -> None:
        if entries:
            values = [self._table.values_of(entry) | self._by for entry in entries]
            self._note(await self._session.write_each(self._table.replace, values))

    async def _remove_excess(self, places: Sequence[Place], last: Place | None) -> None:
        """Delete what is between the last batch and the end of this one, but is not in it."""
        while found := await self._find_excess(places, last):
            for place in found:
                self._tell(Verb.DELETE, place)
            self._count.deleted += len(found)
            if not self._order.is_dry:
                values = self._table.keys_of(found) | self._by
                self._note(await self._session.write(self._table.remove, values))
            self._last = found[-1]
        if last:
            self._last = last

    async def _find_excess(self, places: Sequence[Place], last: Place | None) -> list[Place]:
        values = (
            self._table.keys_of(places)
            | self._table.bound_of("after", self._last)
            | self._table.bound_of("last", last)
        )
        return await self._session.run(self._table.find_excess, values | {"limit": EXCESS})

    def _note(self, written: int) -> None:
        """Count revisions, which are what is written last where a model is changed."""
        if self._table.kind is StoredModel:
            self.told += written

    def _tell(self, verb: Verb, place: Place, names: tuple[str, ...] = ()) -> None:
        self._order.on_difference(Difference(verb, self._table.kind, place, names))

    def _differing(self, entry: Entry, there: Entry) -> tuple[str, ...]:
        """Name the fields that differ; a creation time that is not given is not one of them."""
        if entry == there:
            return ()
        return tuple(
            name
            for name in self._table.fields
            if getattr(entry, name) != getattr(there, name)
            and not (name == CREATION_TIME and entry.creation_time is None)
        )
