"""Which server is tried, in which order: told to a driver that writes down what it is asked."""

import asyncio
from typing import cast

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pinakes.postgres import hosts
from pinakes.postgres.hosts import Connection, Hosts

TWO = "host=10.0.0.1,10.0.0.2 port=5432 user=u dbname=d sslmode=require"
REFUSED = 'FATAL:  password authentication failed for user "u"'
SILENT = "connection timeout expired"


class Driver:
    """Lets nobody in but at the addresses that are open; what it says of the others is given."""

    def __init__(self, says: dict[str, str]) -> None:
        self._says = says
        self.tried: list[str] = []

    async def dial(self, conninfo: str) -> Connection:
        asked = conninfo_to_dict(conninfo)
        address = str(asked.get("hostaddr", asked["host"]))
        self.tried.append(address)
        if said := self._says.get(address):
            raise psycopg.OperationalError(said)
        return cast("Connection", address)

    def tried_at_once(self, conninfo: str, times: int = 1) -> list[str]:
        """Connect some times; return what was tried the last time."""

        async def connect() -> None:
            servers = Hosts(self.dial)
            for _ in range(times):
                self.tried.clear()
                await servers.connect(conninfo)

        asyncio.run(connect())
        return self.tried


def test_servers_are_tried_in_their_order() -> None:
    assert Driver({"10.0.0.1": SILENT}).tried_at_once(TWO) == ["10.0.0.1", "10.0.0.2"]


def test_the_right_server_is_tried_first_from_then_on() -> None:
    assert Driver({"10.0.0.1": SILENT}).tried_at_once(TWO, times=2) == ["10.0.0.2"]


def test_a_refusal_at_one_server_is_none_at_another() -> None:
    assert Driver({"10.0.0.1": REFUSED}).tried_at_once(TWO) == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(("said", "tried"), [(REFUSED, ["::1"]), (SILENT, ["::1", "127.0.0.1"])])
def test_who_is_refused_at_one_address_does_not_try_another_of_the_same_server(
    monkeypatch: pytest.MonkeyPatch, said: str, tried: list[str]
) -> None:
    async def both(_: object) -> list[str]:
        return ["::1", "127.0.0.1"]

    monkeypatch.setattr(hosts, "look_up", both)
    driver = Driver({"::1": said, "127.0.0.1": said})
    with pytest.raises(psycopg.OperationalError, match=said):
        driver.tried_at_once("host=db.example user=u dbname=d sslmode=require")
    assert driver.tried == tried


def test_every_server_is_told_of_where_none_is_right() -> None:
    driver = Driver({"10.0.0.1": SILENT, "10.0.0.2": REFUSED})
    with pytest.raises(psycopg.OperationalError) as caught:
        driver.tried_at_once(TWO)
    assert SILENT in str(caught.value)
    assert REFUSED in str(caught.value)


def test_a_standby_is_looked_for_everywhere_before_any_server_will_do() -> None:
    says = {"10.0.0.1": "server is not in hot standby mode"}
    driver = Driver(says)
    asyncio.run(Hosts(driver.dial).connect(f"{TWO} target_session_attrs=prefer-standby"))
    assert driver.tried == ["10.0.0.1", "10.0.0.2"]


def test_who_is_refused_while_a_standby_is_looked_for_is_not_tried_again() -> None:
    driver = Driver({"10.0.0.1": REFUSED, "10.0.0.2": "server is not in hot standby mode"})
    with pytest.raises(psycopg.OperationalError):
        driver.tried_at_once(f"{TWO} target_session_attrs=prefer-standby")
    assert driver.tried == ["10.0.0.1", "10.0.0.2", "10.0.0.2"]


def test_the_directory_of_a_socket_is_no_name_to_look_up() -> None:
    assert Driver({}).tried_at_once("host=/run/postgresql dbname=d") == ["/run/postgresql"]


def test_a_name_that_nobody_knows_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(_: object) -> list[str]:
        raise OSError

    monkeypatch.setattr(hosts, "look_up", nobody)
    with pytest.raises(psycopg.OperationalError, match="resolve"):
        Driver({}).tried_at_once("host=no-such-host.invalid dbname=d")


@pytest.mark.parametrize(
    ("said", "modes"),
    [
        (REFUSED, ["require"]),
        (SILENT, ["require"]),
        ("server does not support SSL", ["require", "disable"]),
        ("no pg_hba.conf entry for host", ["require", "disable"]),
    ],
)
def test_what_another_mode_would_not_mend_is_not_tried_in_it(said: str, modes: list[str]) -> None:
    tried: list[str] = []

    async def dial(conninfo: str) -> Connection:
        tried.append(str(conninfo_to_dict(conninfo)["sslmode"]))
        raise psycopg.OperationalError(said)

    with pytest.raises(psycopg.OperationalError):
        asyncio.run(Hosts(dial).connect("host=10.0.0.1 user=u dbname=d sslmode=prefer"))
    assert tried == modes
