"""``pinakes secret``: what goes in, what comes out, and what never does."""

import fcntl
import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.command import secret_command
from parts import clean_environment
from pinakes.bridge.manifest import Manifest, read_documents, secrets_in
from tls.authority import Authority

PASSWORD = "hunter2 é"
WHERE = ("--host=db", "--user=pinakes", "--dbname=metadata")
ROOT = Authority.root("root")


def made(*arguments: str, **process: Any) -> Manifest:
    done = secret_command(*arguments, **process)
    assert done.returncode == 0, done.stderr
    [secret] = secrets_in(read_documents(done.stdout))
    return secret


def refused(*arguments: str, **process: Any) -> str:
    """Return why it is refused, and see to it that the password is not told."""
    done = secret_command(*arguments, **process)
    assert done.returncode in (1, 2)
    assert not done.stdout
    assert PASSWORD not in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    return done.stderr.decode()


def test_the_password_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    secret = made("create", *WHERE, "--password-file", str(tmp_path / "password"))
    assert secret.name == "metadata-postgres"
    assert secret.files["password"] == PASSWORD.encode()


def test_the_password_is_piped_in() -> None:
    secret = made("create", *WHERE, "--password-file", "-", given=PASSWORD.encode())
    assert secret.files["password"] == PASSWORD.encode()


def test_name_and_namespace_are_those_that_were_given() -> None:
    secret = made("create", "other", "--namespace=pg", *WHERE, "--no-password")
    assert (secret.name, secret.namespace) == ("other", "pg")
    assert "password" not in secret.files


def test_a_uri_is_overruled_by_options() -> None:
    uri = b"postgresql://pinakes:pw@db:5433/metadata"
    files = made("create", "--uri-file", "-", "--host=other", given=uri).files
    assert files == {
        "host": b"other",
        "port": b"5433",
        "user": b"pinakes",
        "password": b"pw",
        "dbname": b"metadata",
        "sslmode": b"require",
    }


@pytest.mark.parametrize("option", ["--ca-file", "--password-file", "--uri-file"])
def test_an_option_of_a_variable_that_is_not_set_is_not_passed_over(option: str) -> None:
    told = refused("create", *WHERE, option, "")
    assert f"the file that {option} names cannot be read" in told


def test_an_empty_namespace_is_not_passed_over() -> None:
    told = refused("create", *WHERE, "--no-password", "--namespace", "")
    assert "the namespace of a secret has" in told


def test_of_another_user_the_password_is_not_taken() -> None:
    told = json.dumps({"username": "postgres", "password": PASSWORD, "host": "db"}).encode()
    arguments = ("from", "rds", "--user=pinakes", "--dbname=metadata")
    assert "nobody to ask for the password" in refused(*arguments, given=told)


def test_the_environment_counts_only_where_it_is_asked_for() -> None:
    environment = {"METADATA_PG_HOST": "db", "PGUSER": "pinakes", "PGPASSWORD": PASSWORD}
    arguments = ("create", "--dbname=metadata")
    secret = made(*arguments, "--from-environment", environment=environment)
    assert secret.files["password"] == PASSWORD.encode()
    assert "host in metadata-postgres" in refused(
        *arguments, "--no-password", environment=environment
    )


@pytest.mark.parametrize(
    "words", [[f"--password={PASSWORD}"], ["--password", PASSWORD], ["-p", PASSWORD], ["--pass"]]
)
def test_a_password_is_no_argument(words: list[str]) -> None:
    assert "a password is no argument" in refused("create", *WHERE, *words)


def test_a_password_is_an_argument_for_who_says_that_it_is_insecure() -> None:
    secret = made("create", *WHERE, "--insecure-password-argument", PASSWORD)
    assert secret.files["password"] == PASSWORD.encode()


def test_no_password_is_mistaken_for_the_name_of_a_file_and_told() -> None:
    told = refused("create", *WHERE, "--password-file", PASSWORD)
    assert told.endswith(
        "the file that --password-file names cannot be read: No such file or directory\n"
    )


def test_a_uri_in_place_of_the_name_is_not_told() -> None:
    uri = f"postgresql://pinakes:{PASSWORD}@db/metadata"
    assert "the name of a secret has" in refused("create", uri, *WHERE, "--no-password")


def test_where_nobody_can_be_asked_the_other_ways_are_told() -> None:
    assert "use --password-file, or --no-password" in refused("create", *WHERE)


@pytest.mark.parametrize("mode", ["", "disable", "allow", "prefer", "require"])
def test_without_an_authority_it_is_noted_that_nobody_verifies(tmp_path: Path, mode: str) -> None:
    (tmp_path / "ca.crt").write_bytes(ROOT.pem)
    ca = ("--ca-file", str(tmp_path / "ca.crt"))
    given = [f"--sslmode={mode}"] if mode else []
    assert b"nobody verifies" in secret_command("create", *WHERE, *given, "--no-password").stderr
    assert not secret_command("create", *WHERE, "--no-password", *ca).stderr


