"""Our schemas of the resources of others say what they were written from."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.schemas import DEFINITIONS

VERSION = r"v?\d+\.\d+\.\d+"


def header(text: str) -> str:
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.removeprefix("# ") for line in lines)


@pytest.mark.parametrize("file", sorted(DEFINITIONS.iterdir()), ids=lambda file: file.stem)
def test_a_definition_states_its_kind_and_the_version_that_it_was_written_from(file: Path) -> None:
    text = file.read_text()
    schema: dict[str, Any] = yaml.safe_load(text)["properties"]
    kind, group = schema["kind"]["const"], schema["apiVersion"]["const"]
    stated = rf"{kind}, {re.escape(group)}, of [^:]*\b{VERSION}, written from the definition "
    assert re.match(stated, header(text)), header(text)
    assert file.stem == kind.lower()
