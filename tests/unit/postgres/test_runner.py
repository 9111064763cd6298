"""On which connections statements are run: told to a lender that writes down what is asked."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from pinakes.postgres.channel import Channel
from pinakes.postgres.errors import AnswerLost
from pinakes.postgres.runner import Runner
from pinakes.postgres.statement import numbered

NOTHING = numbered(b"")


class Lender:
    """Lends connections that die at once."""

    def __init__(self) -> None:
        self.tested: list[bool] = []

    @asynccontextmanager
    async def connection(self, *, tested: bool = False) -> AsyncGenerator[Channel]:
        self.tested.append(tested)
        raise AnswerLost("the connection to the database was lost")
        yield

    async def renew(self) -> bool:
        return False

    def warnings(self) -> Sequence[str]:
        return ()


def test_a_read_is_repeated_once_on_a_connection_that_has_answered_just_then() -> None:
    lender = Lender()
    with pytest.raises(AnswerLost):
        asyncio.run(Runner(lender, NOTHING).read(NOTHING, {}))
    assert lender.tested == [False, True]