def at_a_terminal(command: list[str], typed: bytes, *, shown: bool) -> tuple[str, bytes]:
    """Run a command before a terminal; return what that shows, and what is printed elsewhere."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env=clean_environment(),
        stdin=theirs,
        stdout=theirs if shown else subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: sit_down_at(theirs),  # noqa: PLW1509 - no thread
    )
    os.close(theirs)
    screen = b"" if shown else read_until(ours, b": ")
    os.write(ours, typed)
    printed = process.communicate(timeout=60)[0] or b""
    screen += read_until(ours, None)
    os.close(ours)
    return screen.decode(), printed


def sit_down_at(terminal: int) -> None:
    """Be what the terminal is of, and mind its Ctrl-C, which nothing in the background does."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_until(terminal: int, end: bytes | None) -> bytes:
    """Read what a terminal shows; Linux says that it is over by an error."""
    seen = b""
    try:
        while end is None or not seen.endswith(end):
            if not (more := os.read(terminal, 1024)):
                break
            seen += more
    except OSError:
        pass
    return seen


CREATE = [sys.executable, "-m", "pinakes", "secret", "create", *WHERE, "--sslmode=disable"]


def test_who_sits_there_is_asked_and_sees_nothing_of_it() -> None:
    screen, printed = at_a_terminal(CREATE, PASSWORD.encode() + b"\n", shown=False)
    assert screen.startswith("Password of pinakes: ")
    assert PASSWORD not in screen
    [secret] = secrets_in(read_documents(printed))
    assert secret.files["password"] == PASSWORD.encode()


def test_nobody_is_asked_for_the_password_of_what_is_wrong_without_it() -> None:
    assert "host in metadata-postgres missing" in refused(
        "create", "--user=pinakes", "--dbname=metadata"
    )
    assert "the name of a secret has" in refused("create", "Bad_Name", *WHERE)


@pytest.mark.parametrize("command", [("check",), ("from", "zalando"), ("from", "rds")])
def test_where_nothing_comes_through_the_pipe_it_is_said_so(command: tuple[str, ...]) -> None:
    told = refused(*command, given=b" \n")
    assert told.endswith("nothing came in: what stands before the pipe may have failed\n")


def test_who_does_not_answer_gets_no_secret() -> None:
    screen, printed = at_a_terminal(CREATE, b"\x03", shown=False)
    assert "Traceback" not in screen
    assert not printed


def test_a_password_is_never_shown_on_a_screen() -> None:
    screen, _ = at_a_terminal([*CREATE, "--no-password"], b"", shown=True)
    assert "lead the manifest on: | kubectl apply --server-side -f -" in screen
    assert "apiVersion" not in screen


# What is checked


def manifest(name: str = "metadata-postgres", kind: str = "Opaque", **keys: str) -> dict[str, Any]:
    return {"kind": "Secret", "type": kind, "metadata": {"name": name}, "stringData": keys}


GOOD = {"host": "db", "user": "pinakes", "password": PASSWORD, "dbname": "metadata"}


def checked(*secrets: dict[str, Any]) -> tuple[int, dict[str, dict[str, str]]]:
    """Check secrets; no password is ever told."""
    done = secret_command("check", "--json", given=yaml.safe_dump_all(secrets).encode())
    assert not done.stderr
    assert PASSWORD.encode() not in done.stdout
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)}


def test_every_key_is_said_to_be_read_or_not() -> None:
    keys = GOOD | {"username": "other", "verifier": "x", "uri": "postgresql://db"}
    code, found = checked(manifest(**keys))
    assert code == 0
    assert {key: found[key]["message"] for key in keys} == {
        "host": "read",
        "user": "read",
        "password": "read",
        "dbname": "read",
        "uri": "read as connection string",
        "username": "not read, since user is there",
        "verifier": "nobody reads it",
    }


def test_a_copy_says_in_the_mount_where_it_came_from() -> None:
    source = manifest("pinakes-db-app", **GOOD)
    source["metadata"] |= {"namespace": "postgres", "resourceVersion": "4711"}
    secret = made("from", "cnpg", given=json.dumps(source).encode())
    told = "a copy of the secret pinakes-db-app in the namespace postgres as of its resourceVersion"
    assert secret.files["source"].decode() == f"{told} 4711"
    assert secret.annotations["pinakes/source"] == "postgres/pinakes-db-app"
    code, found = checked(manifest(**{k: v.decode() for k, v in secret.files.items()}))
    assert (code, found["source"]["message"]) == (0, "says where this copy came from")
    assert found["secret.keys"]["status"] == "ok"


