"""What parameters become, and which are refused."""

from urllib.parse import quote, urlencode

import pytest

from pinakes.catalog.listing import Direction, ModelListing, Order
from pinakes.catalog.runtime import DeploymentStatus, DeploymentType
from pinakes.query.conditions import Both, Column, Comparison, Condition, Metric, Operator, Tag
from pinakes.query.errors import QuerySyntaxError
from pinakes.wire.errors import BadRequest
from pinakes.wire.names import MODEL_SPELLINGS
from pinakes.wire.page_tokens import write_token
from pinakes.wire.parameters import (
    Parameters,
    model_scope,
    read_mask,
    read_model_key,
    read_model_listing,
    read_runtime_listing,
)


def listing(**parameters: str) -> ModelListing:
    return read_model_listing(Parameters(urlencode(parameters).encode()))


def raw_listing(query_string: bytes) -> ModelListing:
    return read_model_listing(Parameters(query_string))


def equal(field: Column | Tag | Metric, value: str | float) -> Condition:
    return Comparison(field, Operator.EQUAL, value)


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("URI", "gs://a", equal(Column.URI, "gs://a")),
        ("name", "a b", equal(Column.NAME, "a b")),
        ("version", "1", equal(Column.VERSION, "1")),
        ("taskType", "t", equal(Column.TASK_TYPE, "t")),
        ("project", "p", equal(Column.PROJECT, "p")),
        ("artifactType", "SKLEARN", equal(Column.ARTIFACT_TYPE, "SKLEARN")),
        ("defaultProtocol", "PROTOCOL_V2", equal(Column.DEFAULT_PROTOCOL, "PROTOCOL_V2")),
        (
            "defaultProtocol",
            "PROTOCOL_TENSERFLOW",
            equal(Column.DEFAULT_PROTOCOL, "PROTOCOL_TENSORFLOW"),
        ),
        ("tags[a b]", "c", equal(Tag("a b"), "c")),
        ("tags[k]", "", equal(Tag("k"), "")),
        ("tags[]", "c", equal(Tag(""), "c")),
        ("metrics[f1]", "0.5", equal(Metric("f1"), 0.5)),
        ("query", "name=x", equal(Column.NAME, "x")),
        ("name", "", None),
        ("artifactType", "UNKNOWN", None),
        ("artifactType", "", None),
        ("defaultProtocol", "PROTOCOL_UNKNOWN", None),
        ("modelType", "anything", None),
        ("uri", "gs://a", None),
        ("query", " \t", None),
    ],
)
def test_a_filter_becomes_a_condition(name: str, value: str, condition: Condition | None) -> None:
    assert listing(**{name: value}).condition == condition


def test_filters_are_joined_by_and() -> None:
    both = Both(equal(Column.NAME, "a"), equal(Tag("k"), "v"))
    assert listing(**{"name": "a", "tags[k]": "v"}).condition == both


def test_a_query_wins_over_filters_which_are_not_even_read() -> None:
    asked = listing(
        **{"query": "name=x", "artifactType": "NONSENSE", "metrics[a]": "x", "tags": ""}
    )
    assert asked.condition == equal(Column.NAME, "x")


def test_the_last_of_a_repeated_parameter_counts() -> None:
    assert raw_listing(b"name=a&name=b").condition == equal(Column.NAME, "b")
    assert raw_listing(b"name=a&name=").condition is None


