"""What becomes of every event that is worth noticing: a log line, a count.

Each event is a class of its own (``events.py``), so that the log and the metrics cannot disagree
about names.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from itertools import chain
from typing import TextIO, assert_never

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pinakes.telemetry.events import (
    CertificateRead,
    CertificateRefused,
    ClusterFailed,
    CredentialsRefused,
    CredentialsRenewed,
    DatabaseMigrated,
    EmbeddedServerDied,
    Event,
    KeysRead,
    KeysUnreadable,
    MigrationFailed,
    PasswordFetched,
    PasswordNotFetched,
    PolicyRead,
    PolicyRefused,
    RequestAnswered,
    RequestCrashed,
    RequestUnreadable,
    SecretCopied,
    ServerListening,
    ServerStopped,
    ServerStopping,
    SourceAbsent,
    SourceRefused,
    TokenRefused,
    WorkerDied,
)

__all__ = [
    "METHODS",
    "CertificateRead",
    "CertificateRefused",
    "ClusterFailed",
    "CredentialsRefused",
    "CredentialsRenewed",
    "DatabaseMigrated",
    "EmbeddedServerDied",
    "Event",
    "Instrument",
    "KeysRead",
    "KeysUnreadable",
    "Log",
    "LogFormat",
    "Metrics",
    "MigrationFailed",
    "PasswordFetched",
    "PasswordNotFetched",
    "PolicyRead",
    "PolicyRefused",
    "Reading",
    "RequestAnswered",
    "RequestCrashed",
    "RequestUnreadable",
    "SecretCopied",
    "ServerListening",
    "ServerStopped",
    "ServerStopping",
    "SourceAbsent",
    "SourceRefused",
    "Telemetry",
    "TokenRefused",
    "WorkerDied",
    "traceback_of",
]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What a label may say; any other method counts as OTHER, or clients could grow the metrics."""


class LogFormat(Enum):
    """How a line of the log is written."""

    JSON = "json"
    TEXT = "text"


class Log:
    """Writes one line an event; no character of an event ends a line or moves a cursor."""

    def __init__(self, log_format: LogFormat, stream: TextIO = sys.stderr) -> None:
        self._write = _as_json if log_format is LogFormat.JSON else _as_text
        self._stream = stream

    def notice(self, event: Event) -> None:
        """Write the event."""
        values = {name: getattr(event, name) for name in type(event).__dataclass_fields__}
        self._stream.write(self._write(datetime.now(UTC), type(event).__name__, values) + "\n")
        self._stream.flush()


def _as_json(time: datetime, event: str, values: dict[str, object]) -> str:
    return json.dumps({"time": f"{time.isoformat()[:-6]}Z", "event": event, **values})


def _as_text(time: datetime, event: str, values: dict[str, object]) -> str:
    shown = (f"{name}={_on_one_line(value)}" for name, value in values.items())
    return f"{time:%H:%M:%S} {event} {' '.join(shown)}"


def _on_one_line(value: object) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text if text.isprintable() else repr(text)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric is now, with at most one label; a gauge, for it is read and not counted."""

    name: str
    description: str
    value: float
    label: tuple[str, str] | None = None


Instrument = Callable[[], Iterable[Reading]]
"""Something that can be read whenever the metrics are asked for."""


class _Instruments(Collector):
    """Reads the instruments of a process, for Prometheus."""

    def __init__(self) -> None:
        self.instruments: list[Instrument] = []

    def collect(self) -> Iterable[Metric]:
        gauges: dict[str, GaugeMetricFamily] = {}
        for reading in chain.from_iterable(read() for read in self.instruments):
            name, value = reading.label or ("", "")
            labels = [name] if reading.label else []
            gauge = GaugeMetricFamily(reading.name, reading.description, labels=labels)
            gauges.setdefault(reading.name, gauge).add_metric([value] * len(labels), reading.value)
        return gauges.values()


class Metrics:
    """Counts events and reads instruments, for Prometheus."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._instruments = _Instruments()
        self._registry.register(self._instruments)
        self._requests = Histogram(
            "pinakes_request_seconds",
            "How long requests took to answer, by method, route and status",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._requests_of = cache(self._requests.labels)
        self._unreadable = Counter(
            "pinakes_requests_unreadable",
            "What was refused before it was a request, by status",
            ["status"],
            registry=self._registry,
        )
        self._crashes = Counter(
            "pinakes_request_crashes",
            "Requests that met a fault of ours",
            registry=self._registry,
        )
        self._deaths = Counter(
            "pinakes_embedded_server_deaths",
            "Times that the embedded PostgreSQL ended unasked",
            registry=self._registry,
        )

        self._refused = Counter(
            "pinakes_tokens_refused",
            "Tokens that were not good",
            registry=self._registry,
        )
        self._unreadable_keys = Counter(
            "pinakes_keys_unreadable",
            "Times that the keys of an issuer could not be read, by issuer",
            ["issuer"],
            registry=self._registry,
        )

    def notice(self, event: Event) -> None:
        """Count the event."""
        match event:
            case RequestAnswered(method, route, status, duration):
                known = method if method in METHODS else "OTHER"
                self._requests_of(known, route, str(status)).observe(duration)
            case RequestUnreadable(status):
                self._unreadable.labels(str(status)).inc()
            case RequestCrashed():
                self._crashes.inc()
            case EmbeddedServerDied():
                self._deaths.inc()
            case TokenRefused():
                self._refused.inc()
            case KeysUnreadable(issuer):
                self._unreadable_keys.labels(issuer).inc()
            case (
                ServerListening()
                | ServerStopping()
                | ServerStopped()
                | WorkerDied()
                | DatabaseMigrated()
                | MigrationFailed()
                | CredentialsRefused()
                | CredentialsRenewed()
                | KeysRead()
                | PolicyRead()
                | PolicyRefused()
                | CertificateRead()
                | CertificateRefused()
                | SecretCopied()
                | SourceAbsent()
                | SourceRefused()
                | ClusterFailed()
                | PasswordFetched()
                | PasswordNotFetched()
            ):
                pass
            case _:
                assert_never(event)

    def read_from(self, instrument: Instrument) -> None:
        """Show what ``instrument`` tells whenever the metrics are asked for."""
        self._instruments.instruments.append(instrument)

    def text(self) -> bytes:
        """Write every metric in the Prometheus text format."""
        return generate_latest(self._registry)


class Telemetry:
    """The log and the metrics of one process."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.metrics = Metrics()

    def notice(self, event: Event) -> None:
        """Log the event and count it."""
        self._log.notice(event)
        self.metrics.notice(event)


def traceback_of(error: BaseException) -> str:
    """Write where an error came from, without what it says: a driver's message names hosts."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = (f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
    return "; ".join([type(error).__name__, *lines])
