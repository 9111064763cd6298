"""The servers that people start: here, and only here, their parts are joined."""

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

from pinakes.api.application import admin_application, application
from pinakes.api.gate import Gate
from pinakes.api.server import Server, url_of
from pinakes.api.state import ServerState
from pinakes.api.tls import ServerCertificate
from pinakes.auth.admission import Admission
from pinakes.auth.caller import Caller
from pinakes.auth.fetch import fetch_for
from pinakes.auth.policy_file import PolicyFile
from pinakes.auth.provider import Provider
from pinakes.auth.tokens import Tokens
from pinakes.auth.writers import Writers
from pinakes.bridge.follower import Follower, Following
from pinakes.catalog.access import FULL_ACCESS, READ_ACCESS, Access
from pinakes.catalog.errors import CatalogDisabled, CatalogUnavailable
from pinakes.catalog.service import ModelCatalog
from pinakes.database import DISABLED, connection_reader, migration_reader
from pinakes.kubernetes.api_server import ApiServer
from pinakes.kubernetes.pod import Pod
from pinakes.mounted import UnusableError
from pinakes.postgres.connection import ConnectionReader
from pinakes.postgres.embedded import EmbeddedPostgres
from pinakes.postgres.expiry import expiry_readings
from pinakes.postgres.migrate import MigrationError, migrate
from pinakes.postgres.passwords.choice import password_source
from pinakes.postgres.passwords.source import PasswordSource
from pinakes.postgres.pool import Connections, NoConnections, Pool
from pinakes.postgres.store import PostgresStore
from pinakes.settings.auth import Anonymous, Auth, NoAuth, Oidc
from pinakes.settings.database import (
    ConfiguredDatabase,
    Database,
    EmbeddedDatabase,
    NoDatabase,
    UnknownDatabase,
)
from pinakes.settings.environment import Settings
from pinakes.telemetry.events import (
    DatabaseMigrated,
    EmbeddedServerDied,
    MigrationFailed,
    ServerListening,
    ServerStopped,
    ServerStopping,
)
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log
from pinakes.telemetry.process import Telemetry

MIGRATION_RETRY_SECONDS = 5.0
"""No sooner, for the last login may have been refused, and a server lock out who comes often."""
DRAIN_SECONDS = 5.0
"""How long it takes until nobody in a cluster sends requests to a pod any more."""


class NotStartedError(Exception):
    """Something that was named cannot be used, and to serve without it would be unsafe."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where a server listens: for the API, and perhaps for those who run it."""

    api: socket.socket
    admin: socket.socket | None = None


async def serve(settings: Settings, listeners: Listeners, on_ready: Callable[[str], None]) -> None:
    """Serve the API until SIGINT or SIGTERM; ``on_ready`` is told its URL.

    Raises NotStartedError where the policy or the certificate cannot be used.
    """
    telemetry = Telemetry(Log(settings.log_format))
    starting = asyncio.ensure_future(_serve(settings, listeners, telemetry, on_ready))
    _on_signal(starting.cancel)
    with suppress(asyncio.CancelledError):
        await starting
    telemetry.notice(ServerStopped())


async def _serve(
    settings: Settings,
    listeners: Listeners,
    telemetry: Telemetry,
    on_ready: Callable[[str], None],
) -> None:
    async with (
        _admission(settings.auth, telemetry) as admission,
        _connections(settings.database, settings.schema, telemetry) as connections,
    ):
        certificate = _certificate(settings.tls_directory, telemetry)
        closed = CatalogDisabled(DISABLED) if isinstance(settings.database, NoDatabase) else None
        store = PostgresStore(connections, settings.schema)
        telemetry.metrics.read_from(store.readings)
        catalog = ModelCatalog(store)
        gate = Gate(settings.allowed_hosts, admission, closed)
        state = ServerState()
        telemetry.metrics.read_from(state.readings)
        api = Server(application(catalog, gate, telemetry, state), telemetry, certificate)
        admin = Server(admin_application(catalog, telemetry, state), telemetry)
        url = url_of(listeners.api, "https" if certificate else "http")
        admin_url = url_of(listeners.admin) if listeners.admin else ""
        telemetry.notice(ServerListening(url, admin_url))
        on_ready(url)
        stop = partial(_begin_to_stop, state, telemetry)
        await _run([(api, listeners.api), (admin, listeners.admin)], stop)


async def _run(
    servers: Iterable[tuple[Server, socket.socket | None]], on_stopping: Callable[[], None]
) -> None:
    """Run the servers that have somewhere to listen, until all are told to stop.

    SIGTERM is how Kubernetes stops a pod, while others still send requests to it for a moment: they
    are answered, for DRAIN_SECONDS. SIGINT is a person, who does not want to wait, and so is a
    second SIGTERM.
    """
    running = [(server, listener) for server, listener in servers if listener]
    stop = partial(_stop, [server for server, _ in running])
    loop = asyncio.get_running_loop()

    def drain() -> None:
        loop.add_signal_handler(signal.SIGTERM, stop)
        loop.call_later(DRAIN_SECONDS, stop)
        on_stopping()  # last, for it tells the log, which nobody may read any more

    loop.add_signal_handler(signal.SIGTERM, drain)
    loop.add_signal_handler(signal.SIGINT, stop)
    await asyncio.gather(*(server.serve([listener]) for server, listener in running))


def _begin_to_stop(state: ServerState, telemetry: Telemetry) -> None:
    state.is_stopping = True
    telemetry.notice(ServerStopping())


