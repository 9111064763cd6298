"""v1RuntimeMetadata: RuntimeMetadata to JSON."""

from collections.abc import Collection

import msgspec

from pinakes.catalog.listing import RuntimeListing, RuntimePage
from pinakes.catalog.runtime import RuntimeMetadata, RuntimeRecord
from pinakes.wire.models import write_model, write_time
from pinakes.wire.page_tokens import write_token
from pinakes.wire.pages import write_page
from pinakes.wire.parameters import runtime_scope

EMPTY_RUNTIME: dict[str, object] = {
    "modelUri": "",
    "deploymentName": "",
    "deploymentNamespace": "",
    "deploymentKubernetesUid": "",
    "predictorName": "",
    "nodeName": "",
    "deploymentStatus": "Running",
    "deploymentType": "UndefinedDeploymentType",
    "traffic": "0",
    "shadow": False,
    "creationTime": None,
    "model": None,
    "explainer": False,
    "replicas": "0",
}
"""What a listing shows of the fields that its mask leaves out."""


def write_runtime_page(page: RuntimePage, listing: RuntimeListing, mask: Collection[str]) -> bytes:
    """Write v1RuntimeMetadataListResponse, ending where the page outgrows its bytes."""
    return write_page(
        "runtimeMetadata",
        entries=[_shown(record, mask) for record in page.records],
        more=page.more,
        token_behind=lambda index: write_token(
            page.records[index].runtime.key, runtime_scope(listing)
        ),
    )


def _shown(record: RuntimeRecord, mask: Collection[str]) -> dict[str, object]:
    """Return every field of a record, those outside ``mask`` as if they were empty."""
    shown = {name: value for name, value in _fields_of(record) if name in mask}
    return EMPTY_RUNTIME | shown


def _fields_of(record: RuntimeRecord) -> list[tuple[str, object]]:
    model = record.model
    shown = None if model is None else msgspec.Raw(write_model(model))
    return [*fields_of_runtime(record.runtime), ("model", shown)]


def fields_of_runtime(runtime: RuntimeMetadata) -> list[tuple[str, object]]:
    """Return every field but the model beside it, by its JSON name."""
    return [
        ("modelUri", runtime.model_uri),
        ("deploymentName", runtime.deployment_name),
        ("deploymentNamespace", runtime.deployment_namespace),
        ("deploymentKubernetesUid", runtime.deployment_uid),
        ("predictorName", runtime.predictor_name),
        ("nodeName", runtime.node_name),
        ("deploymentStatus", runtime.deployment_status.value),
        ("deploymentType", runtime.deployment_type.value),
        ("traffic", str(runtime.traffic)),
        ("shadow", runtime.shadow),
        ("creationTime", write_time(runtime.creation_time)),
        ("explainer", runtime.explainer),
        ("replicas", str(runtime.replicas)),
    ]
