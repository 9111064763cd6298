"""Which database the environment chooses, and what it may not say."""

from pathlib import Path

import pytest

from pinakes.settings.database import (
    ConfiguredDatabase,
    Database,
    EmbeddedDatabase,
    NoDatabase,
    UnknownDatabase,
)
from pinakes.settings.environment import Settings, read_settings
from pinakes.settings.values import SettingsError

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def settings(
    environment: dict[str, str], *, directory: Path | None = None, installed: bool = True
) -> Settings:
    return read_settings(environment, data_directory=directory, embedded_installed=installed)


def database(environment: dict[str, str], *, installed: bool = True) -> Database:
    return settings(environment, installed=installed).database


def test_nothing_said_is_the_embedded_server() -> None:
    assert isinstance(database({}), EmbeddedDatabase)


@pytest.mark.parametrize(
    ("environment", "directory", "expected"),
    [
        ({"HOME": "/h"}, Path("/d"), Path("/d")),
        ({"PINAKES_DATA_DIR": "/e"}, Path("/d"), Path("/d")),
        ({"PINAKES_DATA_DIR": "/e"}, None, Path("/e")),
        ({"XDG_DATA_HOME": "/x"}, None, Path("/x/pinakes")),
    ],
)
def test_its_data_is_where_it_was_told(
    environment: dict[str, str], directory: Path | None, expected: Path
) -> None:
    assert settings(environment, directory=directory).database == EmbeddedDatabase(expected)


@pytest.mark.parametrize(
    "name", ["ENABLED", "HOST", "PORT", "PASSWORD", "SECRET_DIR", "CLIENT_TLS_DIR"]
)
@pytest.mark.parametrize("value", ["true", ""])
def test_any_word_about_a_database_forbids_the_embedded_one(name: str, value: str) -> None:
    environment = {f"METADATA_PG_{name}": value}
    assert database(environment) == ConfiguredDatabase(environment, {}, migrate_on_start=False)


@pytest.mark.parametrize("value", ["false", "False", "0", "no"])
def test_the_switch_wins_over_a_configuration(value: str) -> None:
    environment = {"METADATA_PG_ENABLED": value, "METADATA_PG_HOST": "db"}
    assert database(environment) == NoDatabase()


@pytest.mark.parametrize(
    ("environment", "installed", "reason"),
    [
        ({}, False, "pip install"),
        (POD, True, "PINAKES_EMBEDDED=true"),
        (POD | {"PINAKES_EMBEDDED": "true"}, False, "pip install"),
        ({"PINAKES_EMBEDDED": "false"}, True, "PINAKES_EMBEDDED is false"),
    ],
)
def test_where_nothing_is_said_and_nothing_embedded_the_reason_is_told(
    environment: dict[str, str],
    installed: bool,
    reason: str,
) -> None:
    chosen = database(environment, installed=installed)
    assert isinstance(chosen, UnknownDatabase)
    assert reason in chosen.reason


def test_in_a_pod_the_embedded_server_starts_where_it_is_wanted() -> None:
    assert isinstance(database(POD | {"PINAKES_EMBEDDED": "true"}), EmbeddedDatabase)


@pytest.mark.parametrize(
    "environment",
    [
        {"METADATA_PG_ENABLED": "maybe"},
        {"PINAKES_EMBEDDED": "maybe"},
        {"METADATA_PG_HOST": "db", "PINAKES_MIGRATE_ON_START": "maybe"},
        {"PINAKES_LOG_FORMAT": "xml"},
        {"PINAKES_PG_SCHEMA": 'a"b'},
        {"PINAKES_PG_SCHEMA": "50%"},
        {"PINAKES_PG_SCHEMA": "x" * 64},
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=list(environment)[-1]):
        settings(environment)


def test_allowed_hosts_are_a_list() -> None:
    hosts = settings({"PINAKES_ALLOWED_HOSTS": " A.example, b.example:80 ,"}).allowed_hosts
    assert hosts == {"a.example", "b.example:80"}


def test_migrating_on_start_is_asked_for() -> None:
    environment = {"METADATA_PG_HOST": "db", "PINAKES_MIGRATE_ON_START": "true"}
    chosen = database(environment)
    assert isinstance(chosen, ConfiguredDatabase)
    assert chosen.migrate_on_start
