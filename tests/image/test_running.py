"""The images run as the restricted standard of Kubernetes lets them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from image.containers import USER, VERSION, Image, serving
from mounted import mount
from parts import API
from tls.authority import Authority
from tls.servers import (
    DATABASE,
    EITHER,
    HOST,
    PASSWORD,
    Cluster,
    cluster_of,
    find_programs,
    make_template,
    missing_programs,
)

pytestmark = pytest.mark.timeout(900)

SOMEBODY = 1000650000
"""A user that no image knows, as OpenShift chooses one."""
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SECRET = "/mnt"


@dataclass(frozen=True)
class Database:
    """A PostgreSQL that speaks TLS, and who vouches for it."""

    cluster: Cluster
    authority: Authority

    def secret(self) -> dict[str, bytes]:
        keys = {"host": HOST, "port": str(self.cluster.port), "dbname": DATABASE, "user": EITHER}
        trusted = {"password": PASSWORD, "sslmode": "verify-full", "ca.crt": "system"}
        return {key: value.encode() for key, value in {**keys, **trusted}.items()}


@pytest.fixture
def database() -> Iterator[Database]:
    if missing := missing_programs():
        pytest.skip(missing)
    authority = Authority.root("public")
    with TemporaryDirectory(prefix="pinakes-image-") as place:
        programs = find_programs()
        template = make_template(programs, Path(place))
        pair = authority.issue(HOST, HOST)
        with cluster_of(programs, template, "server", pair, authority.pem) as cluster:
            yield Database(cluster, authority)


def diagnose(image: Image, volumes: dict[Path, str]) -> dict[str, str]:
    """Return what the doctor in a pod says of each check."""
    environment = {"METADATA_PG_SECRET_DIR": SECRET}
    started = image.start("doctor", "--json", environment=environment, volumes=volumes)
    with started as process:
        findings = json.loads(process.communicate()[0])
    return {finding["check"]: finding["status"] for finding in findings}


@pytest.mark.parametrize("user", [USER, SOMEBODY])
def test_the_command_runs_as_any_user(image: Image, user: int) -> None:
    with image.start("--version", user=user) as process:
        assert process.communicate()[0] == f"pinakes {VERSION}\n"


def test_the_user_is_a_number_that_is_not_root(image: Image) -> None:
    assert image.config["User"] == f"{USER}:{USER}"


def test_there_is_no_home_to_find_anything_in(image: Image) -> None:
    assert not (image.root / image.environment["HOME"].lstrip("/")).exists()


@pytest.mark.parametrize("user", [USER, SOMEBODY])
def test_a_server_is_alive_and_stops_when_it_is_told(plain: Image, user: int) -> None:
    without = {"METADATA_PG_ENABLED": "false"}
    with serving(plain.start("serve", "--port", "0", user=user, environment=without)) as url:
        assert httpx.get(f"{url}/livez").status_code == 200


def test_left_to_itself_it_lets_nobody_in(plain: Image) -> None:
    with plain.start(environment={"METADATA_PG_ENABLED": "false"}) as process:
        assert "PINAKES_ALLOW_ANONYMOUS" in process.communicate()[1]
    assert process.returncode == 1


def test_the_embedded_image_keeps_a_catalogue(embedded: Image, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, USER, USER)
    started = embedded.start("serve", "--port", "0", volumes={volume: "/var/lib/pinakes"})
    with serving(started) as url:
        model = {"URI": "gs://models/iris", "name": "iris"}
        assert httpx.post(f"{url}{API}/model/metadata", json=model).status_code == 200
    assert (volume / "postgres" / "PG_VERSION").exists()


def test_sslrootcert_system_trusts_whom_the_base_trusts(
    plain: Image, database: Database, tmp_path: Path
) -> None:
    secret = mount(tmp_path / "secret", database.secret())
    found = diagnose(plain, {secret: SECRET})
    assert (found["cert.authorities"], found["tls.chain"]) == ("ok", "failed")
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes((plain.root / BUNDLE.lstrip("/")).read_bytes() + database.authority.pem)
    found = diagnose(plain, {secret: SECRET, bundle: BUNDLE})
    assert (found["tls.chain"], found["auth.login"], found["tls.session"]) == ("ok", "ok", "ok")
