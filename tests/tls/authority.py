"""A throw-away public key infrastructure, made while the tests run."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Authority:
    """Who signs: a root, or an intermediate that a root has signed."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def root(cls, name: str) -> Self:
        """Make an authority that vouches for itself."""
        key = _new_key()
        return cls(_sign_authority(name, key, _name(name), key), key)

    def intermediate(self, name: str) -> Self:
        """Make an authority that this one vouches for."""
        key = _new_key()
        return type(self)(_sign_authority(name, key, self.certificate.subject, self.key), key)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        common_name: str,
        *names: str,
        expired: bool = False,
        password: bytes | None = None,
    ) -> Pair:
        """Sign a certificate for a common name, and for ``names``, each a DNS name or an address.

        Without any there is no subjectAltName.
        """
        key = _new_key()
        end = datetime.now(UTC) + (-DAY if expired else DAY)
        builder = _builder(common_name, key, self.certificate.subject, end)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        if names:
            alternatives = x509.SubjectAlternativeName(_alternatives(names))
            builder = builder.add_extension(alternatives, critical=True)
        certificate = builder.sign(self.key, hashes.SHA256())
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return Pair(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption),
        )


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(name) for name in names]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    common_name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - 10 * DAY)
        .not_valid_after(end)
    )


def _sign_authority(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, key, issuer, datetime.now(UTC) + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(signer, hashes.SHA256())
    )
