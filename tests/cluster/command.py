"""The command ``pinakes secret`` as a process, with nobody before it who could be asked."""

import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType

from parts import clean_environment


def secret_command(
    *arguments: str, given: bytes = b"", environment: Mapping[str, str] = MappingProxyType({})
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "pinakes", "secret", *arguments],
        env={**clean_environment(), **environment},
        input=given,
        capture_output=True,
        check=False,
        start_new_session=True,  # so without a terminal, whoever runs the tests
    )
