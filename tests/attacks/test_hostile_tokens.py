"""Thousands of forged, bent and misspelt tokens: none is accepted and none breaks anything.

Most carry a true signature of the issuer's own key, so that only the rule under attack can refuse them.
"""

import base64
import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jws
from joserfc.jwk import ECKey

from auth.errors import TokenRefused
from auth.signing import SigningKey
from auth.tokens import CONSENT_RECEIPT, KINDS, Verifier
from tests.size import seed, sized

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
T = int(NOW.timestamp())
ISSUER, AUDIENCE = "https://kho.example.gov.vn", "agency-1"
TRUSTED = ec.generate_private_key(ec.SECP256R1())
ATTACKER = ec.generate_private_key(ec.SECP256R1())
KEY = SigningKey(TRUSTED).public
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LONGEST = int(CONSENT_RECEIPT.longest.total_seconds())


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def header(**changes: Any) -> dict[str, Any]:
    return _changed({"alg": "ES256", "typ": CONSENT_RECEIPT.typ, "kid": KEY.kid}, changes)


def claims(rng: random.Random, **changes: Any) -> dict[str, Any]:
    base = {"iss": ISSUER, "sub": f"pw:{rng.getrandbits(64):x}", "aud": AUDIENCE, "iat": T, "exp": T + 300}
    return _changed({**base, "jti": f"{rng.getrandbits(96):x}"}, changes)


MISSING = object()


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**base, **changes}.items() if value is not MISSING}


