"""``pinakes secret from --follow`` as a pod of a cluster: what it copies, and what it tells."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from cluster.api_server import Allowed, Cluster, serving
from cluster.command import secret_command
from cluster.followers import ROLE, SOURCE, TARGET, following, keys_of, rotate
from pinakes.bridge.follower import Follower, Following
from pinakes.bridge.operators import zalando
from pinakes.kubernetes.api_server import ApiServer
from pinakes.kubernetes.pod import Pod
from pinakes.kubernetes.reference import SecretReference
from pinakes.telemetry.events import ClusterFailed, Event
from tls.authority import Authority

PASSWORD = "hunter2"
ROTATED = "hunter3"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(role=list(ROLE))


def test_the_first_copy_is_made_at_once(cluster: Cluster, tmp_path: Path) -> None:
    version = rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        told = follower.next("SecretCopied")
    assert keys_of(cluster) == {
        "host": b"pinakes-db.postgres.svc",
        "port": b"5432",
        "user": b"pinakes",
        "password": PASSWORD.encode(),
        "dbname": b"metadata",
        "source": (
            f"a copy of the secret {SOURCE[1]} in the namespace postgres as of its resourceVersion"
            f" {version}, kept up to date by a follower"
        ).encode(),
    }
    assert cluster.secrets[TARGET]["metadata"]["annotations"] == {
        "pinakes/source": "/".join(SOURCE),
        "pinakes/source-resource-version": version,
    }
    assert (told["source"], told["version"]) == ("/".join(SOURCE), version)


def test_a_rotation_is_followed_user_and_password(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        cluster.bookmark(SOURCE)
        version = rotate(cluster, ROTATED, "pinakes261125")
        assert follower.next("SecretCopied")["version"] == version
    keys = keys_of(cluster)
    assert (keys["user"], keys["password"]) == (b"pinakes261125", ROTATED.encode())


def test_no_more_is_asked_than_the_role_allows(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
    assert not cluster.refused
    assert set(cluster.asked) == {
        ("list", SOURCE),
        ("watch", SOURCE),
        ("patch", TARGET),
        ("create", TARGET),
    }


def test_a_rotation_while_the_stream_is_broken_off_is_not_missed(
    cluster: Cluster, tmp_path: Path
) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        cluster.drop_streams()
        version = rotate(cluster, ROTATED)
        assert follower.next("SecretCopied")["version"] == version
    assert [told["event"] for told in follower.events] == ["SecretCopied"] * 2


@pytest.mark.parametrize("code", [410, 500])
def test_a_stream_that_the_server_gives_up_is_begun_anew(
    cluster: Cluster, tmp_path: Path, code: int
) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        cluster.fail_streams(SOURCE, code)
        cluster.drop_streams()
        cluster.wait_until(lambda: cluster.asked.count(("list", SOURCE)) > 1)
        rotate(cluster, ROTATED)
        follower.next("SecretCopied")
    assert keys_of(cluster)["password"] == ROTATED.encode()


def test_an_api_server_that_was_away_is_asked_again(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    cluster.is_away = True
    with following(cluster, tmp_path) as follower:
        assert "answers 503" in follower.next("ClusterFailed")["reason"]
        cluster.is_away = False
        follower.next("SecretCopied")


def test_a_rotated_token_is_read_anew(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        (tmp_path / "token").write_text("the next one")
        cluster.token = "the next one"
        cluster.drop_streams()
        rotate(cluster, ROTATED)
        follower.next("SecretCopied")
    assert "ClusterFailed" not in [told["event"] for told in follower.events]


@pytest.mark.parametrize(
    ("lacks", "place", "verbs"),
    [("list", SOURCE, "list, watch"), ("watch", SOURCE, "watch, list"), ("patch", TARGET, "patch")],
)
def test_what_the_role_lacks_is_told(
    cluster: Cluster, tmp_path: Path, lacks: str, place: tuple[str, str], verbs: str
) -> None:
    rotate(cluster, PASSWORD)
    cluster.role = [Allowed(one.place, one.verbs - {lacks}) for one in ROLE]
    with following(cluster, tmp_path) as follower:
        reason = follower.next("ClusterFailed")["reason"]
    assert reason.startswith(f"{lacks} of the secret {'/'.join(place)}: the API server answers 403")
    assert f"a Role in {place[0]} that has the verbs {verbs}" in reason
    assert reason.endswith(f"on secrets, resourceNames {place[1]}")
    assert PASSWORD not in reason


def test_a_target_that_is_there_needs_no_right_to_create_one(
    cluster: Cluster, tmp_path: Path
) -> None:
    rotate(cluster, PASSWORD)
    cluster.role = [Allowed(one.place, one.verbs - {"create"}) for one in ROLE]
    cluster.put(TARGET, metadata={"labels": {"app": "pinakes"}})
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
    assert cluster.secrets[TARGET]["metadata"]["labels"] == {"app": "pinakes"}


def test_a_source_that_goes_away_leaves_the_target(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        cluster.delete(SOURCE)
        assert follower.next("SourceAbsent")["source"] == "/".join(SOURCE)
        assert keys_of(cluster)["password"] == PASSWORD.encode()
        rotate(cluster, ROTATED)
        follower.next("SecretCopied")
    assert keys_of(cluster)["password"] == ROTATED.encode()


def test_a_source_that_is_not_there_yet_is_waited_for(cluster: Cluster, tmp_path: Path) -> None:
    with following(cluster, tmp_path) as follower:
        follower.next("SourceAbsent")
        cluster.wait_until(lambda: cluster.streams)
        rotate(cluster, PASSWORD)
        follower.next("SecretCopied")


def test_a_source_that_makes_no_secret_leaves_the_target(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        rotate(cluster, f"{ROTATED}\n\n")
        reason = follower.next("SourceRefused")["reason"]
    assert reason.startswith("password in pinakes.pinakes-db")
    assert ROTATED not in reason
    assert keys_of(cluster)["password"] == PASSWORD.encode()


def test_a_target_that_somebody_deleted_is_made_again(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.delete(TARGET)
        cluster.wait_until(lambda: cluster.streams)
        cluster.drop_streams()
        follower.next("SecretCopied")
    assert keys_of(cluster)["password"] == PASSWORD.encode()


def test_how_a_first_copy_is_verified_stays_as_whoever_made_it_said(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.put(TARGET, data={"ca.crt": "Q0E=", "sslmode": "dmVyaWZ5LWZ1bGw="})
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
    keys = keys_of(cluster)
    assert (keys["ca.crt"], keys["sslmode"]) == (b"CA", b"verify-full")
    assert keys["password"] == PASSWORD.encode()


def test_the_authority_is_that_of_a_file_which_is_read_anew(
    cluster: Cluster, tmp_path: Path
) -> None:
    rotate(cluster, PASSWORD)
    file = tmp_path / "authority"
    with following(cluster, tmp_path, "--ca-file", str(file)) as follower:
        assert "--ca-file" in follower.next("SourceRefused")["reason"]
        file.write_bytes(Authority.root("root").pem)
        cluster.wait_until(lambda: cluster.streams)
        cluster.drop_streams()
        follower.next("SecretCopied")
    assert keys_of(cluster)["sslmode"] == b"verify-full"


def test_sigterm_ends_it_quietly_and_no_password_was_told(cluster: Cluster, tmp_path: Path) -> None:
    rotate(cluster, PASSWORD)
    with following(cluster, tmp_path) as follower:
        follower.next("SecretCopied")
        cluster.wait_until(lambda: cluster.streams)
        assert follower.end() == (0, "")
    assert PASSWORD not in str(follower.events)


class EnoughError(Exception):
    """The test has seen what it wanted to see."""


def test_failures_in_a_row_are_followed_by_pauses_that_grow(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.is_away = True
    pauses: list[float] = []
    events: list[Event] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            raise EnoughError

    def read_ca() -> NoReturn:
        raise AssertionError("nothing is copied")

    followed = Following(
        source=SecretReference(*SOURCE),
        target=SecretReference(*TARGET),
        bridge=zalando,
        options={},
        read_ca=read_ca,
    )
    with serving(cluster, tmp_path, namespace=TARGET[0]) as url, suppress(EnoughError):
        server = ApiServer(Pod(url, tmp_path))
        asyncio.run(Follower(followed, server, events.append).keep_following(sleep))
    assert pauses == [2, 4, 8, 16, 30, 30, 30]
    assert {type(event) for event in events} == {ClusterFailed}


# What is refused before anything is asked


FOLLOW = ("from", "zalando", "--follow", "/".join(SOURCE))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (FOLLOW, 1, "this is no pod of a cluster"),
        ((*FOLLOW, "--user=pinakes"), 1, "--user does not go with --follow"),
        ((*FOLLOW, "--no-password"), 1, "--no-password does not go with --follow"),
        ((*FOLLOW, "-f", "secret.yaml"), 1, "-f does not go with --follow"),
        (("from", "rds", "--follow", "a/b"), 1, "of zalando, cnpg, crunchy alone"),
        (("from", "zalando", "--follow", ""), 2, "expected NAMESPACE/SECRET"),
        (("from", "zalando", "--follow", "metadata-postgres"), 2, "expected NAMESPACE/SECRET"),
        (("from", "zalando", "--follow", "a/b,c"), 2, "expected NAMESPACE/SECRET"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = secret_command(*arguments)
    assert done.returncode == code
    assert told in done.stderr.decode()
