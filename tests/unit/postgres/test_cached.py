"""A password is kept, renewed and fetched once for all, by a clock that the test turns."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from pinakes.postgres.passwords.cached import RETRY_SECONDS, CachedPasswords
from pinakes.postgres.passwords.source import Login, Password, PasswordUnavailable
from pinakes.telemetry.events import Event, PasswordFetched, PasswordNotFetched

LIFE = 900.0
LOGIN = Login("db.example", 5432, "pinakes")
OTHER = Login("db.example", 5432, "another")


class Place:
    """A source that gives p1, p2 ... or fails, each time when it is let to; and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.life = LIFE
        self.fetched = 0
        self.problem = ""
        self.gate: asyncio.Event | None = None
        self.events: list[Event] = []
        self.source = CachedPasswords("test", self.fetch, self.events.append, lambda: self.now)

    async def fetch(self, login: Login) -> Password:
        del login
        self.fetched += 1
        given = f"p{self.fetched}"
        if self.gate is not None:
            await self.gate.wait()
        if self.problem:
            raise PasswordUnavailable(self.problem)
        return Password(given, self.life)

    async def password(self, login: Login = LOGIN) -> str:
        """Ask for the password, and let what this begins beside come to its end."""
        password = await self.source.password(login)
        await self.settle()
        return password

    async def refusal(self) -> str:
        with pytest.raises(PasswordUnavailable) as refusal:
            await self.source.password(LOGIN)
        return str(refusal.value)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def readings(self) -> dict[str, float]:
        return {reading.name: reading.value for reading in self.source.readings()}


def story(tell: Callable[[Place], Awaitable[None]]) -> Callable[[], None]:
    """Make a test of a coroutine that is given a place."""

    def test() -> None:
        async def run() -> None:
            await tell(Place())

        asyncio.run(run())

    test.__name__ = tell.__name__
    return test


@story
async def test_a_password_is_kept_until_80_percent_of_its_life(place: Place) -> None:
    assert await place.password() == "p1"
    place.now += 0.8 * LIFE - 1
    assert await place.password() == "p1"
    assert place.fetched == 1
    place.now += 1
    assert await place.password() == "p1"
    assert place.fetched == 2
    assert await place.password() == "p2"


@story
async def test_nobody_waits_for_a_renewal_while_the_last_one_opens(place: Place) -> None:
    await place.password()
    place.now += 0.9 * LIFE
    place.gate = asyncio.Event()
    assert await place.password() == "p1"
    assert await place.password() == "p1"
    assert place.fetched == 2
    place.gate.set()
    await place.settle()
    assert await place.password() == "p2"


@story
async def test_an_expired_password_is_never_given(place: Place) -> None:
    await place.password()
    place.now += LIFE
    assert await place.password() == "p2"
    place.now += LIFE
    place.problem = "the vault is sealed"
    assert "the vault is sealed" in await place.refusal()


@story
async def test_all_who_ask_at_once_share_one_fetch(place: Place) -> None:
    place.gate = asyncio.Event()
    asking = [asyncio.create_task(place.source.password(LOGIN)) for _ in range(50)]
    await place.settle()
    place.gate.set()
    assert set(await asyncio.gather(*asking)) == {"p1"}
    assert place.fetched == 1


@story
async def test_one_who_gives_up_takes_nothing_from_the_others(place: Place) -> None:
    place.gate = asyncio.Event()
    impatient, patient = (asyncio.create_task(place.source.password(LOGIN)) for _ in range(2))
    await place.settle()
    impatient.cancel()
    await place.settle()
    place.gate.set()
    assert await patient == "p1"
    assert place.fetched == 1


@story
async def test_after_a_refusal_the_next_password_is_a_new_one(place: Place) -> None:
    await place.password()
    place.source.refuse()
    assert await place.password() == "p2"
    assert await place.password() == "p2"
    assert place.fetched == 2


