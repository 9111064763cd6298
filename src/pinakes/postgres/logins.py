"""How the server logs in: with the newest credentials that work, and so that nobody is locked out.

What is configured may change while we run: a mounted secret is replaced, a token runs out. It is
read anew for every connection, and what does not work never takes the place of what does.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from inspect import isawaitable

import psycopg

from pinakes.catalog.errors import CatalogError
from pinakes.postgres.errors import ConnectFailure, explain_connect_failure
from pinakes.postgres.hosts import Connection, Dial, Hosts
from pinakes.telemetry.events import CredentialsRefused, CredentialsRenewed
from pinakes.telemetry.readings import Reading

PAUSE_SECONDS = 5.0
"""Between a refused login and the next: a server may lock out who comes more often."""

LONG_AGO = float("-inf")

Describe = Callable[[], str | Awaitable[str]]
"""Says how to connect now. Raises CatalogError where that cannot be known."""

Notice = Callable[[CredentialsRefused | CredentialsRenewed], None]


class LoginsPaused(psycopg.OperationalError):
    """No login was tried, for the last one was refused a moment ago."""


class Logins:
    """Makes connections, one after the other: with the newest credentials, or those that worked.

    ``notice`` is told when the newest do not work, and when they do again; ``refuse`` is called
    when a server refuses a login, so that the next description can be a new one.
    """

    def __init__(
        self,
        describe: Describe,
        dial: Dial,
        notice: Notice,
        refuse: Callable[[], None] = lambda: None,
    ) -> None:
        self._describe = describe
        self._refuse = refuse
        self._hosts = Hosts(dial)
        self._notice = notice
        self._one_at_a_time = asyncio.Lock()
        self._newest = ""
        self._good = ""
        self._failed_at: dict[str, float] = {}
        self._refused_at = LONG_AGO
        self._failures: Counter[str] = Counter()
        self.changes = 0
        """How often other credentials than before came into use."""
        self.problem = ""
        """Why the newest credentials are not in use; empty where they are."""
        self.failure = ""
        """Why the last connection could not be made; empty where it could."""
        self.unreadable: CatalogError | None = None
        """Why the newest credentials are not known; None where they are."""

    @property
    def have_worked(self) -> bool:
        """Whether any credentials ever did."""
        return bool(self._good)

    def readings(self) -> Iterator[Reading]:
        """Tell whether the newest credentials are in use, and what failed since the start."""
        description = "Whether the newest credentials for the database are in use: 1, else 0"
        yield Reading("pinakes_credentials_current", description, not self.problem)
        description = "Connections not made, by class"
        for kind, count in self._failures.items():
            yield Reading("pinakes_connect_failures", description, count, ("class", kind))

    async def are_due(self) -> bool:
        """Read the newest credentials; say whether they are not in use but may be tried now."""
        try:
            newest = await self._read()
        except CatalogError:
            return False
        is_idle = newest == self._good and not self.problem
        return not is_idle and time.monotonic() >= self._last_failure(newest) + PAUSE_SECONDS

    async def connect_with_newest(self) -> Connection:
        """Make a connection with the newest credentials, and no others.

        Raises CatalogError or psycopg.Error.
        """
        async with self._one_at_a_time:
            return await self._try(await self._read())

    async def connect(self) -> Connection:
        """Make a connection; what worked last is the way out where the newest does not work.

        Raises CatalogError or psycopg.Error.
        """
        async with self._one_at_a_time:
            first, *others = await self._worth_trying()
            try:
                connection = await self._try(first)
            except psycopg.Error:
                if not others:
                    raise
                connection = await self._try(others[0])
            self.failure = ""
            return connection

    async def _read(self) -> str:
        try:
            described = self._describe()
            self._newest = await described if isawaitable(described) else described
        except CatalogError as error:
            self._newest, self.unreadable = "", error.with_traceback(None)
            self._tell_problem(str(error))
            raise
        self.unreadable = None
        return self._newest

    async def _worth_trying(self) -> list[str]:
        """Return the newest credentials and those that worked; what failed last comes last."""
        try:
            newest = await self._read()
        except CatalogError as error:
            if not self._good:
                self._note(ConnectFailure("configuration", str(error)))
                raise
            return [self._good]
        return sorted({newest: None, self._good or newest: None}, key=self._last_failure)

    def _last_failure(self, conninfo: str) -> float:
        return self._failed_at.get(conninfo, LONG_AGO)

    async def _try(self, conninfo: str) -> Connection:
        self._check_pause(conninfo)
        try:
            connection = await self._hosts.connect(conninfo)
        except psycopg.Error as error:
            self._learn_failure(conninfo, explain_connect_failure(error))
            raise
        self._learn_success(conninfo)
        return connection

    def _check_pause(self, conninfo: str) -> None:
        """Raise LoginsPaused where these may be refused, and somebody was a moment ago."""
        is_trusted = conninfo == self._good and conninfo not in self._failed_at
        if not is_trusted and time.monotonic() < self._refused_at + PAUSE_SECONDS:
            raise LoginsPaused("the last login was refused a moment ago")

    def _learn_failure(self, conninfo: str, failure: ConnectFailure) -> None:
        self._note(failure)
        now = time.monotonic()
        is_new = bool(self._good) and conninfo != self._good
        if failure.is_refusal:
            self._refused_at = now
            self._refuse()
        if failure.is_refusal or is_new:
            self._failed_at = {**self._still_of_use(), conninfo: now}
            self._tell_problem(failure.told)

    def _still_of_use(self) -> dict[str, float]:
        known = (self._newest, self._good)
        return {conninfo: at for conninfo, at in self._failed_at.items() if conninfo in known}

    def _learn_success(self, conninfo: str) -> None:
        self._failed_at.pop(conninfo, None)
        is_change = bool(self._good) and conninfo != self._good
        self._good = conninfo
        self.changes += is_change
        if conninfo == self._newest and (is_change or self.problem):
            self.problem = ""
            self._notice(CredentialsRenewed())

    def _tell_problem(self, told: str) -> None:
        if told != self.problem:
            self.problem = told
            self._notice(CredentialsRefused(told))

    def _note(self, failure: ConnectFailure) -> None:
        self.failure = failure.told
        self._failures[failure.kind] += 1
