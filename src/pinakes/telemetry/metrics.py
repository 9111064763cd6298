"""The metrics: what events are counted, and what is read when somebody asks."""

from collections.abc import Iterable
from itertools import chain
from typing import assert_never

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
from pinakes.telemetry.readings import Instrument

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What a label may say; any other method counts as OTHER, or clients could grow the metrics."""


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
        self._unreadable = self._counter(
            "pinakes_requests_unreadable",
            "What was refused before it was a request, by status",
            "status",
        )
        self._crashes = self._counter(
            "pinakes_request_crashes", "Requests that met a fault of ours"
        )
        self._deaths = self._counter(
            "pinakes_embedded_server_deaths", "Times that the embedded PostgreSQL ended unasked"
        )
        self._refused = self._counter("pinakes_tokens_refused", "Tokens that were not good")
        self._unreadable_keys = self._counter(
            "pinakes_keys_unreadable",
            "Times that the keys of an issuer could not be read, by issuer",
            "issuer",
        )

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(name, description, labels, registry=self._registry)

    def notice(self, event: Event) -> None:
        """Count the event."""
        match event:
            case RequestAnswered(method, route, status, duration):
                known = method if method in METHODS else "OTHER"
                self._requests.labels(known, route, str(status)).observe(duration)
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
