"""Which name a server's certificate must have, and which certificates must be there between."""

from pathlib import Path
from typing import Any

import pytest

from tls.attempts import Material, Target, as_pinakes, as_psql
from tls.cases import Outcome
from tls.parts import LOCALHOST, Parts
from tls.servers import EITHER, HOST

VERIFIED, FAILS = Outcome.VERIFIED, Outcome.REFUSED_BY_LIBPQ


def outcome(parts: Parts, place: Path, host: str, **material: Any) -> Outcome:
    """Connect to the changing server in both ways, which must agree."""
    target = Target(host, parts.changing.port, EITHER)
    ours = as_pinakes(target, Material(**material), place / "pinakes")
    psql = as_psql(parts.psql, target, Material(**material), place / "psql")
    assert ours.outcome is psql.outcome, (ours.text, psql.text)
    return ours.outcome


@pytest.mark.parametrize(
    ("host", "server", "expected"),
    [
        (HOST, ("server", [LOCALHOST]), FAILS),
        (HOST, ("server", [HOST]), VERIFIED),
        (HOST, (HOST, ["other.example"]), VERIFIED),
        (HOST, (HOST, ["192.0.2.1"]), FAILS),
        (LOCALHOST, (LOCALHOST, []), VERIFIED),
        (LOCALHOST, (LOCALHOST, ["other.example"]), FAILS),
        (LOCALHOST, ("other.example", []), FAILS),
        (LOCALHOST, ("server", ["other.example", LOCALHOST]), VERIFIED),
        (LOCALHOST, ("server", [HOST]), FAILS),
        (LOCALHOST, (LOCALHOST, [HOST]), VERIFIED),
    ],
)
def test_the_name_that_counts(
    parts: Parts, tmp_path: Path, host: str, server: tuple[str, list[str]], expected: Outcome
) -> None:
    """A DNS name hides the common name, except from an address that no address stands beside."""
    common_name, names = server
    parts.changing.present(parts.root.issue(common_name, *names))
    assert outcome(parts, tmp_path, host, sslmode="verify-full", ca=parts.root.pem) is expected


def test_without_verify_full_no_name_counts(parts: Parts, tmp_path: Path) -> None:
    parts.changing.present(parts.root.issue("server", "other.example"))
    for sslmode in ("require", "verify-ca"):
        seen = outcome(parts, tmp_path / sslmode, HOST, sslmode=sslmode, ca=parts.root.pem)
        assert seen is VERIFIED


def test_authorities_without_a_mode_mean_verify_full(parts: Parts, tmp_path: Path) -> None:
    target = Target(LOCALHOST, parts.changing.port, EITHER)
    material = Material(None, ca=parts.root.pem)
    parts.changing.present(parts.root.issue("server", "other.example"))
    assert as_pinakes(target, material, tmp_path / "other").outcome is FAILS
    parts.changing.present(parts.root.issue("server", LOCALHOST))
    assert as_pinakes(target, material, tmp_path / "right").outcome is VERIFIED


def test_an_intermediate_that_the_server_does_not_send_must_be_in_ca_crt(
    parts: Parts, tmp_path: Path
) -> None:
    parts.changing.present(parts.intermediate.issue("server", LOCALHOST))
    root, between = parts.root.pem, parts.intermediate.pem

    def verdict(name: str, ca: bytes) -> Outcome:
        return outcome(parts, tmp_path / name, LOCALHOST, sslmode="verify-full", ca=ca)

    assert verdict("root", root) is FAILS
    assert verdict("intermediate", between) is FAILS
    assert verdict("both", root + between) is VERIFIED
    assert verdict("other-order", between + root) is VERIFIED
    assert verdict("windows", (root + between).replace(b"\n", b"\r\n")) is VERIFIED


def test_an_expired_server_is_not_verified(parts: Parts, tmp_path: Path) -> None:
    parts.changing.present(parts.root.issue("server", LOCALHOST, expired=True))
    ca = parts.root.pem
    assert outcome(parts, tmp_path / "1", LOCALHOST, sslmode="verify-ca", ca=ca) is FAILS
    assert outcome(parts, tmp_path / "2", LOCALHOST, sslmode="require", ca=ca) is FAILS
    assert outcome(parts, tmp_path / "3", LOCALHOST, sslmode="require") is VERIFIED


@pytest.fixture
def known(parts: Parts) -> Parts:
    """The changing server under its right name."""
    parts.changing.present(parts.root.issue("server", LOCALHOST))
    return parts


def as_system(parts: Parts, place: Path, sslmode: str | None) -> tuple[Outcome, str]:
    target = Target(LOCALHOST, parts.changing.port, EITHER)
    verdict = as_pinakes(target, Material(sslmode, ca=b"system\n"), place)
    return verdict.outcome, verdict.text


@pytest.mark.parametrize("sslmode", [None, "verify-full"])
def test_the_systems_authorities_are_found(
    known: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sslmode: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(known.root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert as_system(known, tmp_path, sslmode) == (VERIFIED, "")
    bundle.write_bytes(known.foreign.pem)
    assert as_system(known, tmp_path / "foreign", sslmode)[0] is FAILS


def test_extra_authorities_are_trusted_beside_the_systems(
    known: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, extra = tmp_path / "system.pem", tmp_path / "extra.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setenv("PINAKES_EXTRA_CA_FILE", str(extra))
    ours, foreign = known.root.pem.rstrip(), known.foreign.pem.rstrip()  # with no line end left
    for name, contents in {"added": (foreign, ours), "kept": (ours, foreign)}.items():
        for file, content in zip((system, extra), contents, strict=True):
            file.write_bytes(content)
        assert as_system(known, tmp_path / name, None) == (VERIFIED, "")


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_extra_authorities_that_cannot_be_read_are_refused(
    known: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    system, extra = tmp_path / "system.pem", tmp_path / "extra.pem"
    system.write_bytes(known.root.pem)
    if content is not None:
        extra.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setenv("PINAKES_EXTRA_CA_FILE", str(extra))
    outcome, text = as_system(known, tmp_path, None)
    assert outcome is Outcome.REFUSED_BY_US
    assert text.startswith("the file that PINAKES_EXTRA_CA_FILE names ")


@pytest.mark.parametrize("sslmode", ["allow", "prefer", "require", "verify-ca"])
def test_the_systems_authorities_need_verify_full(
    known: Parts, tmp_path: Path, sslmode: str
) -> None:
    outcome, text = as_system(known, tmp_path, sslmode)
    assert outcome is Outcome.REFUSED_BY_US
    assert "verify-full" in text


def test_systems_authorities_that_are_not_there_are_refused(
    known: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    assert as_system(known, tmp_path, None) == (
        Outcome.REFUSED_BY_US,
        "the system's certificates are not where systems have them",
    )


def test_without_tls_the_systems_authorities_are_not_asked(known: Parts, tmp_path: Path) -> None:
    assert as_system(known, tmp_path, "disable")[0] is Outcome.PLAIN