@story
async def test_a_refusal_and_a_failure_leave_the_last_password(place: Place) -> None:
    await place.password()
    place.source.refuse()
    place.problem = "the vault is sealed"
    assert await place.password() == "p1"
    place.now += RETRY_SECONDS
    place.problem = ""
    assert await place.password() == "p3"


@story
async def test_after_a_failure_the_source_rests(place: Place) -> None:
    place.problem = "the vault is sealed"
    for _ in range(10):
        assert "the vault is sealed" in await place.refusal()
    assert place.fetched == 1
    place.now += RETRY_SECONDS
    place.problem = ""
    assert await place.password() == "p2"


@story
async def test_another_login_gets_a_password_of_its_own(place: Place) -> None:
    assert await place.password() == "p1"
    assert await place.password(OTHER) == "p2"
    assert await place.password(LOGIN) == "p3"


@story
async def test_the_answer_for_a_former_login_is_not_kept_for_the_new_one(place: Place) -> None:
    place.gate = asyncio.Event()
    former = asyncio.create_task(place.source.password(LOGIN))
    await place.settle()
    asking = asyncio.create_task(place.source.password(OTHER))
    await place.settle()
    place.gate.set()
    assert await asking == "p2"
    with suppress(PasswordUnavailable):
        await former
    assert await place.password(OTHER) == "p2"


@story
async def test_a_failure_is_told_when_it_begins_changes_and_ends(place: Place) -> None:
    await place.password()
    for problem in ["sealed", "sealed", "away", ""]:
        place.problem = problem
        place.now += LIFE
        with suppress(PasswordUnavailable):
            await place.password()
    assert place.events == [
        PasswordFetched("test"),
        PasswordNotFetched("test", "sealed"),
        PasswordNotFetched("test", "away"),
        PasswordFetched("test"),
    ]
    assert place.readings()["pinakes_password_failures"] == 3


@story
async def test_age_and_expiry_are_told_once_there_is_a_password(place: Place) -> None:
    assert place.readings() == {"pinakes_password_failures": 0}
    await place.password()
    place.now += 100
    assert place.readings() == {
        "pinakes_password_age_seconds": 100,
        "pinakes_password_expiry_seconds": LIFE - 100,
        "pinakes_password_failures": 0,
    }


@story
async def test_a_fault_of_the_source_is_a_failure_without_its_words(place: Place) -> None:
    async def break_down(_: Login) -> Password:
        raise RuntimeError("token hunter2")

    source = CachedPasswords("test", break_down, place.events.append, lambda: place.now)
    with pytest.raises(PasswordUnavailable, match="RuntimeError") as refusal:
        await source.password(LOGIN)
    assert "hunter2" not in str(refusal.value)


async def kept_fresh(place: Place, seconds: float) -> None:
    """Let time pass, second by second, for who keeps the password fresh."""

    class EndOfTimeError(Exception):
        pass

    end = place.now + seconds

    async def sleep(pause: float) -> None:
        place.now += pause
        if place.now > end:
            raise EndOfTimeError

    with pytest.raises(EndOfTimeError):
        await place.source.keep_fresh(sleep)


@story
async def test_a_password_is_renewed_at_80_percent_though_nobody_asks(place: Place) -> None:
    await place.password()
    await kept_fresh(place, 0.8 * LIFE - 1)
    assert place.fetched == 1
    await kept_fresh(place, 2)
    assert place.fetched == 2
    assert await place.password() == "p2"
    await kept_fresh(place, 10 * LIFE)
    assert place.fetched == 14


@story
async def test_nothing_is_fetched_before_the_first_login(place: Place) -> None:
    await kept_fresh(place, 2 * LIFE)
    assert place.fetched == 0


@story
async def test_a_failed_renewal_is_tried_again_every_few_seconds(place: Place) -> None:
    await place.password()
    place.problem = "sealed"
    await kept_fresh(place, 0.8 * LIFE + 4 * RETRY_SECONDS)
    assert place.fetched == 6
    assert await place.password() == "p1"
