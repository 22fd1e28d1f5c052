"""Tokens we sign and accept, held against joserfc as an independent judge, both ways."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from auth.errors import TokenRefused
from auth.signing import KeyRefused, PublicKey, SigningKey, import_jwks, thumbprint
from auth.tokens import (
    CONSENT_RECEIPT,
    CONTENT_TICKET,
    ID_TOKEN,
    KINDS,
    REGISTER_ANSWER,
    SHARE_RECEIPT,
    UNTYPED_ID_TOKEN,
    TokenKind,
    Tokens,
    Verifier,
    key_name,
)
from tests.attacks.forgery import OF_A_KIND

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ISSUER, AUDIENCE = "https://kho.example.gov.vn", "agency-1"
CLAIMS: dict[str, Any] = {
    "sub": "pw:7Qm2",
    "aud": AUDIENCE,
    "jti": "01993c5e",
    "record": {"ghi": "đồng ý"},
    "doc": "d-1",
}
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def tokens(key: SigningKey) -> Tokens:
    return Tokens(ISSUER, key)


def claims_of(kind: TokenKind, issuer: str = ISSUER) -> dict[str, Any]:
    """Good claims of a kind, but for those its issuer sets."""
    own = dict(OF_A_KIND.get(kind.name, {}))
    if "auth_time" in own:
        own["auth_time"] = int(NOW.timestamp())
    return CLAIMS | own | ({"sub": issuer} if kind.self_issued else {})


TYPED = [kind for kind in KINDS if kind.typ is not None]


def sign(tokens: Tokens, kind: TokenKind = CONSENT_RECEIPT, **claims: Any) -> str:
    return tokens.sign(kind, {**claims_of(kind), **claims}, lifetime=MINUTE, now=NOW)


def foreign_token(kind: TokenKind, claims: dict[str, Any], key: ECKey, **header: Any) -> str:
    """As another library's issuer writes it. Its JWT writer adds a type where none is given."""
    typed = {"typ": kind.typ} if kind.typ is not None else {}
    whole = {"alg": "ES256", "kid": key.kid, **typed, **header}
    return jws.serialize_compact(whole, json.dumps(claims), key, algorithms=["ES256"])


def test_a_kind_without_a_type_is_never_ours_to_sign(tokens: Tokens) -> None:
    with pytest.raises(ValueError, match="untyped-id-token"):
        sign(tokens, UNTYPED_ID_TOKEN)


def test_where_no_type_is_written_none_is_taken() -> None:
    foreign = ECKey.generate_key("P-256", auto_kid=True)
    issued = int(NOW.timestamp())
    claims = {**claims_of(UNTYPED_ID_TOKEN, ISSUER), "iss": ISSUER, "iat": issued, "exp": issued + 60}
    verifier = Verifier(ISSUER, import_jwks(KeySet([foreign]).as_dict(private=False)).values())
    plain = foreign_token(UNTYPED_ID_TOKEN, claims, foreign)
    assert verifier.verify(UNTYPED_ID_TOKEN, plain, audience=AUDIENCE, now=NOW) == claims
    for typ in ("JWT", "", "jwt", "at+jwt"):
        typed = foreign_token(UNTYPED_ID_TOKEN, claims, foreign, typ=typ)
        with pytest.raises(TokenRefused):
            verifier.verify(UNTYPED_ID_TOKEN, typed, audience=AUDIENCE, now=NOW)
    with pytest.raises(TokenRefused):
        verifier.verify(ID_TOKEN, plain, audience=AUDIENCE, now=NOW)


