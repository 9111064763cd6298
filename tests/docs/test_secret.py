"""What the pages ask of ``pinakes secret`` is something that it takes."""

import re
import shlex
from collections.abc import Iterator

import pytest

from docs.pages import PAGES, blocks
from pinakes.__main__ import read_arguments
from pinakes.bridge.operators import BRIDGES
from pinakes.cli.secret import COMMANDS


def asked() -> Iterator[str]:
    """Find every call, in the pages and in what the command says of itself."""
    shown = [block for page in PAGES for block in blocks(page.read_text(), "sh")]
    told = [examples for _, _, _, examples, _ in COMMANDS.values()]
    for text in (*shown, *told):
        one_line = re.sub(r"(?:\\|(?<=\|))\n\s*", " ", text)
        yield from re.findall(r"pinakes (secret (?:create|from|check)[^|\n]*)", one_line)


@pytest.mark.parametrize("call", sorted(set(asked())))
def test_every_call_that_is_shown_is_understood(call: str) -> None:
    assert read_arguments(shlex.split(call)).act


def test_every_bridge_is_shown() -> None:
    assert {call.split()[2] for call in asked() if call.startswith("secret from")} == set(BRIDGES)
