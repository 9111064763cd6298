"""The keys of one issuer: read now and again, kept for when it is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from pinakes.auth.errors import ProviderUnreachable, TokenRefused
from pinakes.auth.fetch import Fetch, FetchError
from pinakes.auth.keys import Key, read_keys
from pinakes.telemetry.events import Event, KeysRead, KeysUnreadable

READ_SECONDS = 10.0
"""How long one reading may take ..."""
WAIT_SECONDS = 3.0
"""... and how long a request waits for it: all of its waits end within ten seconds."""
PAUSE_SECONDS = 10.0
"""Between the beginnings of two readings, however many unknown keys are named meanwhile."""
FRESH_SECONDS = 300.0
"""Keys this old are read again, beside the requests: so one that was withdrawn is noticed."""
RETRY_SECONDS = 30.0
"""The same, while they cannot be read."""

MAX_SHOWN = 100


class Provider:
    """Knows the keys of an issuer; what it once knew it keeps until the issuer says otherwise."""

    def __init__(
        self,
        issuer: str,
        fetch: Fetch,
        notice: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.generation = 0
        """Changes whenever the keys do: what was verified before is verified anew."""
        self._issuer = issuer
        self._fetch = fetch
        self._notice = notice
        self._clock = clock
        self._keys: Mapping[str, Key] = {}
        self._began = float("-inf")
        self._reading: asyncio.Task[bool] | None = None

    async def keep_reading(
        self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        """Read the keys now, and then again and again, without end."""
        while True:
            was_read = await self._read_again()
            await sleep(FRESH_SECONDS if was_read else RETRY_SECONDS)

    async def key(self, key_id: str) -> Key:
        """Return a key by its id; a token without an id (``""``) means the only key there is.

        Raises TokenRefused where there is none, and ProviderUnreachable where nobody knows.
        """
        if self._find(key_id) is None:
            await asyncio.wait({self._read_again()}, timeout=WAIT_SECONDS)
        if not self._keys:
            raise ProviderUnreachable(f"the keys of {self._issuer} could not be read so far")
        if (key := self._find(key_id)) is None:
            raise TokenRefused(f"{self._issuer} has no key {key_id[:MAX_SHOWN]!r}")
        return key

    def _find(self, key_id: str) -> Key | None:
        if not key_id and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    def _read_again(self) -> asyncio.Task[bool]:
        """Return the reading under way, or the last one where it began just now, or a new one."""
        now = self._clock()
        if self._reading is None or (self._reading.done() and now - self._began >= PAUSE_SECONDS):
            self._began = now
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> bool:
        """Read the keys, and say whether they could be."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                self._keep(await read_keys(self._issuer, self._fetch))
        except FetchError as error:
            self._notice(KeysUnreadable(self._issuer, str(error)))
        except TimeoutError:
            self._notice(KeysUnreadable(self._issuer, "it did not answer in time"))
        except Exception as error:  # noqa: BLE001 - nobody waits for it who could tell
            self._notice(KeysUnreadable(self._issuer, f"{type(error).__name__} while reading them"))
        else:
            return True
        return False

    def _keep(self, keys: Mapping[str, Key]) -> None:
        if keys != self._keys:
            self._keys = keys
            self.generation += 1
            self._notice(KeysRead(self._issuer, tuple(keys)))
