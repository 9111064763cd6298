"""A password is kept while it is fresh, renewed in time, and fetched once for all who wait."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from pinakes.postgres.passwords.source import Fetch, Login, Password, PasswordUnavailable
from pinakes.telemetry.events import Event, PasswordFetched, PasswordNotFetched
from pinakes.telemetry.readings import Reading

FRESH_SHARE = 0.8
"""How much of its life a password is used before the next one is fetched."""
WAIT_SECONDS = 12.0
"""How long a connection waits for a password: a little longer than a command may take."""
RETRY_SECONDS = 5.0
"""After a failure nobody is asked again for so long, however many want to connect."""
LOOK_SECONDS = 1.0
"""How often it is looked whether a renewal is due."""

AGE = "pinakes_password_age_seconds"
EXPIRY = "pinakes_password_expiry_seconds"
FAILURES = "pinakes_password_failures"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A password that was fetched for a login, and its times by our clock."""

    login: Login
    text: str = field(repr=False)
    began: float
    expires: float

    @property
    def due(self) -> float:
        """When it is to be renewed."""
        return self.began + FRESH_SHARE * (self.expires - self.began)


class CachedPasswords:
    """The passwords of one source, which ``name`` tells in events.

    A renewal that fails leaves the last password in use until it expires; so does one that follows
    a refusal, for it may be the server that is wrong. A failure is told when it begins and when its
    reason changes, and so is its end.
    """

    def __init__(
        self,
        name: str,
        fetch: Fetch,
        notice: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._notice = notice
        self._clock = clock
        self._kept: _Kept | None = None
        self._is_refused = False
        self._asked: Login | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._problem = ""
        self._failed = float("-inf")
        self._failures = 0

    async def password(self, login: Login) -> str:
        """Return the password for a login; nobody waits while the one that is kept still opens.

        Raises PasswordUnavailable where there is none, and says why.
        """
        kept = self._usable(login)
        if kept is None or self._is_refused:
            await asyncio.wait({self._fetch_again(login)}, timeout=WAIT_SECONDS)
            kept = self._usable(login)
        elif self._clock() >= kept.due:
            self._fetch_again(login)
        if kept is None:
            problem = self._problem or "its source has not answered yet"
            raise PasswordUnavailable(f"there is no password for the database: {problem}")
        return kept.text

    def refuse(self) -> None:
        """Fetch a new one when next asked: the server did not take the last."""
        self._is_refused = True

    async def keep_fresh(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Renew the password of the login that was last asked for, without end."""
        while True:
            await sleep(LOOK_SECONDS)
            if self._asked is not None and self._is_due(self._asked):
                await asyncio.wait({self._fetch_again(self._asked)})

    def readings(self) -> Iterator[Reading]:
        """Tell of the password that is kept, and of failures since the start."""
        if kept := self._kept:
            now = self._clock()
            yield Reading(AGE, "Seconds since the password was fetched", now - kept.began)
            yield Reading(EXPIRY, "Seconds until the password expires", kept.expires - now)
        yield Reading(FAILURES, "Times that no password was to be had", self._failures)

    def _usable(self, login: Login) -> _Kept | None:
        kept = self._kept
        is_usable = kept and kept.login == login and self._clock() < kept.expires
        return kept if is_usable else None

    def _is_due(self, login: Login) -> bool:
        kept = self._usable(login)
        return kept is None or self._clock() >= kept.due

    def _fetch_again(self, login: Login) -> asyncio.Task[None]:
        """Return the fetch under way, or the last one where it failed just now, or a new one."""
        fetching = self._fetching
        if fetching is None or login != self._asked or (fetching.done() and not self._rests()):
            if fetching is not None:
                fetching.cancel()  # nobody comes in as that one any more
            self._asked = login
            fetching = self._fetching = asyncio.create_task(self._fetch_for(login))
        return fetching

    def _rests(self) -> bool:
        return self._clock() - self._failed < RETRY_SECONDS

    async def _fetch_for(self, login: Login) -> None:
        began = self._clock()
        try:
            self._keep(login, await self._fetch(login), began)
        except PasswordUnavailable as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - those who wait are told, whatever it is
            self._fail(f"{type(error).__name__} while it was fetched")

    def _keep(self, login: Login, password: Password, began: float) -> None:
        is_news = self._kept is None or bool(self._problem)
        self._kept = _Kept(login, password.text, began, began + password.seconds)
        self._is_refused, self._problem, self._failed = False, "", float("-inf")
        if is_news:
            self._notice(PasswordFetched(self._name))

    def _fail(self, problem: str) -> None:
        is_news = problem != self._problem
        self._problem, self._failed = problem, self._clock()
        self._failures += 1
        if is_news:
            self._notice(PasswordNotFetched(self._name, problem))
