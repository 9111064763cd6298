"""Tokens of Amazon RDS: published signatures, an independent computation, and a stand-in.

No cloud is reached: what RDS makes of such a token is not tried here.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from parts import clean_environment
from passwords.sigv4 import Presigned, sign, signing_key
from passwords.stand_in import Answer, Asked, StandIn, running
from pinakes.postgres.passwords.rds import RdsTokens
from pinakes.postgres.passwords.source import Login, PasswordUnavailable

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
"""The credentials of Amazon's documentation, which open nothing."""

HOST = "pinakes.abcdefghijkl.eu-west-1.rds.amazonaws.com"
LOGIN = Login(HOST, 5432, "pinakes_runtime")

OF_BOTOCORE = (
    "prod-instance.us-east-1.rds.amazonaws.com:3306/?Action=connect&DBUser=someusername"
    "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20161107T173933Z&X-Amz-SignedHeaders=host"
    "&X-Amz-Expires=900&X-Amz-Credential=akid%2F20161107%2Fus-east-1%2Frds-db%2Faws4_request"
    "&X-Amz-Signature=d1138cdbc0ca63eec012ec0fc6c2267e03642168f5884a7795320d4c18374c61"
)
"""The token that Amazon tests its own library with, made of the secret ``skid``."""

OF_S3 = (
    "examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)
"""The signed URL of Amazon's documentation of S3, which signs no payload."""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine says who we are."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of the documentation, as variables."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def token(login: Login = LOGIN, region: str = "") -> Presigned:
    return Presigned.read(asyncio.run(RdsTokens(region).fetch(login)).text)


def test_the_independent_computation_agrees_with_what_amazon_publishes() -> None:
    assert (
        signing_key(SECRET, "20120215", "us-east-1", "iam").hex()
        == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
    )
    of_rds, of_s3 = Presigned.read(OF_BOTOCORE), Presigned.read(OF_S3)
    assert sign(of_rds, "skid") == of_rds.signature
    assert sign(of_s3, SECRET.replace("+", "/"), "UNSIGNED-PAYLOAD") == of_s3.signature
    assert sign(replace(of_rds, host="other"), "skid") != of_rds.signature


@pytest.mark.usefixtures("key")
def test_a_token_asks_for_this_role_at_this_host_and_port() -> None:
    made = token()
    assert (made.host, made.path) == (f"{HOST}:5432", "/")
    time = datetime.strptime(made.asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
    assert made.asked == {
        "Action": "connect",
        "DBUser": "pinakes_runtime",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{KEY}/{time:%Y%m%d}/eu-west-1/rds-db/aws4_request",
        "X-Amz-Date": f"{time:%Y%m%dT%H%M%SZ}",
        "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": "host",
    }


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("user", ["pinakes", "o'neil & söhne", "a+b=c/d%20 ~"])
def test_its_signature_is_that_of_the_independent_computation(user: str) -> None:
    made = token(replace(LOGIN, user=user))
    assert made.asked["DBUser"] == user
    assert made.signature == sign(made, SECRET)


@pytest.mark.usefixtures("key")
def test_a_token_at_the_time_of_the_published_one_is_the_published_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "akid")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "skid")
    then = datetime(2016, 11, 7, 17, 39, 33, tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: then)
    login = Login("prod-instance.us-east-1.rds.amazonaws.com", 3306, "someusername")
    assert token(login) == Presigned.read(OF_BOTOCORE)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("host", "region"),
    [
        (HOST, "eu-west-1"),
        ("metadata.cluster-abc.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("pinakes.abc.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_an_endpoint_tells_its_region(host: str, region: str) -> None:
    assert token(replace(LOGIN, host=host)).asked["X-Amz-Credential"].split("/")[2] == region


@pytest.mark.usefixtures("key")
def test_a_region_that_is_set_wins_and_a_host_that_tells_none_needs_it() -> None:
    other = replace(LOGIN, host="db.example")
    assert token(other, "eu-south-2").asked["X-Amz-Credential"].split("/")[2] == "eu-south-2"
    assert token(LOGIN, "eu-south-2").asked["X-Amz-Credential"].split("/")[2] == "eu-south-2"
    with pytest.raises(PasswordUnavailable, match="PINAKES_PG_TOKEN_REGION") as refusal:
        token(other)
    assert "db.example" not in str(refusal.value)


@pytest.mark.usefixtures("key")
def test_a_token_is_good_for_fifteen_minutes() -> None:
    assert asyncio.run(RdsTokens("").fetch(LOGIN)).seconds == 900


def test_who_has_no_credentials_is_told_so() -> None:
    with pytest.raises(PasswordUnavailable, match="gives no token: NoCredentialsError"):
        token()


TEMPORARY = {
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "of-the-pod",
    "Token": "session+token/of=the&pod",
    "Expiration": f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
}


def identity(asked: Asked) -> Answer:
    """Answer as the agent of EKS Pod Identity does: who shows the token of the pod gets a key."""
    if asked.headers.get("authorization") != "token of the pod":
        return Answer({"message": "hunter2"}, 403)
    return Answer(TEMPORARY)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    (tmp_path / "token").write_text("token of the pod")
    with running(identity) as stand_in:
        uri = f"http://{stand_in.address}/v1/credentials"
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        yield stand_in


def test_the_identity_of_a_pod_signs_with_its_session(agent: StandIn) -> None:
    tokens = RdsTokens("")
    made = [Presigned.read(asyncio.run(tokens.fetch(LOGIN)).text) for _ in range(2)]
    for one in made:
        assert one.asked["X-Amz-Security-Token"] == TEMPORARY["Token"]
        assert one.signature == sign(one, TEMPORARY["SecretAccessKey"])
    assert [one.path for one in agent.asked] == ["/v1/credentials"]  # asked once, then kept


def test_an_agent_that_refuses_is_told_without_its_words(
    agent: StandIn, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("another")
    with pytest.raises(PasswordUnavailable, match="Amazon's library gives no token") as refusal:
        token()
    assert agent.asked
    assert "hunter2" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("key")
def test_the_loop_goes_on_while_a_token_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits for what only the loop does meanwhile."""
    go, begun = threading.Event(), threading.Event()
    plain = RdsTokens._sign  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def wait_and_sign(tokens: RdsTokens, login: Login, region: str) -> str:
        begun.set()
        assert go.wait(30)
        return plain(tokens, login, region)

    monkeypatch.setattr(RdsTokens, "_sign", wait_and_sign)

    async def both() -> str:
        fetching = asyncio.create_task(RdsTokens("").fetch(LOGIN))
        while not begun.is_set():  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.01)
        go.set()
        return (await fetching).text

    assert asyncio.run(both()).startswith(HOST)


WITHOUT = "import sys; sys.modules['botocore'] = None; import pinakes.__main__ as m; m.main()"


def test_without_the_library_the_extra_is_named() -> None:
    described = {
        "METADATA_PG_HOST": HOST,
        "METADATA_PG_USER": "pinakes",
        "METADATA_PG_DBNAME": "metadata",
        "PINAKES_PG_TOKEN_PROVIDER": "amazon-rds",
        "PINAKES_MIGRATE_ON_START": "true",
    }
    for command in (["migrate"], ["serve", "--port", "0"]):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT, *command],
            env=clean_environment() | described,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert "pip install 'pinakes[aws]'" in done.stderr
        assert "Traceback" not in done.stderr
