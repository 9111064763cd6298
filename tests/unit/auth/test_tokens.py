"""Which tokens are good: those that a trusted issuer signed, for us, for now; and no others."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from oidc.keys import Json, Key
from oidc.publisher import ISSUER, Publisher, sign
from oidc.tokens import encoded, honest_header, token_of
from pinakes.auth.caller import Caller
from pinakes.auth.errors import ProviderUnreachable, TokenRefused
from pinakes.auth.provider import PAUSE_SECONDS, Provider
from pinakes.auth.tokens import Tokens
from pinakes.settings.auth import ClaimNames
from pinakes.telemetry.events import Event, KeysRead, KeysUnreadable

NOW = 1_800_000_000.0
AUDIENCE = "pinakes"
KEY = Key(Key.rsa().private, "one")
OTHER_KEY = Key(Key.rsa().private, "two")
WEAK_KEY = Key(generate_private_key(65537, 1024), "weak")  # noqa: S505 - so it is refused

ADA: Json = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 60,
    "iat": NOW,
    "sub": "0001",
    "preferred_username": "ada",
    "name": "Ada Lovelace",
    "email": "ada@example.org",
    "groups": ["analysts"],
}


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class World:
    """One issuer, what is published of it, and a verifier that trusts it."""

    def __init__(self, *keys: Key, names: ClaimNames | None = None) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.publisher = Publisher(list(keys or (KEY,)))
        self.provider = Provider(ISSUER, self.publisher.fetch, self.events.append, self.clock)
        self.tokens = Tokens(
            {ISSUER: self.provider}, [AUDIENCE, "other"], names or ClaimNames(), self.clock
        )


def caller(token: str, world: World | None = None) -> Caller:
    return asyncio.run((world or World()).tokens.caller(token))


def refusal(token: str, world: World | None = None) -> str:
    with pytest.raises(TokenRefused) as refused:
        caller(token, world)
    return str(refused.value)


def without(claim: str) -> Json:
    return {name: value for name, value in ADA.items() if name != claim}


def test_a_good_token_names_its_caller() -> None:
    assert caller(sign(KEY, ADA)) == Caller("ada", "Ada Lovelace", "ada@example.org", ("analysts",))


@pytest.mark.parametrize(
    "key",
    [Key.rsa(), Key.ec(), Key.ed25519()],
    ids=lambda key: key.algorithm,
)
def test_every_asymmetric_kind_of_key_is_taken(key: Key) -> None:
    assert caller(sign(key, ADA), World(key)).id == "ada"


@pytest.mark.parametrize("kind", ["JWT", "at+jwt", "application/at+jwt", None])
def test_an_id_token_and_an_access_token_are_both_taken(kind: str | None) -> None:
    assert caller(sign(KEY, ADA, typ=kind)).id == "ada"


@pytest.mark.parametrize("audience", [AUDIENCE, "other", ["foreign", "other"]])
def test_one_of_our_audiences_among_those_of_a_token_is_enough(audience: Any) -> None:
    assert caller(sign(KEY, ADA | {"aud": audience})).id == "ada"


def test_a_token_without_a_key_id_is_of_the_only_key() -> None:
    assert caller(sign(KEY, ADA, kid=None)).id == "ada"
    assert "no key ''" in refusal(sign(KEY, ADA, kid=None), World(KEY, OTHER_KEY))


FORGERIES: dict[str, tuple[Callable[[], str], str]] = {
    "of another audience": (partial(sign, KEY, ADA | {"aud": "foreign"}), "another audience"),
    "without an audience": (partial(sign, KEY, without("aud")), "lacks"),
    "of another issuer": (
        partial(sign, KEY, ADA | {"iss": "https://evil.example"}),
        "evil.example",
    ),
    "of an issuer but for a slash": (partial(sign, KEY, ADA | {"iss": ISSUER + "/"}), "trusted"),
    "without an issuer": (partial(sign, KEY, without("iss")), "read"),
    "with several issuers": (partial(sign, KEY, ADA | {"iss": [ISSUER]}), "read"),
    "expired": (partial(sign, KEY, ADA | {"exp": NOW}), "expired"),
    "expired long ago": (partial(sign, KEY, ADA | {"exp": NOW - 9999}), "expired"),
    "without an expiry": (partial(sign, KEY, without("exp")), "lacks"),
    "with an expiry beyond all numbers": (partial(sign, KEY, ADA | {"exp": 10**400}), "read"),
    "with an expiry that never comes": (partial(sign, KEY, ADA | {"exp": float("inf")}), "read"),
    "with an expiry that is no number": (partial(sign, KEY, ADA | {"exp": float("nan")}), "read"),
    "with a beginning that is no number": (partial(sign, KEY, ADA | {"nbf": float("nan")}), "read"),
    "with an expiry of no time": (partial(sign, KEY, ADA | {"exp": "soon"}), "read"),
    "not yet valid": (partial(sign, KEY, ADA | {"nbf": NOW + 60}), "not valid yet"),
    "of another key": (partial(sign, OTHER_KEY, ADA, kid="one"), "signature"),
    "of a key that is not published": (partial(sign, OTHER_KEY, ADA), "no key 'two'"),
    "without a signature": (partial(token_of, ADA, None), "algorithm"),
    "signed with the public key": (
        partial(token_of, ADA, KEY.public_pem(), header={"alg": "HS256", "kid": "one"}),
        "algorithm",
    ),
    "signed by another algorithm than the key's": (
        lambda: jwt.encode(ADA, KEY.private, "PS256", {"kid": "one"}),
        "not for its algorithm",
    ),
    "of another kind": (partial(sign, KEY, ADA, typ="logout+jwt"), "another kind"),
    "of a kind that is no text": (partial(sign, KEY, ADA, typ=["JWT"]), "read"),
    "with an extension that must be understood": (partial(sign, KEY, ADA, crit=["x"], x=1), "read"),
    "that names nobody": (
        partial(sign, KEY, {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60}),
        "names nobody",
    ),
    "that is no token": (lambda: "garbage", "read"),
    "of three parts of nothing": (lambda: "..", "read"),
    "that goes too deep": (lambda: f"{encoded(b'[' * 50_000)}.e30.e30", "read"),
    "cut short": (lambda: sign(KEY, ADA)[:-10], ""),
    "encrypted": (lambda: "a.b.c.d.e", "read"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_is_refused(forgery: str) -> None:
    forge, reason = FORGERIES[forgery]
    token = forge()
    told = refusal(token)
    assert reason in told
    assert token not in told


def test_a_weak_key_is_no_key() -> None:
    assert "no key 'weak'" in refusal(sign(KEY, ADA, kid="weak"), World(KEY, WEAK_KEY))


@given(st.text() | st.builds("{}.{}.{}".format, st.text(), st.text(), st.text()))
def test_no_text_whatever_is_a_token(text: str) -> None:
    refusal(text)


json_values = st.recursive(st.none() | st.floats() | st.text(), st.lists, max_leaves=5)


@given(json_values)
def test_no_header_whatever_breaks_the_reading_of_a_token(value: Any) -> None:
    for name in ("alg", "kid", "typ", "crit", "b64"):
        refusal(token_of(ADA, OTHER_KEY, header=honest_header(OTHER_KEY) | {name: value}))


@given(json_values)
def test_no_claim_whatever_breaks_the_reading_of_a_token(value: Any) -> None:
    for claim in ADA:
        token = sign(KEY, ADA | {claim: value}, kid="unknown")
        refusal(token)


def test_each_of_several_issuers_vouches_for_its_own_alone() -> None:
    one, other = "https://one.example", "https://other.example"
    keys = {one: KEY, other: OTHER_KEY}

    def publish(issuer: str) -> Provider:
        async def fetch(url: str) -> bytes:
            if url.endswith("/keys"):
                return json.dumps({"keys": [keys[issuer].public_jwk()]}).encode()
            return json.dumps({"issuer": issuer, "jwks_uri": f"{issuer}/keys"}).encode()

        return Provider(issuer, fetch, print)

    tokens = Tokens({issuer: publish(issuer) for issuer in keys}, [AUDIENCE], ClaimNames(), Clock())

    async def story() -> None:
        for issuer, key in keys.items():
            assert (await tokens.caller(sign(key, ADA | {"iss": issuer}))).id == "ada"
        for issuer, key in ((one, OTHER_KEY), (other, KEY)):
            with pytest.raises(TokenRefused):
                await tokens.caller(sign(key, ADA | {"iss": issuer}))

    asyncio.run(story())


def test_the_token_of_a_pod_names_its_service_account() -> None:
    account = "system:serviceaccount:seldon:request-logger"
    claims = {
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "exp": NOW + 60,
        "nbf": NOW,
        "sub": account,
        "kubernetes.io": {"namespace": "seldon", "serviceaccount": {"name": "request-logger"}},
    }
    assert caller(sign(KEY, claims, typ=None)).id == account


# How long a token is good


def test_a_token_is_good_until_it_expires_and_not_a_moment_longer() -> None:
    world = World()

    async def story() -> None:
        token = sign(KEY, ADA)
        await world.tokens.caller(token)
        world.clock.now = ADA["exp"] - 0.001
        await world.tokens.caller(token)
        world.clock.now = ADA["exp"]
        with pytest.raises(TokenRefused, match="expired"):
            await world.tokens.caller(token)

    asyncio.run(story())


def test_the_clock_of_an_issuer_may_be_a_little_ahead() -> None:
    assert caller(sign(KEY, ADA | {"nbf": NOW + 5, "iat": NOW + 5})).id == "ada"


# The keys of an issuer


def test_keys_are_read_once_for_many_tokens() -> None:
    world = World()

    async def story() -> None:
        for number in range(50):
            await world.tokens.caller(sign(KEY, ADA | {"jti": str(number)}))

    asyncio.run(story())
    assert world.publisher.reads == 1
    assert world.events == [KeysRead(ISSUER, ("one",))]


def test_a_new_key_is_taken_as_soon_as_it_is_used() -> None:
    world = World()

    async def story() -> None:
        await world.tokens.caller(sign(KEY, ADA))
        world.publisher.keys = [OTHER_KEY, KEY]
        world.clock.now += PAUSE_SECONDS
        assert (await world.tokens.caller(sign(OTHER_KEY, ADA))).id == "ada"

    asyncio.run(story())


def test_unknown_keys_make_the_keys_be_read_at_most_every_ten_seconds() -> None:
    world = World()

    async def story() -> None:
        for second in range(31):
            world.clock.now = NOW + second
            with pytest.raises(TokenRefused):
                await world.tokens.caller(sign(OTHER_KEY, ADA, kid=str(second)))

    asyncio.run(story())
    assert world.publisher.reads == 4


def test_many_who_name_an_unknown_key_at_once_wait_for_one_reading() -> None:
    world = World()

    async def story() -> list[Caller]:
        tokens = [sign(KEY, ADA | {"jti": str(number)}) for number in range(20)]
        return await asyncio.gather(*map(world.tokens.caller, tokens))

    assert len(asyncio.run(story())) == 20
    assert world.publisher.reads == 1


def test_holders_of_good_tokens_are_not_locked_out_while_the_issuer_is_away() -> None:
    world = World()

    async def story() -> None:
        token, fresh = (sign(KEY, ADA | {"exp": NOW + 9999, "jti": name}) for name in "ab")
        async with reading(world) as after_a_while:
            await world.tokens.caller(token)
            world.publisher.is_away = True
            await after_a_while()
            for one in (token, fresh):
                assert (await world.tokens.caller(one)).id == "ada"

    asyncio.run(story())
    assert isinstance(world.events[-1], KeysUnreadable)


def test_nobody_can_be_told_while_an_issuer_was_never_reached() -> None:
    world = World()
    world.publisher.is_away = True

    async def story() -> None:
        with pytest.raises(ProviderUnreachable):
            await world.tokens.caller(sign(KEY, ADA))
        world.publisher.is_away = False
        world.clock.now += PAUSE_SECONDS
        assert (await world.tokens.caller(sign(KEY, ADA))).id == "ada"

    asyncio.run(story())


def test_a_withdrawn_key_ends_the_tokens_that_it_signed_though_nobody_names_another() -> None:
    world = World(KEY, OTHER_KEY)

    async def story() -> None:
        token, fresh = (sign(KEY, ADA | {"exp": NOW + 9999, "jti": name}) for name in "ab")
        async with reading(world) as after_a_while:
            await world.tokens.caller(token)
            world.publisher.keys = [OTHER_KEY]
            await after_a_while()
            for one in (token, fresh):
                with pytest.raises(TokenRefused):
                    await world.tokens.caller(one)

    asyncio.run(story())


@asynccontextmanager
async def reading(world: World) -> AsyncGenerator[Callable[[], Awaitable[None]], None]:
    """Keep reading the keys; yield what lets the time pass until they are read again."""
    waiting, go_on = asyncio.Queue[float](), asyncio.Queue[None]()

    async def sleep(seconds: float) -> None:
        await waiting.put(seconds)
        await go_on.get()

    async def after_a_while() -> None:
        world.clock.now += await waiting.get()
        await go_on.put(None)
        await waiting.put(await waiting.get())

    task = asyncio.create_task(world.provider.keep_reading(sleep))
    yield after_a_while
    task.cancel()


@pytest.mark.parametrize(
    ("discovery", "reason"),
    [
        ({"issuer": ISSUER + "/"}, f"calls itself {ISSUER}/"),
        ({"jwks_uri": "http://issuer.example/keys"}, "without https"),
        ({"jwks_uri": None}, "cannot be read"),
    ],
)
def test_what_an_issuer_publishes_wrongly_is_told_to_the_log(discovery: Json, reason: str) -> None:
    world = World()
    world.publisher.discovery = discovery
    with pytest.raises(ProviderUnreachable):
        caller(sign(KEY, ADA), world)
    [event] = world.events
    assert isinstance(event, KeysUnreadable)
    assert reason in event.reason


def test_even_a_fault_of_the_reading_is_told_to_the_log() -> None:
    world = World()

    async def break_down(_: str) -> bytes:
        raise KeyError("hush")

    provider = Provider(ISSUER, break_down, world.events.append, world.clock)
    with pytest.raises(ProviderUnreachable):
        asyncio.run(provider.key("one"))
    assert world.events == [KeysUnreadable(ISSUER, "KeyError while reading them")]


def test_what_is_no_key_does_not_cost_the_others() -> None:
    world = World()
    oddities = [None, 7, [], {}, {"kty": "RSA"}, {"kty": "oct", "k": "AA", "kid": "one"}]
    encryption = OTHER_KEY.public_jwk() | {"use": "enc"}

    async def fetch(url: str) -> bytes:
        if url.endswith("/keys"):
            return json.dumps({"keys": [*oddities, encryption, KEY.public_jwk()]}).encode()
        return await world.publisher.fetch(url)

    provider = Provider(ISSUER, fetch, world.events.append, world.clock)
    asyncio.run(provider.key("one"))
    assert world.events == [KeysRead(ISSUER, ("one",))]


def test_a_remembered_token_is_not_kept_itself() -> None:
    world = World()
    token = sign(KEY, ADA)
    caller(token, world)
    assert token not in repr(vars(world.tokens))
