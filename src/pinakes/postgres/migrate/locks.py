"""What a statement of a migration locks, told by its kind.

The modes are PostgreSQL's own (https://www.postgresql.org/docs/current/explicit-locking.html), and
a test compares them with what PostgreSQL takes. A kind that is not here counts as the strongest.
"""

import re
from dataclasses import dataclass
from enum import Enum

from pinakes.postgres.migrate.split import without_comments


class Mode(Enum):
    """How a table is locked, from the weakest to the strongest."""

    NONE = "none"
    ROW_EXCLUSIVE = "ROW EXCLUSIVE"
    SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
    SHARE = "SHARE"
    SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
    ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"


WAITING = {
    Mode.NONE: "traffic goes on",
    Mode.ROW_EXCLUSIVE: "traffic goes on",
    Mode.SHARE_UPDATE_EXCLUSIVE: "traffic goes on",
    Mode.SHARE: "writes wait",
    Mode.SHARE_ROW_EXCLUSIVE: "writes wait",
    Mode.ACCESS_EXCLUSIVE: "reads and writes wait",
}
"""Who waits as long as a table is locked."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock, and on what; nobody else can see yet what the statement ``creates``."""

    mode: Mode
    on: str
    creates: bool = False

    @property
    def stops_traffic(self) -> bool:
        """Whether those who read or write rows wait for it."""
        return not self.creates and WAITING[self.mode] != "traffic goes on"

    def __str__(self) -> str:
        waiting = "which nobody sees yet" if self.creates else WAITING[self.mode]
        return f"{self.mode.value} on {self.on}, {waiting}"


TABLE = r"(?:if exists )?(?:only )?(?P<table>[^\s(]+)"
INDEX = r"(?:if exists )?(?P<index>[^\s(]+)"
NEW = r"(?:if not exists )?(?P<new>[^\s(]+)"
ON_TABLE = r"(?:if not exists )?\w+ on (?:only )?(?P<table>[^\s(]+)"
FOREIGN_KEY = (
    r"(?:constraint \w+ )?foreign key \([^()]*\) references \S+ ?\([^()]*\)(?: not valid)?"
)

KINDS = [
    (re.compile(pattern, re.IGNORECASE), mode)
    for pattern, mode in [
        (r"create schema (?:if not exists )?(?P<schema>\S+)$", Mode.NONE),
        (rf"create table {NEW} ?\((?!.* inherits )", Mode.ACCESS_EXCLUSIVE),
        (rf"create (?:unique )?index concurrently {ON_TABLE}", Mode.SHARE_UPDATE_EXCLUSIVE),
        (rf"create (?:unique )?index (?!concurrently ){ON_TABLE}", Mode.SHARE),
        (rf"drop index concurrently {INDEX}$", Mode.SHARE_UPDATE_EXCLUSIVE),
        (rf"drop index {INDEX}$", Mode.ACCESS_EXCLUSIVE),
        (rf"drop table {TABLE}$", Mode.ACCESS_EXCLUSIVE),
        (rf"alter table {TABLE} validate constraint \w+$", Mode.SHARE_UPDATE_EXCLUSIVE),
        (rf"alter table {TABLE} add {FOREIGN_KEY}$", Mode.SHARE_ROW_EXCLUSIVE),
        (rf"alter table {TABLE} ", Mode.ACCESS_EXCLUSIVE),
        (rf"comment on table {TABLE} ", Mode.SHARE_UPDATE_EXCLUSIVE),
        (rf"analyze {TABLE}$", Mode.SHARE_UPDATE_EXCLUSIVE),
        (r"create (?:or replace )?function (?P<function>[^\s(]+)", Mode.NONE),
        (rf"create trigger \w+ (?:before|after) [a-z ]+ on {TABLE} ", Mode.SHARE_ROW_EXCLUSIVE),
        (rf"drop trigger (?:if exists )?\w+ on {TABLE}", Mode.ACCESS_EXCLUSIVE),
        (rf"(?:insert into|update|delete from) {TABLE} ?", Mode.ROW_EXCLUSIVE),
    ]
]
"""How a statement begins, and how it locks what it names; the first kind that fits."""

TOLD = {
    "schema": "the schema {}",
    "function": "the function {}",
    "new": "{}",
    "table": "{}",
    "index": "the table of {}",
}

UNKNOWN = Lock(Mode.ACCESS_EXCLUSIVE, "what is not known and has to be assumed")

MAY_REFER = re.compile(r"(?:create|alter) table ", re.IGNORECASE)
REFERENCED = re.compile(r" references ([^\s(]+)", re.IGNORECASE)

CONCURRENT_INDEX = re.compile(
    r"create (?:unique )?index concurrently (?:if not exists )?(\w+) on ", re.IGNORECASE
)


def locks_of(statement: str) -> list[Lock]:
    """Return the locks that a statement takes, the strongest on each table."""
    text = without_comments(statement)
    return [_own_lock(text), *_locks_of_references(text)]


def concurrent_index(statement: str) -> str | None:
    """Return the name of the index that a statement makes concurrently, if that is its kind."""
    found = CONCURRENT_INDEX.match(without_comments(statement))
    return found[1].lower() if found else None


def _own_lock(text: str) -> Lock:
    for pattern, mode in KINDS:
        if (found := pattern.match(text)) and found.lastgroup:
            told = TOLD[found.lastgroup].format(found[found.lastgroup])
            return Lock(mode, told, creates=found.lastgroup == "new")
    return UNKNOWN


def _locks_of_references(text: str) -> list[Lock]:
    tables = dict.fromkeys(REFERENCED.findall(text)) if MAY_REFER.match(text) else {}
    return [Lock(Mode.SHARE_ROW_EXCLUSIVE, table) for table in tables]