@pytest.mark.parametrize("kind", TYPED, ids=lambda kind: kind.name)
def test_what_we_sign_we_accept_and_so_does_another_library(tokens: Tokens, kind: TokenKind) -> None:
    token = sign(tokens, kind)
    claims = tokens.verify(kind, token, audience=AUDIENCE, now=NOW)
    (published,) = tokens.public_jwks()["keys"]
    judged = jwt.decode(token, ECKey.import_key({**published}), algorithms=["ES256"])
    assert judged.claims == claims
    assert judged.header == {"alg": "ES256", "typ": kind.typ, "kid": published["kid"]}
    assert claims["record"] == {"ghi": "đồng ý"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_another_library_signs_we_accept(kind: TokenKind) -> None:
    foreign = ECKey.generate_key("P-256", auto_kid=True)
    issued = int(NOW.timestamp())
    own = claims_of(kind, "https://idp.example")
    claims = {**own, "iss": "https://idp.example", "iat": issued, "exp": issued + 60}
    token = foreign_token(kind, claims, foreign)
    published = json.loads(json.dumps(KeySet([foreign]).as_dict(private=False)))
    verifier = Verifier("https://idp.example", import_jwks(published).values())
    assert verifier.verify(kind, token, audience=AUDIENCE, now=NOW) == claims


def test_a_key_is_named_by_its_thumbprint(key: SigningKey) -> None:
    assert key.public.kid == ECKey.import_key(key.public.pem).thumbprint()
    # RFC 7517 appendix A.1's P-256 key, its thumbprint computed with another implementation.
    example = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
    assert thumbprint(example) == ECKey.import_key({**example}).thumbprint()


def test_kinds_that_share_a_type_forbid_each_others_claims() -> None:
    """`tests.attacks.test_hostile_tokens` tries each kind as every other; this is why it holds."""
    for one in KINDS:
        for other in KINDS:
            if one is not other and one.typ == other.typ:
                assert one.required & other.forbidden
                assert other.required & one.forbidden


@pytest.mark.parametrize(("offset", "accepted"), [(-11, False), (-10, True), (69, True), (70, False)])
def test_clocks_may_differ_by_ten_seconds_and_no_more(tokens: Tokens, offset: int, accepted: bool) -> None:
    token = sign(tokens)
    moment = NOW + timedelta(seconds=offset)
    if accepted:
        assert tokens.verify(CONSENT_RECEIPT, token, audience=AUDIENCE, now=moment)["sub"] == "pw:7Qm2"
    else:
        with pytest.raises(TokenRefused):
            tokens.verify(CONSENT_RECEIPT, token, audience=AUDIENCE, now=moment)


def test_our_clock_decides_and_not_the_machines(tokens: Tokens) -> None:
    far = NOW + timedelta(days=3650)
    token = tokens.sign(SHARE_RECEIPT, CLAIMS, lifetime=MINUTE, now=far)
    assert tokens.verify(SHARE_RECEIPT, token, audience=AUDIENCE, now=far)["jti"] == "01993c5e"


def test_another_audience_or_issuer_is_refused(tokens: Tokens, key: SigningKey) -> None:
    token = sign(tokens)
    with pytest.raises(TokenRefused):
        tokens.verify(CONSENT_RECEIPT, token, audience="agency-2", now=NOW)
    with pytest.raises(TokenRefused):
        Verifier("https://elsewhere.example", [key.public]).verify(
            CONSENT_RECEIPT, token, audience=AUDIENCE, now=NOW
        )


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ""},
        {"sub": "a b"},
        {"sub": 7},
        {"jti": "x" * 256},
        {"aud": ["agency-1"]},
        {"aud": ""},
        {"record": 1.5},
        {"record": "\0"},
        {"record": "x" * 6000},
        {"nbf": int(NOW.timestamp()) + 11},
    ],
    ids=str,
)
def test_claims_no_verifier_would_take_are_never_signed(tokens: Tokens, claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="consent-receipt"):
        sign(tokens, **claims)


def test_a_lifetime_beyond_the_kinds_cap_is_never_signed(tokens: Tokens) -> None:
    with pytest.raises(ValueError, match="register-answer"):
        tokens.sign(REGISTER_ANSWER, CLAIMS, lifetime=timedelta(seconds=601), now=NOW)


def test_the_claims_given_are_left_as_they_were(tokens: Tokens) -> None:
    given = {**CLAIMS}
    tokens.sign(CONSENT_RECEIPT, given, lifetime=MINUTE, now=NOW)
    assert given == CLAIMS


def test_a_refusal_says_nothing(tokens: Tokens) -> None:
    with pytest.raises(TokenRefused) as refusal:
        tokens.verify(CONSENT_RECEIPT, "secret.secret.secret", audience=AUDIENCE, now=NOW)
    assert refusal.value.args == ()
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_an_earlier_key_still_verifies_and_an_unknown_one_does_not(key: SigningKey) -> None:
    successor = SigningKey.generate()
    token = sign(Tokens(ISSUER, key))
    renewed = Tokens(ISSUER, successor, retired=[key.public])
    assert renewed.verify(CONSENT_RECEIPT, token, audience=AUDIENCE, now=NOW)
    assert [one["kid"] for one in renewed.public_jwks()["keys"]] == [successor.public.kid, key.public.kid]
    with pytest.raises(TokenRefused):
        Tokens(ISSUER, successor).verify(CONSENT_RECEIPT, token, audience=AUDIENCE, now=NOW)


def test_an_earlier_key_is_believed_for_receipts_alone_and_never_signs(key: SigningKey) -> None:
    successor, before = SigningKey.generate(), Tokens(ISSUER, key)
    renewed = Tokens(ISSUER, successor, retired=[key.public, successor.public])
    claims = {**CLAIMS, "aud": AUDIENCE, "doc": "x"}
    for kind in (CONTENT_TICKET, REGISTER_ANSWER):
        fleeting = before.sign(kind, claims, lifetime=timedelta(seconds=60), now=NOW)
        assert before.verify(kind, fleeting, audience=AUDIENCE, now=NOW)
        with pytest.raises(TokenRefused):
            renewed.verify(kind, fleeting, audience=AUDIENCE, now=NOW)
    for kind in (CONSENT_RECEIPT, SHARE_RECEIPT):
        lasting = before.sign(kind, claims, lifetime=timedelta(days=1), now=NOW)
        assert renewed.verify(kind, lasting, audience=AUDIENCE, now=NOW)
    assert key_name(sign(renewed)) == successor.public.kid
    assert [one["kid"] for one in renewed.public_jwks()["keys"]] == [successor.public.kid, key.public.kid]


