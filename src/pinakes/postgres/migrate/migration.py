"""A migration: a shipped file whose name and header say when and how it is applied."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources.abc import Traversable

from pinakes.postgres.migrate.errors import MigrationError
from pinakes.postgres.migrate.locks import locks_of
from pinakes.postgres.migrate.split import split
from pinakes.postgres.statements import FOLDER

SHIPPED = FOLDER / "migrations"

NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.(?P<phase>pre|post)\.sql")
HEADER = re.compile(r"(?:[ \t]*--[^\n]*\n|\s+)*")
NO_TRANSACTION = re.compile(r"^-- no-transaction$", re.MULTILINE)
COMPATIBLE_WITH = re.compile(r"^-- compatible-with: (\d{4})$", re.MULTILINE)

ANY_VERSION = 0


class Phase(Enum):
    """When a migration is applied: before the servers of its version start, or after."""

    PRE = "pre"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Migration:
    """A file such as ``0001_models.pre.sql``: its number is its place among all of them."""

    name: str
    text: str

    @property
    def number(self) -> int:
        """The place of the migration, and the version of the schema that it makes."""
        return int(self.name[:4])

    @property
    def phase(self) -> Phase:
        """When it is applied."""
        return Phase(self.name.split(".")[-2])

    @property
    def digest(self) -> str:
        """The digest by which an edited file is told from the one that was applied."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        """Whether it is applied as a whole; else ``-- no-transaction`` stands in its header."""
        return not NO_TRANSACTION.search(self._header)

    @property
    def compatible_with(self) -> int:
        """The number that software must at least end with to work with the migrated schema.

        Unless the header says ``-- compatible-with: NUMBER``, any software works with what a pre
        migration adds, and only software that ships a post migration with what that takes away.
        """
        if found := COMPATIBLE_WITH.search(self._header):
            return int(found[1])
        return ANY_VERSION if self.phase is Phase.PRE else self.number

    @property
    def statements(self) -> Sequence[str]:
        """The statements in their order."""
        return split(self.text)

    @property
    def _header(self) -> str:
        found = HEADER.match(self.text)
        return found[0] if found else ""


@cache
def shipped() -> Sequence[Migration]:
    """Return every migration of this version, in order."""
    return read_migrations(SHIPPED)


def read_migrations(folder: Traversable) -> Sequence[Migration]:
    """Return every migration of a folder, in order.

    Raises MigrationError for a file that cannot be one.
    """
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    migrations = [Migration(file.name, file.read_text(encoding="utf-8")) for file in files]
    for migration in migrations:
        _check(migration)
    _check_numbers([migration.number for migration in migrations])
    return tuple(sorted(migrations, key=lambda migration: migration.number))


def _check(migration: Migration) -> None:
    if not NAME.fullmatch(migration.name):
        raise MigrationError(f"{migration.name} is not named like 0001_models.pre.sql")
    if migration.in_transaction:
        return
    for statement in migration.statements:
        if strong := [lock for lock in locks_of(statement) if lock.stops_traffic]:
            raise MigrationError(
                f"{migration.name} is not to run in a transaction, but takes a lock that others"
                f" would wait for: {strong[0]}"
            )


def _check_numbers(numbers: Sequence[int]) -> None:
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise MigrationError(f"two migrations have the number {twice[0]:04}")
