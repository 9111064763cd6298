"""Alerts, dashboard and runbooks fit together, and look at what is there."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cluster.cases import EVERYTHING
from cluster.helm import CHART, only, render
from docs.pages import blocks, page
from docs.test_connecting import places_in
from mounted import mount
from parts import running_server
from pinakes.postgres.embedded.server import free_port
from tls.authority import Authority
from tls.servers import HOST, find_programs, make_template, missing_programs, running

ROOT = CHART.parents[1]
FILES = CHART / "files"
OURS, POSTGRESQL = FILES / "rules.yaml", FILES / "postgresql-rules.yaml"
PAGE = page("operate-monitoring")
PROMTOOL = shutil.which("promtool")
EXPORTER = shutil.which("prometheus-postgres-exporter")
EXPORTER_SECONDS = 30

with_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool (Debian: apt-get install prometheus)"
)


def rules(file: Path) -> list[dict[str, Any]]:
    [group] = yaml.safe_load(file.read_text())["groups"]
    return group["rules"]


def dashboard() -> dict[str, Any]:
    return json.loads((FILES / "dashboard.json").read_text())


def drawn() -> list[str]:
    """Return what the panels ask for, as Prometheus is asked in the end."""
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    variables = {"$__rate_interval": "5m", "$job": ".+", "$database": ".+"}
    for name, value in variables.items():
        asked = [expression.replace(name, value) for expression in asked]
    return asked


def named(expressions: list[str]) -> set[str]:
    """Return the metrics that are asked for, as the text format has them after ``# TYPE``."""
    found = {name for text in expressions for name in re.findall(r"\b(?:pinakes|pg)_\w+", text)}
    return {re.sub(r"(?<=_seconds)_(?:count|bucket)$", "", name) for name in found}


ALERTS = rules(OURS) + rules(POSTGRESQL)
ASKED = named([rule["expr"] for rule in ALERTS] + drawn())


def types_in(metrics: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE))


