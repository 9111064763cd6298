"""The pages that say how to do something, and the blocks in them."""

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = sorted(HOW_TO.glob("*.md"))


def page(name: str) -> str:
    return (HOW_TO / f"{name}.md").read_text()


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}")[2].partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, those inside of a list as well."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def manifests(text: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in blocks(text, "yaml")]


def marked(text: str) -> list[str]:
    """Return what stands between backticks, outside of fenced blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