def _stop(servers: Iterable[Server]) -> None:
    for server in servers:
        server.stop()


@asynccontextmanager
async def _admission(auth: Auth, telemetry: Telemetry) -> AsyncGenerator[Admission, None]:
    """Join what tells who asks with what tells what he may do."""
    match auth:
        case NoAuth(allowed):
            access = READ_ACCESS if allowed is Anonymous.READ else FULL_ACCESS
            yield Admission(lambda _: access)
        case Oidc():
            rights = _rights(auth, telemetry)
            async with _providers(auth, telemetry) as providers:
                yield Admission(rights, Tokens(providers, auth.audiences, auth.claims).caller)
        case _:
            assert_never(auth)


@asynccontextmanager
async def _providers(
    auth: Oidc, telemetry: Telemetry
) -> AsyncGenerator[Mapping[str, Provider], None]:
    """Keep reading the keys of every issuer."""
    providers = {
        issuer: Provider(issuer, fetch_for(issuer, auth.ca_files), telemetry.notice)
        for issuer in auth.issuers
    }
    reading = [asyncio.create_task(provider.keep_reading()) for provider in providers.values()]
    try:
        yield providers
    finally:
        for task in reading:
            task.cancel()


def _rights(auth: Oidc, telemetry: Telemetry) -> Callable[[Caller], Access]:
    if auth.policy_file is None:
        return Writers(auth.writers).access_of
    with _naming("the policy that PINAKES_POLICY_FILE names"):
        policy = PolicyFile(auth.policy_file, telemetry.notice)
    telemetry.metrics.read_from(policy.readings)
    return policy.access_of


def _certificate(directory: Path | None, telemetry: Telemetry) -> ServerCertificate | None:
    if directory is None:
        return None
    with _naming("the certificate in the directory that PINAKES_TLS_DIR names"):
        return ServerCertificate(directory, telemetry.notice)


@contextmanager
def _naming(what: str) -> Generator[None, None, None]:
    try:
        yield
    except UnusableError as error:
        raise NotStartedError(f"{what} cannot be used: {error}") from error


async def follow_secret(following: Following, pod: Pod, log_format: LogFormat) -> None:
    """Keep a copied secret as its source is, until SIGINT or SIGTERM."""
    follower = Follower(following, ApiServer(pod), Log(log_format).notice)
    running = asyncio.ensure_future(follower.keep_following())
    _on_signal(running.cancel)
    with suppress(asyncio.CancelledError):
        await running


def _on_signal(stop: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


@asynccontextmanager
async def _connections(
    database: Database, schema: str, telemetry: Telemetry
) -> AsyncGenerator[Connections, None]:
    """Open the way to the database that was chosen, and close it again."""
    async with AsyncExitStack() as stack:
        match database:
            case NoDatabase():
                yield NoConnections(CatalogDisabled(DISABLED))
            case UnknownDatabase(reason):
                yield NoConnections(CatalogUnavailable(f"there is no database: {reason}"))
            case EmbeddedDatabase(directory):
                embedded = EmbeddedPostgres(
                    directory, lambda code: telemetry.notice(EmbeddedServerDied(code))
                )
                await stack.enter_async_context(embedded)
                await _migrate(embedded.conninfo(), schema, telemetry)
                pool = Pool(embedded.conninfo, telemetry.notice)
                yield await _pool(pool, telemetry, stack)
            case ConfiguredDatabase():
                yield await _configured(database, schema, telemetry, stack)
            case _:
                assert_never(database)


async def _configured(
    database: ConfiguredDatabase, schema: str, telemetry: Telemetry, stack: AsyncExitStack
) -> Connections:
    reader, passwords = connection_reader(database), _passwords(database, telemetry)
    if database.migrate_on_start:
        migrator = migration_reader(database)
        migration = asyncio.create_task(_migrate_until_done(migrator, passwords, schema, telemetry))
        stack.callback(migration.cancel)
    telemetry.metrics.read_from(partial(expiry_readings, reader))
    if passwords is None:
        return await _pool(Pool(reader.conninfo, telemetry.notice), telemetry, stack)
    telemetry.metrics.read_from(passwords.readings)
    stack.callback(asyncio.create_task(passwords.keep_fresh()).cancel)
    describe = partial(reader.conninfo_from, passwords)
    return await _pool(Pool(describe, telemetry.notice, passwords.refuse), telemetry, stack)


def _passwords(database: ConfiguredDatabase, telemetry: Telemetry) -> PasswordSource | None:
    """Make what gives passwords in place of those that are described, where something does."""
    if database.password_source is None:
        return None
    return password_source(database.password_source, telemetry.notice)


async def _pool(pool: Pool, telemetry: Telemetry, stack: AsyncExitStack) -> Connections:
    await stack.enter_async_context(pool)
    telemetry.metrics.read_from(pool.readings)
    return pool


async def _migrate_until_done(
    reader: ConnectionReader, passwords: PasswordSource | None, schema: str, telemetry: Telemetry
) -> None:
    """Migrate a database that may not be there yet; the server waits, it does not fail."""
    while True:
        try:
            return await _migrate(await reader.conninfo_from(passwords), schema, telemetry)
        except (MigrationError, CatalogUnavailable) as error:
            telemetry.notice(MigrationFailed(str(error)))
        await asyncio.sleep(MIGRATION_RETRY_SECONDS)


async def _migrate(conninfo: str, schema: str, telemetry: Telemetry) -> None:
    telemetry.notice(DatabaseMigrated(tuple(await migrate(conninfo, schema))))