def test_published_keys_have_public_members_only(tokens: Tokens) -> None:
    (published,) = tokens.public_jwks()["keys"]
    assert set(published) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


def test_the_key_a_token_asks_for_is_read_without_trust(tokens: Tokens, key: SigningKey) -> None:
    assert key_name(sign(tokens)) == key.public.kid
    for junk in ("", "a.b.c", "é.b.c", sign(tokens) + "="):
        assert key_name(junk) is None


def test_a_key_file_is_made_once_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    first = SigningKey.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load_or_create(path).public == first.public
    assert [one.name for one in path.parent.iterdir()] == ["signing.pem"]


def test_a_key_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    SigningKey.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(KeyRefused):
        SigningKey.load(path)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()], ids=lambda curve: curve.name)
def test_a_signing_key_of_another_curve_is_refused(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    path = tmp_path / "signing.pem"
    path.touch(mode=0o600)
    path.write_bytes(
        ec.generate_private_key(curve).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(KeyRefused):
        SigningKey.load(path)


def test_a_damaged_key_file_is_refused_without_echoing_it(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    path.touch(mode=0o600)
    path.write_text("-----BEGIN PRIVATE KEY-----\nbWlzdGFrZQ==\n-----END PRIVATE KEY-----\n")
    with pytest.raises(KeyRefused) as refusal:
        SigningKey.load(path)
    assert "bWlz" not in str(refusal.value)


def published_key(**changes: Any) -> dict[str, Any]:
    jwk = {**SigningKey.generate().public.jwk, **changes}
    return {name: value for name, value in jwk.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": None},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"use": "enc"},
        {"kty": "oct"},
        {"kty": None},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
    ],
    ids=str,
)
def test_keys_for_other_uses_are_passed_over(changes: dict[str, Any]) -> None:
    good = published_key()
    assert set(import_jwks({"keys": [published_key(**changes), good]})) == {good["kid"]}


def test_foreign_rsa_keys_are_passed_over() -> None:
    rsa = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=False)
    assert import_jwks({"keys": [rsa]}) == {}


TOO_MANY = [published_key() for _ in range(21)]
TWIN = published_key(kid="same")


@pytest.mark.parametrize(
    "published",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": ["key"]},
        {"keys": [published_key(d="AQAB")]},
        {"keys": [{"kty": "oct", "k": "AQAB"}]},
        {"keys": [published_key(kid=None)]},
        {"keys": [published_key(kid="")]},
        {"keys": [published_key(kid=7)]},
        {"keys": [TWIN, published_key(kid="same")]},
        {"keys": TOO_MANY},
        {"keys": [published_key(x=None)]},
        {"keys": [published_key(y="A" * 43)]},  # not on the curve
        {"keys": [published_key(x="A" * 44)]},
        {"keys": [published_key(x="é" * 43)]},
        {"keys": [published_key(x="+" * 43)]},
        {"keys": [published_key(x="A" * 42 + "B")]},  # spare bits
        {"keys": [published_key(x="/" * 43)]},
    ],
    ids=range(19),
)
def test_a_malformed_key_set_is_refused_whole(published: object) -> None:
    with pytest.raises(KeyRefused):
        import_jwks(published)


def test_a_point_off_the_curve_never_becomes_a_key(key: SigningKey) -> None:
    bent: PublicKey = key.public
    flipped = ("B" if bent.jwk["y"][0] != "B" else "C") + bent.jwk["y"][1:]
    with pytest.raises(KeyRefused):
        import_jwks({"keys": [{**bent.jwk, "y": flipped}]})


def test_every_required_claim_is_required() -> None:
    foreign = ECKey.generate_key("P-256", auto_kid=True)
    verifier = Verifier(ISSUER, import_jwks(KeySet([foreign]).as_dict(private=False)).values())
    issued = int(NOW.timestamp())
    for kind in KINDS:
        whole = {**claims_of(kind), "iss": ISSUER, "iat": issued, "exp": issued + 60}
        for missing in kind.required:
            claims = {name: value for name, value in whole.items() if name != missing}
            with pytest.raises(TokenRefused):
                verifier.verify(kind, foreign_token(kind, claims, foreign), audience=AUDIENCE, now=NOW)
        token = foreign_token(kind, whole, foreign)
        assert verifier.verify(kind, token, audience=AUDIENCE, now=NOW) == whole


def test_id_tokens_for_another_authorised_party_are_refused(tokens: Tokens) -> None:
    assert tokens.verify(ID_TOKEN, sign(tokens, ID_TOKEN, azp=AUDIENCE), audience=AUDIENCE, now=NOW)
    with pytest.raises(ValueError, match="id-token"):
        sign(tokens, ID_TOKEN, azp="someone-else")
