"""What is misspelt, contradicts itself or leaves the door open is not rendered, and says so."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.cases import ISSUER, MATRIX, OWN_SECRET, PAGE, TRIAL, TWO_ROLES, Values
from cluster.helm import CHART, Refused, find_helm, render


def _required_of_nodes(terms: Values) -> Values:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _required_of_pods(term: Values) -> Values:
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


MISSPELT: dict[str, Values] = {
    "metadat": {"metadat": {"pg": {"enabled": True}}},
    "enable": {"metadata": {"pg": {"enable": True}}},
    "clientTlsSecret": {"metadata": {"pg": {"clientTlsSecret": "certs"}}},
    "clienttlssecret": {"migrations": {"clienttlssecret": "certs"}},
    "issuer": {"auth": {"oidc": {"issuer": "https://keycloak.example"}}},
    "configmap": {"auth": {"policy": {"configmap": "policies"}}},
    "valueFrom": {"extraEnv": [{"name": "A", "valueFrom": {}}]},
    "runAsUsr": {"podSecurityContext": {"runAsUsr": 1}},
    "toleration": {"tolerations": [{"toleration": "all"}]},
    "memry": {"resources": {"limits": {"memry": "1Gi"}}},
    "nodeSelectorTerm\\b": {"affinity": _required_of_nodes({"nodeSelectorTerm": []})},
    "topologykey": {"affinity": _required_of_pods({"topologykey": "kubernetes.io/hostname"})},
}

WRONG: dict[str, Values] = {
    "enabled": {"metadata": {"pg": {"enabled": "yes"}}},
    "allowAnonymous": {"auth": {"allowAnonymous": "everything"}},
    "issuers": {"auth": {"oidc": {"issuers": ["http://keycloak.example"]}}},
    "replicas": {"replicas": "two"},
    "operator": {"follower": {"operator": "zalndo"}},
    "options": {"follower": {"options": ["--password=hush"]}},
    "digest": {"image": {"digest": "latest"}},
    "hosts": {"ingress": {"hosts": ["*.example"]}},
    "runAsUser": {"podSecurityContext": {"runAsUser": 0}},
}

CONTRADICTIONS: dict[str, Values] = {
    "metadata.pg.enabled and metadata.pg.embedded are both true": {
        "metadata": {"pg": {"enabled": True, "embedded": True}}
    },
    "autoscaling.enabled means nothing with metadata.pg.embedded": TRIAL
    | {"autoscaling": {"enabled": True}},
    "follower.operator needs follower.namespace and follower.secret": OWN_SECRET
    | {"follower": {"operator": "zalando"}},
    "follower.operator means nothing without metadata.pg.enabled": {
        "follower": {"operator": "zalando", "namespace": "postgres", "secret": "a"}
    },
    "follower.secret is metadata.pg.secret itself": OWN_SECRET
    | {
        "follower": {
            "operator": "cnpg",
            "namespace": "seldon-system",
            "secret": "metadata-postgres",
        }
    },
    "auth.oidc.audiences is empty": {"auth": {"oidc": {"issuers": ["https://keycloak.example"]}}},
    "auth.allowAnonymous means nothing beside auth.oidc.issuers": {
        "auth": ISSUER["auth"] | {"allowAnonymous": "read"}
    },
    "auth.writers and auth.policy.configMap are both set": {
        "auth": ISSUER["auth"] | {"writers": ["ada"], "policy": {"configMap": "policies"}}
    },
    "auth.writers and auth.policy.configMap need to know who calls": {"auth": {"writers": ["ada"]}},
    "prometheusRule.enabled needs serviceMonitor.enabled": {"prometheusRule": {"enabled": True}},
    "ingress.enabled without authentication": {
        "ingress": {"enabled": True, "hosts": ["a.example"]}
    },
    "httpRoute.enabled without authentication": PAGE
    | {
        "auth": {"allowAnonymous": "read"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}], "hostnames": ["a.example"]},
    },
    "service.type LoadBalancer without authentication": {
        "auth": {"allowAnonymous": "read"},
        "service": {"type": "LoadBalancer"},
    },
    "service.type NodePort without authentication": {"service": {"type": "NodePort"}},
    "autoscaling.minReplicas is more than autoscaling.maxReplicas": {
        "autoscaling": {"enabled": True, "minReplicas": 7}
    },
    "extraEnv sets PINAKES_AUTH, which the chart sets or leaves out": ISSUER
    | {"extraEnv": [{"name": "PINAKES_AUTH", "value": "none"}]},
    "extraEnv sets PINAKES_ADMIN_PORT, which the chart sets or leaves out": {
        "extraEnv": [{"name": "PINAKES_ADMIN_PORT", "value": "9000"}]
    },
    "extraEnv sets PINAKES_MIGRATE_SECRET_DIR, which the chart sets or leaves out": TWO_ROLES
    | {"extraEnv": [{"name": "PINAKES_MIGRATE_SECRET_DIR", "value": "/"}]},
    "extraEnv sets METADATA_PG_HOST, which the chart sets or leaves out": TRIAL
    | {"extraEnv": [{"name": "METADATA_PG_HOST", "value": "db.example"}]},
    "extraEnv sets A twice": {
        "extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    },
    "podLabels sets app.kubernetes.io/name, which the chart sets": {
        "podLabels": {"app.kubernetes.io/name": "catalogue"}
    },
    "commonLabels sets helm.sh/chart, which the chart sets": {
        "commonLabels": {"helm.sh/chart": "catalogue"}
    },
    "ingress.hosts is empty": ISSUER | {"ingress": {"enabled": True}},
    "httpRoute.hostnames is empty": ISSUER
    | {"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]}},
    "httpRoute.parentRefs is empty": ISSUER
    | {"httpRoute": {"enabled": True, "hostnames": ["a.example"]}},
}


def _paths(values: Values, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))


DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())

every_helm = pytest.mark.parametrize("version", [3, 4], ids="helm {}".format)


@every_helm
@pytest.mark.parametrize("name", [*MISSPELT, *WRONG])
def test_a_wrong_value_is_refused_by_its_name(version: int, name: str) -> None:
    with pytest.raises(Refused, match=name):
        find_helm(version).render((MISSPELT | WRONG)[name])


@every_helm
@pytest.mark.parametrize("sentence", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_a_sentence(version: int, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        find_helm(version).render(CONTRADICTIONS[sentence])


@every_helm
@pytest.mark.parametrize("path", list(_paths(DEFAULTS)), ids=".".join)
def test_a_value_with_nothing_behind_it_counts_as_empty_or_is_refused_by_its_name(
    version: int, path: tuple[str, ...]
) -> None:
    """As the heading of a section whose lines are all commented out."""
    values: Any = None
    for name in reversed(path):
        values = {name: values}
    told = _told_of(version, values)
    assert told is None or re.search(rf"'{path[-1]}'|{path[-1]} is required", told)


@every_helm
def test_a_name_that_no_service_may_have_is_refused(version: int) -> None:
    with pytest.raises(Refused, match="2nd-pinakes is no name for a Service"):
        find_helm(version).render({}, release="2nd")
    with pytest.raises(Refused, match=r"a\.b-pinakes is no name for a Service"):
        find_helm(version).render({}, release="a.b")
    assert find_helm(version).render({"fullnameOverride": "second"}, release="2nd")


def test_a_variable_that_the_chart_sets_in_any_release_is_refused_in_every_release() -> None:
    rendered = yaml.safe_dump_all([m for values in MATRIX.values() for m in render(values)])
    own = set(re.findall(r"name: ([A-Z_]+)$", rendered, re.MULTILINE)) - {"HTTPS_PROXY"}
    assert {"PINAKES_AUTH", "METADATA_PG_ENABLED", "GROUPS_CLAIM_KEY"} <= own
    for name in own:
        told = _told_of(4, {"extraEnv": [{"name": name, "value": ""}]})
        assert told, f"{name} is let through"


def test_no_level_of_the_values_takes_unknown_names() -> None:
    """Open is only what Helm adds."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    objects = [
        found for found in _objects(schema) if found.get("additionalProperties") in (None, True)
    ]
    assert {found.get("description") for found in objects} == {
        "Helm adds it where the chart is part of another one"
    }


def _told_of(version: int, values: Values) -> str | None:
    try:
        find_helm(version).render(values)
    except Refused as refused:
        return str(refused)
    return None


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    match schema:
        case dict():
            if schema.get("type") == "object":
                yield schema
            for part in schema.values():
                yield from _objects(part)
        case list():
            for part in schema:
                yield from _objects(part)
        case _:
            pass
