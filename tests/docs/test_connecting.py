"""The pages that say how to do something name what exists, and show nothing unsafe."""

import re
import subprocess
from pathlib import Path

import pytest

from docs.pages import PAGES, blocks, manifests, marked, page
from pinakes.doctor.checks import CHECKS
from pinakes.postgres.connection import CLIENT_TLS_DIRECTORY, SECRET_DIRECTORY
from pinakes.postgres.diagnosis.description import KEYS

FOR_THE_GROUP_ALONE = 0o440
KEYS_OF_A_PAIR = {"tls.crt", "tls.key"}

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@each_page
def test_every_check_that_is_named_is_one(path: Path) -> None:
    subjects = "|".join({check.id.partition(".")[0] for check in CHECKS})
    looks_like_a_check = re.compile(rf"(?:{subjects})\.[a-z]+")
    named = {word for word in marked(path.read_text()) if looks_like_a_check.fullmatch(word)}
    assert named - KEYS_OF_A_PAIR <= {check.id for check in CHECKS}


@each_page
def test_every_place_in_a_page_that_is_linked_to_exists(path: Path) -> None:
    for file, place in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text()):
        assert place in places_in(path.parent / (file or path.name))


def places_in(path: Path) -> set[str]:
    """Name the headings as links do."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@each_page
def test_every_command_is_one_that_a_shell_understands(path: Path) -> None:
    for block in blocks(path.read_text(), "sh"):
        done = subprocess.run(
            ["/bin/sh", "-n"], input=block, check=False, capture_output=True, text=True
        )
        assert not done.stderr, block


@each_page
def test_no_password_stands_on_a_command_line(path: Path) -> None:
    assert "--from-literal=password" not in path.read_text()
    assert not re.search(r"--(?:cert|key)=`", path.read_text())


@each_page
def test_what_a_pod_mounts_only_its_group_may_read(path: Path) -> None:
    for manifest in manifests(path.read_text()):
        for volume in manifest.get("spec", manifest).get("volumes", ()):
            source = volume.get("secret") or volume["projected"]
            assert source["defaultMode"] == FOR_THE_GROUP_ALONE


def test_the_pod_mounts_what_its_variables_name() -> None:
    [pod] = manifests(page("connect-your-own"))
    [container] = pod["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    secrets = {one["name"]: one["secret"]["secretName"] for one in pod["spec"]["volumes"]}
    assert {name: secrets[mounts[place]] for name, place in variables.items()} == {
        SECRET_DIRECTORY: "metadata-postgres",
        CLIENT_TLS_DIRECTORY: "postgres-client-certs",
    }
    assert pod["spec"]["securityContext"]["fsGroup"]


def test_every_key_of_a_secret_is_on_the_page() -> None:
    assert set(marked(page("connect-your-own"))) >= KEYS