@pytest.mark.parametrize(
    ("query_string", "name"),
    [
        (b"name=a+b", "a b"),
        (b"name=a%20b", "a b"),
        (b"name=%C3%A9", "é"),
        ("name=é".encode(), "é"),
        (b"name=50%", "50%"),
        (b"name=%zz", "%zz"),
        (b"n%61me=a", "a"),
        (b"name=a=b", "a=b"),
    ],
)
def test_parameters_are_decoded_as_forms_are(query_string: bytes, name: str) -> None:
    assert raw_listing(query_string).condition == equal(Column.NAME, name)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"artifactType": "sklearn"}, "artifactType: unknown name"),
        ({"artifactType": "3"}, "artifactType: unknown name"),
        ({"defaultProtocol": "V2"}, "defaultProtocol: unknown name"),
        ({"metrics[f1]": "x"}, "metrics[f1]: expected a finite number"),
        ({"metrics[f1]": ""}, "metrics[f1]: expected a finite number"),
        ({"metrics[f1]": "nan"}, "metrics[f1]: expected a finite number"),
        ({"tags": "x"}, "tags: expected tags[key]"),
        ({"tags[k": "x"}, "tags[k: expected tags[key]"),
        ({"tags[k]x": "x"}, "tags[k]x: expected tags[key]"),
        ({"pageSize": "-1"}, "pageSize: is negative"),
        ({"pageSize": "ten"}, "pageSize: expected a whole number"),
        ({"pageSize": "1.0"}, "pageSize: expected a whole number"),
        ({"pageSize": " 1"}, "pageSize: expected a whole number"),
        ({"pageSize": "2147483648"}, "pageSize: is negative, or more"),
        ({"pageSize": "9" * 5000}, "pageSize: expected a whole number"),
        ({"orderBy": "nom"}, "orderBy: expected uri"),
        ({"orderBy": "name up"}, "orderBy: expected uri"),
        ({"orderBy": "name asc desc"}, "orderBy: expected uri"),
        ({"orderBy": "name,,uri"}, "orderBy: expected uri"),
        ({"orderBy": "name,"}, "orderBy: expected uri"),
        ({"orderBy": "tags[a]"}, "orderBy: expected uri"),
        ({"orderBy": "artifact_type,artifactType"}, "orderBy: names a field twice"),
        ({"pageToken": "nonsense"}, "pageToken: belongs to no page"),
        ({"pageToken": "\u00e9"}, "pageToken: belongs to no page"),
        ({"name": "a\0"}, "name: has a NUL"),
        ({"unknown\0": "a"}, r"unknown\x00: has a NUL"),
        ({f"tags[{number}]": "x" for number in range(201)}, "at most 200 filters"),
    ],
)
def test_what_means_nothing_is_refused_by_name(parameters: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadRequest) as refused:
        listing(**parameters)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("query_string", [b"name=%ff", b"%ff=a", b"x=%ed%a0%80", b"name=\xff"])
def test_what_is_not_utf8_is_refused(query_string: bytes) -> None:
    with pytest.raises(BadRequest, match="UTF-8"):
        raw_listing(query_string)


@pytest.mark.parametrize("query", ["name=x)", "\0", "name=\0"])
def test_a_query_that_cannot_be_read_is_refused_where_it_goes_wrong(query: str) -> None:
    with pytest.raises(QuerySyntaxError, match=r"\^$"):
        listing(query=query)


@pytest.mark.parametrize(
    ("page_size", "size"),
    [("", 1000), ("0", 1000), ("-0", 1000), ("1", 1), ("5000", 5000), ("2147483647", 5000)],
)
def test_a_page_has_a_size_within_bounds(page_size: str, size: int) -> None:
    assert listing(pageSize=page_size).size == size


@pytest.mark.parametrize(
    ("order_by", "order"),
    [
        ("", "uri asc, project asc"),
        (" ", "uri asc, project asc"),
        ("name", "name asc, uri asc, project asc"),
        ("name desc", "name desc, uri desc, project desc"),
        (" name  desc , version ", "name desc, version asc, uri asc, project asc"),
        (
            "ArtifactType asc,TASK_TYPE desc",
            "artifact_type asc, task_type desc, uri desc, project desc",
        ),
        ("project desc", "project desc, uri desc"),
        ("uri desc,name", "uri desc, name asc, project asc"),
    ],
)
def test_an_order_is_completed_by_uri_and_project(order_by: str, order: str) -> None:
    items = [item.split() for item in order.split(", ")]
    expected = [Order(Column(column), Direction(direction)) for column, direction in items]
    assert list(listing(orderBy=order_by).order) == expected


