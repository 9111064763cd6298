"""Import of a file, joined: its lines on one side, our database on the other."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from typing import BinaryIO, TypeVar

from pinakes.database import opened_database
from pinakes.postgres.transfer.incoming import incoming
from pinakes.postgres.transfer.order import Mode, Order, Outcome
from pinakes.settings.environment import Settings
from pinakes.transfers.progress import Progress
from pinakes.wire.portable.reading import PortableReader, Problem

Result = TypeVar("Result")


class FileRefused(Exception):
    """A file cannot be imported, and nothing of it was."""

    def __init__(self, problems: Sequence[Problem], untold: int = 0) -> None:
        super().__init__(f"{len(problems) + untold} problems")
        self.problems = problems
        self.untold = untold


async def import_file(
    settings: Settings, stream: BinaryIO, order: Order, progress: Progress
) -> Outcome:
    """Make the catalogue what a file says, in one transaction.

    Raises FileRefused, CatalogError, TransferError, or what the embedded PostgreSQL does; then
    nothing has changed.
    """
    reader = PortableReader(stream)
    async with (
        opened_database(settings) as describe,
        incoming(await describe(), settings.schema, order, Outcome()) as catalogue,
        aclosing(_ahead(reader.next_batch)) as batches,
    ):
        count = 0
        async for batch in batches:
            _check_mode(reader, order)
            if not reader.problems:
                await catalogue.take(batch.revisions, batch.models, batch.runtime)
            count += len(batch.revisions) + len(batch.models) + len(batch.runtime)
            progress("lines", count)
        _check_mode(reader, order)
        if reader.problems:
            raise FileRefused(reader.problems, reader.untold)
        await catalogue.finish()
        return catalogue.outcome


def _check_mode(reader: PortableReader, order: Order) -> None:
    """Let only an export replace: of a file without a manifest nobody knows whether it is whole."""
    if order.mode is Mode.REPLACE and not reader.is_export:
        told = "the file is no export with a manifest, so it may be cut: --mode replace needs one"
        raise FileRefused([Problem(0, told)])


async def _ahead(make: Callable[[], Result | None]) -> AsyncGenerator[Result, None]:
    """Yield what is made, until it is None, while a thread makes the next one."""
    next_one = _in_a_thread(make)
    while (one := await next_one) is not None:
        next_one = _in_a_thread(make)
        yield one


def _in_a_thread(make: Callable[[], Result]) -> "asyncio.Future[Result]":
    """Call what may block. Nobody waits for it at the end, as for a pipe that says nothing."""
    done: Future[Result] = Future()

    def run() -> None:
        done.set_running_or_notify_cancel()
        try:
            done.set_result(make())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(done)
