"""The server keeps every promise of openapi.yaml, and the file speaks of everything there is.

schemathesis reads the file, sends what it allows and what it forbids, and holds every answer
against it, with every one of its checks. It tries the same requests each time; where
PINAKES_TEST_EXAMPLES says how hard to try, it tries others.
"""

import asyncio
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import resources
from typing import Any, cast

import httpx
import psycopg
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.generation.meta import TestPhase
from schemathesis.generation.stateful.state_machine import APIStateMachine, StepInput, StepOutput
from schemathesis.schemas import BaseSchema
from starlette.routing import Route

from parts import (
    SCHEMA,
    RunningServer,
    environment_of,
    migrated,
    new_database,
    open_gate,
    running_server,
)
from pinakes.api.routes import API, route_table
from pinakes.catalog import model as limits
from pinakes.catalog.model import DefaultProtocol
from pinakes.catalog.runtime import DeploymentType, RuntimeMetadata
from pinakes.postgres.pool import Pool
from pinakes.postgres.store import PostgresStore
from pinakes.query.errors import QuerySyntaxError
from pinakes.query.parser import parse
from pinakes.wire.choices import (
    ARTIFACT_TYPES,
    DEFAULT_PROTOCOLS,
    DEPLOYMENT_STATUSES,
    DEPLOYMENT_TYPES,
)
from pinakes.wire.names import MODEL_NAMES, MODEL_SPELLINGS, RUNTIME_NAMES, RUNTIME_SPELLINGS
from pinakes.wire.prediction_schema import DATA_TYPES, FEATURE_TYPES
from pinakes.wire.status import STATUSES, UNEXPECTED
from strategies import int64_texts, number_texts, orders, queries

MODELS = f"{API}/model/metadata"
RUNTIME = f"{MODELS}/runtime"
PARTS_OF_THE_DOCS_PAGE = {"/docs/docs.js"}

IS_NORMAL_RUN = "PINAKES_TEST_EXAMPLES" not in os.environ
EXAMPLES = int(os.environ.get("PINAKES_TEST_EXAMPLES", "25"))
LONGEST_ANSWER = 10.0
TOO_LARGE = ("413", "414", "431")
"""Refusals that schemathesis does not count as such by itself."""
WALKS = 4 * EXAMPLES
STEPS = 8
ROUNDS = 6
"""At most: luck decides which links a round comes by, and rarely it leaves one out."""
LINKS = {"NextPage", "Find", "Update", "Delete", "UpdateFound", "DeleteFound"}

Json = dict[str, Any]
AnyCase = Case[Any]

CONTRACT: Json = yaml.safe_load(
    (resources.files("pinakes.wire") / "openapi.yaml").read_text(encoding="utf-8")
)
COMPONENTS: Json = CONTRACT["components"]
SCHEMAS: Json = COMPONENTS["schemas"]
OPERATIONS: dict[tuple[str, str], Json] = {
    (verb.upper(), path): operation
    for path, item in CONTRACT["paths"].items()
    for verb, operation in item.items()
    if verb != "parameters"
}

FORMATS = {
    "pinakes-double": number_texts(),
    "pinakes-int64": int64_texts(),
    "pinakes-order-by": orders(),
    "pinakes-page-token": st.just(""),  # no other can be guessed; the links bring real ones
    "pinakes-query": queries(),
}


# Schemathesis, told what OpenAPI 3.0 has no words for.


def in_words_of_json_schema(node: object) -> object:
    """Say what the keys of a map may be; and that the body of a link is a whole one.

    Mixed with a made-up body, as schemathesis would do, it could hold a field under both names.
    """
    if isinstance(node, list):
        return [in_words_of_json_schema(item) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    said = {name: in_words_of_json_schema(item) for name, item in cast("Json", node).items()}
    if "x-propertyNames" in said:
        keys = cast("Json", said.pop("x-propertyNames"))["pattern"]
        said |= {"patternProperties": {keys: said["additionalProperties"]}}
        said |= {"additionalProperties": False}
    if "requestBody" in said and "responses" not in said:
        said |= {"x-schemathesis": {"merge_body": False}}
    return said


def contract_to_test() -> BaseSchema:
    for name, strategy in FORMATS.items():
        schemathesis.openapi.format(name, strategy)
    schema = schemathesis.openapi.from_dict(cast("Json", in_words_of_json_schema(CONTRACT)))
    if IS_NORMAL_RUN:
        schema.config.seed = 1
    schema.config.generation.update(
        max_examples=EXAMPLES, deterministic=IS_NORMAL_RUN, database="none"
    )
    schema.config.checks.update(max_response_time=LONGEST_ANSWER)
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, *TOO_LARGE]
    schema.hook(filter_case)
    schema.hook(map_case)
    schema.hook(after_call)
    return schema