def test_a_page_token_is_read_by_the_listing_that_wrote_it_and_no_other() -> None:
    first = listing(name="a", orderBy="version")
    token = write_token(["1", "gs://é\\u0000", "default"], model_scope(first))
    again = listing(name="a", orderBy="version", pageToken=token, pageSize="7", listMask="name")
    assert again.after == ("1", "gs://é\\u0000", "default")
    for changed in ({"name": "b"}, {"orderBy": "name"}, {"tags[k]": "v"}, {"query": "name=b"}):
        with pytest.raises(BadRequest, match="pageToken"):
            listing(**({"name": "a", "orderBy": "version", "pageToken": token} | changed))


@pytest.mark.parametrize("damage", [lambda t: t[:-4], lambda t: t + "AAAA", lambda t: t.lower()])
def test_a_damaged_page_token_is_refused(damage: object) -> None:
    first = listing()
    token = write_token(["gs://A", "default"], model_scope(first))
    with pytest.raises(BadRequest, match="pageToken"):
        listing(pageToken=damage(token))  # type: ignore[operator]


@pytest.mark.parametrize("position", [["a"], ["a", "b", "c"], ["a", "\0"], [1, 2], {}, None])
def test_a_forged_page_token_is_refused(position: object) -> None:
    first = listing()
    token = write_token(position, model_scope(first))
    with pytest.raises(BadRequest, match="pageToken"):
        listing(pageToken=token)


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        ("name", {"name"}),
        (" ", set(MODEL_SPELLINGS.values())),
        (" artifactType , prediction_schema", {"artifactType", "predictionSchema"}),
        ("uri,URI", {"URI"}),
        ("", set(MODEL_SPELLINGS.values())),
    ],
)
def test_a_mask_names_fields_by_either_spelling(mask: str, names: set[str]) -> None:
    parameters = Parameters(f"listMask={quote(mask)}".encode())
    assert read_mask(parameters, MODEL_SPELLINGS) == names


@pytest.mark.parametrize("mask", ["nom", "name,", "predictionSchema.requests", "Name"])
def test_a_mask_of_unknown_fields_is_refused(mask: str) -> None:
    with pytest.raises(BadRequest, match="listMask: unknown field"):
        read_mask(Parameters(f"listMask={quote(mask)}".encode()), MODEL_SPELLINGS)


def test_runtime_metadata_without_a_status_is_what_runs() -> None:
    asked = read_runtime_listing(Parameters(b"deploymentType=UndefinedDeploymentType"))
    assert asked.deployment_status is DeploymentStatus.RUNNING
    assert asked.deployment_type is None


def test_runtime_metadata_is_filtered_by_every_parameter_in_its_letter_case() -> None:
    asked = read_runtime_listing(
        Parameters(
            b"ModelURI=u&DeploymentUID=i&DeploymentName=n&DeploymentNamespace=s"
            b"&DeploymentStatus=Stopped&PredictorName=p&NodeName=o"
            b"&deploymentType=InferenceService&pageSize=3"
        )
    )
    assert (asked.model_uri, asked.deployment_uid, asked.deployment_name) == ("u", "i", "n")
    assert (asked.deployment_namespace, asked.predictor_name, asked.node_name) == ("s", "p", "o")
    assert asked.deployment_status is DeploymentStatus.STOPPED
    assert asked.deployment_type is DeploymentType.INFERENCE_SERVICE
    assert asked.size == 3


def test_a_page_token_of_models_is_none_of_runtime_metadata() -> None:
    first = listing()
    token = write_token(["a", "b"], model_scope(first))
    with pytest.raises(BadRequest, match="pageToken"):
        read_runtime_listing(Parameters(f"pageToken={token}".encode()))


def test_a_key_without_a_project_is_in_the_default_project() -> None:
    key = read_model_key(Parameters(b"URI=gs://a&project="))
    assert (key.uri, key.project) == ("gs://a", "default")