# What is looked at is there


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What a server with certificates, an issuer and a policy tells when it has no database."""
    place = tmp_path_factory.mktemp("monitored")
    (place / "policy").write_text("{}")
    keys = {"host": HOST, "port": "1", "user": "pinakes", "dbname": "metadata"}
    secret = {key: value.encode() for key, value in keys.items()}
    environment = {
        "METADATA_PG_SECRET_DIR": str(
            mount(place / "secret", secret | {"ca.crt": Authority.root("root").pem})
        ),
        "PINAKES_AUTH": "oidc",
        "PINAKES_OIDC_ISSUER": f"https://{HOST}:1",
        "PINAKES_OIDC_AUDIENCE": "pinakes",
        "PINAKES_POLICY_FILE": str(place / "policy"),
        "PINAKES_ADMIN_PORT": "0",
    }
    with running_server(place, environment) as server:
        assert httpx.get(f"{server.admin_url}/readyz", timeout=15).status_code == 503
        return types_in(httpx.get(f"{server.admin_url}/metrics").text)


def test_every_metric_of_ours_that_is_looked_at_is_told_by_a_server(told: set[str]) -> None:
    assert {name for name in ASKED if name.startswith("pinakes_")} <= told


@pytest.fixture(scope="module")
def exported() -> Iterator[set[str]]:
    """What a postgres_exporter tells of a PostgreSQL that archives."""
    if EXPORTER is None:
        pytest.skip("needs postgres_exporter (apt-get install prometheus-postgres-exporter)")
    if missing := missing_programs():
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pinakes-exporter-") as place:
        programs, port = find_programs(), free_port()
        data = make_template(programs, Path(place))
        with running(programs, data) as cluster:
            command = [EXPORTER, f"--web.listen-address={HOST}:{port}"]
            name = f"postgresql://postgres@{HOST}:{cluster.port}/metadata?sslmode=disable"
            environment = os.environ | {"DATA_SOURCE_NAME": name}
            with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
                try:
                    yield types_in(_metrics_at(port))
                finally:
                    process.terminate()


def _metrics_at(port: int) -> str:
    end = time.monotonic() + EXPORTER_SECONDS
    while True:
        try:
            return httpx.get(f"http://{HOST}:{port}/metrics", timeout=EXPORTER_SECONDS).text
        except httpx.ConnectError:
            assert time.monotonic() < end
            time.sleep(0.05)  # between looks, not instead of one


def test_every_metric_of_postgresql_that_is_looked_at_is_exported(exported: set[str]) -> None:
    theirs = {name for name in ASKED if name.startswith("pg_")}
    assert theirs
    assert theirs <= exported


# What is looked for is found

BUCKET = 'pinakes_request_seconds_bucket{job="pinakes", status="200", route="/seldon-deploy/x"'
FINE = {
    'up{job="pinakes"}': "1x60",
    'pinakes_catalog_available{job="pinakes"}': "1x60",
    'pinakes_pool_connections{job="pinakes"}': "8x60",
    'pinakes_request_seconds_count{job="pinakes", status="200"}': "0+600x60",
    'pinakes_request_seconds_count{job="pinakes", status="503"}': "0+1x60",
    **{f'{BUCKET}, le="{bound}"}}': "0+600x60" for bound in ("1", "10", "+Inf")},
    'pinakes_pool_timeouts{job="pinakes"}': "3x60",
    'pinakes_connect_failures{job="pinakes", class="refused"}': "3x60",
    'pinakes_connect_failures{job="pinakes", class="login"}': "3x60",
    'pinakes_credentials_current{job="pinakes"}': "1x60",
    'pinakes_schema_mismatch{job="pinakes"}': "0x60",
    'pinakes_certificate_expiry_days{job="pinakes", file="ca.crt"}': "90x60",
    'pinakes_request_crashes_total{job="pinakes"}': "3x60",
    'pinakes_policy_valid{job="pinakes"}': "1x60",
    'pinakes_keys_unreadable_total{job="pinakes", issuer="i"}': "3x60",
    'pg_up{job="postgresql"}': "1x60",
    'pg_stat_activity_count{job="postgresql", datname="metadata"}': "20x60",
    'pg_settings_max_connections{job="postgresql"}': "100x60",
    'pg_stat_archiver_failed_count{job="postgresql"}': "3x60",
    'pg_stat_activity_max_tx_duration{job="postgresql", datname="metadata"}': "20x60",
}
"""An hour in which all is well, a sample a minute: of that, nothing alerts."""

WRONG = {
    "PinakesAway": ("up", "0x60"),
    "PinakesCatalogUnavailable": ("pinakes_catalog_available", "0x60"),
    "PinakesRequestsFail": ('pinakes_request_seconds_count{job="pinakes", status="503"', "0+60x60"),
    "PinakesSlow": ("pinakes_request_seconds_bucket", "0+300x60"),
    "PinakesPoolExhausted": ("pinakes_pool_timeouts", "0+1x60"),
    "PinakesCannotConnect": ('pinakes_connect_failures{job="pinakes", class="refused"', "0+1x60"),
    "PinakesLoginRefused": ('pinakes_connect_failures{job="pinakes", class="login"', "0+1x60"),
    "PinakesCredentialsRefused": ("pinakes_credentials_current", "0x60"),
    "PinakesSchemaMismatch": ("pinakes_schema_mismatch", "1x60"),
    "PinakesCertificateExpires": ("pinakes_certificate_expiry_days", "13x60"),
    "PinakesCrashes": ("pinakes_request_crashes_total", "0+1x60"),
    "PinakesPolicyRefused": ("pinakes_policy_valid", "0x60"),
    "PinakesKeysUnreadable": ("pinakes_keys_unreadable_total", "0+1x60"),
    "PostgresqlAway": ("pg_up", "0x60"),
    "PostgresqlConnectionsNearlyAllUsed": ("pg_stat_activity_count", "90x60"),
    "PostgresqlArchiveFails": ("pg_stat_archiver_failed_count", "0+1x60"),
    "PostgresqlTransactionStaysOpen": ("pg_stat_activity_max_tx_duration", "1900x60"),
}
"""What makes each alert: the first series whose name begins so, and what it shows instead."""


def with_one_wrong(alert: str) -> dict[str, str]:
    beginning, values = WRONG[alert]
    series = next(name for name in FINE if name.startswith(beginning))
    return FINE | {series: values}


def promtool(place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    assert PROMTOOL
    command = [PROMTOOL, *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


def unit_test(series: dict[str, str], firing: str) -> dict[str, Any]:
    """Say what promtool is to find at the end of an hour: one alert, or none."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": shown} for name, shown in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "1h",
                "exp_samples": [{"labels": f'{{alertname="{firing}"}}', "value": 1}]
                if firing
                else [],
            }
        ],
    }


