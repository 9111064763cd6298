"""The state of a server, one for all of its ports."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pinakes.telemetry.readings import Reading


@dataclass
class ServerState:
    """What a server remembers of itself between two looks at it."""

    was_ready: bool = False
    is_stopping: bool = False
    """Whether it still answers, but wants to be asked no more."""
    is_available: bool = False
    """Whether the catalogue could be asked at the last look."""
    is_mismatched: bool = False
    """Whether the last look met a schema that this version does not work with."""
    last_look: datetime | None = None
    last_active: datetime | None = None
    """When a look last saw the database answer."""

    def readings(self) -> Iterator[Reading]:
        """Tell whether the catalogue could be asked at the last look, and its schema used."""
        description = "Whether the database answered when readiness was last asked for: 1, else 0"
        yield Reading("pinakes_catalog_available", description, self.is_available)
        description = "Whether the last look met a schema that this version cannot use: 1, else 0"
        yield Reading("pinakes_schema_mismatch", description, self.is_mismatched)