NESTED = re.compile(r"(tags|metrics)\[.*\]\[", re.DOTALL)

pages: dict[tuple[str, str], Json] = {}
"""The parameters of the page that gave out a token, by path and token."""


def filter_case(_: HookContext, case: AnyCase) -> bool:
    """Leave out an object inside tags or metrics, as what is wrong about a request.

    schemathesis writes it as ``tags[a][b]=c``, and that is not wrong: it is the key ``a][b``.
    """
    is_wrong = case.meta is not None and case.meta.generation.mode.is_negative
    return not (is_wrong and any(NESTED.match(name) for name in case.query or {}))


def map_case(_: HookContext, case: AnyCase) -> AnyCase:
    """Let a case be what it was made to be, where one parameter decides what another means.

    It is edited in place: what it claims to be, and so what is checked, stays as it was.
    """
    query = case.query or {}
    if case.meta is None:
        return case
    if case.meta.generation.mode.is_negative:
        if is_query(query.get("query")):
            del query["query"]  # where there is one, the filters are not even looked at
    elif query.get("pageToken"):
        ask_for_next_page(case.path, query)
    elif case.meta.phase.name is TestPhase.STATEFUL and query.get("pageSize"):
        ask_for_small_pages(query)
    return case


def is_query(text: object) -> bool:
    with suppress(QuerySyntaxError):
        return isinstance(text, str) and bool(parse(text))
    return False


def ask_for_next_page(path: str, query: Json) -> None:
    """Ask for the page behind a token as for the page before it, but for its size and mask."""
    asked = only(query, "pageToken", "pageSize", "listMask")
    before = pages.get((path, query["pageToken"]))
    if before is None:  # it is of the other listing
        asked, before = {}, {}
    query.clear()
    query |= before | asked


def ask_for_small_pages(query: Json) -> None:
    """Ask for everything in small pages: what made-up filters find fills no page."""
    asked = only(query, "orderBy", "listMask")
    size = 1 + query["pageSize"] % 5
    query.clear()
    query |= asked | {"pageSize": size}


def only(query: Json, *names: str) -> Json:
    return {name: query[name] for name in names if name in query}


def after_call(_: HookContext, case: AnyCase, response: Response) -> None:
    """Remember what was asked for on the page that gave out a token."""
    is_listing = case.method == "GET" and case.path in (MODELS, RUNTIME)
    if is_listing and response.status_code == 200:
        pages[case.path, response.json()["nextPageToken"]] = dict(case.query or {})


# A server that knows some models and what runs them.


@pytest.fixture(scope="module")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    conninfo = migrated(new_database(postgres))
    with running_server(tmp_path_factory.mktemp("server"), environment_of(conninfo)) as running:
        create_models(running)
        asyncio.run(record_runtime(conninfo))
        with psycopg.connect(conninfo) as connection:
            connection.execute("create table public.models_at_first as table pinakes.models")
        yield replace(running, conninfo=conninfo)


def create_models(server: RunningServer) -> None:
    body = COMPONENTS["requestBodies"]["Model"]["content"]["application/json"]
    usual = body["examples"]["usual"]["value"]
    for number in range(10):
        model = usual | {"URI": f"gs://models/{number}"}
        httpx.post(server.url + MODELS, json=model).raise_for_status()


async def record_runtime(conninfo: str) -> None:
    async with Pool(lambda: conninfo) as pool:
        store = PostgresStore(pool, SCHEMA)
        for number in range(10):
            await store.record_runtime(
                RuntimeMetadata(
                    model_uri=f"gs://models/{2 * number}",
                    deployment_name="income",
                    deployment_namespace="production",
                    deployment_uid=f"uid-{number}",
                    deployment_type=DeploymentType.SELDON_DEPLOYMENT,
                    traffic=90,
                )
            )


