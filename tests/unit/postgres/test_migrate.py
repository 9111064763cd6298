"""Migrations by themselves: their names, their texts, what is pending and who works with what."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinakes.postgres.errors import NOT_MIGRATED
from pinakes.postgres.migrate import (
    Applied,
    MigrationError,
    objection,
    pending,
    read_migrations,
    shipped,
)
from pinakes.postgres.migrate.locks import Mode, concurrent_index, locks_of
from pinakes.postgres.migrate.migration import Migration
from pinakes.postgres.migrate.split import split, without_comments

OLD = [Migration("0001_models.pre.sql", "select 1"), Migration("0002_old.pre.sql", "select 2")]
EXPANDED = [*OLD, Migration("0003_column.pre.sql", "select 3")]
CONTRACTED = [*EXPANDED, Migration("0004_column.post.sql", "select 4")]
NEXT = [*CONTRACTED, Migration("0005_next.pre.sql", "select 5")]


def as_applied(migrations: list[Migration]) -> list[Applied]:
    return [Applied(one.name, one.digest, one.compatible_with) for one in migrations]


def names(migrations: list[Migration]) -> list[str]:
    return [one.name[:4] for one in migrations]


@pytest.mark.parametrize(
    ("version", "applied", "post", "expected"),
    [
        (NEXT, [], False, ["0001", "0002", "0003", "0004", "0005"]),
        (CONTRACTED, OLD, False, ["0003"]),
        (CONTRACTED, OLD, True, ["0003", "0004"]),
        (CONTRACTED, EXPANDED, False, []),
        (CONTRACTED, EXPANDED, True, ["0004"]),
        (NEXT, EXPANDED, False, ["0004", "0005"]),
        (NEXT, CONTRACTED, False, ["0005"]),
        (OLD, NEXT, True, []),
        ([], [], True, []),
    ],
)
def test_what_is_for_after_a_version_waits_until_asked_or_until_the_next_version(
    version: list[Migration], applied: list[Migration], post: bool, expected: list[str]
) -> None:
    assert names(pending(version, as_applied(applied), post=post)) == expected


def test_a_migration_is_never_applied_behind_a_later_one() -> None:
    with pytest.raises(MigrationError, match=r"0002_old\.pre\.sql is not applied, but 0003_column"):
        pending(EXPANDED, as_applied([EXPANDED[0], EXPANDED[2]]), post=False)


def test_an_edited_migration_is_refused() -> None:
    edited = [Migration("0001_models.pre.sql", "select 1 -- or so"), OLD[1]]
    with pytest.raises(
        MigrationError, match=r"0001_models\.pre\.sql was applied with another text"
    ):
        pending(edited, as_applied(OLD), post=False)


@pytest.mark.parametrize(
    ("version", "applied"),
    [(OLD, OLD), (OLD, EXPANDED), (CONTRACTED, EXPANDED), (CONTRACTED, NEXT), (NEXT, NEXT)],
)
def test_a_version_works_with_its_schema_and_with_a_newer_compatible_one(
    version: list[Migration], applied: list[Migration]
) -> None:
    assert objection(version, as_applied(applied)) == ""


@pytest.mark.parametrize(("version", "applied"), [(OLD, []), (EXPANDED, OLD), (NEXT, CONTRACTED)])
def test_a_version_does_not_work_without_all_of_its_pre_migrations(
    version: list[Migration], applied: list[Migration]
) -> None:
    assert objection(version, as_applied(applied)) == NOT_MIGRATED


@pytest.mark.parametrize("version", [OLD, EXPANDED])
@pytest.mark.parametrize("applied", [CONTRACTED, NEXT])
def test_a_version_does_not_work_when_what_it_needs_was_taken_away(
    version: list[Migration], applied: list[Migration]
) -> None:
    assert objection(version, as_applied(applied)) == (
        "the database has the catalogue of a later version: 0004_column.post.sql needs one that"
        f" ships migration 0004, this one ends with {version[-1].name[:4]}; run that version"
    )


@pytest.mark.parametrize(
    ("name", "header", "oldest"),
    [
        ("0007_x.pre.sql", "", 0),
        ("0007_x.post.sql", "", 7),
        ("0007_x.post.sql", "-- compatible-with: 0003\n", 3),
        ("0007_x.pre.sql", "-- Why.\n\n-- compatible-with: 0007\n", 7),
        ("0007_x.pre.sql", "select 1;\n-- compatible-with: 0007\n", 0),
    ],
)
def test_the_header_says_which_software_still_works(name: str, header: str, oldest: int) -> None:
    assert Migration(name, f"{header}select 1").compatible_with == oldest


def test_the_header_says_what_no_transaction_may_hold() -> None:
    assert not Migration("0001_x.pre.sql", "-- Why.\n-- no-transaction\nselect 1").in_transaction
    assert Migration("0001_x.pre.sql", "select 1;\n-- no-transaction\n").in_transaction


@pytest.mark.parametrize(
    "file", ["1_x.pre.sql", "0001_x.sql", "0001_X.pre.sql", "0001.pre.sql", "0001_x.mid.sql"]
)
def test_a_file_that_is_named_otherwise_is_no_migration(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("select 1")
    with pytest.raises(MigrationError, match=r"is not named like 0001_models\.pre\.sql"):
        read_migrations(tmp_path)


def test_a_number_is_given_once(tmp_path: Path) -> None:
    for noun in ("one", "other"):
        (tmp_path / f"0004_{noun}.pre.sql").write_text("select 1")
    with pytest.raises(MigrationError, match="two migrations have the number 0004"):
        read_migrations(tmp_path)


@pytest.mark.parametrize(
    "statement",
    ["alter table {schema}.t add column c text", "create index i on {schema}.t (c)", "truncate t"],
)
def test_what_traffic_waits_for_belongs_in_a_transaction(tmp_path: Path, statement: str) -> None:
    (tmp_path / "0001_x.pre.sql").write_text(f"-- no-transaction\n{statement};\n")
    with pytest.raises(MigrationError, match="takes a lock that others would wait for"):
        read_migrations(tmp_path)


def test_shipped_migrations_are_numbered_without_a_gap() -> None:
    assert [one.number for one in shipped()] == list(range(1, len(shipped()) + 1))


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        (" ;; -- only this;\n", []),
        ("select 1; select 2", ["select 1", "select 2"]),
        ("-- a; b\nselect ';';\n", ["-- a; b\nselect ';'"]),
        ("select 'it''s;'; /* ; */ select 2;", ["select 'it''s;'", "/* ; */ select 2"]),
        ('select ";""" from t; select 3', ['select ";""" from t', "select 3"]),
        ("do $x$ begin; end $$ $x$; select 4", ["do $x$ begin; end $$ $x$", "select 4"]),
        ("select 2 - 1 / 1; select $1", ["select 2 - 1 / 1", "select $1"]),
    ],
)
def test_a_text_is_cut_where_statements_end(text: str, statements: list[str]) -> None:
    assert split(text) == statements


WORDS = st.sampled_from(["select", "'a;b'", '"c;d"', "-- e;\n", "/* f; */", "$t$ ; $t$", "1 - 2"])


@given(st.lists(st.lists(WORDS, min_size=1).map(" ".join)))
def test_statements_put_together_are_cut_into_themselves(statements: list[str]) -> None:
    expected = [one.strip() for one in statements if without_comments(one)]
    assert split(";".join(one for one in statements if without_comments(one))) == expected


def test_what_is_not_known_counts_as_the_strongest_lock() -> None:
    for statement in ("truncate t", "create table t as select 1", "with a as (select 1) select 1"):
        [lock] = locks_of(statement)
        assert lock.mode is Mode.ACCESS_EXCLUSIVE
        assert str(lock).endswith("has to be assumed, reads and writes wait")


def test_only_an_index_with_a_name_is_made_concurrently() -> None:
    statement = "-- Why.\nCreate Unique Index Concurrently if not exists By_Note on {schema}.t (c)"
    assert concurrent_index(statement) == "by_note"
    assert concurrent_index("create index by_note on {schema}.t (c)") is None
    [lock] = locks_of("create index concurrently on {schema}.t (c)")
    assert lock.stops_traffic
