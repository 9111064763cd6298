"""A catalogue is carried through TLS, which holds back what no socket tells of."""

import asyncio

import psycopg

from parts import SCHEMA, migrated, new_database
from pinakes.postgres.transfer.outgoing import outgoing
from tls.parts import Parts

SOME = """
    insert into pinakes.models
    select
        lpad(n::text, 5, '0'), 'default', 'name', '', '', '', '{}', '{}',
        to_json(repeat('x', n * 10)), null, now()
    from generate_series(1, 2000) n
"""


def test_an_export_through_tls_is_as_one_without(parts: Parts) -> None:
    database = migrated(new_database(parts.main.conninfo()))
    with psycopg.connect(database) as connection:
        connection.execute(SOME)
    plain, encrypted = (
        asyncio.run(models_of(f"{database} sslmode={mode}")) for mode in ("disable", "require")
    )
    assert plain.count(b"\n") == 2000
    assert encrypted == plain


async def models_of(conninfo: str) -> bytes:
    async with outgoing(conninfo, SCHEMA) as catalogue:
        return b"".join([lines async for lines, _ in catalogue.models()])
