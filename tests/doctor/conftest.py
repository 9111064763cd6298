"""Servers with and without TLS, and the doctor as a process of its own."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from doctor.ward import LOCALHOST, Doctor, Examination, Ward, run_doctor
from mounted import mount
from parts import migrated
from tls.authority import Authority, Pair
from tls.servers import (
    CERTIFIED,
    EITHER,
    Cluster,
    cluster_of,
    find_programs,
    make_template,
    missing_programs,
)

TO_DO = ("failed", "warning")


@pytest.fixture(scope="session")
def ward() -> Iterator[Ward]:
    """Three servers of the session, one of them with a migrated catalogue."""
    if missing := missing_programs():
        pytest.skip(missing)
    root = Authority.root("root")
    intermediate = root.intermediate("intermediate")
    issued = intermediate.issue("server", LOCALHOST)
    pairs = {
        "main": Pair(issued.certificate + intermediate.pem, issued.key),
        "without_tls": None,
        "changing": root.issue("server", LOCALHOST),
    }
    with tempfile.TemporaryDirectory(prefix="pinakes-doctor-") as place, ExitStack() as undo:
        programs = find_programs()
        template = make_template(programs, Path(place))
        clusters = {
            name: undo.enter_context(cluster_of(programs, template, name, pair, root.pem))
            for name, pair in pairs.items()
        }
        _furnish(clusters["main"])
        yield Ward(root, intermediate, Authority.root("foreign"), **clusters)


def _furnish(cluster: Cluster) -> None:
    """Make a catalogue that two of the roles may use."""
    migrated(cluster.conninfo())
    roles = sql.SQL(", ").join(map(sql.Identifier, (EITHER, CERTIFIED)))
    with psycopg.connect(cluster.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("grant usage on schema pinakes to {}").format(roles))
        connection.execute(sql.SQL("grant all on all tables in schema pinakes to {}").format(roles))


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Mount a secret, and perhaps a client certificate, and run ``pinakes doctor``."""

    def examine(
        secret: dict[str, bytes] | None = None,
        client: Pair | None = None,
        key_mode: int = 0o600,
        **environment: str,
    ) -> Examination:
        if secret is not None:
            environment["METADATA_PG_SECRET_DIR"] = str(mount(tmp_path / "secret", secret))
        if client is not None:
            files = {"tls.crt": client.certificate, "tls.key": client.key}
            place = mount(tmp_path / "client", files, key_mode)
            environment["METADATA_PG_CLIENT_TLS_DIR"] = str(place)
        return _examination(environment)

    return examine


def _examination(environment: dict[str, str]) -> Examination:
    """Read what is said, and hold it against what is always promised."""
    done = run_doctor(environment, "--json")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert done.returncode == any(one["status"] == "failed" for one in findings.values())
    assert all(bool(one["fix"]) == (one["status"] in TO_DO) for one in findings.values())
    return Examination(environment, findings)
