"""The state of a server, one for all of its ports."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pinakes.telemetry import Reading


@dataclass
class ServerState:
    """What a server remembers of itself between two looks at it."""

    was_ready: bool = False
    is_stopping: bool = False
    """Whether it still answers, but wants to be asked no more."""
    is_available: bool = False
    """Whether the catalogue could be asked at the last look."""
    last_look: datetime | None = None
    last_active: datetime | None = None
    """When a look last saw the database answer."""

    def readings(self) -> Iterator[Reading]:
        """Tell whether the catalogue could be asked at the last look."""
        description = "Whether the database answered when readiness was last asked for: 1, else 0"
        yield Reading("pinakes_catalog_available", description, self.is_available)
