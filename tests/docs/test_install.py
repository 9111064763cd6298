"""The guides that install do what they say, as far as that goes without a cluster and a cloud."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from cluster.helm import CHART, notes
from cluster.kubelet import Files, Node, Pod
from cluster.pods import pods
from cluster.schemas import NEWEST_KUBERNETES, faults
from cluster.test_running import await_ready, register
from docs.guides import EXAMPLES, GUIDES, Followed, commands, runnable, start
from docs.pages import blocks, marked, page, section
from tls.authority import Authority
from tls.servers import (
    DATABASE,
    PASSWORD,
    TLS_ONLY,
    Cluster,
    cluster_of,
    find_programs,
    make_template,
    missing_programs,
)

KUBERNETES = page("install-kubernetes")
[SHORTEST, *_] = blocks(section(KUBERNETES, "The shortest way"), "sh")
MANIFESTS = sorted(EXAMPLES.rglob("*.yaml"))
VALUES = json.loads((CHART / "values.schema.json").read_text())
FILES_THAT_ARE_NO_VALUES = {"tls.crt", "tls.key"}
NAMESPACE = "pinakes"
DOCTOR = f"kubectl exec -n {NAMESPACE} deployment/pinakes -- pinakes doctor"

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)


# What stands in them


@each_guide
def test_every_block_is_one_that_bash_understands(guide: Path) -> None:
    for block in blocks(guide.read_text(), "sh"):
        done = subprocess.run(["/bin/bash", "-n", "-c", block], check=False, capture_output=True)
        assert not done.stderr, block


def test_every_manifest_of_the_guides_is_an_example_and_no_other_is_one() -> None:
    shown = {block for guide in GUIDES for block in blocks(guide.read_text(), "yaml")}
    assert shown == {file.read_text() for file in MANIFESTS}


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_every_example_is_named_where_it_is_shown(file: Path) -> None:
    name = file.relative_to(EXAMPLES.parent)
    shown_in = [guide.read_text() for guide in GUIDES if file.read_text() in guide.read_text()]
    assert shown_in
    assert all(f"{name}" in text for text in shown_in)


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_kubernetes_and_the_operators_take_every_example(file: Path) -> None:
    manifest = yaml.safe_load(file.read_text())
    if "kind" in manifest:
        assert faults([manifest], NEWEST_KUBERNETES) == []


@each_guide
def test_every_value_that_is_named_is_one_of_the_chart(guide: Path) -> None:
    for word in marked(guide.read_text()):
        path = re.fullmatch(r"([a-z]+(?:\.[A-Za-z]+)+)(?:: .*)?", word)
        if path and path[1] not in FILES_THAT_ARE_NO_VALUES and path[1].split(".")[0] in known():
            assert is_value(path[1].split(".")), word


def known() -> dict[str, Any]:
    return VALUES["properties"]


def is_value(path: list[str]) -> bool:
    properties = known()
    for name in path:
        if name not in properties:
            return False
        properties = properties[name].get("properties", {})
    return True


@each_guide
def test_every_guide_ends_with_the_doctor_who_says_that_all_is_well(guide: Path) -> None:
    text = guide.read_text()
    assert DOCTOR in text
    assert "doctor: all well" in text.partition(DOCTOR)[2]


# The guide to Kubernetes


def test_the_table_says_which_kubernetes_was_rendered_for() -> None:
    rows = dict(
        re.findall(r"^\| (\w+) \| 1\.25 to ([\d.]+) \| \*rendered\* \|", KUBERNETES, re.MULTILINE)
    )
    assert rows == {"Kubernetes": NEWEST_KUBERNETES}


def test_every_row_of_the_table_says_how_we_know() -> None:
    [table] = re.findall(
        r"^\| what \| version \| is \|\n\|.*\n((?:\|.*\n)+)", KUBERNETES, re.MULTILINE
    )
    known = [re.findall(r"\*(\w+)\*", row) for row in table.splitlines()]
    assert {word for words in known for word in words} == {"run", "rendered", "documented"}
    assert {len(words) for words in known} == {1}


def test_helm_says_what_the_guide_quotes() -> None:
    [quoted] = blocks(section(KUBERNETES, "Without a database"), "text")
    assert quoted in notes({})


# Followed


@each_guide
def test_what_the_chart_mounts_the_guide_has_made(guide: Path, tmp_path: Path) -> None:
    followed = start(tmp_path, files())
    for block in runnable(guide):
        followed.run(block, PASSWORD)
        mounted = {name for pod in pods(followed.rendered()).values() for name in secrets_of(pod)}
        assert mounted <= followed.secrets(NAMESPACE).keys()
    assert "metadata-postgres" in followed.secrets(NAMESPACE)


def secrets_of(pod: Pod) -> set[str]:
    return {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}


def files() -> Files:
    """Return what lies beside the checkout: certificates of whoever may need one."""
    authority = Authority.root("root")
    client, server = (
        authority.issue("pinakes"),
        authority.issue("server", "pinakes-db.postgres.svc"),
    )
    return {
        "ca.crt": authority.pem,
        "client.crt": client.certificate,
        "client.key": client.key,
        "tls.crt": server.certificate,
        "tls.key": server.key,
    }


@pytest.fixture
def database() -> Iterator[tuple[Cluster, Authority]]:
    """A PostgreSQL with TLS, whose empty database a role may make a schema in."""
    if missing := missing_programs():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-guide-") as place, ExitStack() as undo:
        programs, authority = find_programs(), Authority.root("root")
        template = make_template(programs, Path(place))
        pair = authority.issue("server", "localhost")
        cluster = undo.enter_context(cluster_of(programs, template, "server", pair, authority.pem))
        with psycopg.connect(cluster.conninfo()) as connection:
            grant = sql.SQL("grant create on database {} to {}")
            connection.execute(grant.format(sql.Identifier(DATABASE), sql.Identifier(TLS_ONLY)))
        yield cluster, authority


def test_the_shortest_way_has_at_most_six_commands() -> None:
    assert sum(1 + command.count(" | ") for command in commands(SHORTEST)) <= 6


def test_the_shortest_way_ends_with_a_doctor_who_finds_all_well(
    database: tuple[Cluster, Authority], tmp_path: Path
) -> None:
    """The database is another one here, whose certificates last a day: of that the doctor warns."""
    cluster, authority = database
    there = f"--host localhost --port {cluster.port} --user {TLS_ONLY} "
    shortest = SHORTEST.replace("--host db.example --user pinakes ", there)
    assert shortest != SHORTEST
    followed = start(tmp_path, {"ca.crt": authority.pem})
    with tempfile.TemporaryDirectory(prefix="pinakes-node-") as place, ExitStack() as undo:
        Path(place).chmod(0o755)
        said = [carry_out(command, followed, Path(place), undo) for command in commands(shortest)]
    assert said[-1].splitlines()[-1].startswith("doctor: all well")


def carry_out(command: str, followed: Followed, place: Path, undo: ExitStack) -> str:
    """Carry out one command; what only a cluster could do is done by processes."""
    followed.run(command, PASSWORD)
    pod = pods(followed.rendered())
    node = Node(place, followed.secrets(NAMESPACE))
    match command.split(" -- "):
        case ["kubectl rollout status -n pinakes deployment/pinakes"]:
            server = undo.enter_context(node.serving(pod["Deployment"]))
            migration = node.run(pod["Job"])
            assert (migration.returncode, migration.stderr) == (0, "")
            await_ready(server)
            register(server)
            return ""
        case ["kubectl exec -n pinakes deployment/pinakes", inside]:
            done = node.run(in_the_pod(pod["Deployment"], inside))
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
            return done.stdout
        case _:
            return ""


def in_the_pod(pod: Pod, command: str) -> Pod:
    """Return a pod whose container runs another command, as ``kubectl exec`` has it."""
    [container] = pod["containers"]
    return pod | {"containers": [container | {"command": command.split()}]}
