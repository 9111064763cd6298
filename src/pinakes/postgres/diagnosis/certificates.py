"""Read from a certificate what a person asks about it: whose, by whom, for which names, how long.

Python's ssl tells this only of certificates that it trusts; a doctor wants to see the others.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from pinakes.postgres.connection import is_address

PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

SHOWN = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
}
"""What is shown of a name."""


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
        by_address = is_address(host)
        names = list(self.addresses if by_address else self.dns_names) or [self.common_name]
        wild = "*." + host.partition(".")[2]
        good = {host.lower()} if by_address else {host.lower(), wild.lower()}
        return any(name.lower() in good for name in names)


def read_certificates(pem: bytes) -> list[X509]:
    """Return every certificate of a PEM file, leaving out what cannot be read."""
    found: list[X509] = []
    for block in PEM.findall(pem):
        try:
            found.append(_read(x509.load_pem_x509_certificate(block)))
        except (ValueError, x509.InvalidVersion):
            continue
    return found


def _read(certificate: x509.Certificate) -> X509:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    alternatives = _alternatives(certificate)
    return X509(
        subject=_written(certificate.subject),
        issuer=_written(certificate.issuer),
        common_name=str(names[-1].value) if names else "",
        dns_names=alternatives.get_values_for_type(x509.DNSName),
        addresses=[str(one) for one in alternatives.get_values_for_type(x509.IPAddress)],
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
    )


def _alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    extension = x509.SubjectAlternativeName
    try:
        return certificate.extensions.get_extension_for_class(extension).value
    except x509.ExtensionNotFound:
        return extension([])


def _written(name: x509.Name) -> str:
    known = [(SHOWN[one.oid], one.value) for one in name if one.oid in SHOWN]
    return ", ".join(f"{what}={text}" for what, text in known)
