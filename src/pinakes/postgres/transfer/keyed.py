"""Make one table what it should be, a batch of its entries at a time."""

from collections.abc import Iterator, Sequence
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
        new = [entry for entry, place in zip(entries, places, strict=True) if place not in there]
        await self._create(new)
        await self._update(
            [
                (entry, there[place])
                for entry, place in zip(entries, places, strict=True)
                if place in there
            ]
        )

    async def finish(self) -> None:
        """Delete what is behind the last entry, where others are to be deleted."""
        if self._order.mode is Mode.REPLACE:
            await self._remove_excess([], None)

    async def _find(self, places: Sequence[Place]) -> dict[Place, Entry]:
        found = await self._session.run(self._table.find, self._table.keys_of(places))
        entries = map(self._table.read, found)
        return {self._table.place_of(entry): entry for entry in entries}

    async def _create(self, entries: Sequence[Entry]) -> None:
        self._count.created += len(entries)
        places = [self._table.place_of(entry) for entry in entries]
        for place in places:
            self._tell(Verb.CREATE, place)
        if self._order.is_dry or not entries:
            return
        await self._session.copy(self._table.copy, map(self._row_of, entries))
        if self._table.kind is StoredModel:
            values = self._table.keys_of(places) | self._by
            self.told += await self._session.write("tell_created", values)

    def _row_of(self, entry: Entry) -> Sequence[object]:
        *values, created = self._table.values_of(entry).values()
        return (*values, created or self._now)

    async def _update(self, pairs: Sequence[tuple[Entry, Entry]]) -> None:
        changed: list[dict[str, object]] = []
        for entry, there in pairs:
            names = () if entry == there else tuple(self._differing(entry, there))
            if names:
                self._tell(Verb.UPDATE, self._table.place_of(entry), names)
                changed.append(self._table.values_of(entry) | self._by)
        self._count.updated += len(changed)
        self._count.unchanged += len(pairs) - len(changed)
        if changed and not self._order.is_dry:
            self._note(await self._session.write_each(self._table.replace, changed))

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

    def _differing(self, entry: Entry, there: Entry) -> Iterator[str]:
        """Name the fields that differ; a creation time that is not given is not one of them."""
        for name in self._table.fields:
            value = getattr(entry, name)
            if name == CREATION_TIME and value is None:
                continue
            if value != getattr(there, name):
                yield name
