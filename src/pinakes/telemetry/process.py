"""The telemetry of one process, joined."""

from pinakes.telemetry.events import Event
from pinakes.telemetry.log import Log
from pinakes.telemetry.metrics import Metrics


class Telemetry:
    """The log and the metrics of one process."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.metrics = Metrics()

    def notice(self, event: Event) -> None:
        """Log the event and count it."""
        self._log.notice(event)
        self.metrics.notice(event)