def test_a_password_from_elsewhere_is_no_copy() -> None:
    source = manifest("pinakes-db-app", **GOOD)
    source["metadata"] |= {"namespace": "postgres", "resourceVersion": "4711"}
    arguments = ("from", "cnpg", "--insecure-password-argument", "another")
    assert "source" not in made(*arguments, given=json.dumps(source).encode()).files


@pytest.mark.parametrize("name", ["ca.key", "ca.crt"])
def test_a_private_key_beside_a_login_is_warned_of(name: str) -> None:
    key = ROOT.issue("server").key.decode()
    code, found = checked(manifest(**GOOD, **{name: ROOT.pem.decode() + key}))
    assert (code, found[name]["status"]) == (0, "warning")
    assert found[name]["fix"].startswith("take it out of this secret")


def test_a_misspelt_key_is_told_in_the_words_of_the_doctor() -> None:
    code, found = checked(manifest(host="db", usr="pinakes", dbname="metadata"))
    assert (code, found["secret.keys"]["status"]) == (1, "failed")
    assert found["secret.keys"]["fix"] == "call usr, which nobody reads, user"
    assert found["usr"]["message"] == "nobody reads it"


def test_a_value_that_is_refused_is_told_by_its_key() -> None:
    code, found = checked(manifest(**GOOD | {"password": f"{PASSWORD}\n\n"}))
    assert code == 1
    told = "password in metadata-postgres has a NUL or a line end inside its value"
    assert found["secret.values"]["message"] == told
    assert found["secret.keys"]["message"] == "they cannot be read; secret.values says why"


def test_an_authority_without_its_root_is_told() -> None:
    intermediate = ROOT.intermediate("intermediate").pem.decode()
    code, found = checked(manifest(**GOOD, **{"ca.crt": intermediate}))
    assert (code, found["cert.authorities"]["status"]) == (1, "failed")


def test_a_client_certificate_is_checked_as_a_pair() -> None:
    one, other = ROOT.issue("pinakes"), ROOT.issue("pinakes")
    good = {"tls.crt": one.certificate.decode(), "tls.key": one.key.decode()}
    mixed = good | {"tls.key": other.key.decode()}
    assert checked(manifest(kind="kubernetes.io/tls", **good))[0] == 0
    code, found = checked(manifest(kind="kubernetes.io/tls", **mixed))
    assert (code, found["cert.pair"]["message"]) == (1, "tls.crt and tls.key are no pair")


def test_every_secret_is_told_by_its_name() -> None:
    secrets = [manifest("one", **GOOD), manifest("two", **GOOD)]
    done = secret_command("check", given=yaml.safe_dump_all(secrets).encode())
    assert done.stdout.decode().count("the values say how to connect") == 2
    assert done.stdout.decode().startswith("Secret one\n✓ dbname")
    assert "\n\nSecret two\n✓ dbname" in done.stdout.decode()


def test_where_there_is_no_secret_it_is_said_so() -> None:
    assert "there is no Secret in what was given" in refused("check", given=b"kind: ConfigMap")


# The lines of the platform's page

GENERIC = """\
kubectl create secret generic -n seldon-system metadata-postgres \
--from-literal=user=your_user \
--from-literal=password=your_password \
--from-literal=host=your.postgres.host \
--from-literal=port=5432 \
--from-literal=dbname=metadata \
--from-literal=sslmode=require \
--dry-run=client -o yaml"""
VERIFIED = GENERIC.replace("require", "verify-ca --from-file=ca.crt={ca}")
ZALANDO = """\
kubectl create secret generic -n seldon-system metadata-postgres \
--from-literal=user=seldon \
--from-file=password={password} \
--from-literal=host=seldon-metadata-storage.postgres.svc.cluster.local \
--from-literal=port=5432 \
--from-literal=dbname=metadata \
--from-literal=sslmode=require \
--dry-run=client -o yaml"""
CLIENT = """\
kubectl create secret tls -n seldon-system postgres-client-certs \
--cert={certificate} \
--key={key} \
--dry-run=client -o yaml"""
"""Without the backticks of the page, between which a shell would run the file."""


@pytest.mark.parametrize("line", [GENERIC, VERIFIED, ZALANDO, CLIENT])
def test_the_page_s_own_lines_make_secrets_that_are_all_well(line: str, tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl (apt-get install kubernetes-client)")
    pair = ROOT.issue("seldon")
    contents = {"ca": ROOT.pem, "password": b"pw", "certificate": pair.certificate, "key": pair.key}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    command = shlex.split(line.format(**{name: tmp_path / name for name in contents}))
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    done = secret_command("check", given=printed)
    assert done.returncode == 0, done.stdout.decode()
