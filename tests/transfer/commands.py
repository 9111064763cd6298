"""The two commands as processes, and as functions of this one."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from parts import SCHEMA, clean_environment, environment_of
from pinakes.catalog.model import ModelKey
from pinakes.catalog.revision import Change, Revision
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore
from pinakes.postgres.transfer.order import Difference, Mode, Order, Outcome
from pinakes.settings.environment import Settings, read_settings
from pinakes.transfers.exports import export_catalogue
from pinakes.transfers.files import import_file

BY = Change(actor="bob", door="import", request_id="an import")

Done = subprocess.CompletedProcess[bytes]


def pinakes(conninfo: str, *words: str | Path, stdin: bytes = b"") -> Done:
    """Run a command on a database, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pinakes", *map(str, words)],
        env=clean_environment() | environment_of(conninfo),
        input=stdin,
        capture_output=True,
        check=False,
    )


def settings_of(conninfo: str) -> Settings:
    described = environment_of(conninfo)
    return read_settings(described, data_directory=None, embedded_installed=False)


def exported(conninfo: str) -> bytes:
    """Return what an export writes."""
    file = io.BytesIO()
    asyncio.run(export_catalogue(settings_of(conninfo), file.write, _silent))
    return file.getvalue()


def imported(
    conninfo: str,
    text: bytes,
    *,
    mode: Mode = Mode.MERGE,
    is_dry: bool = False,
    differences: list[Difference] | None = None,
) -> Outcome:
    """Import a text."""
    found = [] if differences is None else differences
    order = Order(change=BY, mode=mode, is_dry=is_dry, on_difference=found.append)
    return asyncio.run(import_file(settings_of(conninfo), io.BytesIO(text), order, _silent))


def _silent(_what: str, _count: int) -> None:
    pass


def tell(conninfo: str, story: Callable[[PostgresStore], Awaitable[object]]) -> None:
    """Do something with the store over a database."""

    async def told() -> None:
        async with Pool(lambda: conninfo) as pool:
            await story(PostgresStore(pool, SCHEMA))

    asyncio.run(told())


def history(conninfo: str, key: ModelKey) -> list[Revision]:
    found: list[Revision] = []

    async def look(store: PostgresStore) -> None:
        found.extend(await store.list_revisions(key))

    tell(conninfo, look)
    return found


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
