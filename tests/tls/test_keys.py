"""Client certificates: their keys' modes, and what is no pair."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pinakes.postgres.embedded.user import server_user
from tls.attempts import Material, Target, as_pinakes, as_psql, psql_environment, run_psql
from tls.authority import Pair
from tls.cases import Client, Outcome
from tls.parts import LOCALHOST, Parts
from tls.servers import CERTIFICATE_ONLY, EITHER

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def certified(parts: Parts) -> Target:
    return Target(LOCALHOST, parts.main.port, CERTIFICATE_ONLY, password="")


def good(parts: Parts) -> Pair:
    pair = parts.clients[Client.GOOD]
    assert pair
    return pair


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600, 0o440, 0o400])
def test_whatever_mode_the_mounted_key_has_it_serves(
    parts: Parts, tmp_path: Path, mode: int
) -> None:
    material = Material("verify-full", parts.root.pem, good(parts), key_mode=mode)
    assert as_pinakes(certified(parts), material, tmp_path).outcome is Outcome.VERIFIED


@as_root
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600, 0o440, 0o400])
def test_libpq_lets_a_group_read_the_key_of_root(parts: Parts, tmp_path: Path, mode: int) -> None:
    material = Material("verify-full", parts.root.pem, good(parts), key_mode=mode)
    seen = as_psql(parts.psql, certified(parts), material, tmp_path).outcome
    assert (seen is Outcome.VERIFIED) == (mode != 0o644)


@pytest.fixture
def place_of_another_user() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="pinakes-tls-"))
    yield place
    shutil.rmtree(place)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600, 0o440, 0o400])
def test_libpq_lets_nobody_else_read_the_key_of_an_ordinary_user(
    parts: Parts, place_of_another_user: Path, mode: int
) -> None:
    user, place = server_user(Path("/")), place_of_another_user
    material = Material("verify-full", parts.root.pem, good(parts), key_mode=mode)
    environment = psql_environment(certified(parts), material, place)
    for file in (place, *place.rglob("*")):
        os.chown(file, user.uid, user.gid)
    seen = run_psql(parts.programs.command("psql"), environment).outcome
    assert (seen is Outcome.VERIFIED) == (mode in (0o600, 0o400))


@pytest.mark.parametrize("sslmode", ["allow", "prefer", "require", "verify-full"])
@pytest.mark.parametrize("broken", ["no key", "no certificate", "no pair", "garbage", "encrypted"])
def test_what_is_no_pair_is_refused(
    parts: Parts, tmp_path: Path, sslmode: str, broken: str
) -> None:
    """Of which libpq would leave a lone key aside, and with allow never look."""
    pair, other = good(parts), parts.root.issue("other")
    client, reason = {
        "no key": (Pair(pair.certificate, b""), "tls.key is missing"),
        "no certificate": (Pair(b"", pair.key), "tls.crt is missing"),
        "no pair": (Pair(pair.certificate, other.key), "no pair"),
        "garbage": (Pair(pair.certificate, b"nothing\n"), "PEM"),
        "encrypted": (parts.root.issue("other", password=b"open sesame"), "encrypted"),
    }[broken]
    ca = parts.root.pem if sslmode == "verify-full" else None
    target, material = Target(LOCALHOST, parts.main.port, EITHER), Material(sslmode, ca, client)
    ours = as_pinakes(target, material, tmp_path / "pinakes")
    assert ours.outcome is Outcome.REFUSED_BY_US
    assert reason in ours.text
    psql = as_psql(parts.psql, target, material, tmp_path / "psql")
    goes_on = sslmode in ("allow", "prefer") or broken == "no certificate"
    assert (psql.outcome is not Outcome.REFUSED_BY_LIBPQ) == goes_on, psql


def test_without_tls_a_client_certificate_is_not_looked_at(parts: Parts, tmp_path: Path) -> None:
    target = Target(LOCALHOST, parts.main.port, EITHER)
    material = Material("disable", client=Pair(b"nothing", b""))
    assert as_pinakes(target, material, tmp_path / "pinakes").outcome is Outcome.PLAIN
    assert as_psql(parts.psql, target, material, tmp_path / "psql").outcome is Outcome.PLAIN