@with_promtool
def test_promtool_has_nothing_against_the_rules() -> None:
    checked = promtool(FILES, "check", "rules", OURS.name, POSTGRESQL.name)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"{len(rules(OURS))} rules found" in checked.stdout


@with_promtool
def test_every_alert_comes_when_its_thing_is_wrong_and_alone_and_none_when_all_is_well(
    tmp_path: Path,
) -> None:
    assert list(WRONG) == [rule["alert"] for rule in ALERTS]
    tests = [unit_test(FINE, ""), *(unit_test(with_one_wrong(alert), alert) for alert in WRONG)]
    told = {"rule_files": [str(OURS), str(POSTGRESQL)], "tests": tests}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(told | {"evaluation_interval": "1m"}))
    tested = promtool(tmp_path, "test", "rules", "tests.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@with_promtool
def test_a_catalogue_that_is_off_alerts_nobody(tmp_path: Path) -> None:
    """It has no pool, and is never available."""
    off = {name: shown for name, shown in FINE.items() if "pool_connections" not in name}
    off['pinakes_catalog_available{job="pinakes"}'] = "0x60"
    told = {"rule_files": [str(OURS)], "tests": [unit_test(off, "")]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(told | {"evaluation_interval": "1m"}))
    tested = promtool(tmp_path, "test", "rules", "tests.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@with_promtool
def test_prometheus_understands_what_the_panels_ask(tmp_path: Path) -> None:
    recording = [{"record": f"panel:{n}", "expr": text} for n, text in enumerate(drawn())]
    told = {"groups": [{"name": "panels", "rules": recording}]}
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump(told))
    checked = promtool(tmp_path, "check", "rules", "panels.yaml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"{len(recording)} rules found" in checked.stdout


@with_promtool
def test_prometheus_takes_the_configuration_of_the_page(tmp_path: Path) -> None:
    [_, configuration] = blocks(PAGE, "yaml")
    (tmp_path / "charts").symlink_to(ROOT / "charts")
    (tmp_path / "prometheus.yml").write_text(configuration)
    checked = promtool(tmp_path, "check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stderr
    jobs = {job["job_name"] for job in yaml.safe_load(configuration)["scrape_configs"]}
    selected = {job for rule in ALERTS for job in re.findall(r'job="(\w+)"', rule["expr"])}
    assert jobs == selected


# What is found has somebody who knows what to do


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_runbook(rule: dict[str, Any]) -> None:
    file, place = rule["annotations"]["runbook"].split("#")
    assert place == rule["alert"].lower()
    assert place in places_in(ROOT / file)
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_every_runbook_is_of_an_alert() -> None:
    headings = re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)
    assert headings == [rule["alert"] for rule in ALERTS]


# The chart ships them as they are


def test_the_chart_takes_the_rules_from_the_files_and_selects_its_own() -> None:
    groups = only(render(EVERYTHING), "PrometheusRule")["spec"]["groups"]
    shipped = [rule for group in groups for rule in group["rules"]]
    selectors = {
        'namespace="seldon-system", job="pinakes-metrics"': 'job="pinakes"',
        'job="postgres-exporter"': 'job="postgresql"',
    }
    for rule in shipped:
        for ours, plain in selectors.items():
            rule["expr"] = rule["expr"].replace(ours, plain)
    assert shipped == ALERTS


def test_the_chart_ships_the_dashboard_for_grafana_to_find() -> None:
    shipped = next(
        one for one in render(EVERYTHING) if one["metadata"]["name"].endswith("-dashboard")
    )
    assert shipped["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(shipped["data"]["pinakes.json"]) == dashboard()


def test_the_values_of_the_page_ship_all_three() -> None:
    values = yaml.safe_load(blocks(PAGE, "yaml")[0])
    kinds = {manifest["kind"] for manifest in render(values)}
    assert kinds >= {"PrometheusRule", "ServiceMonitor", "ConfigMap"}


def test_no_two_panels_have_one_id_or_one_place() -> None:
    panels = dashboard()["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len({panel["id"] for panel in panels}) == len(panels)