def restore_models(server: RunningServer) -> None:
    with psycopg.connect(server.conninfo) as connection:
        connection.execute("delete from pinakes.models")
        connection.execute("insert into pinakes.models table public.models_at_first")


# What schemathesis finds.

contract = contract_to_test()


@contract.parametrize()  # pyright: ignore[reportUntypedFunctionDecorator]
def test_every_operation_takes_what_it_allows_and_refuses_what_it_forbids(
    case: AnyCase, server: RunningServer
) -> None:
    case.call_and_validate(base_url=server.url)


def test_every_operation_keeps_its_promises_behind_every_other(server: RunningServer) -> None:
    walked: set[str] = set()
    for number in range(ROUNDS):
        walk(workflow(server, walked), number)
        if walked >= LINKS:
            break
    assert walked >= LINKS


def walk(machine: type[APIStateMachine], number: int) -> None:
    """Walk a round: the same one each time, but for what hypothesis learns of what is imported."""
    seeded = seed(number)(machine) if IS_NORMAL_RUN else machine
    seeded.run(
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
        )
    )


def workflow(server: RunningServer, walked: set[str]) -> type[APIStateMachine]:
    """Make what walks along the links, from the same catalogue each time.

    The links that led somewhere are added to ``walked``; a next page only where there was one.
    """
    schema = contract_to_test()
    schema.config.update(base_url=server.url)
    machine = schema.as_state_machine()

    def setup(_: APIStateMachine) -> None:
        pages.clear()
        restore_models(server)

    def step(self: APIStateMachine, input: StepInput) -> StepOutput:  # noqa: A002
        output = machine.step(self, input)
        link, query = link_of(input), input.case.query or {}
        if output.response.status_code == 200 and (link != "NextPage" or query.get("pageToken")):
            walked.add(link)
        return output

    return type("Workflow", (machine,), {"setup": setup, "step": step})


def link_of(step: StepInput) -> str:
    """Return the name of the link that a step follows, if it took anything from it."""
    link = re.search(r"\] (\w+) -> ", step.transition.id) if step.transition else None
    return link[1] if link and step.is_applied else ""


# What the file says of itself and of the code.


def test_the_file_is_a_valid_openapi_document() -> None:
    schemathesis.openapi.from_dict(CONTRACT).validate()


def test_every_reference_leads_to_a_component_and_every_component_is_used() -> None:
    named = {f"#/components/securitySchemes/{name}" for way in CONTRACT["security"] for name in way}
    there_are = {f"#/components/{kind}/{name}" for kind in COMPONENTS for name in COMPONENTS[kind]}
    assert {*references(CONTRACT), *named} == there_are


def references(node: object) -> Iterator[str]:
    children: Iterable[object] = ()
    if isinstance(node, dict):
        fields = cast("Json", node)
        if "$ref" in fields:
            yield fields["$ref"]
        children = fields.values()
    elif isinstance(node, list):
        children = cast("list[object]", node)
    for child in children:
        yield from references(child)


def test_every_route_is_described_and_nothing_else_is() -> None:
    routes = [route for route in route_table(open_gate()) if isinstance(route, Route)]
    served = {
        (method, route.path)
        for route in routes
        for method in route.methods or ()
        if method != "HEAD" and route.path not in PARTS_OF_THE_DOCS_PAGE
    }
    assert served == set(OPERATIONS)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert sorted(names) == sorted(set(names))


def test_every_error_is_described_with_its_status_and_its_code() -> None:
    known = {(str(status.http.value), status.code) for status in [*STATUSES.values(), UNEXPECTED]}
    assert set(described_errors()) == known


def described_errors() -> Iterator[tuple[str, int]]:
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            component = response.get("$ref", "").rpartition("/")[2]
            if status != "200" and component:
                media = COMPONENTS["responses"][component]["content"]["application/json"]
                yield status, media["example"]["code"]


