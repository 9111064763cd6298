"""The servers that a connection string names: which are tried, in which order, and how."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pinakes.postgres.connection import is_address
from pinakes.postgres.errors import explain_connect_failure
from pinakes.postgres.statement import Row

RESOLVE_SECONDS = 3

MODES_IN_TURN = {"prefer": ["require", "disable"], "allow": ["disable", "require"]}
"""What these two mean; libpq's own second try would send a password that was refused again."""

Connection = psycopg.AsyncConnection[Row]
Dial = Callable[[str], Awaitable[Connection]]
Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Host:
    """One server, by the name and port that the configuration gives it."""

    name: str
    port: str


class Hosts:
    """Connects to the first server that is what was asked for.

    The one that was it last is tried first, so that one before it that is silent costs its
    ``connect_timeout`` once and not with every connection. The driver's own way through a list
    would try a refused password at every address of a server.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._preferred: Host | None = None

    async def connect(self, conninfo: str) -> Connection:
        """Connect to one of the servers. Raises psycopg.Error, which tells of each of them."""
        parameters = read_conninfo(conninfo)
        failures: list[str] = []
        worth_trying = sorted(hosts_of(parameters), key=lambda host: host != self._preferred)
        for session in sessions_of(parameters):
            asked = {**parameters, "target_session_attrs": session}
            for host in [*worth_trying]:
                try:
                    connection = await self._connect_to(host, asked)
                except psycopg.Error as error:
                    failures.append(str(error))
                    if explain_connect_failure(error).is_of_login:
                        worth_trying.remove(host)
                else:
                    self._preferred = host
                    return connection
        raise psycopg.OperationalError("\n".join(failures))

    async def _connect_to(self, host: Host, parameters: Parameters) -> Connection:
        """Try one address of a server after the other, until the password is refused."""
        failures: list[str] = []
        for ways in await ways_to(host, parameters):
            try:
                return await self._connect_by(ways)
            except psycopg.Error as error:
                failures.append(str(error))
                if explain_connect_failure(error).is_of_login:
                    break
        raise psycopg.OperationalError("\n".join(failures))

    async def _connect_by(self, ways: Sequence[str]) -> Connection:
        """Try an address with and without TLS, unless it is silent or refuses the password."""
        failures: list[str] = []
        for way in ways:
            try:
                return await self._dial(way)
            except psycopg.Error as error:
                failures.append(str(error))
                why = explain_connect_failure(error)
                if why.is_of_login or why.is_silence:
                    break
        raise psycopg.OperationalError("\n".join(failures))


def read_conninfo(conninfo: str) -> dict[str, str]:
    """Read a connection string, by libpq's keywords."""
    return {keyword: str(value) for keyword, value in conninfo_to_dict(conninfo).items()}


def hosts_of(parameters: Parameters) -> list[Host]:
    """Return the servers as they are named; one port may be that of all of them."""
    names = parameters["host"].split(",")
    ports = parameters.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(names)
    return [Host(name, port or "5432") for name, port in zip(names, ports, strict=True)]


def sessions_of(parameters: Parameters) -> list[str]:
    """Return what is asked of a server, one round over all servers after the other."""
    asked = parameters.get("target_session_attrs", "any")
    return ["standby", "any"] if asked == "prefer-standby" else [asked]


async def ways_to(host: Host, parameters: Parameters) -> list[list[str]]:
    """Return, for each address of a server, connection strings with and without TLS if need be.

    Raises OperationalError where the name is not known, or nobody says in time.
    """
    one = {**parameters, "host": host.name, "port": host.port}
    if host.name.startswith(("/", "@")):
        return [[make_conninfo(**one)]]
    asked = parameters.get("sslmode", "prefer")
    return [
        [
            make_conninfo(**{**one, **address, "sslmode": mode})
            for mode in MODES_IN_TURN.get(asked, [asked])
        ]
        for address in await _addresses_of(host, parameters)
    ]


async def _addresses_of(host: Host, parameters: Parameters) -> list[dict[str, str]]:
    if is_address(host.name) or "hostaddr" in parameters:
        return [{}]
    try:
        async with asyncio.timeout(int(parameters.get("connect_timeout", RESOLVE_SECONDS))):
            return [{"hostaddr": address} for address in await look_up(host)]
    except (OSError, UnicodeError) as error:
        raise psycopg.OperationalError("failed to resolve the name of a host") from error


async def look_up(host: Host) -> list[str]:
    """Return the addresses that a name has. Raises OSError or UnicodeError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host.name, int(host.port), type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
