"""What holds for every policy, every caller and every catalogue, seen through the API."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import httpx
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parts import API, SCHEMA
from pinakes.api.application import application
from pinakes.api.gate import Gate
from pinakes.api.state import ServerState
from pinakes.auth.admission import Admission
from pinakes.auth.caller import Caller
from pinakes.auth.policy import read_policy
from pinakes.catalog.access import FULL_ACCESS
from pinakes.catalog.listing import ModelListing
from pinakes.catalog.model import Model, ModelKey
from pinakes.catalog.revision import Change, Revision
from pinakes.catalog.runtime import DeploymentType, RuntimeMetadata
from pinakes.catalog.service import ModelCatalog
from pinakes.postgres.pool import Pool
from pinakes.postgres.statement import numbered
from pinakes.postgres.store import PostgresStore
from pinakes.telemetry.formats import LogFormat
from pinakes.telemetry.log import Log
from pinakes.telemetry.process import Telemetry

Json = dict[str, Any]

# Few names, the same for users and groups, and projects that are easily taken for each other.
NAMES = ("*", "ada", "bob", "Zoë", "project/a")
PROJECTS = ("default", "a", "A", "a/b", "*", "ü")
URIS = ("u", "v", "w")

projects = st.sampled_from(PROJECTS)
keys = st.builds(ModelKey, st.sampled_from(URIS), projects)
actions = st.sampled_from(["read", "write", "grant", "READ"])
resources = st.sampled_from(
    [*(f"project/{name}" for name in PROJECTS), "*", "project/", "namespace/*", "a", "project/d*"]
)
grants = st.dictionaries(
    st.sampled_from(NAMES),
    st.lists(st.fixed_dictionaries({"action": actions, "resource": resources}), max_size=4),
    max_size=4,
)
policies = st.fixed_dictionaries({"role_grants": grants, "user_grants": grants})
callers = st.builds(
    Caller,
    id=st.sampled_from(NAMES),
    groups=st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple),
)


@dataclass(frozen=True)
class Request:
    """One operation that a caller asks for."""

    method: str
    key: ModelKey


requests = st.builds(Request, st.sampled_from(["POST", "PUT", "DELETE"]), keys)


def allows(policy: Mapping[str, Any], caller: Caller, action: str, project: str) -> bool:
    """Say what a policy means, in the words of its documentation."""
    granted = [
        *policy["user_grants"].get("*", []),
        *policy["user_grants"].get(caller.id, []),
        *(grant for group in caller.groups for grant in policy["role_grants"].get(group, [])),
    ]
    return any(
        grant["action"] == action and grant["resource"] in ("project/*", f"project/{project}")
        for grant in granted
    )


class Oracle:
    """A catalogue in a dictionary, and what a caller is told of it."""

    def __init__(self, policy: Json, caller: Caller, present: Sequence[ModelKey]) -> None:
        self.present = set(present)
        self._policy = policy
        self._caller = caller

    def may(self, action: str, project: str) -> bool:
        return allows(self._policy, self._caller, action, project)

    def readable(self) -> list[tuple[str, str]]:
        return sorted(
            (key.uri, key.project) for key in self.present if self.may("read", key.project)
        )

    def expected(self, asked: Request) -> int:
        """Return the status that the caller must get, and do what was asked."""
        reads, writes = (self.may(action, asked.key.project) for action in ("read", "write"))
        exists = asked.key in self.present
        if asked.method == "POST":
            self.present |= {asked.key} if writes else set()
            return (409 if exists else 200) if writes else 403
        if not reads:
            return 404
        if not writes:
            return 403
        if asked.method == "DELETE":
            self.present -= {asked.key}
        return 200 if exists else 404


@dataclass(frozen=True)
class Scene:
    """What there is and who asks for what; ``named`` is the project that a listing names."""

    policy: Json
    caller: Caller
    present: list[ModelKey]
    running: list[ModelKey]
    asked: list[Request]
    size: int
    named: str


scenes = st.builds(
    Scene,
    policy=policies,
    caller=callers,
    present=st.lists(keys, unique=True),
    running=st.lists(keys, unique=True),
    asked=st.lists(requests, max_size=8),
    size=st.integers(1, 4),
    named=projects,
)


@given(scenes)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_the_api_shows_and_changes_what_the_policy_allows_and_nothing_else(
    fresh_database: str, scene: Scene
) -> None:
    asyncio.run(_play(fresh_database, scene))


async def _play(conninfo: str, scene: Scene) -> None:
    oracle = Oracle(scene.policy, scene.caller, scene.present)
    async with _catalogue(conninfo, scene) as (client, store):
        await _check_listings(client, oracle, scene)
        for one in scene.asked:
            assert await _status(client, one) == oracle.expected(one), one
        await _check_listings(client, oracle, scene)
        assert await _actors(store, scene.asked) <= {SETTER, scene.caller.id}
        await _check_everything_is_there(store, oracle)


SETTER = "setter"


@given(scenes)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_no_answer_differs_by_a_byte_whether_or_not_there_is_what_may_not_be_read(
    fresh_database: str, scene: Scene
) -> None:
    asyncio.run(_compare_with_and_without_hidden(fresh_database, scene))


async def _compare_with_and_without_hidden(conninfo: str, scene: Scene) -> None:
    oracle = Oracle(scene.policy, scene.caller, scene.present)
    seen = [name for name in PROJECTS if oracle.may("read", name)]
    async with _catalogue(conninfo, scene) as (client, _):
        beside_hidden = await _everything_told(client, scene)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for hidden in (HIDDEN_MODELS, HIDDEN_RUNTIME):
                connection.execute(hidden, [seen])
        assert await _everything_told(client, scene) == beside_hidden


HIDDEN_MODELS = "delete from pinakes.models where project <> all(%s)"
HIDDEN_RUNTIME = "delete from pinakes.runtime_metadata where project <> all(%s)"


async def _everything_told(client: httpx.AsyncClient, scene: Scene) -> list[bytes]:
    """Ask for every page there is; return what is told, tokens included."""
    told: list[bytes] = []
    for path in ("/model/metadata", "/model/metadata/runtime"):
        token = ""
        for _ in itertools.count():
            asked = {"pageSize": scene.size, "pageToken": token}
            answer = await client.get(path, params=asked)
            told.append(answer.content)
            token = answer.json()["nextPageToken"]
            if not token:
                break
    return told


async def _check_listings(client: httpx.AsyncClient, oracle: Oracle, scene: Scene) -> None:
    pages = await _walk(client, "/model/metadata", "models", {"pageSize": scene.size})
    assert [_key(model) for page in pages for model in page] == oracle.readable()
    assert all(len(page) == scene.size for page in pages[:-1])
    [page] = await _walk(client, "/model/metadata", "models", {"project": scene.named})
    of_project = [key for key in oracle.readable() if key[1] == scene.named]
    assert [_key(model) for model in page] == of_project
    await _check_runtime(client, oracle, scene)


async def _check_runtime(client: httpx.AsyncClient, oracle: Oracle, scene: Scene) -> None:
    sized = {"pageSize": scene.size}
    pages = await _walk(client, "/model/metadata/runtime", "runtimeMetadata", sized)
    shown = [record for page in pages for record in page]
    readable = sorted((key for key in scene.running if oracle.may("read", key.project)), key=_uid)
    assert [record["deploymentKubernetesUid"] for record in shown] == [
        _uid(key) for key in readable
    ]
    assert [record["model"] and _key(record["model"]) for record in shown] == [
        (key.uri, key.project) if key in oracle.present else None for key in readable
    ]
    assert all(len(page) == scene.size for page in pages[:-1])


def _key(model: Json) -> tuple[str, str]:
    return model["URI"], model["project"]


async def _walk(client: httpx.AsyncClient, path: str, name: str, asked: Json) -> list[list[Json]]:
    """Return every page of a listing."""
    pages: list[list[Json]] = []
    token = ""
    for _ in itertools.count():
        answer = await client.get(path, params=asked | {"pageToken": token})
        page = answer.raise_for_status().json()
        pages.append(page[name])
        token = page["nextPageToken"]
        if not token:
            break
    return pages


async def _status(client: httpx.AsyncClient, asked: Request) -> int:
    key = {"URI": asked.key.uri, "project": asked.key.project}
    sent: Json = {"params": key} if asked.method == "DELETE" else {"json": key}
    answer = await client.request(asked.method, "/model/metadata", **sent)
    if answer.status_code == 404:
        assert answer.json()["message"] == (
            f"record not found: no model {asked.key.uri!r} in project {asked.key.project!r}"
        )
    return answer.status_code


async def _actors(store: PostgresStore, asked: Sequence[Request]) -> set[str]:
    revisions: list[Revision] = []
    for key in {one.key for one in asked}:
        revisions += await store.list_revisions(key)
    return {revision.change.actor for revision in revisions}


async def _check_everything_is_there(store: PostgresStore, oracle: Oracle) -> None:
    everything = ModelCatalog(store)
    page = await everything.list_models(ModelListing(), FULL_ACCESS)
    assert {model.key for model in page.models} == oracle.present


def _runtime(key: ModelKey) -> RuntimeMetadata:
    return RuntimeMetadata(
        model_uri=key.uri,
        project=key.project,
        deployment_name=key.uri,
        deployment_namespace="seldon",
        deployment_uid=_uid(key),
        deployment_type=DeploymentType.SELDON_MODEL,
    )


def _uid(key: ModelKey) -> str:
    return f"{key.uri} in {key.project}"


@asynccontextmanager
async def _catalogue(
    conninfo: str, scene: Scene
) -> AsyncGenerator[tuple[httpx.AsyncClient, PostgresStore], None]:
    """Serve a catalogue to one caller, under a policy."""

    async def identify(_: str) -> Caller:
        return scene.caller

    async with Pool(lambda: conninfo) as pool:
        await _empty(pool)
        store = PostgresStore(pool, SCHEMA)
        await _fill(store, scene)
        access_of = read_policy(json.dumps(scene.policy).encode()).access_of
        gate = Gate(frozenset(), Admission(access_of, identify))
        served = application(
            ModelCatalog(store), gate, Telemetry(Log(LogFormat.JSON, StringIO())), ServerState()
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(served),
            base_url=f"http://localhost{API}",
            headers={"Authorization": "Bearer of good news"},
        ) as client:
            yield client, store


async def _empty(pool: Pool) -> None:
    async with pool.connection() as channel:
        await channel.execute(
            numbered(b"truncate pinakes.models, pinakes.model_revisions, pinakes.runtime_metadata"),
            {},
        )


async def _fill(store: PostgresStore, scene: Scene) -> None:
    for key in scene.present:
        model = Model(uri=key.uri, project=key.project)
        await store.create_model(model, Change(actor=SETTER, door="test"))
    for key in scene.running:
        await store.record_runtime(_runtime(key))
