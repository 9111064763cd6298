"""The manifests as people review them.

After a change of the chart: PINAKES_RENEW_SNAPSHOTS=1 scripts/test tests/cluster/test_snapshots.py
writes them anew; read the difference, and commit it with the change.
"""

import os
from pathlib import Path

import pytest

from cluster.cases import SHOWN
from cluster.helm import Helm4

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("name", SHOWN)
def test_the_manifests_are_those_that_were_reviewed(name: str) -> None:
    file = SNAPSHOTS / f"{name}.yaml"
    rendered = _joined(Helm4().render(SHOWN[name]))
    if os.environ.get("PINAKES_RENEW_SNAPSHOTS"):
        file.write_text(rendered)
    assert rendered == file.read_text(), "see the first lines of this file"


def test_no_snapshot_is_left_over() -> None:
    assert {file.stem for file in SNAPSHOTS.iterdir()} == set(SHOWN)


def _joined(rendered: dict[str, str]) -> str:
    files = (f"# {source}\n{text.strip()}\n" for source, text in sorted(rendered.items()))
    return "---\n".join(text for text in files if not text.startswith("# pinakes/templates/NOTES"))
