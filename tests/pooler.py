"""A real PgBouncer, in transaction mode."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

with_pgbouncer = pytest.mark.skipif(
    PROGRAM is None, reason="needs PgBouncer (Debian: apt-get install pgbouncer)"
)


@contextmanager
def pgbouncer(conninfo: str) -> Generator[str, None, None]:
    """Put PgBouncer, in transaction mode, before a database; yield the way through it."""
    server = conninfo_to_dict(conninfo)
    directory = Path(tempfile.mkdtemp(prefix="pinakes-pgbouncer-"))
    directory.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    parts = ("host", "port", "dbname", "user", "password")
    described = " ".join(f"{part}='{server[part]}'" for part in parts)
    (directory / "pgbouncer.ini").write_text(
        f"[databases]\n{server['dbname']} = {described} pool_size=4\n"
        f"[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\n"
        "pool_mode=transaction\nunix_socket_dir=\n"
    )
    assert PROGRAM is not None
    with subprocess.Popen(
        [PROGRAM, "--quiet", str(directory / "pgbouncer.ini")],
        user="nobody" if os.geteuid() == 0 else None,
        stderr=subprocess.DEVNULL,
    ) as process:
        through = make_conninfo(conninfo, port=port, require_auth="none")
        try:
            wait_until_connected(through)
            yield through
        finally:
            process.kill()
            shutil.rmtree(directory)


def wait_until_connected(conninfo: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # between looks, not instead of one
        else:
            return
