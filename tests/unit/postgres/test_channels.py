"""Which channels are lent: told to channels that do nothing, made when the test lets them be."""

import asyncio
from typing import cast

from pinakes.postgres.channel import Channel
from pinakes.postgres.channels import Channels


class Idle:
    """A channel that is always good."""

    is_usable = True
    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


async def made_during_a_replacement() -> tuple[bool, bool]:
    """Say whether the channel begun before was lent, and whether it was closed."""
    made: list[Idle] = []
    may_be_made = asyncio.Event()

    async def make() -> Channel:
        channel = Idle()
        made.append(channel)
        await may_be_made.wait()
        return cast("Channel", channel)

    channels = Channels(make, most=1, most_waiting=1)
    channels.open()
    await asyncio.sleep(0)  # for the first to be begun
    channels.drain()
    may_be_made.set()
    taken = await channels.take(10)
    channels.give_back(taken)
    await channels.close()
    return taken is cast("Channel", made[0]), made[0].is_closed


def test_a_channel_begun_before_all_were_replaced_is_replaced_as_well() -> None:
    """It may have been made with what is no longer to be used."""
    assert asyncio.run(made_during_a_replacement()) == (False, True)
