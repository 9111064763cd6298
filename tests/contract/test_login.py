"""The published SDK logs in at a real OpenID provider, and meets what a policy lets it."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from contract.sdk.client import Refused, Sdk, running_sdk
from oidc.keys import Json, Key
from oidc.provider import ANNA, CLIENT_ID, ZOE, Provider, User, running_provider
from oidc.tokens import claims_of, token_of
from parts import RunningServer, environment_of, running_server

ROOT = Path(__file__).parents[2]
HOW_TO = (ROOT / "docs" / "how-to" / "authenticate.md").read_text()
SDK = ROOT / ".venvs" / "sdk-2.4.0" / "bin" / "python"

VERSIONS = ("1.6.0.1", "2.4.0")
KEY = Key.rsa()
NEXT_KEY = Key.ec()

ALICE = User("alice", "Alice", "alice@example.org", ("data-scientist",))
BOB = User("bob", "Bob", "bob@example.org", ("data-scientist",))

IRIS = "gs://seldon-models/scv2/samples/iris/v1"
INCOME = "gs://seldon-models/scv2/samples/income/v1"


def grants(*projects: str, actions: tuple[str, ...] = ("read", "write")) -> list[Json]:
    return [{"action": action, "resource": resource} for resource in projects for action in actions]


DEMO: Json = {
    "role_grants": {"data-scientist": grants("namespace/*", "project/default")},
    "user_grants": {
        "alice": grants("project/iris", "project/income"),
        "bob": grants("project/income", actions=("read",)),
    },
}
"""The policy of the platform's demonstration."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider(keys=[KEY], users=[ANNA, ZOE, ALICE, BOB]) as running:
        yield running


def trusting(provider: Provider, conninfo: str, **settings: str) -> dict[str, str]:
    """Return the environment of a server that trusts a provider."""
    return environment_of(conninfo) | {
        "PINAKES_AUTH": "oidc",
        "PINAKES_OIDC_ISSUER": provider.issuer,
        "PINAKES_OIDC_AUDIENCE": CLIENT_ID,
        **settings,
    }


