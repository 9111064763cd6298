"""Two roles: one owns the catalogue and migrates it, the other only reads and writes its rows."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import LiteralString

import httpx
import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from parts import API, SCHEMA, clean_environment, environment_of, new_database, running_server
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.catalog.listing import ModelListing, RuntimeListing
from pinakes.catalog.model import Model
from pinakes.catalog.revision import Change
from pinakes.catalog.runtime import DeploymentType, RuntimeMetadata
from pinakes.postgres.migrate import MigrationError, migrate, shipped
from pinakes.postgres.pool import SESSION, Pool
from pinakes.postgres.roles import RoleNameError, write_roles
from pinakes.postgres.store import PostgresStore
from pooler import pgbouncer, with_pgbouncer

IRIS = Model(uri="gs://models/iris", project="default")
SERVED = RuntimeMetadata(
    model_uri="gs://models/iris",
    project="default",
    deployment_name="iris",
    deployment_namespace="production",
    deployment_uid="uid",
    deployment_type=DeploymentType.SELDON_DEPLOYMENT,
    predictor_name="default",
    node_name="iris",
)
PASSWORD = "test"

LIMITS = """
select
    current_setting('statement_timeout'),
    current_setting('lock_timeout'),
    current_setting('idle_in_transaction_session_timeout')
"""

ROWS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


@dataclass(frozen=True)
class TwoRoles:
    """A database, the names of its two roles, and the ways in."""

    administrator: str
    owner: str
    runtime: str

    def make(self, administrator: str | None = None, schema: str = SCHEMA) -> None:
        """Run the script as an administrator would, and give the roles their passwords."""
        script = write_roles(schema, self.owner, self.runtime)
        with psycopg.connect(administrator or self.administrator, autocommit=True) as connection:
            connection.execute(script.encode())
            for role in (self.owner, self.runtime):
                connection.execute(
                    sql.SQL("alter role {} password {}").format(sql.Identifier(role), PASSWORD)
                )

    def migrate(self) -> list[str]:
        return list(asyncio.run(migrate(self.as_(self.owner), SCHEMA)))

    def as_(self, role: str) -> str:
        return make_conninfo(self.administrator, user=role, password=PASSWORD)

    def privileges(self) -> dict[str, set[str]]:
        """Return what the runtime role may do with each table."""
        with psycopg.connect(self.administrator) as connection:
            found = connection.execute(
                "select table_name, array_agg(privilege_type::text)"
                " from information_schema.table_privileges"
                " where grantee = %s and table_schema = %s group by table_name",
                [self.runtime, SCHEMA],
            ).fetchall()
        return {table: set(privileges) for table, privileges in found}


def by() -> Change:
    return Change(actor="alice", door="test", request_id="1")


@pytest.fixture
def roles(empty_database: str) -> TwoRoles:
    with psycopg.connect(empty_database) as connection:
        name = connection.info.dbname
    return TwoRoles(empty_database, f'{name} o\'wner "1"', f"{name} Laufzeit ü")


def test_the_runtime_role_reads_and_writes_rows(roles: TwoRoles) -> None:
    roles.make()
    assert roles.migrate() == [one.name for one in shipped()]

    async def story() -> None:
        async with Pool(lambda: roles.as_(roles.runtime)) as pool:
            store = PostgresStore(pool, SCHEMA)
            await store.check()
            await store.create_model(IRIS, by())
            await store.update_model(replace(IRIS, name="iris"), by())
            [listed] = (await store.list_models(ModelListing())).models
            assert listed.name == "iris"
            await store.record_runtime(SERVED)
            await store.record_runtime(replace(SERVED, replicas=3))
            assert len((await store.list_runtime(RuntimeListing())).records) == 1
            await store.delete_model(IRIS.key, by())
            assert len(await store.list_revisions(IRIS.key)) == 3

    asyncio.run(story())


@pytest.mark.parametrize(
    "forbidden",
    [
        "update pinakes.model_revisions set actor = 'nobody'",
        "delete from pinakes.model_revisions",
        "truncate pinakes.model_revisions",
        "truncate pinakes.models",
        "alter table pinakes.models add column x text",
        "drop table pinakes.models",
        "create table pinakes.x (id integer)",
        "create index x on pinakes.models (name)",
        "delete from pinakes.migrations",
        "delete from pinakes.model_metrics",
        "insert into pinakes.model_values values ('name', 'x')",
        "insert into pinakes.migrations values ('9999_x.pre.sql', '', now(), 9999)",
        "drop schema pinakes cascade",
    ],
)
def test_the_runtime_role_changes_neither_history_nor_tables(
    roles: TwoRoles, forbidden: str
) -> None:
    roles.make()
    roles.migrate()
    with (
        psycopg.connect(roles.as_(roles.runtime)) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(forbidden.encode())


def limits(conninfo: str, *statements: LiteralString) -> list[object]:
    """Return what a session waits for at most, after it was told ``statements``."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
        return [*connection.execute(LIMITS)]


