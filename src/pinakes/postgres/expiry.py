"""When the certificates of a connection expire, for those who watch."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pinakes.postgres.connection import ConnectionReader
from pinakes.postgres.diagnosis.certificates import read_certificates
from pinakes.postgres.secret import ConfigurationError
from pinakes.telemetry.readings import Reading

NAME = "pinakes_certificate_expiry_days"
DESCRIPTION = "Days until the first certificate of a file expires"


def expiry_readings(reader: ConnectionReader) -> Iterator[Reading]:
    """Tell of ``ca.crt`` and ``tls.crt`` as they are mounted now, where they are."""
    try:
        trust = reader.trust()
    except ConfigurationError:  # which /readyz tells, and the count of connections not made
        return
    shown = trust.certificate.certificate if trust.certificate else None
    for file, pem in [("ca.crt", trust.ca), ("tls.crt", shown)]:
        if certificates := read_certificates(pem or b""):
            left = min(one.ends for one in certificates) - datetime.now(UTC)
            yield Reading(NAME, DESCRIPTION, left / timedelta(days=1), ("file", file))