def test_an_answer_has_every_field() -> None:
    for schema, names in (("v1Model", MODEL_NAMES), ("v1RuntimeMetadata", RUNTIME_NAMES)):
        assert tuple(SCHEMAS[schema]["required"]) == names
        assert tuple(SCHEMAS[schema]["properties"]) == names


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ("v1ArtifactType", ARTIFACT_TYPES),
        ("v1DefaultProtocol", [protocol.value for protocol in DefaultProtocol]),
        ("v1DeploymentStatus", DEPLOYMENT_STATUSES),
        ("v1DeploymentType", DEPLOYMENT_TYPES),
        ("v1FeatureType", FEATURE_TYPES),
        ("v1DataType", DATA_TYPES),
    ],
)
def test_an_enum_has_the_names_of_the_code_in_the_order_of_their_numbers(
    schema: str, names: Iterable[str]
) -> None:
    assert SCHEMAS[schema]["enum"] == list(names)


@pytest.mark.parametrize(
    ("names", "numbers", "spellings", "values"),
    [
        (*SCHEMAS["ArtifactTypeInput"]["anyOf"], ARTIFACT_TYPES, 14),
        (*SCHEMAS["DefaultProtocolInput"]["anyOf"], DEFAULT_PROTOCOLS, 4),
        (*SCHEMAS["DataTypeInput"]["anyOf"], DATA_TYPES, 5),
        (*SCHEMAS["FeatureInput"]["properties"]["type"]["anyOf"], FEATURE_TYPES, 6),
    ],
)
def test_an_enum_may_be_given_by_every_spelling_and_number(
    names: Json, numbers: Json, spellings: Iterable[str], values: int
) -> None:
    assert set(names["enum"]) - {None} == set(spellings)
    assert (numbers["minimum"], numbers["maximum"]) == (0, values - 1)


def test_a_protocol_is_filtered_by_every_spelling() -> None:
    assert set(SCHEMAS["DefaultProtocolName"]["enum"]) == set(DEFAULT_PROTOCOLS)


@pytest.mark.parametrize(
    ("path", "mask"), [(MODELS, MODEL_SPELLINGS), (RUNTIME, RUNTIME_SPELLINGS)]
)
def test_a_mask_takes_every_spelling_of_every_field(path: str, mask: Mapping[str, str]) -> None:
    parameters = OPERATIONS["GET", path]["parameters"]
    schemas = [found["schema"] for found in parameters if found.get("name") == "listMask"]
    assert [set(schema["items"]["enum"]) for schema in schemas] == [set(mask)]


def test_the_limits_are_those_of_the_catalogue() -> None:
    for schema in (SCHEMAS["v1Model"], SCHEMAS["ModelInput"]):
        fields = {name: resolved(field) for name, field in schema["properties"].items()}
        lengths = {name: field.get("maxLength") for name, field in fields.items()}
        assert lengths["URI"] == lengths.get("uri", limits.MAX_URI) == limits.MAX_URI
        assert lengths["project"] == limits.MAX_PROJECT
        assert lengths["name"] == limits.MAX_NAME
        assert lengths["version"] == limits.MAX_VERSION
        assert lengths["taskType"] == limits.MAX_TASK_TYPE
        assert fields["tags"]["additionalProperties"]["maxLength"] == limits.MAX_TAG


def resolved(schema: Json) -> Json:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


# What OpenAPI has no words for, tried by hand.


def test_where_there_is_a_query_the_filters_are_not_looked_at(server: RunningServer) -> None:
    parameters = {"artifactType": "NONSENSE", "metrics[auc]": "high", "tags": "none"}
    alone = httpx.get(server.url + MODELS, params=parameters)
    beside_query = httpx.get(server.url + MODELS, params={"query": "name=income"} | parameters)
    assert (alone.status_code, beside_query.status_code) == (400, 200)


@pytest.mark.parametrize(
    ("path", "others"),
    [(MODELS, {"name": "income"}), (MODELS, {"orderBy": "name"}), (RUNTIME, {})],
)
def test_a_token_belongs_to_its_listing(
    server: RunningServer, path: str, others: dict[str, str]
) -> None:
    restore_models(server)
    page = httpx.get(server.url + MODELS, params={"pageSize": 2}).json()
    token = {"pageToken": page["nextPageToken"]}
    refused = httpx.get(server.url + path, params=token | others)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("pageToken: ")
