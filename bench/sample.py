"""What one window of one cell measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Requests under load for a while; what was not measured is None.

    Of pgbench ``p50_ms`` is the mean, as it tells no more.
    """

    requests: int
    rate: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    server_us: float | None = None
    """CPU of the server's processes, a request."""
    postgres_us: float | None = None
    """CPU of PostgreSQL's processes, a request."""

    @property
    def total_us(self) -> float:
        """CPU of both."""
        return (self.server_us or 0.0) + (self.postgres_us or 0.0)
