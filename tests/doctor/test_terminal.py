"""Who sits at a terminal is told what is waited for; who reads the output sees none of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from doctor.ward import Ward
from mounted import mount
from parts import clean_environment


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_login_is_announced_to_a_terminal(
    ward: Ward, tmp_path: Path, options: list[str]
) -> None:
    secret = mount(tmp_path, ward.secret(connect_timeout="7"))
    terminal, error = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "pinakes", "doctor", *options],
        env=clean_environment() | {"METADATA_PG_SECRET_DIR": str(secret)},
        stdout=subprocess.PIPE,
        stderr=error,
        text=True,
        check=True,
    )
    os.close(error)
    told = os.read(terminal, 1024).decode()
    os.close(terminal)
    assert told.splitlines() == [
        "connecting as 'pinakes serve' would, for up to 7 s to each address of localhost ..."
    ]
    assert "connecting" not in done.stdout