@pytest.fixture(scope="module")
def server(
    provider: Provider, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    writers = f"{CLIENT_ID},group:Qualitätssicherung"
    environment = trusting(provider, database, PINAKES_WRITERS=writers)
    with running_server(tmp_path_factory.mktemp("server"), environment) as running:
        yield replace(running, conninfo=database)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return request.param


def test_a_user_logs_in_with_a_password_and_is_told_who_he_is(
    version: str, server: RunningServer, provider: Provider
) -> None:
    with running_sdk(version, server.url, provider.login_of(ZOE)) as sdk:
        assert sdk.user() == {
            "id": "zoë",
            "name": "Zoë Müller-Łukasik",
            "email": "zoe@example.org",
            "groups": ["Qualitätssicherung", "研究"],
        }
        uri = f"s3://login/{version}/zoë"
        sdk.create(uri=uri)
        assert [model["uri"] for model in sdk.models(uri=uri)] == [uri]
    assert actors(server, uri) == ["zoë"]


def test_a_client_logs_in_as_itself(
    version: str, server: RunningServer, provider: Provider
) -> None:
    with running_sdk(version, server.url, provider.login_of_client()) as sdk:
        assert sdk.user()["id"] == CLIENT_ID
        uri = f"s3://login/{version}/client"
        sdk.create(uri=uri)
    assert actors(server, uri) == [CLIENT_ID]


def test_who_is_no_writer_reads_and_no_more(
    version: str, server: RunningServer, provider: Provider
) -> None:
    with running_sdk(version, server.url, provider.login_of(ANNA)) as sdk:
        sdk.models(page_size=1)
        with pytest.raises(Refused) as refused:
            sdk.create(uri="s3://login/anna")
        assert (refused.value.status, str(refused.value)) == (
            403,
            "you may not write in any project",
        )


def test_without_a_login_nothing_is_told(version: str, server: RunningServer) -> None:
    with running_sdk(version, server.url) as sdk:
        for ask in (sdk.models, sdk.user, sdk.runtime):
            with pytest.raises(Refused) as refused:
                ask()
            assert refused.value.status == 401


def test_an_expired_token_is_renewed_by_the_sdk_itself(
    version: str, database: str, tmp_path: Path
) -> None:
    with (
        running_provider(keys=[KEY], lifetime=2) as provider,
        running_server(tmp_path, trusting(provider, database)) as server,
        running_sdk(version, server.url, provider.login_of(ANNA)) as sdk,
    ):
        first = sdk.token()
        assert sdk.user()["id"] == "anna"
        eventually(lambda: bearer(server, first).status_code == 401)
        assert sdk.user()["id"] == "anna"
        assert claims_of(sdk.token())["exp"] > claims_of(first)["exp"]
        assert "it has expired" in server.log.read_text()


def eventually(look: Callable[[], bool]) -> None:
    """Look again and again until it holds; fail where it does not within half a minute."""
    until = time.monotonic() + 30
    while not look():
        assert time.monotonic() < until
        time.sleep(0.05)  # between looks, not instead of one


def test_a_roll_over_of_keys_is_followed(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with running_provider(keys=[KEY]) as before:
            server = stack.enter_context(running_server(tmp_path, trusting(before, database)))
            sdk = stack.enter_context(running_sdk("2.4.0", server.url, before.login_of(ANNA)))
            assert sdk.user()["id"] == "anna"
        assert sdk.user()["id"] == "anna", "who holds a good token needs no provider"
        with running_provider(keys=[NEXT_KEY, KEY], port=before.port) as after:
            sdk.log_in(after.login_of(ANNA))
            eventually(lambda: bearer(server, sdk.token()).status_code == 200)
            assert sdk.user()["id"] == "anna"


def bearer(server: RunningServer, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.api}/user", headers=headers)


def test_the_example_of_the_how_to_logs_in(
    server: RunningServer, provider: Provider, tmp_path: Path
) -> None:
    [example] = re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL)
    login = provider.login_of_client()
    for shown, real in (
        ("https://pinakes.example", server.url),
        ("https://keycloak.example/realms/ml", provider.issuer),
        ('"..."', repr(login.oidc_client_secret)),
    ):
        assert shown in example
        example = example.replace(shown, real)
    story = tmp_path / "story.py"
    story.write_text(example + "\nmodels.model_metadata_service_list_model_metadata(page_size=1)\n")
    subprocess.run([SDK, story], check=True, timeout=60)


def test_a_provider_that_comes_late_is_waited_for(database: str, tmp_path: Path) -> None:
    with running_provider(keys=[KEY]) as early:
        token = token_of(good_claims(early), KEY)
    with running_server(tmp_path, trusting(early, database)) as server:
        assert bearer(server, token).status_code == 503
        with running_provider(keys=[KEY], port=early.port):
            eventually(lambda: bearer(server, token).status_code == 200)


def good_claims(provider: Provider) -> Json:
    now = int(time.time())
    return {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "sub": "somebody",
        "iat": now,
        "exp": now + 60,
    }


FORGERIES: dict[str, tuple[Json, Any, Json | None]] = {
    "a wrong audience": ({"aud": "another"}, KEY, None),
    "a wrong issuer": ({"iss": "https://issuer.example"}, KEY, None),
    "no algorithm": ({}, None, None),
    "no algorithm, in a key's name": ({}, None, {"alg": "none", "kid": KEY.id}),
    "the public key as a secret": (
        {},
        KEY.public_pem(),
        {"alg": "HS256", "typ": "JWT", "kid": KEY.id},
    ),
    "an expiry in the past": ({"exp": 1_000_000_000}, KEY, None),
    "a beginning in the future": ({"nbf": 4_000_000_000}, KEY, None),
    "another key": ({}, NEXT_KEY, None),
    "another key under the name of the right one": (
        {},
        Key.rsa(),
        {"alg": "RS256", "typ": "JWT", "kid": KEY.id},
    ),
}


def test_whatever_is_forged_is_refused_in_the_same_words(
    server: RunningServer, provider: Provider
) -> None:
    assert bearer(server, token_of(good_claims(provider), KEY)).status_code == 200
    forged = {
        name: token_of(good_claims(provider) | claims, signer, header=header)
        for name, (claims, signer, header) in FORGERIES.items()
    }
    answers = {name: bearer(server, token) for name, token in forged.items()}
    answers["garbage"] = bearer(server, "garbage")
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        answers, 401
    )
    assert len({answer.text for answer in answers.values()}) == 1
    log = server.log.read_text()
    assert log.count('"TokenRefused"') >= len(answers)
    assert not [name for name, token in forged.items() if token in log]


