"""A provider that lies, or somebody between us and it: whatever it says, nobody gets in by it."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from auth.assurance import VAULT, meets
from auth.errors import SignInFailed
from auth.provider.login import Door, new_challenge
from auth.provider.oidc import Challenge, Client, Identity, Provider

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
T = int(NOW.timestamp())
ISSUER, US = "https://idp.example", "motlan-citizens"


class Missing(Enum):
    """What is left out, not null. An enum has the same name in every worker's list of tests."""

    MISSING = "missing"


MISSING = Missing.MISSING


class Liar:
    """A provider whose every answer a test may change before it is sent."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", auto_kid=True)
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks.json",
        }
        self.claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": "someone",
            "aud": US,
            "iat": T,
            "exp": T + 300,
            "auth_time": T - 5,
            "acr": "urn:vn:eid:tk2:xt2",
            "name": "Nguyễn Thử",
            "birthdate": "1990-02-03",
            "vn_citizen_number": "000190000001",
        }
        self.answer: Callable[[str], Response] | None = None
        self.jwks: Callable[[], Response] | None = None
        self.asked_for_keys = 0
        self.redeemed: list[dict[str, str]] = []
        self.pushed: list[dict[str, str]] = []
        self.proofs: list[str | None] = []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks.json", self._jwks),
                Route("/token", self._token, methods=["POST"]),
                Route("/pushed", self._pushed, methods=["POST"]),
            ]
        )

    def id_token(self, key: ECKey | None = None, **changes: Any) -> str:
        signer = key or self.key
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not MISSING}
        return jwt.encode({"alg": "ES256", "typ": "JWT", "kid": signer.kid}, claims, signer)

    async def _metadata(self, request: Request) -> Response:
        return JSONResponse({name: one for name, one in self.metadata.items() if one is not MISSING})

    async def _jwks(self, request: Request) -> Response:
        self.asked_for_keys += 1
        return self.jwks() if self.jwks else JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _pushed(self, request: Request) -> Response:
        async with request.form() as form:
            self.pushed.append({name: str(value) for name, value in form.items()})
        return JSONResponse({"request_uri": "urn:example:pushed", "expires_in": 60}, 201)

    async def _token(self, request: Request) -> Response:
        self.proofs.append(request.headers.get("dpop"))
        async with request.form() as form:
            self.redeemed.append({name: str(value) for name, value in form.items()})
        assert self.answer is not None
        return self.answer(self.redeemed[-1]["code_verifier"])


@pytest.fixture
def liar() -> Liar:
    return Liar()


@pytest.fixture
async def provider(liar: Liar) -> AsyncIterator[Provider]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(liar.app()), trust_env=False) as wire:
        yield Provider(Client(ISSUER, US, "https://kho.example/sign-in/callback", VAULT), wire)


CHALLENGE = new_challenge(Door.CITIZEN)


async def identify(liar: Liar, provider: Provider, now: datetime = NOW, **changes: Any) -> Identity:
    liar.answer = lambda verifier: JSONResponse(
        {"id_token": liar.id_token(**{"nonce": CHALLENGE.nonce, **changes})}
    )
    return await provider.identify("code", CHALLENGE, now)


async def test_an_honest_answer_is_believed(liar: Liar, provider: Provider) -> None:
    identity = await identify(liar, provider)
    assert (identity.issuer, identity.external_id, identity.acr) == (ISSUER, "someone", "urn:vn:eid:tk2:xt2")
    assert identity.authenticated_at == NOW - timedelta(seconds=5)
    assert not identity.is_officer
    assert liar.redeemed[-1]["code_verifier"] == CHALLENGE.verifier
    assert "000190000001" not in repr(identity)
    assert "Nguyễn" not in repr(identity)


async def test_the_secrets_of_a_sign_in_stay_home(liar: Liar, provider: Provider) -> None:
    url = await provider.authorization_url(CHALLENGE, "vi", NOW)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    digest = hashlib.sha256(CHALLENGE.verifier.encode()).digest()
    assert asked["code_challenge"] == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked["code_challenge_method"] == "S256"
    assert (asked["max_age"], asked["acr_values"]) == ("300", VAULT)
    assert CHALLENGE.verifier not in url
    assert CHALLENGE.verifier not in repr(CHALLENGE)
    assert CHALLENGE.nonce not in repr(CHALLENGE)


async def test_a_provider_that_asks_for_it_is_pushed_the_request_and_the_browser_sees_its_name_alone(
    liar: Liar, provider: Provider
) -> None:
    liar.metadata["pushed_authorization_request_endpoint"] = f"{ISSUER}/pushed"
    liar.metadata["dpop_signing_alg_values_supported"] = ["RS256", "ES256"]
    url = await provider.authorization_url(CHALLENGE, "vi", NOW)
    assert url.partition("?")[0] == f"{ISSUER}/authorize"
    assert parse_qs(urlsplit(url).query) == {"client_id": [US], "request_uri": ["urn:example:pushed"]}
    (pushed,) = liar.pushed
    assert {
        name: pushed[name] for name in ("client_id", "response_type", "scope", "ui_locales", "dpop_jkt")
    } == {
        "client_id": US,
        "response_type": "code",
        "scope": "openid",
        "ui_locales": "vi",
        "dpop_jkt": provider._key.public.kid,
    }
    assert (pushed["state"], pushed["nonce"]) == (CHALLENGE.state, CHALLENGE.nonce)
    assert liar.proofs == []


async def test_a_provider_that_takes_proofs_gets_one_of_our_key_and_once_more_with_its_nonce(
    liar: Liar, provider: Provider
) -> None:
    assert (await identify(liar, provider)).external_id == "someone"
    assert liar.proofs == [None]
    liar.metadata["dpop_signing_alg_values_supported"] = ["ES256"]
    proving = Provider(provider.client, provider._http)
    nonces = iter(["first", "second"])

    def asks(verifier: str) -> Response:
        token = {"id_token": liar.id_token(nonce=CHALLENGE.nonce)}
        if (nonce := next(nonces, None)) is None:
            return JSONResponse(token)
        return JSONResponse({"error": "use_dpop_nonce"}, 400, {"DPoP-Nonce": nonce})

    liar.answer = asks
    # Who asks for a nonce twice over has us ask for ever: once more is all.
    with pytest.raises(SignInFailed, match="response"):
        await proving.identify("code", CHALLENGE, NOW)
    assert (await proving.identify("code", CHALLENGE, NOW)).external_id == "someone"
    key = ECKey.import_key(dict(proving._key.public.jwk))
    proofs = [jwt.decode(str(one), key, algorithms=["ES256"]) for one in liar.proofs[1:]]
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    assert [one.header for one in proofs] == [{"alg": "ES256", "typ": "dpop+jwt", "jwk": public}] * 3
    assert [(one.claims["htm"], one.claims["htu"], one.claims["iat"]) for one in proofs] == [
        ("POST", f"{ISSUER}/token", T)
    ] * 3
    assert [one.claims.get("nonce") for one in proofs] == [None, "first", "first"]
    assert len({one.claims["jti"] for one in proofs}) == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": "another"}, "token"),
        ({"nonce": MISSING}, "token"),
        ({"aud": "another-client"}, "token"),
        ({"aud": [US]}, "token"),
        ({"iss": "https://other.example"}, "token"),
        ({"azp": "another-client"}, "token"),
        ({"exp": T - 11}, "token"),
        ({"iat": T + 60, "exp": T + 120}, "token"),
        ({"auth_time": MISSING}, "token"),
        ({"auth_time": T + 60}, "token"),
        ({"acr": MISSING}, "token"),
        ({"sub": ""}, "token"),
        ({"auth_time": T - 361}, "assurance"),
        ({"acr": "urn:vn:eid:tk1:xt4"}, "assurance"),
        ({"acr": "urn:vn:eid:tk2:xt1"}, "assurance"),
        ({"acr": "0"}, "assurance"),
        ({"vn_citizen_number": "12345678901"}, "claims"),
        ({"vn_citizen_number": 190000001}, "claims"),
        ({"vn_citizen_number": "00019000000１"}, "claims"),
        ({"name": ""}, "claims"),
        ({"name": "a\nb"}, "claims"),
        ({"name": "x" * 201}, "claims"),
        ({"birthdate": "1990-02-30"}, "claims"),
        ({"birthdate": "1990"}, "claims"),
        ({"birthdate": 1990}, "claims"),
    ],
    ids=str,
)
async def test_a_lying_token_signs_nobody_in(
    liar: Liar, provider: Provider, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SignInFailed) as failure:
        await identify(liar, provider, **changes)
    assert failure.value.reason == reason


@pytest.mark.parametrize("value", ["true", 1, "yes", None, [True]])
async def test_only_true_makes_an_officer(liar: Liar, provider: Provider, value: object) -> None:
    assert not (await identify(liar, provider, vn_officer=value)).is_officer
    assert (await identify(liar, provider, vn_officer=True)).is_officer


async def test_a_token_signed_by_another_key_is_refused(liar: Liar, provider: Provider) -> None:
    stranger = ECKey.generate_key("P-256", auto_kid=True)
    with pytest.raises(SignInFailed):
        await identify(liar, provider, key=stranger)
    named_alike = ECKey.import_key({**stranger.as_dict(private=True), "kid": liar.key.kid or ""})
    with pytest.raises(SignInFailed):
        await identify(liar, provider, key=named_alike)


async def test_new_keys_are_fetched_but_not_more_than_once_a_minute(liar: Liar, provider: Provider) -> None:
    await identify(liar, provider)
    assert liar.asked_for_keys == 1
    await identify(liar, provider)
    assert liar.asked_for_keys == 1, "a known key needs no asking"
    liar.key = ECKey.generate_key("P-256", auto_kid=True)
    for _ in range(5):
        with pytest.raises(SignInFailed):
            await identify(liar, provider, NOW + timedelta(seconds=59))
    assert liar.asked_for_keys == 1
    await identify(liar, provider, NOW + timedelta(seconds=60))
    assert liar.asked_for_keys == 2


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"issuer": MISSING},
        {"token_endpoint": "http://idp.example/token"},
        {"token_endpoint": "http://127.0.0.1.evil.example/token"},
        {"token_endpoint": "https://user:pass@idp.example/token"},
        {"token_endpoint": MISSING},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://idp.example/authorize#x"},
        {"authorization_endpoint": "/authorize"},
    ],
    ids=str,
)
async def test_metadata_that_leads_astray_is_refused(
    liar: Liar, provider: Provider, metadata: dict[str, Any]
) -> None:
    liar.metadata |= metadata
    with pytest.raises(SignInFailed) as failure:
        await provider.authorization_url(CHALLENGE, "vi", NOW)
    assert failure.value.reason == "provider"


ANSWERS: dict[str, tuple[Callable[[str], Response], str]] = {
    "no token": (lambda verifier: JSONResponse({}), "response"),
    "token is no text": (lambda verifier: JSONResponse({"id_token": 7}), "response"),
    "not a token": (lambda verifier: JSONResponse({"id_token": "x.y.z"}), "token"),
    "a list": (lambda verifier: JSONResponse([]), "provider"),
    "not JSON": (lambda verifier: PlainTextResponse("<html>"), "provider"),
    "bad UTF-8": (lambda verifier: Response(b"\xff\xfe\x00"), "provider"),
    "deep": (lambda verifier: Response(b"[" * 60_000), "provider"),
    "huge": (lambda verifier: Response(b" " * 70_000 + b"{}"), "provider"),
    "refused": (lambda verifier: JSONResponse({"error": "invalid_grant"}, 400), "response"),
    "broken": (lambda verifier: PlainTextResponse(verifier, 500), "provider"),
    "elsewhere": (lambda verifier: RedirectResponse("https://evil.example/token", 307), "provider"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none_signs_nobody_in(liar: Liar, provider: Provider, name: str) -> None:
    liar.answer, reason = ANSWERS[name]
    with pytest.raises(SignInFailed) as failure:
        await provider.identify("code", CHALLENGE, NOW)
    assert failure.value.reason == reason
    assert CHALLENGE.verifier not in str(failure.value)


@pytest.mark.parametrize(
    "published",
    [{"keys": []}, {"keys": "none"}, {"keys": [{"kty": "oct", "k": "AQAB", "kid": "x"}]}, {}],
    ids=str,
)
async def test_keys_that_are_none_sign_nobody_in(
    liar: Liar, provider: Provider, published: dict[str, Any]
) -> None:
    liar.jwks = lambda: JSONResponse(published)
    with pytest.raises(SignInFailed):
        await identify(liar, provider)


async def test_each_sign_in_has_secrets_of_its_own() -> None:
    made = [new_challenge(Door.OFFICER) for _ in range(50)]
    assert len({secret for one in made for secret in (one.state, one.nonce, one.verifier)}) == 150
    for one in made:
        assert one.state.startswith("officer.")
        assert 43 <= len(one.verifier) <= 128, "RFC 7636, section 4.1"
    assert Challenge("s", "n", "v") == Challenge("s", "n", "v")


@pytest.mark.parametrize(
    ("acr", "least", "enough"),
    [
        ("urn:vn:eid:tk2:xt2", "urn:vn:eid:tk2:xt2", True),
        ("urn:vn:eid:tk2:xt4", "urn:vn:eid:tk2:xt2", True),
        ("urn:vn:eid:tk1:xt4", "urn:vn:eid:tk2:xt2", False),
        ("urn:vn:eid:tk2:xt1", "urn:vn:eid:tk2:xt2", False),
        ("urn:vn:eid:tk2:xt1", "urn:vn:eid:tk1:xt1", True),
        ("urn:vn:eid:tk3:xt2", "urn:vn:eid:tk1:xt1", False),
        ("urn:vn:eid:tk2:xt2\n", "urn:vn:eid:tk1:xt1", False),
        ("", "urn:vn:eid:tk1:xt1", False),
        ("urn:vn:eid:tk2:xt2", "", False),
    ],
)
def test_assurance_is_compared_on_both_axes(acr: str, least: str, enough: bool) -> None:
    assert meets(acr, least) is enough
