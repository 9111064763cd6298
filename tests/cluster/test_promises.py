"""What the chart promises about each of its values."""

import re
from pathlib import Path
from typing import Any

from cluster.api_server import Allowed
from cluster.api_server import Cluster as ApiServer
from cluster.cases import (
    EVERYTHING,
    FOLLOWER,
    ISSUER,
    NOTHING,
    OWN_SECRET,
    PAGE,
    TRIAL,
    TWO_ROLES,
    Values,
)
from cluster.followers import TARGET, rotate, running_pod
from cluster.helm import Manifest, kinds, notes, only, render
from cluster.pods import environment, pods


def container(values: Values, kind: str = "Deployment") -> dict[str, Any]:
    return pods(render(values))[kind]["containers"][0]


def variables(values: Values, kind: str = "Deployment") -> dict[str, str]:
    return environment(container(values, kind))


def secrets(values: Values, kind: str = "Deployment") -> set[str]:
    volumes = pods(render(values))[kind]["volumes"]
    return {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}


def test_switched_off_it_needs_nothing() -> None:
    rendered = render(NOTHING)
    assert kinds(rendered) == {
        "Deployment",
        "Pod",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    }
    assert variables(NOTHING)["METADATA_PG_ENABLED"] == "false"
    assert secrets(NOTHING) == secrets(NOTHING, "Pod") == set()
    assert "501" in notes(NOTHING)


def test_the_values_of_the_page_are_enough() -> None:
    assert secrets(PAGE) == secrets(PAGE, "Job") == {"metadata-postgres", "postgres-client-certs"}
    assert "501" not in notes(PAGE)


def test_the_secret_has_the_name_of_the_page_unless_told() -> None:
    assert secrets(OWN_SECRET) == secrets(OWN_SECRET, "Job") == {"metadata-postgres"}
    assert "METADATA_PG_CLIENT_TLS_DIR" not in variables(OWN_SECRET)


def test_each_role_sees_its_own_secrets_alone() -> None:
    assert secrets(TWO_ROLES) == {"metadata-postgres", "postgres-client-certs"}
    assert secrets(TWO_ROLES, "Job") == {"metadata-postgres-owner", "owner-client-certs"}


def test_the_migration_is_an_ordinary_job_with_the_version_in_its_name() -> None:
    job = only(render(PAGE), "Job")
    assert "annotations" not in job["metadata"]
    assert re.fullmatch(r"pinakes-migrate-0-1-0-[0-9a-f]{8}", job["metadata"]["name"])


def test_a_migration_that_runs_otherwise_is_another_job() -> None:
    """Kubernetes refuses to change the pod of a Job, and so would an upgrade to such values."""
    values = [PAGE, TWO_ROLES, PAGE | {"image": {"tag": "next"}}, PAGE | {"podLabels": {"a": "b"}}]
    names = {only(render(one), "Job")["metadata"]["name"] for one in values}
    assert len(names) == len(values)


def test_a_migration_that_runs_the_same_is_the_same_job() -> None:
    more_replicas = PAGE | {"replicas": 5}
    assert only(render(more_replicas), "Job") == only(render(PAGE), "Job")


def test_a_follower_may_read_one_secret_and_make_another_and_no_more() -> None:
    rendered = render(FOLLOWER)
    assert rights(rendered) == {
        ("postgres", FOLLOWER["follower"]["secret"]): ["get", "list", "watch"],
        ("seldon-system", "metadata-postgres"): ["patch", "create"],
    }
    account = {"name": "pinakes-follower", "namespace": "seldon-system"}
    bindings = [one for one in rendered if one["kind"] == "RoleBinding"]
    assert [one["subjects"] for one in bindings] == 2 * [[{"kind": "ServiceAccount", **account}]]
    assert pods(rendered)["follower"]["serviceAccountName"] == account["name"]
    assert pods(rendered)["Deployment"]["serviceAccountName"] == "pinakes"


def test_a_follower_runs_with_the_rights_that_it_is_given(tmp_path: Path) -> None:
    rendered = render(FOLLOWER)
    account = only(rendered, "ServiceAccount", "follower")["metadata"]
    places = {account["namespace"]: TARGET[0]}  # where the stand-in has its pod
    allowed = [
        Allowed((places.get(namespace, namespace), secret), frozenset(verbs))
        for (namespace, secret), verbs in rights(rendered).items()
    ]
    cluster = ApiServer(role=allowed)
    rotate(cluster, "pw")
    [container] = pods(rendered)["follower"]["containers"]
    program, *arguments = container["command"]
    assert program == "pinakes"
    with running_pod(cluster, tmp_path, *arguments) as follower:
        follower.next("SecretCopied")
    assert not cluster.refused


def test_a_doctor_beside_a_follower_may_see_whether_the_copy_is_stale() -> None:
    doctor = pods(render(FOLLOWER))["Pod"]
    assert doctor["serviceAccountName"] == "pinakes-follower"
    assert doctor["automountServiceAccountToken"]
    assert not pods(render(PAGE))["Pod"]["automountServiceAccountToken"]


def test_releases_of_one_name_may_follow_secrets_of_one_namespace() -> None:
    there = [
        {
            (one["kind"], one["metadata"]["name"])
            for one in render(FOLLOWER, namespace=namespace)
            if one["metadata"]["namespace"] == "postgres"
        }
        for namespace in ("pinakes", "pinakes-dev")
    ]
    assert there[0].isdisjoint(there[1])


def rights(rendered: list[Manifest]) -> dict[tuple[str, str], list[str]]:
    """Return what may be done with which secret, by its namespace and name."""
    return {
        (role["metadata"]["namespace"], name): rule["verbs"]
        for role in rendered
        if role["kind"] == "Role"
        for rule in role["rules"]
        for name in rule["resourceNames"]
    }


