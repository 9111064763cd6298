"""``pinakes serve``: the API over HTTP."""

import argparse
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvloop

from pinakes.api.server import address_of, listen
from pinakes.catalog.errors import CatalogUnavailable
from pinakes.cli.environment import read_environment
from pinakes.cli.failure import CommandFailed
from pinakes.cli.workers import run_workers
from pinakes.postgres.embedded import EmbeddedError
from pinakes.postgres.migrate import MigrationError
from pinakes.processes import Listeners, NotStartedError, serve
from pinakes.settings.auth import UNSAID, is_loopback
from pinakes.settings.database import EmbeddedDatabase
from pinakes.settings.environment import Settings
from pinakes.telemetry.events import WorkerDied
from pinakes.telemetry.log import Log

MAX_PORT = 65535

DESCRIPTION = """\
Serve the model metadata API of seldon-deploy-sdk over HTTP, until SIGINT or SIGTERM.

The catalogue is kept in the PostgreSQL that METADATA_PG_HOST, _PORT, _USER, _PASSWORD, _DBNAME
and _SSLMODE describe, or the secret mounted at METADATA_PG_SECRET_DIR; run 'pinakes migrate' on it
first, or set PINAKES_MIGRATE_ON_START=true. Where no METADATA_PG_* is set, a private PostgreSQL is
started in the data directory (pip install 'pinakes[embedded]'). METADATA_PG_ENABLED=false switches
the catalogue off.

Who may come in: on loopback everybody, elsewhere nobody until PINAKES_AUTH=oidc names an OpenID
provider (PINAKES_OIDC_ISSUER, PINAKES_OIDC_AUDIENCE) or PINAKES_ALLOW_ANONYMOUS says otherwise; who
may write: PINAKES_WRITERS or PINAKES_POLICY_FILE. TLS: PINAKES_TLS_DIR. Health and metrics on a
port of their own: PINAKES_ADMIN_PORT; each further worker has the next one. Other settings:
PINAKES_PG_SCHEMA, PINAKES_ALLOWED_HOSTS, PINAKES_LOG_FORMAT.
"""

EPILOG = """\
examples:
  pinakes serve                                  a private PostgreSQL, http://127.0.0.1:8000
  pinakes serve --port 0                         on any free port, which is printed
  pinakes serve --workers 4                      four processes, for as many cores
  METADATA_PG_HOST=db METADATA_PG_USER=pinakes METADATA_PG_DBNAME=metadata pinakes serve
"""

ONE_WORKER = (
    "--workers needs a PostgreSQL of yours: the embedded one is for a first look, and belongs to"
    " one process"
)

OPEN_TO_ALL = (
    "{host} is not loopback, and nobody is asked who he is: everybody who reaches it could rewrite"
    " the catalogue. Set PINAKES_AUTH=oidc, or say what everybody may do:"
    " PINAKES_ALLOW_ANONYMOUS=read, or write"
)

FIRST_LOOK = """\

Register a model, then find it:

  curl {url}/seldon-deploy/api/v1alpha1/model/metadata \\
    -H 'Content-Type: application/json' \\
    -d '{{"URI": "gs://models/iris", "name": "iris", "tags": {{"team": "plants"}}}}'
  curl -G {url}/seldon-deploy/api/v1alpha1/model/metadata --data-urlencode 'query=name % iris'

The same through the SDK (pip install seldon-deploy-sdk):

  from seldon_deploy_sdk import ApiClient, Configuration, ModelMetadataServiceApi, V1Model

  configuration = Configuration()
  configuration.host = "{url}/seldon-deploy/api/v1alpha1"
  models = ModelMetadataServiceApi(ApiClient(configuration))
  models.model_metadata_service_create_model_metadata(V1Model(uri="gs://models/wine", name="wine"))
  print(models.model_metadata_service_list_model_metadata(query="name % wine"))

Ctrl-C stops it; the data stays.
"""
"""What to try; said where the embedded PostgreSQL tells that somebody tries Pinakes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        help="port to listen on, 0 for any free one (%(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the port, each with a pool of its own (%(default)s)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="where the embedded PostgreSQL keeps its data"
        " (PINAKES_DATA_DIR, else ~/.local/share/pinakes)",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, expected 0 to {MAX_PORT}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes")
    return int(text)


def run(arguments: argparse.Namespace) -> None:
    """Serve until told to stop."""
    try:
        settings = read_environment(arguments.data_dir)
        work = partial(_serve, settings, _listeners(settings, arguments))
        if arguments.workers == 1:
            work(0)
        else:
            run_workers(arguments.workers, work, partial(_tell_death, Log(settings.log_format)))
    except (EmbeddedError, MigrationError, CatalogUnavailable, NotStartedError) as error:
        raise CommandFailed(str(error)) from error


def _serve(settings: Settings, listeners: Sequence[Listeners], number: int) -> None:
    is_first_look = isinstance(settings.database, EmbeddedDatabase) and settings.auth == UNSAID
    greet = partial(_greet, is_first_look=is_first_look) if number == 0 else _leave_greeting
    uvloop.run(serve(settings, listeners[number], on_ready=greet))


def _tell_death(log: Log, number: int, code: int) -> None:
    log.notice(WorkerDied(number, code))


def _listeners(settings: Settings, arguments: argparse.Namespace) -> list[Listeners]:
    """Listen for all workers: at one address for the API, at one each for those who run it."""
    host, count = arguments.host, arguments.workers
    if count > 1 and isinstance(settings.database, EmbeddedDatabase):
        raise CommandFailed(ONE_WORKER)
    with _naming(host, arguments.port):
        if settings.auth == UNSAID and not is_loopback(address_of(host, arguments.port)):
            raise CommandFailed(OPEN_TO_ALL.format(host=host))
    api, first = _listen(host, arguments.port), settings.admin_port
    if first is None:
        return [Listeners(api)] * count
    ports = [first + number if first else 0 for number in range(count)]
    if ports[-1] > MAX_PORT:
        raise CommandFailed(f"PINAKES_ADMIN_PORT leaves no port for {count} workers")
    return [Listeners(api, _listen(settings.admin_host or host, port)) for port in ports]


def _listen(host: str, port: int) -> socket.socket:
    with _naming(host, port):
        return listen(host, port)


@contextmanager
def _naming(host: str, port: int) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise CommandFailed(f"cannot listen on {host}:{port}: {error}") from error


def _greet(url: str, *, is_first_look: bool) -> None:
    print(f"Pinakes serves model metadata on {url} (its API is shown on {url}/docs)")
    print(FIRST_LOOK.format(url=url) if is_first_look else "", end="", flush=True)


def _leave_greeting(_: str) -> None:
    """Another worker greets."""
