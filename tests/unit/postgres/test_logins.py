"""Which credentials are tried, and when: told to a server that knows which ones are good."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import cast

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pinakes.catalog.errors import CatalogUnavailable
from pinakes.postgres import logins
from pinakes.postgres.hosts import Connection
from pinakes.postgres.logins import PAUSE_SECONDS, Logins, LoginsPaused
from pinakes.telemetry.events import CredentialsRefused, CredentialsRenewed

REFUSED = 'FATAL:  password authentication failed for user "u"'


class World:
    """A secret, a server, a clock, and what is said of them."""

    def __init__(self) -> None:
        self.password = "one"
        self.accepted = {"one"}
        self.is_readable = self.is_up = True
        self.tried: list[str] = []
        self.events: list[object] = []
        self.now = 1000.0

    def describe(self) -> str:
        if not self.is_readable:
            raise CatalogUnavailable("password in the secret is missing")
        return f"host=/run user=u dbname=d password={self.password}"

    async def dial(self, conninfo: str) -> Connection:
        if not self.is_up:
            raise psycopg.OperationalError("connection refused")
        password = str(conninfo_to_dict(conninfo)["password"])
        self.tried.append(password)
        if password not in self.accepted:
            raise psycopg.OperationalError(REFUSED)
        return cast("Connection", password)

    def rotate(self, password: str) -> None:
        self.password = password


Story = Callable[[World, Logins], Coroutine[None, None, None]]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], World]:
    def tell(story: Story) -> World:
        world = World()
        monkeypatch.setattr(logins.time, "monotonic", lambda: world.now)
        asyncio.run(story(world, Logins(world.describe, world.dial, world.events.append)))
        return world

    return tell


Tell = Callable[[Story], World]


def test_the_newest_credentials_are_used_as_soon_as_they_are_there(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        await logins.connect()
        world.rotate("two")
        world.accepted = {"one", "two"}
        assert await logins.are_due()
        await logins.connect()
        assert not await logins.are_due()
        assert logins.changes == 1

    world = tell(story)
    assert world.tried == ["one", "two"]
    assert world.events == [CredentialsRenewed()]


def test_credentials_that_are_refused_leave_those_that_worked_in_use(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        await logins.connect()
        world.rotate("wrong")
        assert cast("str", await logins.connect()) == "one"
        assert cast("str", await logins.connect()) == "one"
        assert (logins.problem, logins.failure) == ("the login was refused", "")
        assert logins.changes == 0

    world = tell(story)
    assert world.tried == ["one", "wrong", "one", "one"]
    assert world.events == [CredentialsRefused("the login was refused")]


def test_after_a_refused_login_none_is_tried_for_a_while(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        world.rotate("wrong")
        with pytest.raises(psycopg.OperationalError, match="password"):
            await logins.connect()
        world.rotate("one")
        world.now += PAUSE_SECONDS - 0.1
        with pytest.raises(LoginsPaused):
            await logins.connect()
        world.now += 0.1
        await logins.connect()

    assert tell(story).tried == ["wrong", "one"]


def test_while_two_are_refused_no_more_logins_are_tried_than_with_one(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        await logins.connect()
        world.rotate("wrong")
        world.accepted = set()
        for _ in range(int(10 * PAUSE_SECONDS)):
            with pytest.raises(psycopg.OperationalError):
                await logins.connect()
            world.now += 1

    assert tell(story).tried[:5] == ["one", "wrong", "one", "wrong", "one"]
    assert len(tell(story).tried) <= 12  # one in five seconds, and one that was good until then


def test_a_server_that_is_away_is_tried_again_at_once(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        world.is_up = False
        with pytest.raises(psycopg.OperationalError):
            await logins.connect()
        world.is_up = True
        await logins.connect()

    world = tell(story)
    assert world.tried == ["one"]
    assert world.events == []


def test_a_database_that_changed_first_is_entered_when_the_secret_follows(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        await logins.connect()
        world.accepted = {"two"}
        with pytest.raises(psycopg.OperationalError):
            await logins.connect()
        world.now += 90
        world.rotate("two")
        assert await logins.are_due()
        await logins.connect_with_newest()
        assert logins.problem == ""

    world = tell(story)
    assert world.events == [CredentialsRefused("the login was refused"), CredentialsRenewed()]


def test_a_secret_that_cannot_be_read_leaves_what_worked_in_use(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        await logins.connect()
        world.is_readable = False
        assert not await logins.are_due()
        assert cast("str", await logins.connect()) == "one"
        world.is_readable = True
        assert await logins.are_due()
        await logins.connect_with_newest()
        assert logins.unreadable is None

    told = "password in the secret is missing"
    assert tell(story).events == [CredentialsRefused(told), CredentialsRenewed()]


def test_a_secret_that_could_never_be_read_is_told_with_its_reason(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        world.is_readable = False
        with pytest.raises(CatalogUnavailable, match="password in the secret is missing"):
            await logins.connect()

    assert tell(story).tried == []


def test_refused_credentials_are_told_once_however_often_they_are_tried(tell: Tell) -> None:
    async def story(world: World, logins: Logins) -> None:
        await logins.connect()
        world.rotate("wrong")
        for _ in range(3):
            world.now += PAUSE_SECONDS
            with pytest.raises(psycopg.OperationalError):
                await logins.connect_with_newest()

    assert tell(story).events == [CredentialsRefused("the login was refused")]
