"""Migrating a real PostgreSQL: at once, under traffic, killed, resumed, behind a pooler."""

import asyncio
import queue
import re
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mounted import mount
from parts import SCHEMA, clean_environment, environment_of, migrated
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres.migrate import EMPTY, MigrationError, migrate, runner, shipped, write_plan
from pinakes.postgres.migrate.locks import Mode, locks_of
from pinakes.postgres.migrate.split import split
from pinakes.postgres.pool import Pool
from pinakes.postgres.statements import for_schema
from pinakes.postgres.store import PostgresStore
from pooler import pgbouncer, with_pgbouncer

TABLE = ("0001_things.pre.sql", "create table {schema}.things (id integer, note text);")
COLUMN = ("0002_column.pre.sql", "alter table {schema}.things add column more text;")
INDEX = (
    "0002_index.pre.sql",
    "-- no-transaction\ncreate index concurrently by_note on {schema}.things (note);",
)
AFTERWARDS = ("0003_less.post.sql", "alter table {schema}.things drop column note;")

STRANGE = ["Two", "select", "_", "ü".encode().hex().upper() + "_x", "x" * 63]


@dataclass(frozen=True)
class Folder:
    """Migrations of a test's own, and how to apply them to a database."""

    path: Path
    conninfo: str
    told: "queue.Queue[str]" = field(default_factory=queue.Queue[str])

    def ship(self, *files: tuple[str, str]) -> None:
        for name, text in files:
            (self.path / name).write_text(text)

    def migrate(self, *, post: bool = False) -> list[str]:
        done = migrate(
            self.conninfo, SCHEMA, folder=self.path, post=post, notice=self.told.put_nowait
        )
        return list(asyncio.run(done))

    def wait_until_told(self, what: str) -> None:
        while what not in self.told.get(timeout=30):
            pass

    def applied(self) -> list[str]:
        return [
            str(row[0]) for row in self.ask("select name from pinakes.migrations order by name")
        ]

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def wait_until(self, statement: str) -> None:
        deadline = time.monotonic() + 30
        while not self.ask(statement)[0][0]:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # between looks, not instead of one

    @contextmanager
    def open_transaction(self, statement: bytes) -> Generator[None, None, None]:
        with psycopg.connect(self.conninfo) as connection:
            connection.execute(statement)
            yield

    @contextmanager
    def process(self) -> Generator["subprocess.Popen[str]", None, None]:
        """Migrate in a process that may be killed; it prints what it is told."""
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.conninfo, SCHEMA, str(self.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


PROGRAM = """
import asyncio, functools, pathlib, sys
from pinakes.postgres.migrate import migrate

conninfo, schema, folder = sys.argv[1:]
told = functools.partial(print, flush=True)
asyncio.run(migrate(conninfo, schema, folder=pathlib.Path(folder), notice=told))
"""

IS_BUILDING = "select count(*) = 1 from pg_index where indexrelid::regclass::text ~ 'by_note'"
IS_VALID = "select indisvalid from pg_index where indexrelid = 'pinakes.by_note'::regclass"
IDENTITY = "select 'pinakes.by_note'::regclass::oid"
WRITE = b"insert into pinakes.things values (1, 'in an open transaction')"


@pytest.fixture
def folder(tmp_path: Path, empty_database: str) -> Folder:
    directory = tmp_path / "migrations"
    directory.mkdir()
    return Folder(directory, empty_database)


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_migrating_twice_changes_nothing(empty_database: str) -> None:
    names = [migration.name for migration in shipped()]
    assert list(asyncio.run(migrate(empty_database, SCHEMA))) == names
    assert list(asyncio.run(migrate(empty_database, SCHEMA))) == []


@pytest.mark.parametrize("count", [2, 5])
def test_processes_that_migrate_at_once_apply_each_migration_once(
    folder: Folder, count: int
) -> None:
    folder.ship(TABLE, INDEX, ("0003_more.pre.sql", "alter table {schema}.things add x text;"))

    async def story() -> list[str]:
        done = [migrate(folder.conninfo, SCHEMA, folder=folder.path) for _ in range(count)]
        return sorted(name for names in await asyncio.gather(*done) for name in names)

    assert asyncio.run(story()) == folder.applied()
    assert folder.ask(IS_VALID) == [(True,)]


@pytest.mark.parametrize("schema", STRANGE)
def test_a_schema_may_have_a_strange_name(empty_database: str, schema: str) -> None:
    assert asyncio.run(migrate(empty_database, schema))
    assert asyncio.run(migrate(empty_database, SCHEMA))
    with psycopg.connect(empty_database) as connection:
        found = connection.execute(
            "select table_schema from information_schema.tables where table_name = 'models'"
        ).fetchall()
    assert sorted(found) == sorted([(SCHEMA,), (schema,)])


def test_a_schema_name_that_postgresql_keeps_for_itself_is_refused(empty_database: str) -> None:
    with pytest.raises(MigrationError, match='unacceptable schema name "pg_mine"'):
        asyncio.run(migrate(empty_database, "pg_mine"))


def test_a_role_that_may_not_make_a_schema_migrates_into_one_that_is_there(
    empty_database: str,
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        role = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("create role {} login password 'test'").format(role))
        connection.execute(sql.SQL("create schema pinakes authorization {}").format(role))
        own = make_conninfo(empty_database, user=connection.info.dbname, password="test")
    assert asyncio.run(migrate(own, SCHEMA))


def test_an_edited_migration_is_refused(folder: Folder) -> None:
    folder.ship(TABLE, COLUMN)
    folder.migrate()
    folder.ship((TABLE[0], TABLE[1] + " -- edited"))
    with pytest.raises(MigrationError, match=r"0001_things\.pre\.sql was applied with another"):
        folder.migrate()


def test_the_list_of_an_early_catalogue_gains_its_column(folder: Folder) -> None:
    folder.ship(TABLE, COLUMN)
    folder.migrate()
    folder.ask("alter table pinakes.migrations drop column compatible_with")
    assert folder.migrate() == []
    assert folder.ask("select max(compatible_with) from pinakes.migrations") == [(0,)]


def test_what_takes_something_away_waits_until_it_is_asked_for(folder: Folder) -> None:
    folder.ship(TABLE, COLUMN, AFTERWARDS)
    assert folder.migrate() == [TABLE[0], COLUMN[0]]
    assert folder.migrate() == []
    assert folder.migrate(post=True) == [AFTERWARDS[0]]
    assert folder.ask("select max(compatible_with) from pinakes.migrations") == [(3,)]


def test_a_refused_statement_undoes_its_migration_and_keeps_those_before(folder: Folder) -> None:
    folder.ship(TABLE, (COLUMN[0], f"{COLUMN[1]} alter table {{schema}}.nothing add x text;"))
    with pytest.raises(MigrationError, match=r'0002_column\.pre\.sql: .*"pinakes\.nothing"'):
        folder.migrate()
    assert folder.applied() == [TABLE[0]]
    folder.ship(COLUMN)
    assert folder.migrate() == [COLUMN[0]]


def test_traffic_goes_on_while_a_migration_waits_for_a_long_transaction(
    folder: Folder, workers: ThreadPoolExecutor
) -> None:
    folder.ship(TABLE)
    folder.migrate()
    folder.ship(COLUMN)
    slowest = 0.0
    with folder.open_transaction(WRITE):
        migration = workers.submit(folder.migrate)
        for _ in range(2):
            slowest = max(slowest, read_until_told(folder, "trying again"))
    assert migration.result(timeout=60) == [COLUMN[0]]
    assert slowest < 3  # one attempt at the lock takes 2 s


def read_until_told(folder: Folder, what: str) -> float:
    """Read again and again, as a client does; return how long the slowest read took."""
    slowest = 0.0
    while True:
        started = time.monotonic()
        folder.ask("select count(*) from pinakes.things")
        slowest = max(slowest, time.monotonic() - started)
        try:
            if what in folder.told.get_nowait():
                return slowest
        except queue.Empty:
            continue


def test_a_lock_that_is_never_given_up_is_told_and_may_be_tried_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LADDER", (0.01,))
    folder.ship(TABLE)
    folder.migrate()
    folder.ship(COLUMN)
    with (
        folder.open_transaction(WRITE),
        pytest.raises(MigrationError, match=r"0002_column\.pre\.sql met a lock .*pg_locks"),
    ):
        folder.migrate()
    assert folder.migrate() == [COLUMN[0]]


def test_killed_between_two_migrations_the_next_run_goes_on(folder: Folder) -> None:
    folder.ship(TABLE)
    folder.migrate()
    folder.ship(("0002_more.pre.sql", "create table {schema}.more (id integer);"))
    folder.ship(("0003_column.pre.sql", COLUMN[1]))
    with folder.open_transaction(WRITE), folder.process() as process:
        assert read_line(process).startswith("applied 0002_more.pre.sql in ")
        process.kill()
    assert folder.migrate() == ["0003_column.pre.sql"]


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_killed_while_an_index_is_made_the_next_run_waits_for_it_and_keeps_it(
    folder: Folder, workers: ThreadPoolExecutor
) -> None:
    folder.ship(TABLE)
    folder.migrate()
    folder.ship(INDEX)
    with folder.open_transaction(WRITE):
        with folder.process() as process:
            folder.wait_until(IS_BUILDING)
            process.kill()
        made = folder.ask(IDENTITY)
        migration = workers.submit(folder.migrate)
        folder.wait_until_told("by_note is still made by an earlier attempt")
    assert migration.result(timeout=60) == [INDEX[0]]
    assert (folder.ask(IDENTITY), folder.ask(IS_VALID)) == (made, [(True,)])


def test_who_has_lost_the_lock_does_not_record(folder: Folder, workers: ThreadPoolExecutor) -> None:
    folder.ship(TABLE)
    folder.migrate()
    folder.ship(INDEX)
    with folder.open_transaction(WRITE):
        loser = workers.submit(folder.migrate)
        folder.wait_until(IS_BUILDING)
        folder.ask(
            "select pg_terminate_backend(pid, 5000) from pg_locks"
            " where locktype = 'advisory'"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        heir = workers.submit(folder.migrate)
        folder.wait_until_told("by_note is still made by an earlier attempt")
    with pytest.raises(CatalogUnavailable):
        loser.result(timeout=60)
    assert (heir.result(timeout=60), folder.applied()) == ([INDEX[0]], [TABLE[0], INDEX[0]])
    assert folder.ask(IS_VALID) == [(True,)]


def test_an_index_that_was_broken_off_is_dropped_and_made_again(folder: Folder) -> None:
    folder.ship(TABLE)
    folder.migrate()
    folder.ship(INDEX)
    with folder.open_transaction(WRITE), folder.process() as process:
        folder.wait_until(IS_BUILDING)
        folder.ask(
            "select pg_terminate_backend(pid, 5000) from pg_stat_progress_create_index"
            " where datname = current_database()"
        )
        assert process.wait(timeout=30) != 0
    assert folder.ask(IS_VALID) == [(False,)]
    broken = folder.ask(IDENTITY)
    assert folder.migrate() == [INDEX[0]]
    assert (folder.ask(IS_VALID), folder.ask(IDENTITY) != broken) == ([(True,)], True)


def test_a_step_without_a_transaction_that_fails_half_way_is_taken_up_again(
    folder: Folder,
) -> None:
    folder.ship(TABLE)
    folder.migrate()
    folder.ask("insert into pinakes.things values (1, 'one'), (1, 'twice')")
    unique = "create unique index concurrently by_id on {schema}.things (id);"
    folder.ship((INDEX[0], f"{INDEX[1]}\n{unique}"))
    with pytest.raises(MigrationError, match='could not create unique index "by_id"'):
        folder.migrate()
    first = folder.ask(IDENTITY)
    folder.ask("delete from pinakes.things where note = 'twice'")
    assert folder.migrate() == [INDEX[0]]
    assert folder.ask(IDENTITY) == first
    assert folder.ask("select bool_and(indisvalid) from pg_index") == [(True,)]


def test_the_defaults_of_a_database_do_not_hinder_a_migration(folder: Folder) -> None:
    with psycopg.connect(folder.conninfo, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        for setting, value in {
            "default_transaction_isolation": "serializable",
            "idle_in_transaction_session_timeout": "200ms",
            "lock_timeout": "200ms",
            "statement_timeout": "400ms",
            "search_path": "",
        }.items():
            connection.execute(
                sql.SQL("alter database {} set {} = {}").format(
                    name, sql.Identifier(setting), sql.Literal(value)
                )
            )
    folder.ship(TABLE, INDEX)
    slow = "-- no-transaction\ninsert into {schema}.things select 1, pg_sleep(0.6)::text;"
    folder.ship(("0003_slow.pre.sql", "select pg_sleep(0.6);"), ("0004_slower.pre.sql", slow))
    assert folder.migrate() == [TABLE[0], INDEX[0], "0003_slow.pre.sql", "0004_slower.pre.sql"]


def test_a_newer_schema_is_served_as_long_as_it_is_compatible(fresh_database: str) -> None:
    async def check() -> None:
        async with Pool(lambda: fresh_database) as pool:
            await PostgresStore(pool, SCHEMA).check()

    def remember(name: str, oldest: int) -> None:
        with psycopg.connect(fresh_database) as connection:
            connection.execute(
                "insert into pinakes.migrations (name, digest, compatible_with)"
                " values (%s, '', %s)",
                [name, oldest],
            )

    remember("9998_later.pre.sql", 1)
    asyncio.run(check())
    remember("9999_later.post.sql", 9998)
    with pytest.raises(CatalogUnavailable, match=r"9999_later\.post\.sql needs one that ships"):
        asyncio.run(check())


def test_a_schema_that_is_behind_is_told_with_the_command_to_run(fresh_database: str) -> None:
    async def check() -> None:
        async with Pool(lambda: fresh_database) as pool:
            await PostgresStore(pool, SCHEMA).check()

    with psycopg.connect(fresh_database) as connection:
        connection.execute("delete from pinakes.migrations")
    with pytest.raises(CatalogUnavailable, match="run 'pinakes migrate'"):
        asyncio.run(check())


def pinakes(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pinakes", *arguments],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_tells_each_migration_and_how_long_it_took(empty_database: str) -> None:
    environment = environment_of(empty_database)
    first, second = pinakes(environment, "migrate"), pinakes(environment, "migrate")
    assert re.fullmatch(r"(applied \d{4}_\w+\.pre\.sql in \d+\.\d\d s\n)+", first.stdout)
    assert (first.returncode, second.returncode) == (0, 0)
    assert second.stdout == "the schema is up to date\n"


def test_the_secret_of_the_role_that_migrates_is_enough_for_that(
    empty_database: str, tmp_path: Path
) -> None:
    known = conninfo_to_dict(empty_database) | {"sslmode": "disable"}
    keys = ("host", "port", "user", "password", "dbname", "sslmode")
    secret = mount(tmp_path, {key: str(known[key]).encode() for key in keys})
    done = pinakes({"PINAKES_MIGRATE_SECRET_DIR": str(secret)}, "migrate")
    assert (done.returncode, done.stderr) == (0, "")
    assert with_schemas(empty_database)


def test_check_tells_by_its_exit_code_whether_something_is_pending(empty_database: str) -> None:
    environment = environment_of(empty_database)
    before = pinakes(environment, "migrate", "--check")
    assert before.returncode == 1
    assert before.stdout.splitlines() == [f"pending {one.name}" for one in shipped()]
    assert before.stderr == "pinakes migrate: the schema is behind: run 'pinakes migrate'\n"
    assert with_schemas(empty_database) == []
    migrated(empty_database)
    after = pinakes(environment, "migrate", "--check")
    assert (after.returncode, after.stdout, after.stderr) == (0, "nothing is pending\n", "")


def test_check_tells_of_a_schema_that_is_too_new(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        connection.execute(
            "insert into pinakes.migrations values ('9999_x.post.sql', '', now(), 9999)"
        )
    found = pinakes(environment_of(fresh_database), "migrate", "--check")
    assert (found.returncode, "ships migration 9999" in found.stderr) == (1, True)


def with_schemas(conninfo: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute("select 1 from pg_namespace where nspname = 'pinakes'").fetchall()


@pytest.mark.parametrize("schema", [SCHEMA, *STRANGE])
def test_the_plan_run_by_hand_is_the_migration(empty_database: str, schema: str) -> None:
    environment = environment_of(empty_database) | {"PINAKES_PG_SCHEMA": schema}
    plan = pinakes(environment, "migrate", "--plan")
    assert plan.returncode == 0
    assert "0001_models.pre.sql" in plan.stdout
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for statement in split(plan.stdout):
            connection.execute(statement.encode())
    assert pinakes(environment, "migrate", "--check").returncode == 0
    assert pinakes(environment, "migrate", "--plan").stdout == "-- the schema is up to date\n"


def test_a_plan_tells_the_locks_and_what_runs_outside_a_transaction(folder: Folder) -> None:
    folder.ship(TABLE, INDEX, AFTERWARDS)
    plan = write_plan(list(runner.read_migrations(folder.path)), EMPTY, SCHEMA)
    assert (
        "-- 0002_index.pre.sql: each statement by itself\n\n"
        '-- lock: SHARE UPDATE EXCLUSIVE on "pinakes".things, traffic goes on\n'
        "-- no-transaction\n"
        'create index concurrently by_note on "pinakes".things (note);\n'
    ) in plan
    assert '-- lock: ACCESS EXCLUSIVE on "pinakes".things, reads and writes wait\nalter' in plan
    assert '-- lock: ACCESS EXCLUSIVE on "pinakes".things, which nobody sees yet\ncreate' in plan


def test_a_plan_without_a_database_is_the_one_for_an_empty_database() -> None:
    plan = pinakes({}, "migrate", "--plan")
    assert (plan.returncode, plan.stderr) == (0, "")
    assert plan.stdout.startswith("-- No database is configured: this is the plan for an empty")


@pytest.mark.parametrize("option", ["--plan", "--check", "--post"])
def test_of_a_database_that_is_away_nothing_is_said(option: str) -> None:
    away = {
        "METADATA_PG_HOST": "127.0.0.1",
        "METADATA_PG_PORT": "1",
        "METADATA_PG_USER": "nobody",
        "METADATA_PG_DBNAME": "nothing",
    }
    found = pinakes(away, "migrate", option)
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("pinakes migrate: the database is away: nothing listens there")


def test_a_database_must_be_configured_to_be_migrated() -> None:
    found = pinakes({}, "migrate")
    assert (found.returncode, "set METADATA_PG_HOST" in found.stderr) == (1, True)


LOCKING = [
    "create table {schema}.new (id integer)",
    "create table {schema}.new (id integer references {schema}.things (id))",
    "create index i on {schema}.things (note)",
    "create unique index if not exists i on {schema}.things using btree (note)",
    "alter table {schema}.others validate constraint positive",
    "alter table {schema}.others add constraint f foreign key (id) references {schema}.things (id)",
    "alter table {schema}.others add foreign key (id) references {schema}.things (id) not valid",
    "alter table {schema}.others add column c integer references {schema}.things (id)",
    "alter table {schema}.others add constraint c check (id > 1) not valid",
    "alter table {schema}.others alter column id set not null",
    "alter table only {schema}.others drop column id",
    "comment on table {schema}.others is 'those'",
    "analyze {schema}.others",
    "create function {schema}.one() returns integer language sql as 'select 1'",
    "create or replace function {schema}.two() returns integer language sql as 'select 2'",
    "create trigger t after insert on {schema}.others for each row execute function {schema}.f()",
    "drop trigger g on {schema}.others",
    "insert into {schema}.others(id) values (3)",
    "update {schema}.others set id = 4",
    "delete from {schema}.others where id = 2",
]
LOCKED = """
select relname, max(array_position(array[
    'AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
    'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], mode))
from pg_locks join pg_class on pg_class.oid = relation
where pid = pg_backend_pid() and relnamespace = 'pinakes'::regnamespace and relkind = 'r'
group by relname
"""
STRENGTHS = {
    Mode.ROW_EXCLUSIVE: 3,
    Mode.SHARE_UPDATE_EXCLUSIVE: 4,
    Mode.SHARE: 5,
    Mode.SHARE_ROW_EXCLUSIVE: 6,
    Mode.ACCESS_EXCLUSIVE: 8,
}
WEAK = 3
"""Up to here nobody who reads or writes rows waits."""


@pytest.mark.parametrize("statement", LOCKING)
def test_the_locks_that_are_told_are_those_that_postgresql_takes(
    empty_database: str, statement: str
) -> None:
    told = {
        lock.on.removeprefix("{schema}."): STRENGTHS[lock.mode]
        for lock in locks_of(statement)
        if lock.mode is not Mode.NONE
    }
    with psycopg.connect(empty_database) as connection:
        connection.execute(
            "create schema pinakes;"
            "create table pinakes.things (id integer primary key, note text);"
            "create table pinakes.others (id integer);"
            "alter table pinakes.others add constraint positive check (id > 0) not valid;"
            "create function pinakes.f() returns trigger language plpgsql"
            " as 'begin return null; end';"
            "create trigger g after delete on pinakes.others for each row"
            " execute function pinakes.f()"
        )
        connection.commit()
        connection.execute(for_schema(statement, SCHEMA))
        taken = dict(connection.execute(LOCKED).fetchall())
        connection.rollback()
    strong = {table: strength for table, strength in taken.items() if strength > WEAK}
    assert strong == {table: strength for table, strength in told.items() if strength > WEAK}
    assert told.items() <= taken.items()


@with_pgbouncer
def test_several_migrate_at_once_behind_pgbouncer(folder: Folder) -> None:
    folder.ship(TABLE, INDEX, ("0003_more.pre.sql", "alter table {schema}.things add x text;"))
    with pgbouncer(folder.conninfo) as through:

        async def story() -> list[str]:
            done = [migrate(through, SCHEMA, folder=folder.path) for _ in range(3)]
            return sorted(name for names in await asyncio.gather(*done) for name in names)

        assert asyncio.run(story()) == folder.applied()
        assert len(folder.applied()) == 3
    assert folder.ask(IS_VALID) == [(True,)]


SQUAWK = Path(sys.executable).with_name("squawk")


@pytest.mark.skipif(not SQUAWK.exists(), reason="squawk is not installed (pip: squawk-cli)")
@pytest.mark.parametrize("migration", shipped(), ids=lambda migration: migration.name)
def test_squawk_has_no_complaint_about_a_migration(
    tmp_path: Path, migration: runner.Migration
) -> None:
    file = tmp_path / migration.name
    file.write_bytes(for_schema(migration.text, SCHEMA))
    excluded = ["require-lock-timeout", "require-statement-timeout"]  # the runner sets them
    if migration.phase.value == "post":
        excluded += ["ban-drop-column", "ban-drop-table"]
    held = "--assume-in-transaction" if migration.in_transaction else "--no-assume-in-transaction"
    found = subprocess.run(
        [SQUAWK, held, f"--exclude={','.join(excluded)}", "--pg-version=14.0", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
