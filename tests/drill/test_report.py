"""The drill counts right, and what the page says of HAProxy is what HAProxy takes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from chaos.load import NO_ANSWER, OK, UNAVAILABLE, Outcome, Verb
from docs.pages import blocks
from drill.cluster import PAGE, Member, proxy_configuration
from drill.report import Event, failures, lines, longest_gap

HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
EVENT = Event("switchover", began=10.0, led=12.0, ended=13.0)
PATRONI_TAKES = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}
"""The least that Patroni takes, as its documentation has it."""


def outcome(ended: float, status: int = OK, message: str = "", verb: Verb = Verb.READ) -> Outcome:
    return Outcome(verb, "uri", "name", ended - 0.5, ended, status, message)


def test_the_longest_gap_is_the_one_around_the_event() -> None:
    good = [outcome(moment) for moment in (1.0, 8.0, 9.0, 13.5, 14.0, 30.0)]
    assert longest_gap(good, EVENT) == 4.5


def test_what_failed_ends_no_gap() -> None:
    seen = [outcome(9.0), outcome(11.0, UNAVAILABLE), outcome(14.0), outcome(15.0)]
    assert longest_gap(seen, EVENT) == 5.0


def test_clients_that_never_were_well_again_have_no_longest_gap() -> None:
    assert longest_gap([outcome(9.0)], EVENT) == float("inf")


def test_failures_are_told_apart_by_what_the_client_knows() -> None:
    seen = [
        outcome(1.0),
        outcome(2.0, UNAVAILABLE, "the database is away"),
        outcome(3.0, UNAVAILABLE, "whether the change was made is unknown"),
        outcome(4.0, NO_ANSWER),
    ]
    assert failures(seen) == {"503 refused": 1, "503 unknown": 1, "no answer": 1}


def test_each_event_has_a_line_with_what_failed_in_it() -> None:
    seen = [
        *(outcome(moment, verb=Verb.READ) for moment in (9.0, 12.5)),
        *(outcome(moment, verb=Verb.CREATE) for moment in (9.0, 12.5)),
        outcome(5.0, UNAVAILABLE),
        outcome(11.0, UNAVAILABLE),
    ]
    total, line = lines("by HAProxy", seen, [EVENT])
    assert total == "by HAProxy: 2 reads, 2 writes ok; slowest answer 0.5 s"
    assert "no write for  3.5 s, no read for  3.5 s, failed: 1 503 refused" in line


@pytest.mark.skipif(HAPROXY is None, reason="needs HAProxy (Debian: apt-get install haproxy)")
def test_haproxy_takes_what_the_page_says_with_the_ports_of_a_drill(tmp_path: Path) -> None:
    members = [Member(f"pg-{n}", 6000 + n, 7000 + n, tmp_path, tmp_path) for n in (1, 2, 3)]
    configuration = proxy_configuration(5000, members)
    assert ".example" not in configuration
    (tmp_path / "haproxy.cfg").write_text(configuration)
    command = [str(HAPROXY), "-c", "-f", str(tmp_path / "haproxy.cfg")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_patroni_may_take_the_times_of_the_page() -> None:
    [text] = blocks(PAGE, "yaml")
    times = yaml.safe_load(text)
    assert all(times[name] >= least for name, least in PATRONI_TAKES.items())
    assert times["loop_wait"] + 2 * times["retry_timeout"] <= times["ttl"]
