"""What a certificate says, read without trusting it."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pinakes.postgres.diagnosis.certificates import X509, read_certificates
from tls.authority import Authority

ROOT = Authority.root("root")


def issued(common_name: str, *names: str) -> X509:
    [certificate] = read_certificates(ROOT.issue(common_name, *names).certificate)
    return certificate


def far_away() -> bytes:
    """Make a certificate whose end has a year of four digits."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bücher & Söhne"),
            x509.NameAttribute(NameOID.COMMON_NAME, "far"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(1999, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2060, 1, 2, 3, 4, 5, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def test_a_certificate_tells_whose_it_is_and_by_whom() -> None:
    certificate = issued("server", "db.example", "192.0.2.1", "2001:db8::1")
    assert certificate.subject == "CN=server"
    assert certificate.issuer == "CN=root"
    assert certificate.names == ["db.example", "192.0.2.1", "2001:db8::1"]
    assert not certificate.is_root


def test_every_certificate_of_a_file_is_read() -> None:
    file = ROOT.pem + b"a word between\n" + ROOT.intermediate("below").pem
    assert [one.subject for one in read_certificates(file)] == ["CN=root", "CN=below"]
    assert read_certificates(file)[0].is_root


def test_dates_of_both_kinds_are_read() -> None:
    [certificate] = read_certificates(far_away())
    assert certificate.begins == datetime(1999, 1, 1, tzinfo=UTC)
    assert certificate.ends == datetime(2060, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert certificate.subject == "O=Bücher & Söhne, CN=far"


def test_what_cannot_be_read_is_left_out() -> None:
    assert not read_certificates(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    assert not read_certificates(b"")


@pytest.mark.parametrize(
    ("names", "host", "is_good"),
    [
        (["db.example"], "db.example", True),
        (["db.example"], "DB.Example", True),
        (["db.example"], "server", False),
        (["*.example"], "db.example", True),
        (["*.example"], "a.db.example", False),
        (["*.example"], "example", False),
        ([], "server", True),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "server", True),
        (["db.example"], "192.0.2.1", False),
    ],
)
def test_a_host_is_held_against_the_names_as_libpq_does(
    names: list[str], host: str, is_good: bool
) -> None:
    assert issued("server", *names).is_for(host) is is_good
