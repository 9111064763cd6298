"""Manifests: what kubectl prints is read, what is written is read by whoever reads YAML."""

import base64
import json
import shutil
import subprocess
import traceback
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pinakes.bridge.errors import BridgeError
from pinakes.bridge.manifest import Manifest, read_documents, secrets_in, write_manifest

SECRET_WORD = "correct horse"


def secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, **parts}


def read(document: object) -> list[Manifest]:
    return secrets_in(read_documents(json.dumps(document).encode()))


def refusal(text: bytes) -> str:
    """Return why a manifest is refused, and see to it that nothing of it is told."""
    with pytest.raises(BridgeError) as failure:
        secrets_in(read_documents(text))
    assert SECRET_WORD not in "".join(traceback.format_exception(failure.value))
    return str(failure.value)


def test_a_secret_is_read_from_yaml_as_from_json() -> None:
    document = secret(data={"user": "YXBw"}, type="kubernetes.io/basic-auth")
    expected = [Manifest("one", {"user": b"app"}, type="kubernetes.io/basic-auth")]
    assert read(document) == expected
    assert secrets_in(read_documents(yaml.safe_dump(document).encode())) == expected


def test_every_secret_of_several_documents_is_read_and_nothing_else() -> None:
    documents = [secret(), {"kind": "ConfigMap"}, None, "text", secret(metadata={"name": "two"})]
    text = yaml.safe_dump_all(documents).encode()
    assert [one.name for one in secrets_in(read_documents(text))] == ["one", "two"]


def test_the_secrets_of_a_list_are_read() -> None:
    assert [one.name for one in read({"kind": "List", "items": [secret(), {}]})] == ["one"]


def test_a_list_that_holds_itself_is_no_trap() -> None:
    assert not secrets_in(read_documents(b"&a\nkind: List\nitems: [*a]"))


def test_plain_text_wins_over_data_as_in_kubernetes() -> None:
    [one] = read(secret(data={"user": "YXBw"}, stringData={"user": "web"}))
    assert one.files == {"user": b"web"}


def test_an_empty_key_and_folded_base64_are_read() -> None:
    [one] = read(secret(data={"a": None, "b": "YX\nBw\n"}))
    assert one.files == {"a": b"", "b": b"app"}


def test_where_it_is_from_is_kept() -> None:
    labels = {"cluster-name": "db"}
    metadata = {"name": "one", "namespace": "pg", "labels": labels, "resourceVersion": "4711"}
    [one] = read(secret(metadata=metadata))
    assert (one.namespace, one.labels, one.version) == ("pg", labels, "4711")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (secret(data={"password": SECRET_WORD}), "password in data of one is no base64"),
        (secret(data={"password": "é"}), "password in data of one is no base64"),
        (secret(stringData={"port": 5432}), "port of one is no text: put it between quotes"),
        (secret(data={"port": [SECRET_WORD]}), "port of one is no text"),
        (secret(stringData={"password": "\ud800"}), "password in stringData of one is not UTF-8"),
        (secret(data=SECRET_WORD), "a Secret is not as Kubernetes has it"),
        (secret(metadata=SECRET_WORD), "a Secret is not as Kubernetes has it"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_by_its_name(document: Any, told: str) -> None:
    assert told in refusal(json.dumps(document).encode())


@pytest.mark.parametrize(
    "text",
    [
        f"password: [{SECRET_WORD}",
        f"password: !!binary {SECRET_WORD}é",
        f"? [{SECRET_WORD}]\n: {{}}\n- ",
        "date: 2026-99-99",
        "[" * 10_000,
        "\x00",
        f"!!python/object:{SECRET_WORD}",
    ],
)
def test_what_is_no_yaml_is_refused_without_quoting_it(text: str) -> None:
    assert refusal(text.encode()).startswith("this is neither YAML nor JSON")


def test_the_line_at_fault_is_named() -> None:
    assert refusal(b"a: 1\nb: ]") == "this is neither YAML nor JSON (line 2)"


@pytest.mark.parametrize("name", ["", "Big", "a_b", "-a", "a-", "a..b", "a" * 254, f"a\n{'b'}"])
def test_a_name_that_kubernetes_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(BridgeError, match="the name of a secret has lower-case letters"):
        write_manifest(Manifest(name, {}))
    with pytest.raises(BridgeError, match="the namespace of a secret has lower-case letters"):
        write_manifest(Manifest("one", {}, namespace=name))


@given(st.dictionaries(st.sampled_from(["user", "password", "ca.crt"]), st.binary()))
def test_what_is_written_is_read_again_byte_for_byte(files: dict[str, bytes]) -> None:
    manifest = Manifest("one", files, namespace="pg", annotations={"version": "54e4"})
    assert secrets_in(read_documents(write_manifest(manifest).encode())) == [manifest]


def test_base64_that_looks_like_a_number_stays_text_for_kubectl() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("needs kubectl (apt-get install kubernetes-client)")
    password = base64.b64decode("54e4")
    assert password.decode() == "燸"
    done = subprocess.run(
        [kubectl, "annotate", "--local", "-f", "-", "read=yes", "-o", "json"],
        input=write_manifest(Manifest("1e3", {"password": password})).encode(),
        capture_output=True,
        check=True,
    )
    [read_back] = secrets_in(read_documents(done.stdout))
    assert (read_back.name, read_back.files) == ("1e3", {"password": password})