def raw_signature(signed: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def seal(head: object, body: object, key: ec.EllipticCurvePrivateKey = TRUSTED) -> str:
    """A compact JWS over exactly these bytes, or over the JSON of these values, truly signed."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (head, body)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(raw_signature(signed, key))}"


def hmac_seal(head: dict[str, Any], body: dict[str, Any], secret: bytes, digest: str) -> str:
    signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"


PUBLIC = TRUSTED.public_key()
SECRETS = [
    KEY.pem.encode(),
    PUBLIC.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    PUBLIC.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint),
    PUBLIC.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint),
    PUBLIC.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
    "".join(KEY.pem.split("\n")[1:-2]).encode(),
    json.dumps(dict(KEY.jwk)).encode(),
    KEY.kid.encode(),
    b"AQAB",
    b"x",
    b"",
]


def algorithm_confusion(rng: random.Random) -> object:
    alg, digest = rng.choice(
        [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512"), ("ES256", "sha256")]
    )
    return hmac_seal(header(alg=alg), claims(rng), rng.choice(SECRETS), digest)


def unsigned(rng: random.Random) -> object:
    token = seal(header(alg=rng.choice(["none", "None", "nOnE", "NONE", "", None])), claims(rng))
    return rng.choice([token, token.rsplit(".", 1)[0] + "."])


def wrong_algorithm_name(rng: random.Random) -> object:
    names: list[Any] = ["es256", "ES256 ", "ES256\0", "ES384", "RS256", "EdDSA", "PS256", "ES256K", "dir"]
    names += [["ES256"], {"ES256": 1}, 256, True, None, MISSING]
    return seal(header(alg=rng.choice(names)), claims(rng))


def wrong_key(rng: random.Random) -> object:
    return seal(header(), claims(rng), ATTACKER)


def wrong_curve(rng: random.Random) -> object:
    curve = rng.choice([ec.SECP384R1(), ec.SECP256K1(), ec.SECP521R1()])
    return seal(header(), claims(rng), ec.generate_private_key(curve))


def wrong_kid(rng: random.Random) -> object:
    names: list[Any] = [
        MISSING,
        None,
        "",
        0,
        [KEY.kid],
        {"kid": KEY.kid},
        KEY.kid + " ",
        KEY.kid.lower() + "x",
    ]
    names += ["../../dev/null", "' OR 1=1 --", b64(rng.randbytes(32)), "\ud800", KEY.kid + "\0"]
    return seal(header(kid=rng.choice(names)), claims(rng), rng.choice([TRUSTED, ATTACKER]))


def key_in_header(rng: random.Random) -> object:
    mine = dict(SigningKey(ATTACKER).public.jwk)
    extra: dict[str, Any] = rng.choice(
        [
            {"jwk": mine},
            {"jwk": mine, "kid": mine["kid"]},
            {"jwk": mine, "kid": MISSING},
            {"jku": "https://attacker.example/jwks.json"},
            {"x5u": "https://attacker.example/chain.pem"},
            {"x5c": [b64(rng.randbytes(64))]},
            {"x5t#S256": b64(rng.randbytes(32))},
        ]
    )
    return seal(header(**extra), claims(rng), rng.choice([TRUSTED, ATTACKER]))


def critical_extension(rng: random.Random) -> object:
    extra: dict[str, Any] = rng.choice(
        [
            {"crit": ["exp"], "exp": T + 300},
            {"crit": []},
            {"crit": "b64"},
            {"crit": ["b64"], "b64": True},
            {"crit": ["b64"], "b64": False},
            {"b64": False},
            {"zip": "DEF"},
            {"cty": "JWT"},
            {"enc": "A128GCM"},
            {"nonce": "n"},
            {rng.choice("abcdef") * rng.randint(1, 9): rng.getrandbits(31)},
        ]
    )
    return seal(header(**extra), claims(rng))


def wrong_type(rng: random.Random) -> object:
    others: list[Any] = [kind.typ for kind in KINDS if kind is not CONSENT_RECEIPT]
    others += ["at+jwt", "dpop+jwt", "jwt", CONSENT_RECEIPT.typ.upper(), "application/" + CONSENT_RECEIPT.typ]
    others += ["", None, 1, [CONSENT_RECEIPT.typ], CONSENT_RECEIPT.typ + "\0", MISSING]
    return seal(header(typ=rng.choice(others)), claims(rng))


def missing_claim(rng: random.Random) -> object:
    gone = rng.sample(sorted(CONSENT_RECEIPT.required), rng.randint(1, 3))
    return seal(header(), claims(rng, **dict.fromkeys(gone, MISSING)))


def bent_time(rng: random.Random) -> object:
    name = rng.choice(["iat", "exp", "nbf", "auth_time"])
    values: list[Any] = [str(T), f"{T}", float(T), T + 0.5, True, False, None, [T], {"t": T}, "", "tomorrow"]
    return seal(header(), claims(rng, **{name: rng.choice(values)}))


def number_beyond_json(rng: random.Random) -> object:
    literal = rng.choice(
        ["Infinity", "-Infinity", "NaN", "1e400", "1e9", f"{T}.0", "9" * 4999, "-0.0", f"0{T}"]
    )
    name = rng.choice(["iat", "exp", "nbf", "record"])
    body = json.dumps(claims(rng, **{name: "HERE"})).replace('"HERE"', literal)
    return seal(header(), body.encode())


def time_out_of_bounds(rng: random.Random) -> object:
    late, early = rng.randint(10, 10**7), rng.randint(11, 10**7)
    changes = rng.choice(
        [
            {"iat": T - late - 300, "exp": T - late},
            {"iat": T + early, "exp": T + early + 300},
            {"exp": T + LONGEST + rng.randint(1, 10**9)},
            {"exp": 10 ** rng.randint(12, 300)},
            {"iat": -T},
            {"exp": T},
            {"exp": T - 5},
            {"iat": T, "exp": -1},
            {"nbf": T + early},
            {"auth_time": T + early},
        ]
    )
    return seal(header(), claims(rng, **changes))


def wrong_audience_or_issuer(rng: random.Random) -> object:
    name, right = rng.choice([("aud", AUDIENCE), ("iss", ISSUER)])
    values: list[Any] = [
        [right],
        [right, "other"],
        [],
        {right: 1},
        right + "/",
        right.upper(),
        right + "\0",
        "",
        None,
    ]
    values += [0, True, f" {right}", "https://attacker.example"]
    return seal(header(), claims(rng, **{name: rng.choice(values)}))


def bent_name(rng: random.Random) -> object:
    values: list[Any] = [
        "",
        " ",
        "a b",
        "\0",
        "é",
        "x" * 256,
        "line\nbreak",
        7,
        None,
        ["x"],
        {"x": 1},
        True,
        "а\u200b",
    ]
    return seal(header(), claims(rng, **{rng.choice(["sub", "jti"]): rng.choice(values)}))


def duplicate_member(rng: random.Random) -> object:
    if rng.random() < 0.5:
        name = rng.choice(["alg", "typ", "kid"])
        head = json.dumps(header()).replace("{", f'{{"{name}": {json.dumps(header()[name])}, ', 1)
        return seal(head.encode(), claims(rng))
    body = claims(rng)
    name = rng.choice(sorted(body))
    text = json.dumps(body).replace("{", f'{{"{name}": {json.dumps(body[name])}, ', 1)
    nested = json.dumps({**body, "record": "HERE"}).replace('"HERE"', '{"a": 1, "a": 2}')
    return seal(header(), rng.choice([text, nested]).encode())


def misspelt(rng: random.Random) -> object:
    """The same octets, written another way."""
    parts = seal(header(), claims(rng)).split(".")
    which = rng.randrange(3)
    part = parts[which]
    place = rng.randrange(len(part) + 1)
    standard = part.replace("-", "+").replace("_", "/")
    ways = [
        part + "=" * rng.randint(1, 3),
        part[:place] + rng.choice(" \n\t\r!*~\0é\u200b") + part[place:],
        _with_spare_bits(part, rng),
        standard if standard != part else part + "==",
        part + "A" * 4,
    ]
    parts[which] = rng.choice(ways)
    token = ".".join(parts)
    return rng.choice([token, " " + token, token + "\n"])


def _with_spare_bits(part: str, rng: random.Random) -> str:
    if len(part) % 4 == 0:
        return part + "="
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = 4 if len(part) % 4 == 2 else 2
    return part[:-1] + alphabet[alphabet.index(part[-1]) | rng.randrange(1, 1 << spare)]


def wrong_shape(rng: random.Random) -> object:
    token = seal(header(), claims(rng))
    head, body, signature = token.split(".")
    flattened = json.dumps({"protected": head, "payload": body, "signature": signature})
    shapes = [
        "",
        ".",
        "..",
        "...",
        head,
        f"{head}.{body}",
        f"{head}..{signature}",
        f".{body}.{signature}",
        f"{head}.{body}.",
        f"{token}.{signature}",
        f"{token}.{body}.{signature}",
        f"{token}{token}",
        f"{token},{token}",
        f"Bearer {token}",
        flattened,
        f"{body}.{head}.{signature}",
    ]
    return rng.choice(shapes)


def detached_payload(rng: random.Random) -> object:
    head = b64(json.dumps(header(**rng.choice([{}, {"b64": False, "crit": ["b64"]}]))).encode())
    return f"{head}..{b64(raw_signature(f'{head}.', TRUSTED))}"


def not_an_object(rng: random.Random) -> object:
    values = [
        b"",
        b"[]",
        b"null",
        b"true",
        b"7",
        b'"text"',
        b"{",
        b"{}",
        b"[{}]",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{'a':1}",
    ]
    values += [b"\xff\xfe", b'{"a":"\xff"}', b"\x00", rng.randbytes(rng.randint(1, 60))]
    bad = rng.choice(values)
    return rng.choice([seal(bad, claims(rng)), seal(header(), bad)])


def deep_nesting(rng: random.Random) -> object:
    depth = rng.randint(13, 1400)
    opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
    deep = (opening * depth + "1" + closing * depth).encode()[:4000]
    in_header = json.dumps(header()).encode()[:-1] + b', "x": ' + deep + b"}"
    in_payload = json.dumps(claims(rng)).encode()[:-1] + b', "x": ' + deep + b"}"
    return rng.choice([seal(deep, claims(rng)), seal(in_header, claims(rng)), seal(header(), in_payload)])


def oversize(rng: random.Random) -> object:
    return seal(header(), claims(rng, record="x" * rng.randint(4800, 60_000)))


def hostile_string(rng: random.Random) -> object:
    text = rng.choice(["\0", "a\0b", "\ud800", "\udfff", "x\ud83d"])
    where: dict[str, Any] = rng.choice(
        [{"record": text}, {"record": [text]}, {"record": {text: 1}}, {"sub": text}, {text: 1}]
    )
    return seal(header(), claims(rng, **where))


def truncated(rng: random.Random) -> object:
    token = seal(header(), claims(rng))
    return token[: rng.randrange(len(token))]


def flipped(rng: random.Random) -> object:
    token = seal(header(), claims(rng))
    place = rng.randrange(len(token))
    return token[:place] + chr(ord(token[place]) ^ 1 << rng.randrange(7)) + token[place + 1 :]


def grafted(rng: random.Random) -> object:
    """Parts of two true tokens joined."""
    one, other = (seal(header(), claims(rng)).split(".") for _ in range(2))
    return rng.choice([f"{one[0]}.{one[1]}.{other[2]}", f"{one[0]}.{other[1]}.{one[2]}"])


def bent_signature(rng: random.Random) -> object:
    token = seal(header(), claims(rng))
    signed, signature = token.rsplit(".", 1)
    true = base64.urlsafe_b64decode(signature + "==")
    r, s = true[:32], true[32:]
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    der = TRUSTED.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    ways = [
        zero + zero,
        zero + s,
        r + zero,
        order + order,
        order + s,
        r + order,
        s + r,
        der,
        true[:63],
        true + b"\0",
    ]
    ways += [zero + true, b"\xff" * 64, rng.randbytes(64), hashlib.sha512(signed.encode()).digest()]
    return f"{signed}.{b64(rng.choice(ways))}"


def not_text(rng: random.Random) -> object:
    token = seal(header(), claims(rng))
    return rng.choice(
        [None, token.encode(), [token], {"token": token}, 7, True, bytearray(token.encode()), 1.5]
    )


ATTACKS: tuple[Callable[[random.Random], object], ...] = (
    algorithm_confusion,
    unsigned,
    wrong_algorithm_name,
    wrong_key,
    wrong_curve,
    wrong_kid,
    key_in_header,
    critical_extension,
    wrong_type,
    missing_claim,
    bent_time,
    number_beyond_json,
    time_out_of_bounds,
    wrong_audience_or_issuer,
    bent_name,
    duplicate_member,
    misspelt,
    wrong_shape,
    detached_payload,
    not_an_object,
    deep_nesting,
    oversize,
    hostile_string,
    truncated,
    flipped,
    grafted,
    bent_signature,
    not_text,
)


@dataclass
class Outcome:
    accepted: list[tuple[str, object]]
    faults: list[tuple[str, object, BaseException]]
    made: Counter[str]
    truly_signed: int = 0


def hostile(rng: random.Random, count: int) -> Iterator[tuple[str, object]]:
    for number in range(count):
        attack = ATTACKS[number % len(ATTACKS)]
        yield attack.__name__, attack(rng)


def test_no_hostile_token_is_accepted_and_none_faults() -> None:
    run, count = seed(), sized(2_000, 10_000)
    rng, verifier = random.Random(run), Verifier(ISSUER, [KEY])
    outcome = Outcome([], [], Counter())
    for name, token in hostile(rng, count):
        outcome.made[name] += 1
        outcome.truly_signed += bears_true_signature(token)
        try:
            verifier.verify(CONSENT_RECEIPT, token, audience=AUDIENCE, now=NOW)  # type: ignore[arg-type]
            outcome.accepted.append((name, token))
        except TokenRefused:
            pass
        except BaseException as fault:
            outcome.faults.append((name, token, fault))
        control = seal(header(), claims(rng))
        assert verifier.verify(CONSENT_RECEIPT, control, audience=AUDIENCE, now=NOW)["aud"] == AUDIENCE
    print(
        f"seed {run}: {count} hostile tokens of {len(outcome.made)} kinds, {count} valid ones between them;"
    )
    print(f"{outcome.truly_signed} of the hostile bear a true signature (judged by joserfc)")
    assert outcome.accepted == []
    assert outcome.faults == []
    assert len(outcome.made) == len(ATTACKS)
    # The corpus is only worth its name if signatures alone would let much of it through.
    assert outcome.truly_signed > count // 5


def bears_true_signature(token: object) -> bool:
    """What a verifier that only checks the signature would say."""
    if not isinstance(token, str):
        return False
    try:
        jws.deserialize_compact(token, ECKey.import_key(KEY.pem), algorithms=["ES256"])
    except Exception:
        return False
    return True


def test_a_signatures_twin_is_the_same_token_so_replays_key_on_its_id() -> None:
    """(r, n−s) verifies whenever (r, s) does: ECDSA is malleable, and the id inside is what stays."""
    rng = random.Random(1)
    token = seal(header(), claims(rng))
    signed, signature = token.rsplit(".", 1)
    true = base64.urlsafe_b64decode(signature + "==")
    twin = f"{signed}.{b64(true[:32] + (ORDER - int.from_bytes(true[32:], 'big')).to_bytes(32, 'big'))}"
    verifier = Verifier(ISSUER, [KEY])
    first, second = (
        verifier.verify(CONSENT_RECEIPT, one, audience=AUDIENCE, now=NOW) for one in (token, twin)
    )
    assert twin != token
    assert (first["iss"], first["jti"]) == (second["iss"], second["jti"])


@pytest.mark.parametrize("moment", [NOW - timedelta(days=1), NOW + timedelta(days=1)])
def test_a_valid_token_is_hostile_at_another_time(moment: datetime) -> None:
    token = seal(header(), claims(random.Random(2)))
    with pytest.raises(TokenRefused):
        Verifier(ISSUER, [KEY]).verify(CONSENT_RECEIPT, token, audience=AUDIENCE, now=moment)
