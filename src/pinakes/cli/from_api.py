"""``pinakes import --from-api``: make a catalogue what another server lists."""

import argparse

from pinakes.cli.carrying import ProgressLine, Stopped, run_to_the_end
from pinakes.cli.course import Course
from pinakes.cli.failure import CommandFailed, WrongUsage
from pinakes.postgres.transfer.order import Order, Outcome
from pinakes.remote.server import Remote, RemoteError, UnsafeUrl
from pinakes.settings.environment import Settings
from pinakes.transfers.listings import import_from


def read_server(
    arguments: argparse.Namespace, settings: Settings, order: Order, progress: ProgressLine
) -> Outcome:
    """Import, page by page; a failure says what is kept and how to go on."""
    remote = Remote(
        url=arguments.from_api, token_file=arguments.token_file, ca_file=arguments.ca_file
    )
    course = Course(arguments.from_api, None if order.is_dry else arguments.state, progress)
    try:
        return run_to_the_end(import_from(settings, remote, order, progress.show, course))
    except UnsafeUrl as error:
        raise WrongUsage(str(error)) from error
    except (RemoteError, Stopped) as stopped:
        raise CommandFailed(f"{stopped}{_kept(arguments, progress)}") from stopped
    except OSError as error:
        raise CommandFailed(f"{error.filename}: {error.strerror}") from error


def _kept(arguments: argparse.Namespace, progress: ProgressLine) -> str:
    """Say how much of what a server listed is here, and how to go on."""
    if arguments.dry_run:
        return ""
    kept = f"{progress.count:,} entries of this run are kept: " if progress.count else ""
    if arguments.state:
        return f"\n{kept}run the same command again to go on there"
    return kept and f"\n{kept}run again, it begins anew; --state FILE remembers how far it came"
