"""A secret of Zalando's operator becomes one that connects, verified, to a real server."""

import base64
import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from cluster.api_server import Cluster as ClusterOfKubernetes
from cluster.command import secret_command
from cluster.followers import ROLE, following, keys_of, rotate
from mounted import mount
from pinakes.bridge.manifest import read_documents, secrets_in
from pinakes.postgres.connection import SECRET_DIRECTORY, Configuration, ConnectionReader
from pinakes.postgres.diagnosis.session import Session, log_in
from pinakes.postgres.files import PrivateFiles
from tls.parts import LOCALHOST, Parts
from tls.servers import DATABASE, EITHER, PASSWORD


def secret_of_the_role(password: str) -> dict[str, object]:
    """Return what the operator makes, as kubectl prints it."""
    keys = {"username": EITHER, "password": password}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"{EITHER}.pinakes-db.credentials.postgresql.acid.zalan.do",
            "namespace": "postgres",
            "resourceVersion": "4711",
            "labels": {"application": "spilo", "cluster-name": "pinakes-db", "team": "pinakes"},
        },
        "type": "Opaque",
        "data": encoded({key: value.encode() for key, value in keys.items()}),
    }


def secret_of_the_certificate(parts: Parts) -> dict[str, object]:
    """Return what the server's certificate is in, its private key beside it."""
    keys = {"ca.crt": parts.root.pem, "tls.crt": b"the server's", "tls.key": b"the server's"}
    metadata = {"name": "pinakes-db-tls", "namespace": "postgres"}
    return {"kind": "Secret", "metadata": metadata, "data": encoded(keys)}


def encoded(files: dict[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in files.items()}


def conninfo_of(parts: Parts, place: Path, password: str) -> str:
    """Bridge, mount as kubelet does, and read as the server does."""
    items = [secret_of_the_role(password), secret_of_the_certificate(parts)]
    where = (f"--host={LOCALHOST}", f"--port={parts.main.port}", f"--dbname={DATABASE}")
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()
    done = secret_command("from", "zalando", *where, given=listed)
    [secret] = secrets_in(read_documents(done.stdout))
    assert b"the server's" not in secret.files.values()
    return conninfo_of_mount(place, secret.files)


def conninfo_of_mount(place: Path, files: Mapping[str, bytes]) -> str:
    directory = mount(place, files, mode=0o440)
    return ConnectionReader(
        Configuration({SECRET_DIRECTORY: str(directory)}, {}), PrivateFiles()
    ).conninfo()


def test_the_secret_of_the_operator_connects_verified(parts: Parts, tmp_path: Path) -> None:
    conninfo = conninfo_of(parts, tmp_path / "secret", PASSWORD)
    assert "sslmode=verify-full" in conninfo
    session = log_in(conninfo, "pinakes")
    assert isinstance(session, Session)
    assert session.is_encrypted()
    session.close()


def test_bridged_anew_after_a_rotation_it_connects_again(parts: Parts, tmp_path: Path) -> None:
    place = tmp_path / "secret"
    stale = conninfo_of(parts, place, "of before the rotation")
    assert not isinstance(log_in(stale, "pinakes"), Session)
    session = log_in(conninfo_of(parts, place, PASSWORD), "pinakes")
    assert isinstance(session, Session)
    session.close()


@contextmanager
def password_of_the_role(parts: Parts, password: str) -> Generator[None]:
    """Give the role another password, as the operator does, until the block ends."""
    statement = sql.SQL("alter role {} password {}")
    with psycopg.connect(parts.main.conninfo(), autocommit=True) as administrator:
        administrator.execute(statement.format(sql.Identifier(EITHER), sql.Literal(password)))
        try:
            yield
        finally:
            administrator.execute(statement.format(sql.Identifier(EITHER), sql.Literal(PASSWORD)))


def test_a_rotation_is_followed_into_the_mount_and_connects(parts: Parts, tmp_path: Path) -> None:
    kubernetes, place = ClusterOfKubernetes(role=list(ROLE)), tmp_path / "secret"
    (tmp_path / "authority").write_bytes(parts.root.pem)
    options = (f"--host={LOCALHOST}", f"--port={parts.main.port}", f"--dbname={DATABASE}")
    rotate(kubernetes, PASSWORD, EITHER)
    with following(
        kubernetes, tmp_path, *options, "--ca-file", str(tmp_path / "authority")
    ) as follower:
        follower.next("SecretCopied")
        before = conninfo_of_mount(place, keys_of(kubernetes))
        with password_of_the_role(parts, "after the rotation"):
            assert not isinstance(log_in(before, "pinakes"), Session)
            rotate(kubernetes, "after the rotation", EITHER)
            follower.next("SecretCopied")
            session = log_in(conninfo_of_mount(place, keys_of(kubernetes)), "pinakes")
    assert isinstance(session, Session)
    assert session.is_encrypted()
    session.close()