def test_the_runtime_role_waits_no_longer_than_a_server_bids_it(roles: TwoRoles) -> None:
    roles.make()
    bidden = limits(roles.as_(roles.runtime), SESSION)
    assert limits(roles.as_(roles.runtime)) == bidden != limits(roles.as_(roles.owner))


def test_the_script_leaves_the_owner_and_other_databases_alone(
    roles: TwoRoles, postgres: str
) -> None:
    ordinary = limits(roles.administrator)
    roles.make()
    assert limits(roles.as_(roles.owner)) == ordinary
    elsewhere = make_conninfo(new_database(postgres), user=roles.runtime, password=PASSWORD)
    assert limits(elsewhere) == ordinary


@with_pgbouncer
def test_behind_a_pooler_the_runtime_role_waits_no_longer_either(roles: TwoRoles) -> None:
    roles.make()
    bidden = limits(roles.as_(roles.runtime), SESSION)
    with pgbouncer(roles.as_(roles.runtime)) as through:
        assert limits(through) == bidden


FIRST_AND_LAST: list[tuple[str, Callable[[TwoRoles], object]]] = [
    ("before the migration", lambda roles: (roles.make(), roles.migrate())),
    ("twice before it", lambda roles: (roles.make(), roles.make(), roles.migrate())),
    ("before and after it", lambda roles: (roles.make(), roles.migrate(), roles.make())),
]


@pytest.mark.parametrize("order", [order for _, order in FIRST_AND_LAST], ids=dict(FIRST_AND_LAST))
def test_it_does_not_matter_when_and_how_often_the_script_is_run(
    roles: TwoRoles, order: Callable[[TwoRoles], object]
) -> None:
    order(roles)
    assert roles.privileges() == {
        "models": ROWS,
        "runtime_metadata": ROWS,
        "model_revisions": {"SELECT", "INSERT"},
        "migrations": {"SELECT"},
        "model_metrics": {"SELECT"},
        "model_tags": {"SELECT"},
        "model_values": {"SELECT"},
    }


def test_a_catalogue_of_one_role_gains_a_runtime_role(roles: TwoRoles) -> None:
    with psycopg.connect(roles.administrator, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login password {}").format(
                sql.Identifier(roles.owner), PASSWORD
            )
        )
        connection.execute(
            sql.SQL("grant create on database {} to {}").format(
                sql.Identifier(connection.info.dbname), sql.Identifier(roles.owner)
            )
        )
    roles.migrate()
    roles.make()
    assert roles.privileges()["model_revisions"] == {"SELECT", "INSERT"}
    assert roles.privileges()["models"] == ROWS


def test_an_administrator_need_not_be_a_superuser(roles: TwoRoles) -> None:
    name = f"{roles.owner[:37]}_admin"
    with psycopg.connect(roles.administrator, autocommit=True) as connection:
        database, role = sql.Identifier(connection.info.dbname), sql.Identifier(name)
        connection.execute(
            sql.SQL("create role {} login createrole password {}").format(role, PASSWORD)
        )
        connection.execute(sql.SQL("alter database {} owner to {}").format(database, role))
    administrator = roles.as_(name)
    roles.make(administrator)
    roles.make(administrator)
    assert roles.migrate()
    assert roles.privileges()["model_revisions"] == {"SELECT", "INSERT"}


