"""Whom the doctor is sent to, and what he says."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from parts import clean_environment
from tls.authority import Authority
from tls.servers import DATABASE, EITHER, PASSWORD, Cluster

LOCALHOST = "localhost"


@dataclass(frozen=True)
class Examination:
    """What the doctor says."""

    environment: Mapping[str, str]
    findings: dict[str, dict[str, str]]

    def printed(self) -> str:
        """Examine once more, and return the table for people."""
        return run_doctor(self.environment).stdout

    def status(self, check: str) -> str:
        return self.findings[check]["status"]

    def message(self, check: str) -> str:
        return self.findings[check]["message"]

    def fix(self, check: str) -> str:
        return self.findings[check]["fix"]

    def failed(self) -> list[str]:
        return [check for check in self.findings if self.status(check) == "failed"]


def run_doctor(environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``pinakes doctor``, and see to it that no password is told."""
    done = subprocess.run(
        [sys.executable, "-m", "pinakes", "doctor", *options],
        env={**clean_environment(), **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    assert PASSWORD not in done.stdout
    return done


Doctor = Callable[..., Examination]


@dataclass(frozen=True)
class Ward:
    """The servers that the doctor is sent to, and who vouches for them."""

    root: Authority
    intermediate: Authority
    foreign: Authority
    main: Cluster
    without_tls: Cluster
    changing: Cluster
    """One whose certificate a test may change, and whose database has no catalogue."""

    def secret(self, cluster: Cluster | None = None, /, **values: str | None) -> dict[str, bytes]:
        """Return a secret that works with the main server; None leaves a key out."""
        keys: dict[str, str | None] = {
            "host": LOCALHOST,
            "port": str((cluster or self.main).port),
            "user": EITHER,
            "password": PASSWORD,
            "dbname": DATABASE,
            "sslmode": "verify-full",
            "ca.crt": self.root.pem.decode(),
        } | values
        return {key: value.encode() for key, value in keys.items() if value is not None}
