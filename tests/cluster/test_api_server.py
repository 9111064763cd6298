"""What a pod asks the API server of its cluster, and what it makes of the answers."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from cluster.api_server import Cluster, serving
from cluster.followers import ROLE, SOURCE, TARGET, rotate
from pinakes.kubernetes import api_server
from pinakes.kubernetes.api_server import ApiServer
from pinakes.kubernetes.errors import ClusterError, VersionGone
from pinakes.kubernetes.pod import Pod
from pinakes.kubernetes.reference import SecretReference
from pinakes.kubernetes.watch import states

WANTED = SecretReference(*SOURCE)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(role=list(ROLE))


@pytest.fixture
def pod(cluster: Cluster, tmp_path: Path) -> Iterator[Pod]:
    with serving(cluster, tmp_path, namespace=TARGET[0]) as url:
        yield Pod(url, tmp_path)


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


async def end_of_watch(server: ApiServer, cluster: Cluster) -> None:
    """See a secret once, forget what changes after that, and wait for the end."""
    async with aclosing(states(server, WANTED)) as seen:
        assert await anext(seen)
        cluster.forget()
        with pytest.raises(StopAsyncIteration):
            await anext(seen)


def test_a_version_that_the_server_has_forgotten_ends_the_watch(cluster: Cluster, pod: Pod) -> None:
    rotate(cluster, "pw")
    run(end_of_watch(ApiServer(pod), cluster))
    with pytest.raises(VersionGone):
        run(anext(ApiServer(pod).watch(WANTED, "1")))


def test_a_stream_that_is_silent_for_too_long_has_ended(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_server, "SILENCE_SECONDS", 0.1)

    async def story() -> list[Any]:
        return [state async for state in states(ApiServer(pod), WANTED)]

    assert run(story()) == [None]


def test_of_a_list_the_secret_has_its_kind(cluster: Cluster, pod: Pod) -> None:
    rotate(cluster, "pw")
    document = run(ApiServer(pod).list(WANTED)).document
    assert (document["kind"], document["metadata"]["name"]) == ("Secret", SOURCE[1])


def test_an_api_server_of_another_authority_gets_no_token(
    cluster: Cluster, pod: Pod, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (
        serving(Cluster(role=[]), elsewhere, namespace="any"),
        pytest.raises(ClusterError, match=r"cannot be asked: .*certificate verify failed"),
    ):
        run(ApiServer(Pod(pod.url, elsewhere)).list(WANTED))
    assert not cluster.asked + cluster.refused


def test_a_pod_without_its_account_says_what_it_needs(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(ClusterError, match="needs automountServiceAccountToken: true"):
        run(ApiServer(pod).list(WANTED))


def test_a_token_that_is_not_known_is_told(cluster: Cluster, pod: Pod) -> None:
    cluster.token = "another"
    with pytest.raises(ClusterError, match="401 Unauthorized; it does not know the token"):
        run(ApiServer(pod).list(WANTED))
