"""A secret of Zalando's operator becomes one that connects, verified, to a real server."""

import base64
import json
from pathlib import Path

from cluster.command import secret_command
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
    directory = mount(place, secret.files, mode=0o440)
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