def test_the_runtime_role_may_ask_whether_something_is_pending_but_not_migrate(
    roles: TwoRoles,
) -> None:
    roles.make()
    roles.migrate()
    environment = environment_of(roles.as_(roles.runtime))
    assert run(environment, "migrate", "--check").returncode == 0
    with psycopg.connect(roles.administrator) as connection:
        connection.execute("delete from pinakes.migrations")
    with pytest.raises(MigrationError, match="must own the schema"):
        asyncio.run(migrate(roles.as_(roles.runtime), SCHEMA))


def test_a_server_of_the_runtime_role_waits_for_the_owner(roles: TwoRoles, tmp_path: Path) -> None:
    roles.make()
    environment = environment_of(roles.as_(roles.runtime))
    with running_server(tmp_path, environment) as server:
        models = f"{server.url}{API}/model/metadata"
        assert "pinakes migrate" in httpx.get(f"{server.url}/readyz").json()["message"]
        roles.migrate()
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        assert httpx.post(models, json={"URI": "gs://models/iris"}).status_code == 200


def test_one_role_alone_migrates_and_serves(roles: TwoRoles, tmp_path: Path) -> None:
    with psycopg.connect(roles.administrator, autocommit=True) as connection:
        database, role = sql.Identifier(connection.info.dbname), sql.Identifier(roles.owner)
        connection.execute(sql.SQL("create role {} login password {}").format(role, PASSWORD))
        connection.execute(sql.SQL("alter database {} owner to {}").format(database, role))
    environment = environment_of(roles.as_(roles.owner))
    assert run(environment, "migrate").returncode == 0
    with running_server(tmp_path, environment) as server:
        models = f"{server.url}{API}/model/metadata"
        assert httpx.post(models, json={"URI": "gs://models/iris"}).status_code == 200
        assert len(httpx.get(models).json()["models"]) == 1


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pinakes", *arguments],
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_the_script_for_the_schema_that_is_set() -> None:
    printed = run({"PINAKES_PG_SCHEMA": "Two"}, "roles", "--sql", "--owner", "a", "--runtime", "b")
    assert printed.stdout == write_roles("Two", "a", "b")
    overruled = run({"PINAKES_PG_SCHEMA": "Two"}, "roles", "--sql", "--schema", "three")
    assert overruled.stdout == write_roles("three", "pinakes_owner", "pinakes_runtime")
    assert "password '" not in overruled.stdout


@pytest.mark.parametrize("name", ["", "a\nb", "$roles$", "x" * 64, "ü" * 32, "\0"])
def test_a_name_that_no_role_should_have_is_refused(name: str) -> None:
    with pytest.raises(RoleNameError, match="a role cannot be named"):
        write_roles(SCHEMA, "owner", name)


def test_the_two_roles_are_two() -> None:
    refused = run({}, "roles", "--sql", "--owner", "x", "--runtime", "x")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "pinakes roles: owner and runtime role are both 'x'; one role needs no script\n"
    )
    assert run({}, "roles", "--sql", "--schema", "a b").returncode == 1
    assert run({}, "roles").returncode == 2


def test_without_a_privilege_on_the_catalogue_the_reason_is_told(roles: TwoRoles) -> None:
    roles.make()
    roles.migrate()
    with psycopg.connect(roles.administrator) as connection:
        connection.execute(
            sql.SQL("revoke select on pinakes.migrations from {}").format(
                sql.Identifier(roles.runtime)
            )
        )

    async def check() -> None:
        async with Pool(lambda: roles.as_(roles.runtime)) as pool:
            await PostgresStore(pool, SCHEMA).check()

    with pytest.raises(CatalogUnavailable, match="lacks a privilege"):
        asyncio.run(check())
