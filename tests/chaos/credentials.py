"""Logins that come, change and go, and the mounted secrets that should follow them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from chaos.nodes import CERTIFIED, Node
from mounted import page_secret
from tls.servers import HOST

GRANTS = """
create role {group};
grant usage on schema pinakes to {group};
grant all on all tables in schema pinakes to {group}
"""

BACKENDS = """
select usename, backend_start, coalesce(client_serial, 0)
from pg_stat_activity left join pg_stat_ssl using (pid)
where datname = current_database() and usename <> 'postgres'
"""


@dataclass(frozen=True)
class Login:
    """Who comes in, and with which word."""

    user: str
    password: str


class Backend(NamedTuple):
    """A connection of the server under test, as PostgreSQL sees it."""

    user: str
    started: datetime
    serial: int
    """The number of the certificate that it showed, 0 without one."""


@dataclass(frozen=True)
class Catalogue:
    """A migrated database, and those who may use it."""

    node: Node
    conninfo: str
    group: str

    @classmethod
    def of(cls, node: Node, conninfo: str) -> Self:
        """Let a group of users read and write what is in a database."""
        group = f"group_{uuid4().hex}"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL(GRANTS).format(group=sql.Identifier(group)))
            connection.execute(
                sql.SQL(
                    "do $$ begin if not exists (select from pg_roles where rolname = {name})"
                    " then create role {role}; end if; end $$"
                ).format(name=sql.Literal(CERTIFIED), role=sql.Identifier(CERTIFIED))
            )
        return cls(node, conninfo, group)

    @property
    def dbname(self) -> str:
        return str(conninfo_to_dict(self.conninfo)["dbname"])

    def new_login(self, *groups: str) -> Login:
        """Make a user, who is of these groups as well."""
        login = Login(f"user_{uuid4().hex}", uuid4().hex)
        self.execute(
            sql.SQL("create role {} login password {} in role {}").format(
                sql.Identifier(login.user),
                sql.Literal(login.password),
                sql.SQL(", ").join(map(sql.Identifier, (self.group, *groups))),
            )
        )
        return login

    def change_password(self, login: Login, password: str) -> Login:
        """Give a user another password; who is in stays in."""
        self.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(login.user), sql.Literal(password)
            )
        )
        return replace(login, password=password)

    def shut_out(self, login: Login) -> None:
        """Let a user log in no more; who is in stays in."""
        self.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(login.user)))

    def execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement)

    def now(self) -> datetime:
        """Return the time by the clock of the database."""
        answer = self.node.ask("select clock_timestamp()")
        assert isinstance(answer, datetime)
        return answer

    def backends(self) -> list[Backend]:
        """Return the connections of everybody but the administrator."""
        with psycopg.connect(self.conninfo) as connection:
            rows = connection.execute(BACKENDS).fetchall()
        return [Backend(user, started, int(serial)) for user, started, serial in rows]

    def is_renewed(self, since: datetime, user: str) -> bool:
        """Whether every connection is one that this user began after a moment."""
        backends = self.backends()
        return bool(backends) and all(
            backend.started > since and backend.user == user for backend in backends
        )

    def refused_logins(self, login: Login) -> list[datetime]:
        """Return when PostgreSQL has refused this user's password."""
        line = rf'^(\S+ \S+) .*: +password authentication failed for user "{login.user}"$'
        found = re.findall(line, self.node.log, re.MULTILINE)
        return [datetime.fromisoformat(time) for time in found]

    def secret(self, login: Login, **changed: str | None) -> dict[str, bytes]:
        """Return the secret with which a user comes in."""
        values: dict[str, str | None] = {
            "host": HOST,
            "port": str(self.node.port),
            "dbname": self.dbname,
            "user": login.user,
            "password": login.password,
            "sslmode": "require",
        }
        return page_secret(**(values | changed))


def write_plainly(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write a secret as plain files, one after the other: those that are other than before."""
    directory.mkdir(parents=True, exist_ok=True)
    for key, content in files.items():
        file = directory / key
        if not file.exists() or file.read_bytes() != content:
            fresh = directory / f".{key}"
            fresh.write_bytes(content)
            os.replace(fresh, file)  # noqa: PTH105 - the one word for it
