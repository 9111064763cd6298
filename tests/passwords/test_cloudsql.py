"""Tokens of Google Cloud SQL, from stand-ins that speak Google's protocols on loopback.

No cloud is reached: what Cloud SQL makes of such a token is not tried here.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from parts import clean_environment
from passwords.stand_in import Answer, Asked, StandIn, running
from pinakes.postgres.passwords.cloudsql import CloudSqlTokens
from pinakes.postgres.passwords.source import Login, Password, PasswordUnavailable

SCOPE = "https://www.googleapis.com/auth/sqlservice.login"
ACCOUNT = "pinakes@project.iam.gserviceaccount.com"
LOGIN = Login("10.20.30.40", 5432, "pinakes@project.iam")
AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whom an assertion is for, wherever it is sent."""
GOOGLE = {"Metadata-Flavor": "Google"}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine says who we are, and no proxy stands between."""
    for name in list(os.environ):
        if name.startswith(("GOOGLE_", "GCE_", "CLOUDSDK_", "GCLOUD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "nothing"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch() -> Password:
    return asyncio.run(CloudSqlTokens().fetch(LOGIN))


def metadata(asked: Asked) -> Answer:
    """Answer as the metadata server of a machine, or of a cluster with Workload Identity."""
    if asked.headers.get("metadata-flavor") != "Google":
        return Answer("hunter2", 403)
    place = "/computeMetadata/v1/"
    account = f"{place}instance/service-accounts/default/"
    path = asked.path.replace(f"/{ACCOUNT}/", "/default/")
    answers = {
        "/": Answer("computeMetadata/", headers=GOOGLE),
        f"{place}project/project-id": Answer("project", headers=GOOGLE),
        f"{place}universe/universe-domain": Answer("googleapis.com", headers=GOOGLE),
        account: Answer({"email": ACCOUNT, "scopes": [SCOPE], "aliases": []}, headers=GOOGLE),
        f"{account}token": Answer(
            {"access_token": "ya29.of-the-machine", "expires_in": 1800, "token_type": "Bearer"},
            headers=GOOGLE,
        ),
    }
    return answers.get(path, Answer("not found", 404, headers=GOOGLE))


FETCH = """
import asyncio, json
from pinakes.postgres.passwords.cloudsql import CloudSqlTokens
from pinakes.postgres.passwords.source import Login
tokens = CloudSqlTokens()
passwords = [asyncio.run(tokens.fetch(Login("10.20.30.40", 5432, "x"))) for _ in range(2)]
print(json.dumps([[password.text, password.seconds] for password in passwords]))
"""


def test_the_account_of_the_machine_gets_tokens_from_its_metadata_server() -> None:
    """In a process of its own: the library looks but once where that server is."""
    with running(metadata) as machine:
        place = dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_IP"), machine.address)
        done = subprocess.run(
            [sys.executable, "-c", FETCH],
            env=clean_environment() | place,
            capture_output=True,
            text=True,
            check=True,
        )
    passwords = json.loads(done.stdout)
    assert [text for text, _ in passwords] == ["ya29.of-the-machine"] * 2
    assert all(1700 < seconds <= 1800 for _, seconds in passwords)
    asked = [one.query for one in machine.asked if one.path.endswith("/token")]
    assert asked == [{"scopes": [SCOPE]}] * 2  # anew each time
    assert not done.stderr


class TokenEndpoint:
    """Google's OAuth endpoint, as a service account with a key meets it: RFC 7523."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.claims: list[dict[str, object]] = []

    def answer(self, asked: Asked) -> Answer:
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if asked.path != "/token" or asked.form.get("grant_type") != [grant]:
            return Answer({"error": "unsupported_grant_type"}, 400)
        [assertion] = asked.form["assertion"]
        try:
            claims = jwt.decode(assertion, self._key.public_key(), ["RS256"], audience=AUDIENCE)
        except jwt.InvalidTokenError:
            return Answer({"error": "invalid_grant", "error_description": "hunter2"}, 400)
        self.claims.append(claims)
        return Answer({"access_token": "ya29.of-the-key", "expires_in": 3599})


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def use_key_file(
    stand_in: StandIn, key: rsa.RSAPrivateKey, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write a key file as Google hands it out, and name it as its programs have it named."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    content = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": f"http://{stand_in.address}/token",
    }
    file.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))


def test_a_service_account_signs_for_its_token_with_its_key(
    key: rsa.RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = TokenEndpoint(key)
    with running(endpoint.answer) as stand_in:
        use_key_file(stand_in, key, tmp_path / "key.json", monkeypatch)
        password = fetch()
    assert password.text == "ya29.of-the-key"
    assert 3500 < password.seconds <= 3599
    [claims] = endpoint.claims
    assert (claims["iss"], claims["scope"]) == (ACCOUNT, SCOPE)
    assert claims["aud"] == AUDIENCE
    assert abs(float(str(claims["iat"])) - time.time()) < 60


def test_a_key_that_was_withdrawn_is_told_without_the_words_of_the_endpoint(
    key: rsa.RSAPrivateKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with running(TokenEndpoint(other).answer) as stand_in:
        use_key_file(stand_in, key, tmp_path / "key.json", monkeypatch)
        with pytest.raises(PasswordUnavailable, match="gives no token: RefreshError") as refusal:
            fetch()
    assert "hunter2" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def test_a_key_file_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.json").write_text("hunter2")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(PasswordUnavailable, match="DefaultCredentialsError") as refusal:
        fetch()
    assert "hunter2" not in str(refusal.value)


def test_the_loop_goes_on_while_google_answers(
    key: rsa.RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint waits for what only the loop does meanwhile."""
    endpoint, go = TokenEndpoint(key), tmp_path / "go"

    def patient(asked: Asked) -> Answer:
        while not go.exists():
            time.sleep(0.01)
        return endpoint.answer(asked)

    async def both(stand_in: StandIn) -> Password:
        fetching = asyncio.create_task(CloudSqlTokens().fetch(LOGIN))
        while not stand_in.asked:  # noqa: ASYNC110 - it is asked by another thread
            await asyncio.sleep(0.01)
        go.touch()
        return await fetching

    with running(patient) as stand_in:
        use_key_file(stand_in, key, tmp_path / "key.json", monkeypatch)
        assert asyncio.run(both(stand_in)).text == "ya29.of-the-key"


WITHOUT = "import sys; sys.modules['google.auth'] = None; import pinakes.__main__ as m; m.main()"


def test_without_the_library_the_extra_is_named() -> None:
    described = {
        "METADATA_PG_HOST": LOGIN.host,
        "METADATA_PG_USER": LOGIN.user,
        "METADATA_PG_DBNAME": "metadata",
        "PINAKES_PG_TOKEN_PROVIDER": "google-cloud-sql",
    }
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "migrate"],
        env=clean_environment() | described,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'pinakes[gcp]'" in done.stderr
