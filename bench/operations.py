"""What is asked of a catalogue: the operations, and the requests that each is made of."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import urlencode

from bench.wrk import FRESH, Request
from parts import API
from pinakes.catalog.model import Model
from pinakes.wire.models import write_model

PATH = f"{API}/model/metadata"
PAGE = 20
READS = 32
"""Different requests of a reading operation."""
WRITES = 16
SEARCHED_PROJECTS = 8
NEW = "gs://bench/new"


class Operation(Enum):
    """An operation under load."""

    GET = "get by URI"
    SEARCH = f"search, page of {PAGE}"
    LIST = f"list, page of {PAGE}"
    CREATE = "create"
    UPDATE = "update"

    @property
    def is_write(self) -> bool:
        """Whether the catalogue is another one afterwards."""
        return self in {Operation.CREATE, Operation.UPDATE}


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of every operation, drawn once, so that each contender is asked the same."""

    requests: dict[Operation, Sequence[Request]]

    def with_headers(self, headers: dict[str, str]) -> "Plan":
        """Return the same requests with more headers."""
        return Plan(
            {
                operation: [replace(request, headers=headers) for request in requests]
                for operation, requests in self.requests.items()
            }
        )

    def only(self, *operations: Operation) -> "Plan":
        """Return the requests of some operations."""
        return Plan({operation: self.requests[operation] for operation in operations})


def plan(sample: Sequence[Model]) -> Plan:
    """Draw the requests from some of the models that the catalogue holds."""
    source = random.Random(len(sample))
    return Plan(
        {
            Operation.GET: [_get(model) for model in source.sample(sample, READS)],
            Operation.SEARCH: [_search(source) for _ in range(READS)],
            Operation.LIST: [_listing({})],
            Operation.CREATE: [_create(model) for model in source.sample(sample, WRITES)],
            Operation.UPDATE: [_update(model) for model in source.sample(sample, WRITES)],
        }
    )


def _listing(parameters: dict[str, object]) -> Request:
    return Request(f"{PATH}?{urlencode(parameters | {'pageSize': PAGE})}")


def _get(model: Model) -> Request:
    return Request(f"{PATH}?{urlencode({'URI': model.uri})}")


def _search(source: random.Random) -> Request:
    """Ask as people do: good models of a project that are in production."""
    project = f"project-{source.randrange(SEARCHED_PROJECTS):02}"
    accuracy = source.choice((0.9, 0.92, 0.94))
    query = f"project={project} AND tags[env]=prod AND metrics[accuracy] > {accuracy}"
    return _listing({"query": query})


def _create(model: Model) -> Request:
    body = json.loads(write_model(replace(model, uri=f"{NEW}/{FRESH}")))
    return Request(PATH, "POST", json.dumps(body))


def _update(model: Model) -> Request:
    body = json.loads(write_model(model))
    body["metrics"]["reviewed"] = 1
    return Request(PATH, "PUT", json.dumps(body))
