"""What was applied, what is pending, and whether this version works with it. Pure, and no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile

from pinakes.postgres.errors import NOT_MIGRATED
from pinakes.postgres.migrate.errors import MigrationError
from pinakes.postgres.migrate.migration import ANY_VERSION, Migration, Phase


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration as the database remembers it, perhaps one of a later version than this."""

    name: str
    digest: str
    compatible_with: int


@dataclass(frozen=True, slots=True)
class State:
    """How far a database is."""

    has_schema: bool
    has_list: bool
    applied: Sequence[Applied]


EMPTY = State(has_schema=False, has_list=False, applied=())


def pending(
    migrations: Sequence[Migration], applied: Sequence[Applied], *, post: bool
) -> list[Migration]:
    """Return what is to be applied, in order.

    The post migrations at the end, those of this very version, wait until they are asked for.
    Raises MigrationError where an applied one was edited since, or one would be overtaken.
    """
    digests = {one.name: one.digest for one in applied}
    for migration in migrations:
        _check_text(migration, digests.get(migration.name, migration.digest))
    missing = [one for one in _wanted(migrations, post=post) if one.name not in digests]
    if missing and missing[0].name < max(digests, default=""):
        raise MigrationError(
            f"{missing[0].name} is not applied, but {max(digests)} is, which comes after it;"
            " a migration is never applied behind a later one"
        )
    return missing


def latest(applied: Sequence[Applied]) -> int:
    """Return the number of the last migration that was applied; 0 where none was."""
    numbers = [one.name.partition("_")[0] for one in applied]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def objection(migrations: Sequence[Migration], applied: Sequence[Applied]) -> str:
    """Say why this version cannot work with a schema; nothing where it can.

    It needs every pre migration that it ships. Later ones of another version are welcome as long
    as each of them is compatible with software that ends where this version does.
    """
    names = {one.name for one in applied}
    if any(one.phase is Phase.PRE and one.name not in names for one in migrations):
        return NOT_MIGRATED
    last = max((one.number for one in migrations), default=ANY_VERSION)
    newest = max(applied, key=lambda one: one.compatible_with, default=None)
    if newest and newest.compatible_with > last:
        return (
            f"the database has the catalogue of a later version: {newest.name} needs one that"
            f" ships migration {newest.compatible_with:04}, this one ends with {last:04};"
            " run that version"
        )
    return ""


def _wanted(migrations: Sequence[Migration], *, post: bool) -> list[Migration]:
    if post:
        return list(migrations)
    backwards = dropwhile(lambda one: one.phase is Phase.POST, reversed(migrations))
    return [*backwards][::-1]


def _check_text(migration: Migration, digest: str) -> None:
    if digest != migration.digest:
        raise MigrationError(
            f"migration {migration.name} was applied with another text than this version ships;"
            " use the version that applied it, or a later one"
        )
