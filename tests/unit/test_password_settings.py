"""Where the settings let passwords come from, and what they may not say together."""

import pytest

from pinakes.settings.database import ConfiguredDatabase, read_database
from pinakes.settings.passwords import CloudSqlIam, PasswordCommand, PasswordSettings, RdsIam
from pinakes.settings.values import SettingsError

COMMAND = {"PINAKES_PG_PASSWORD_COMMAND": "/bin/password"}
DESCRIBED = {"METADATA_PG_HOST": "db"}


def chosen(environment: dict[str, str]) -> ConfiguredDatabase:
    database = read_database(DESCRIBED | environment, None, embedded_installed=True)
    assert isinstance(database, ConfiguredDatabase)
    return database


def command(text: str, **more: str) -> PasswordCommand:
    source = chosen({"PINAKES_PG_PASSWORD_COMMAND": text, **more}).password_source
    assert isinstance(source, PasswordCommand)
    return source


def test_without_a_word_passwords_are_those_described() -> None:
    assert chosen({}).password_source is None
    assert not chosen({}).sends_token


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ({"PINAKES_PG_TOKEN_PROVIDER": "amazon-rds"}, RdsIam()),
        (
            {
                "PINAKES_PG_TOKEN_PROVIDER": "amazon-rds",
                "PINAKES_PG_TOKEN_REGION": "eu-west-1",
            },
            RdsIam("eu-west-1"),
        ),
        ({"PINAKES_PG_TOKEN_PROVIDER": "google-cloud-sql"}, CloudSqlIam()),
    ],
)
def test_a_cloud_gives_tokens(environment: dict[str, str], source: PasswordSettings) -> None:
    assert chosen(environment).password_source == source
    assert chosen(environment).sends_token


def test_a_command_is_cut_into_words_as_a_shell_would() -> None:
    assert command("/bin/give 'two words' \"a b\" c\\ d $HOME;").argv == (
        "/bin/give",
        "two words",
        "a b",
        "c d",
        "$HOME;",
    )
    assert not chosen(COMMAND).sends_token


def test_a_command_sees_the_variables_that_are_named_and_few_others() -> None:
    ours = {"PATH": "/bin", "HOME": "/h", "LANG": "C", "AWS_REGION": "r", "API_KEY": "k"}
    assert command("/bin/x", **ours).environment == {"PATH": "/bin", "HOME": "/h", "LANG": "C"}
    named = command("/bin/x", **ours, PINAKES_PG_PASSWORD_COMMAND_ENV=" AWS_REGION, ABSENT,")
    assert named.environment == {"PATH": "/bin", "HOME": "/h", "LANG": "C", "AWS_REGION": "r"}


def test_nothing_of_a_command_is_shown() -> None:
    shown = repr(command("/bin/x --token=secret", PATH="secret"))
    assert "secret" not in shown


@pytest.mark.parametrize("text", ["bin/password", "password", "'' x", "  "])
def test_a_program_that_is_not_named_by_its_absolute_path_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"PINAKES_PG_PASSWORD_COMMAND .*absolute path"):
        command(text)


def test_a_command_that_is_no_words_is_refused_without_its_text() -> None:
    with pytest.raises(SettingsError, match="PINAKES_PG_PASSWORD_COMMAND cannot be cut") as refusal:
        command("/bin/x 'secret")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        (
            COMMAND | {"PINAKES_PG_TOKEN_PROVIDER": "amazon-rds"},
            ["PINAKES_PG_PASSWORD_COMMAND", "PINAKES_PG_TOKEN_PROVIDER"],
        ),
        (
            {"PINAKES_PG_PASSWORD_COMMAND_ENV": "AWS_REGION"},
            ["PINAKES_PG_PASSWORD_COMMAND_ENV", "PINAKES_PG_PASSWORD_COMMAND"],
        ),
        (
            {"PINAKES_PG_TOKEN_REGION": "eu-west-1"},
            ["PINAKES_PG_TOKEN_REGION", "PINAKES_PG_TOKEN_PROVIDER"],
        ),
        (
            {
                "PINAKES_PG_TOKEN_PROVIDER": "google-cloud-sql",
                "PINAKES_PG_TOKEN_REGION": "eu-west-1",
            },
            ["PINAKES_PG_TOKEN_REGION", "PINAKES_PG_TOKEN_PROVIDER"],
        ),
        ({"PINAKES_PG_TOKEN_PROVIDER": "azure"}, ["PINAKES_PG_TOKEN_PROVIDER"]),
        (
            {
                "PINAKES_PG_TOKEN_PROVIDER": "amazon-rds",
                "PINAKES_PG_TOKEN_REGION": "eu west/1",
            },
            ["PINAKES_PG_TOKEN_REGION"],
        ),
        (
            COMMAND | {"METADATA_PG_ENABLED": "false"},
            ["PINAKES_PG_PASSWORD_COMMAND", "METADATA_PG_ENABLED"],
        ),
    ],
)
def test_what_contradicts_is_refused_by_its_names(
    environment: dict[str, str], names: list[str]
) -> None:
    with pytest.raises(SettingsError) as refusal:
        chosen(environment)
    assert all(name in str(refusal.value) for name in names)


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    "environment", [COMMAND, {"PINAKES_PG_TOKEN_PROVIDER": "google-cloud-sql"}]
)
def test_without_a_database_that_is_described_a_source_is_refused(
    environment: dict[str, str], installed: bool
) -> None:
    with pytest.raises(SettingsError, match=f"{next(iter(environment))} .* METADATA_PG_"):
        read_database(environment, None, embedded_installed=installed)
