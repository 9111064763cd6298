"""Read from a certificate what a person asks about it: whose, by whom, for which names, how long.

Python's ssl tells this only of certificates that it trusts; a doctor wants to see the others. The
structure is that of RFC 5280, section 4.1.
"""

import ipaddress
import re
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

UTC_TIME, DNS_NAME, IP_ADDRESS, EXTENSIONS, VERSION = 0x17, 0x82, 0x87, 0xA3, 0xA0
LONG_FORM = 0x80
LAST_CENTURY = b"50"
"""A two-digit year from here on is one of the twentieth century."""

COMMON_NAME, ALTERNATIVE_NAMES = b"\x55\x04\x03", b"\x55\x1d\x11"
NAMES = {COMMON_NAME: "CN", b"\x55\x04\x0b": "OU", b"\x55\x04\x0a": "O"}
"""Object identifiers: 2.5.4.3, 2.5.29.17, 2.5.4.11 and 2.5.4.10."""

Element = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class X509:
    """What a certificate says."""

    subject: str
    issuer: str
    common_name: str
    dns_names: Sequence[str]
    addresses: Sequence[str]
    begins: datetime
    ends: datetime

    @property
    def is_root(self) -> bool:
        """Whether it is signed by nobody else."""
        return self.subject == self.issuer

    @property
    def names(self) -> Sequence[str]:
        """The names that it is good for; the common name counts only where there is no other."""
        return [*self.dns_names, *self.addresses] or [self.common_name]

    def is_for(self, host: str) -> bool:
        """Say whether libpq takes it for the host; only the first label may be ``*``."""
        is_address = _is_address(host)
        names = list(self.addresses if is_address else self.dns_names) or [self.common_name]
        wild = "*." + host.partition(".")[2]
        good = {host.lower()} if is_address else {host.lower(), wild.lower()}
        return any(name.lower() in good for name in names)


def read_certificates(pem: bytes) -> list[X509]:
    """Return every certificate of a PEM file, leaving out what cannot be read."""
    found: list[X509] = []
    for block in PEM.findall(pem):
        try:
            found.append(_read(ssl.PEM_cert_to_DER_cert(block.decode())))
        except (ValueError, IndexError, StopIteration):
            continue
    return found


def _read(der: bytes) -> X509:
    [(_, certificate)] = _elements(der)
    _, signed = next(_elements(certificate))
    fields = [element for element in _elements(signed) if element[0] != VERSION]
    (_, issuer), (_, validity), (_, subject) = fields[2:5]
    begins, ends = (_time(element) for element in _elements(validity))
    alternatives = list(_alternatives(fields))
    return X509(
        subject=_written(subject),
        issuer=_written(issuer),
        common_name=dict(_attributes(subject)).get(COMMON_NAME, ""),
        dns_names=[
            text.decode("ascii", "replace") for tag, text in alternatives if tag == DNS_NAME
        ],
        addresses=[
            str(ipaddress.ip_address(raw)) for tag, raw in alternatives if tag == IP_ADDRESS
        ],
        begins=begins,
        ends=ends,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _elements(der: bytes) -> Iterator[Element]:
    """Yield tag and content of each element: the grammar of DER."""
    place = 0
    while place < len(der):
        tag, length, place = der[place], der[place + 1], place + 2
        if length & LONG_FORM:
            size = length & ~LONG_FORM
            length, place = int.from_bytes(der[place : place + size], "big"), place + size
        yield tag, der[place : place + length]
        place += length


def _attributes(name: bytes) -> Iterator[tuple[bytes, str]]:
    for _, relative in _elements(name):
        for _, pair in _elements(relative):
            (_, identifier), (_, text) = _elements(pair)
            yield identifier, text.decode(errors="replace")


def _written(name: bytes) -> str:
    known = [(NAMES[what], text) for what, text in _attributes(name) if what in NAMES]
    return ", ".join(f"{what}={text}" for what, text in known)


def _time(element: Element) -> datetime:
    tag, text = element
    if tag == UTC_TIME:
        text = (b"20" if text[:2] < LAST_CENTURY else b"19") + text
    return datetime.strptime(text.decode(), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alternatives(fields: Sequence[Element]) -> Iterator[Element]:
    for tag, content in fields:
        if tag == EXTENSIONS:
            [(_, extensions)] = _elements(content)
            for _, extension in _elements(extensions):
                (_, identifier), *_, (_, value) = _elements(extension)
                if identifier == ALTERNATIVE_NAMES:
                    [(_, names)] = _elements(value)
                    yield from _elements(names)
