"""The audit tells what is vulnerable, and what it does not know."""

import json
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from image.containers import ROOT
from pinakes.postgres.embedded.server import free_port

VULNERABLE, NOBODY_KNOWS = 1, 3
"""Exit codes of scripts/audit."""

ADVISORY = {
    "id": "PYSEC-0000-1",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        }
    ],
}


class Advisories(BaseHTTPRequestHandler):
    """A database of vulnerabilities, in the format of OSV, that knows of those in ``known``."""

    known: dict[str, Any]

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = [self.known] if self.known and asked["package"]["name"] == "jinja2" else []
        answer = json.dumps({"vulns": known}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing: a test that passes is silent."""


@contextmanager
def database_of(known: dict[str, Any]) -> Generator[str, None, None]:
    handler = type("Handler", (Advisories,), {"known": known})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "audit", "--vulnerability-service", "osv", "--osv-url", url],
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_audit_passes_where_nothing_is_known() -> None:
    with database_of({}) as url:
        assert audit(url).returncode == 0


def test_the_audit_names_what_is_vulnerable() -> None:
    with database_of(ADVISORY) as url:
        done = audit(url)
    assert done.returncode == VULNERABLE
    assert "PYSEC-0000-1" in done.stdout


def test_the_audit_says_so_where_its_data_cannot_be_had() -> None:
    done = audit(f"http://127.0.0.1:{free_port()}")
    assert done.returncode == NOBODY_KNOWS
    assert "is not known" in done.stderr