# The demonstration of authorisation by project


@contextmanager
def demo(
    version: str, provider: Provider, conninfo: str, directory: Path
) -> Generator[tuple[RunningServer, Sdk, Sdk, Path], None, None]:
    """Run a server under the policy of the demonstration, with Alice and Bob logged in."""
    policy = directory / "data"
    policy.write_text(json.dumps(DEMO))
    environment = trusting(provider, conninfo, PINAKES_POLICY_FILE=str(policy))
    with (
        running_server(directory, environment) as server,
        running_sdk(version, server.url, provider.login_of(ALICE)) as alice,
        running_sdk(version, server.url, provider.login_of(BOB)) as bob,
    ):
        yield server, alice, bob, policy


def test_the_demonstration_of_projects_by_policy(
    version: str, provider: Provider, fresh_database: str, tmp_path: Path
) -> None:
    with demo(version, provider, fresh_database, tmp_path) as (_, alice, bob, _):
        for uri, project in ((IRIS, "default"), (IRIS, "iris"), (INCOME, "income")):
            alice.create(uri=uri, project=project, name=project)

        assert projects(alice.models()) == ["default", "income", "iris"]
        assert projects(bob.models()) == ["default", "income"]
        assert bob.models(project="iris") == []
        assert bob.models(query="project = iris") == []

        bob.update(uri=IRIS, project="default", name="changed by Bob")
        assert status_of(bob.update, uri=INCOME, project="income") == 403
        assert status_of(bob.create, uri=INCOME, project="income") == 403
        assert status_of(bob.delete, uri=INCOME, project="income") == 403
        assert status_of(bob.update, uri=IRIS, project="iris") == 404
        assert status_of(bob.delete, uri=IRIS, project="iris") == 404
        assert status_of(bob.create, uri=IRIS, project="iris") == 403
        assert projects(alice.models()) == ["default", "income", "iris"]


def test_a_changed_policy_counts_at_once_and_a_broken_one_not_at_all(
    version: str, provider: Provider, fresh_database: str, tmp_path: Path
) -> None:
    with demo(version, provider, fresh_database, tmp_path) as (server, alice, bob, policy):
        alice.create(uri=IRIS, project="iris")
        assert bob.models() == []
        policy.write_text(json.dumps({"user_grants": {"*": grants("project/*")}}))
        assert projects(bob.models()) == ["iris"]
        policy.write_text("{")
        assert projects(bob.models()) == ["iris"]
        assert "PolicyRefused" in server.log.read_text()


def projects(models: list[Json]) -> list[str]:
    return sorted(model["project"] for model in models)


def status_of(call: Any, **arguments: Any) -> int:
    with pytest.raises(Refused) as refused:
        call(**arguments)
    return refused.value.status


def actors(server: RunningServer, uri: str) -> list[str]:
    with psycopg.connect(server.conninfo) as connection:
        query = "select actor from pinakes.model_revisions where uri = %s"
        return [actor for (actor,) in connection.execute(query, [uri])]
