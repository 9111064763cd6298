"""How a store behaves: one suite, for PostgreSQL and for the store in memory alike."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from pinakes.catalog.errors import ModelAlreadyExists, ModelNotFound
from pinakes.catalog.listing import Direction, ModelListing, Order, RuntimeListing, total_order
from pinakes.catalog.model import (
    ArtifactType,
    DefaultProtocol,
    Model,
    ModelKey,
    PredictionSchema,
)
from pinakes.catalog.revision import Change, Verb
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType, RuntimeMetadata
from pinakes.catalog.store import Store
from pinakes.query.conditions import Column
from pinakes.query.parser import parse

Play = Callable[[Callable[[Store], Awaitable[None]]], None]

IRIS = Model(
    uri="gs://models/iris",
    project="flowers",
    name="iris",
    version="2.0",
    artifact_type=ArtifactType.SKLEARN,
    task_type="classification",
    tags={"author": "Bob", "a key": "ünï"},
    metrics={"accuracy": 0.97, "tiny": 5e-324, "huge": 1.7976931348623157e308, "zero": 0.0},
    prediction_schema=PredictionSchema(b'{"requests": [ 1.0 ],"a":{}, "responses":[]}'),
    default_protocol=DefaultProtocol.V2,
)

SERVED = RuntimeMetadata(
    model_uri="gs://models/iris",
    project="flowers",
    deployment_name="iris",
    deployment_namespace="production",
    deployment_uid="uid-1",
    deployment_type=DeploymentType.SELDON_DEPLOYMENT,
    predictor_name="default",
    node_name="iris-container",
    traffic=90,
    replicas=2,
)


def by(actor: str = "alice") -> Change:
    return Change(actor=actor, door="test", request_id=f"request of {actor}")


async def models_of(store: Store, query: str = "") -> list[Model]:
    page = await store.list_models(ModelListing(condition=parse(query) if query else None))
    return list(page.models)


async def uris_of(store: Store, listing: ModelListing) -> list[str]:
    return [model.uri for model in (await store.list_models(listing)).models]


def test_a_created_model_is_listed_as_it_was_given(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        [listed] = await models_of(store)
        assert listed.creation_time is not None
        assert replace(listed, creation_time=None) == IRIS

    play(story)


def test_creating_a_model_twice_is_refused_and_changes_nothing(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        with pytest.raises(ModelAlreadyExists, match="gs://models/iris"):
            await store.create_model(replace(IRIS, name="other"), by())
        assert [model.name for model in await models_of(store)] == ["iris"]
        assert len(await store.list_revisions(IRIS.key)) == 1

    play(story)


def test_one_uri_in_two_projects_is_two_models(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        await store.create_model(replace(IRIS, project="default"), by())
        assert [model.project for model in await models_of(store)] == ["default", "flowers"]

    play(story)


def test_an_update_replaces_all_but_the_key_and_the_creation_time(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        [created] = await models_of(store)
        bare = Model(uri=IRIS.uri, project=IRIS.project, name="bare")
        await store.update_model(bare, by())
        [updated] = await models_of(store)
        assert updated == replace(bare, creation_time=created.creation_time)

    play(story)


def test_updating_an_absent_model_is_refused_and_creates_nothing(play: Play) -> None:
    async def story(store: Store) -> None:
        with pytest.raises(ModelNotFound, match="gs://models/iris"):
            await store.update_model(IRIS, by())
        assert await models_of(store) == []
        assert list(await store.list_revisions(IRIS.key)) == []

    play(story)


def test_a_deleted_model_is_gone_and_its_namesake_elsewhere_is_not(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        await store.create_model(replace(IRIS, project="default"), by())
        await store.delete_model(IRIS.key, by())
        assert [model.project for model in await models_of(store)] == ["default"]
        with pytest.raises(ModelNotFound):
            await store.delete_model(IRIS.key, by())

    play(story)


def test_every_change_appends_a_revision_that_tells_it(play: Play) -> None:
    async def story(store: Store) -> None:
        changes = [by("alice"), by("bob"), by("carol")]
        renamed = replace(IRIS, name="renamed", prediction_schema=None, default_protocol=None)
        await store.create_model(IRIS, changes[0])
        [created] = await models_of(store)
        await store.update_model(renamed, changes[1])
        [updated] = await models_of(store)
        await store.delete_model(IRIS.key, changes[2])
        revisions = await store.list_revisions(IRIS.key)
        assert [(one.verb, one.before, one.after) for one in revisions] == [
            (Verb.CREATE, None, created),
            (Verb.UPDATE, created, updated),
            (Verb.DELETE, updated, None),
        ]
        assert [revision.change for revision in revisions] == changes
        times = [revision.changed_at for revision in revisions]
        assert times == sorted(times)

    play(story)


def test_updates_at_once_leave_an_unbroken_chain_of_revisions(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        versions = [replace(IRIS, version=str(number)) for number in range(20)]
        await asyncio.gather(*(store.update_model(version, by()) for version in versions))
        revisions = await store.list_revisions(IRIS.key)
        afters = [revision.after for revision in revisions]
        assert [revision.before for revision in revisions] == [None, *afters[:-1]]
        assert [afters[-1]] == await models_of(store)

    play(story)


def test_a_long_history_of_a_large_model_is_told_to_its_end(play: Play) -> None:
    async def story(store: Store) -> None:
        large = replace(IRIS, prediction_schema=PredictionSchema(b'"' + b"x" * 900_000 + b'"'))
        await store.create_model(large, by())
        for _ in range(9):
            await store.update_model(large, by())
        assert len(await store.list_revisions(IRIS.key)) == 10

    play(story)


def test_of_two_creates_at_once_one_wins_and_one_is_told(play: Play) -> None:
    async def story(store: Store) -> None:
        creates = (store.create_model(replace(IRIS, name=name), by()) for name in "ab")
        outcomes = await asyncio.gather(*creates, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "ModelAlreadyExists",
            "NoneType",
        ]
        assert len(await models_of(store)) == 1

    play(story)


def test_models_are_listed_by_uri_then_project(play: Play) -> None:
    async def story(store: Store) -> None:
        for uri, project in [("b", "x"), ("a", "z"), ("B", "x"), ("a", "y"), ("é", "x")]:
            await store.create_model(Model(uri=uri, project=project), by())
        listed = [(model.uri, model.project) for model in await models_of(store)]
        assert listed == [("B", "x"), ("a", "y"), ("a", "z"), ("b", "x"), ("é", "x")]

    play(story)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([Order(Column.NAME)], ["1", "3", "2", "4"]),
        ([Order(Column.NAME, Direction.DESCENDING)], ["4", "2", "3", "1"]),
        ([Order(Column.NAME), Order(Column.VERSION, Direction.DESCENDING)], ["3", "1", "4", "2"]),
        ([Order(Column.NAME, Direction.DESCENDING), Order(Column.VERSION)], ["2", "4", "1", "3"]),
        ([Order(Column.URI, Direction.DESCENDING)], ["4", "3", "2", "1"]),
        ([Order(Column.ARTIFACT_TYPE)], ["2", "1", "3", "4"]),
    ],
)
def test_any_order_is_total_and_pages_walk_it(
    play: Play, order: list[Order], expected: list[str]
) -> None:
    async def story(store: Store) -> None:
        types = [
            ArtifactType.SKLEARN,
            ArtifactType.CUSTOM,
            ArtifactType.XGBOOST,
            ArtifactType.XGBOOST,
        ]
        for uri, name, version, kind in zip("1234", "abab", "5678", types, strict=True):
            model = Model(uri=uri, name=name, version=version, artifact_type=kind)
            await store.create_model(model, by())
        listing = ModelListing(order=total_order(order), size=1)
        walked: list[str] = []
        while True:
            page = await store.list_models(listing)
            walked += [model.uri for model in page.models]
            if not page.more:
                break
            listing = replace(listing, after=listing.position_of(page.stored[-1]))
        assert walked == expected

    play(story)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tags[owner] != Bob", ["b"]),
        ("tags[owner] = Bob", ["a"]),
        ("tags[owner] < Z", ["a", "b"]),
        ("tags[owner] % o", ["a"]),
        ('"tags[owner]" = ""', []),
        ("metrics[f1] > 0.5", ["b"]),
        ("metrics[f1] >= 0.5", ["a", "b"]),
        ("metrics[f1] != 0.5", ["b"]),
        ("metrics[none] != 1", []),
        ("name % %", ["c"]),
        ("name % _", []),
        ("uri = a OR uri = b AND name = b", ["b"]),
        ("uri = a OR (uri = b AND name = b)", ["a", "b"]),
        ("version < 9", ["a"]),
        ("artifact_type > U", ["a", "b", "c"]),
        ('name = ""', ["a"]),
    ],
)
def test_a_condition_selects_what_it_says(play: Play, query: str, expected: list[str]) -> None:
    async def story(store: Store) -> None:
        await store.create_model(
            Model(uri="a", version="10", tags={"owner": "Bob"}, metrics={"f1": 0.5}), by()
        )
        await store.create_model(
            Model(uri="b", version="9", name="b", tags={"owner": "Al"}, metrics={"f1": 0.75}), by()
        )
        await store.create_model(Model(uri="c", version="9a", name="50%"), by())
        text = query.replace("% %", '% "%"')
        assert [model.uri for model in await models_of(store, text)] == expected

    play(story)


def test_a_page_says_whether_more_follows(play: Play) -> None:
    async def story(store: Store) -> None:
        for uri in "abc":
            await store.create_model(Model(uri=uri), by())
        sizes = [(await store.list_models(ModelListing(size=size))).more for size in (2, 3, 4)]
        assert sizes == [True, False, False]

    play(story)


def test_runtime_metadata_is_listed_beside_the_model_of_its_project(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.create_model(IRIS, by())
        await store.record_runtime(SERVED)
        await store.record_runtime(replace(SERVED, project="default", deployment_uid="uid-2"))
        [known, unknown] = (await store.list_runtime(RuntimeListing())).records
        assert known.model is not None
        assert known.model.key == IRIS.key
        assert unknown.model is None
        assert replace(known.runtime, creation_time=None) == SERVED

    play(story)


def test_recording_the_same_node_again_changes_it_and_keeps_its_creation_time(play: Play) -> None:
    async def story(store: Store) -> None:
        await store.record_runtime(SERVED)
        [before] = (await store.list_runtime(RuntimeListing())).records
        await store.record_runtime(replace(SERVED, traffic=10, replicas=5))
        [after] = (await store.list_runtime(RuntimeListing())).records
        assert after.runtime == replace(before.runtime, traffic=10, replicas=5)

    play(story)


@pytest.mark.parametrize(
    "wanted",
    [
        {"model_uri": "gs://other"},
        {"deployment_uid": "uid-2"},
        {"deployment_name": "other"},
        {"deployment_namespace": "other"},
        {"deployment_status": DeploymentStatus.STOPPED},
        {"deployment_type": DeploymentType.SELDON_MODEL},
        {"predictor_name": "canary"},
        {"node_name": "other"},
    ],
    ids=lambda wanted: next(iter(wanted)),
)
def test_every_filter_of_runtime_metadata_selects(play: Play, wanted: dict[str, str]) -> None:
    async def story(store: Store) -> None:
        other = replace(SERVED, **{"node_name": "second"} | wanted)
        await store.record_runtime(SERVED)
        await store.record_runtime(other)
        [found] = (await store.list_runtime(RuntimeListing(**wanted))).records  # pyright: ignore[reportArgumentType] - one of several fields
        assert replace(found.runtime, creation_time=None) == other

    play(story)


def test_runtime_metadata_is_walked_page_by_page(play: Play) -> None:
    async def story(store: Store) -> None:
        for number in (3, 0, 4, 1, 2):
            await store.record_runtime(replace(SERVED, node_name=f"node-{number}"))
        first = await store.list_runtime(RuntimeListing(size=3))
        last = await store.list_runtime(RuntimeListing(size=3, after=first.records[-1].runtime.key))
        walked = [record.runtime.node_name for record in (*first.records, *last.records)]
        assert walked == [f"node-{number}" for number in range(5)]
        assert (first.more, last.more) == (True, False)

    play(story)


def test_the_key_of_a_model_is_its_uri_and_its_project() -> None:
    assert IRIS.key == ModelKey("gs://models/iris", "flowers")


# Only some projects


def test_only_models_of_the_projects_asked_for_are_found(play: Play) -> None:
    async def story(store: Store) -> None:
        for project in ("a", "b", "B", "ü"):
            await store.create_model(replace(IRIS, project=project), by())
        for projects in (set(), {"a"}, {"b", "ü", "nowhere"}, {"%"}):
            page = await store.list_models(ModelListing(projects=frozenset(projects)))
            assert {model.project for model in page.models} == projects & {"a", "b", "B", "ü"}
        assert len((await store.list_models(ModelListing(projects=None))).models) == 4

    play(story)


def test_pages_of_some_projects_are_full(play: Play) -> None:
    async def story(store: Store) -> None:
        for number in range(6):
            for project in ("seen", "hidden"):
                model = replace(IRIS, uri=f"gs://{number}", project=project)
                await store.create_model(model, by())
        listing = ModelListing(projects=frozenset({"seen"}), size=4, condition=parse("name=iris"))
        first = await store.list_models(listing)
        assert (len(first.models), first.more) == (4, True)
        last = await store.list_models(
            replace(listing, after=listing.position_of(first.stored[-1]))
        )
        assert (len(last.models), last.more) == (2, False)

    play(story)


def test_only_runtime_metadata_of_the_projects_asked_for_is_found(play: Play) -> None:
    async def story(store: Store) -> None:
        for project in ("a", "b"):
            await store.create_model(replace(IRIS, project=project), by())
            await store.record_runtime(replace(SERVED, project=project))
        for projects in (set(), {"a"}, {"b", "nowhere"}):
            listing = RuntimeListing(projects=frozenset(projects))
            records = (await store.list_runtime(listing)).records
            assert {record.runtime.project for record in records} == projects & {"a", "b"}
            assert all(record.model is not None for record in records)

    play(story)
