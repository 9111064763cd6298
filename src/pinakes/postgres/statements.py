"""Load the named statements of ``sql/``: every one that is not composed stands there.

A statement begins with ``-- name: its_name`` and goes on to the next. ``{schema}`` stands for the
schema of the catalogue, which every statement names: ``search_path`` is never relied on.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import LiteralString, cast

from psycopg import sql

FOLDER = resources.files("pinakes.postgres") / "sql"
FILES = ("models.sql", "runtime.sql", "migrations.sql", "transfer.sql")
NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_statements(schema: str) -> Mapping[str, bytes]:
    """Return the statements by name, written for one schema."""
    text = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES)
    _, *parts = NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    return {name: for_schema(body, schema) for name, body in zip(names, bodies, strict=True)}


def for_schema(text: str, schema: str) -> bytes:
    """Write the text of a shipped file for one schema.

    The one place where text counts as a literal that the type checker has not seen: it comes from
    a file of ours.
    """
    statement = sql.SQL(cast("LiteralString", text))
    return statement.format(schema=sql.Identifier(schema)).as_bytes()


def quoted(name: str) -> str:
    """Write a name as SQL takes it, whatever stands in it."""
    return sql.Identifier(name).as_string()
