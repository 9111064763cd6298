"""Read the settings for a command."""

import os
import resource
from pathlib import Path

from pinakes.cli.failure import CommandFailed
from pinakes.postgres.embedded import is_installed
from pinakes.settings.environment import Settings, read_settings
from pinakes.settings.values import SettingsError


def keep_no_core() -> None:
    """See to it that no core is dumped, for it would hold passwords."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read_environment(data_directory: Path | None = None) -> Settings:
    """Read the settings; from here on no core is dumped."""
    keep_no_core()
    try:
        return read_settings(
            os.environ, data_directory=data_directory, embedded_installed=is_installed()
        )
    except SettingsError as error:
        raise CommandFailed(str(error)) from error