def test_nobody_comes_in_from_outside_of_the_pod_until_it_is_said_who_may() -> None:
    assert "127.0.0.1" in container(PAGE)["command"]
    assert "port-forward" in notes(PAGE)
    for auth in (ISSUER, {"auth": {"allowAnonymous": "read"}}):
        assert "0.0.0.0" in container(PAGE | auth)["command"]  # noqa: S104 - in a pod
        assert "port-forward" not in notes(PAGE | auth)


def test_the_notes_tell_where_the_catalogue_is_found() -> None:
    assert "http://127.0.0.1:8000/docs" in notes(PAGE)
    assert "http://pinakes.seldon-system:8000/docs" in notes(PAGE | ISSUER)
    assert "https://pinakes.seldon-system:8000/docs" in notes(ISSUER | {"tls": {"secret": "certs"}})
    told = notes(EVERYTHING)
    assert "https://models.example/docs" in told
    assert "https://pinakes.gateway.example/docs" in told
    ingress = {"enabled": True, "hosts": ["models.example"]}
    assert "http://models.example/docs" in notes(ISSUER | {"ingress": ingress})


def test_it_is_called_by_the_names_of_service_and_ingress() -> None:
    assert variables(EVERYTHING)["PINAKES_ALLOWED_HOSTS"].split(",") == [
        "pinakes",
        "pinakes.seldon-system",
        "pinakes.seldon-system.svc",
        "pinakes.seldon-system.svc.cluster.local",
        "pinakes.example",
        "models.example",
        "pinakes.gateway.example",
        "catalogue.example",
    ]


def test_the_admin_port_cannot_be_reached_through_the_ingress() -> None:
    rendered = render(EVERYTHING)
    service = only(rendered, "Service", "server")
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["api"]
    ways = [only(rendered, "Ingress")["spec"], only(rendered, "HTTPRoute")["spec"]]
    named = re.findall(r"'name': '([^']+)', 'port'", str(ways))
    assert set(named) == {service["metadata"]["name"]}


def test_kubelet_asks_for_health_on_the_admin_port() -> None:
    server = container(PAGE)
    probes = {
        name: server[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")
    }
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {"admin"}


def test_services_find_servers_and_neither_migrations_nor_doctors() -> None:
    rendered = render(EVERYTHING)
    pod_labels = {
        "Deployment": only(rendered, "Deployment")["spec"]["template"]["metadata"]["labels"],
        "Job": only(rendered, "Job")["spec"]["template"]["metadata"]["labels"],
        "Pod": only(rendered, "Pod")["metadata"]["labels"],
    }
    selectors = [
        only(rendered, "Service", "server")["spec"]["selector"],
        only(rendered, "Service", "metrics")["spec"]["selector"],
        only(rendered, "Deployment")["spec"]["selector"]["matchLabels"],
        only(rendered, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    for selector in selectors:
        found = [kind for kind, labels in pod_labels.items() if selector.items() <= labels.items()]
        assert found == ["Deployment"]


def test_the_network_is_closed_for_all_pods_but_where_it_was_opened() -> None:
    policy = only(render(EVERYTHING), "NetworkPolicy")["spec"]
    assert policy["podSelector"]["matchLabels"].keys() == {
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
    }
    ways_in = {way["ports"][0]["port"]: str(way["from"]) for way in policy["ingress"]}
    assert "ingress-nginx" in ways_in[8000]
    assert "ingress-nginx" not in ways_in[8001]
    ways_out = [[port["port"] for port in way["ports"]] for way in policy["egress"]]
    assert ways_out == [[53, 53, 5353, 5353], [5432], [443], [443, 6443]]


def test_runtime_metadata_can_be_switched_off_for_the_watcher_to_come() -> None:
    names = {"DISABLE_RUNTIME_META", "DISABLE_RUNTIME_META_WATCHERS"}
    assert {name: variables(EVERYTHING)[name] for name in names} == dict.fromkeys(names, "true")
    assert not names & variables(PAGE).keys()


def test_a_trial_has_one_replica_a_volume_and_no_database_of_others() -> None:
    rendered = render(TRIAL)
    server = only(rendered, "Deployment")["spec"]
    assert (server["replicas"], server["strategy"]) == (1, {"type": "Recreate"})
    claim = only(rendered, "PersistentVolumeClaim")["metadata"]["name"]
    assert {"claimName": claim} in [
        volume.get("persistentVolumeClaim") for volume in server["template"]["spec"]["volumes"]
    ]
    assert "Job" not in kinds(rendered)
    assert not [name for name in variables(TRIAL) if name.startswith("METADATA_PG_")]
    assert variables(TRIAL)["PINAKES_EMBEDDED"] == "true"
    assert container(TRIAL)["image"] == "pinakes:0.1.0-embedded"
    assert "TRIAL" in notes(TRIAL)


def test_load_decides_on_the_replicas_where_it_is_asked_to() -> None:
    assert only(render(PAGE), "Deployment")["spec"]["replicas"] == 2
    assert "replicas" not in only(render(EVERYTHING), "Deployment")["spec"]


def test_helm_test_is_the_doctor() -> None:
    pod = only(render(PAGE), "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert container(PAGE, "Pod")["command"] == ["pinakes", "doctor"]
    server, doctor = variables(PAGE), variables(PAGE, "Pod")
    assert doctor.items() <= server.items()


def test_alerts_look_at_what_the_monitor_reads() -> None:
    rendered = render(EVERYTHING)
    service = only(rendered, "Service", "metrics")["metadata"]
    selector = only(rendered, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["labels"].items()
    rules = only(rendered, "PrometheusRule")["spec"]["groups"][0]["rules"]
    assert all(f'job="{service["name"]}"' in rule["expr"] for rule in rules)
