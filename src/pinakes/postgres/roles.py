"""Write the script that gives the catalogue its two roles."""

import re

from psycopg.sql import Identifier, quote

from pinakes.postgres.statements import FOLDER

ROLE_NAME = re.compile(r"[^$\x00-\x1f\x7f]+")
MAX_BYTES = 63
"""PostgreSQL cuts longer names off."""


class RoleNameError(ValueError):
    """A role cannot have this name."""


def write_roles(schema: str, owner: str, runtime: str) -> str:
    """Write what an administrator of the database runs: no harm in running it again.

    Raises RoleNameError.
    """
    for name in (owner, runtime):
        _check(name)
    if owner == runtime:
        raise RoleNameError(f"owner and runtime role are both {owner!r}; one role needs no script")
    text = (FOLDER / "roles.sql").read_text(encoding="utf-8")
    return text.format(
        schema=Identifier(schema).as_string(),
        schema_text=quote(schema),
        owner=Identifier(owner).as_string(),
        owner_text=quote(owner),
        runtime=Identifier(runtime).as_string(),
        runtime_text=quote(runtime),
    )


def _check(name: str) -> None:
    if not ROLE_NAME.fullmatch(name) or len(name.encode()) > MAX_BYTES:
        raise RoleNameError(
            f"a role cannot be named {name!r}: expected 1 to {MAX_BYTES} bytes without $ and"
            " control characters"
        )
