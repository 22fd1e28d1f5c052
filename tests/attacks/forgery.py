"""Forged, bent and misspelt tokens of every kind, by the thousand.

Most carry a true signature of the right key, so that only the rule under attack can refuse them. A mould knows how
a good token of its kind looks; an attack takes a mould and spoils what comes out.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from auth.jws.kinds import DPOP_PROOF, KINDS, LOGOUT_EVENT, TokenKind
from auth.signing import PublicKey, SigningKey

ATTACKER = ec.generate_private_key(ec.SECP256R1())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
THUMBPRINT = "9d-Mqc-r6rRbtuNIFdHssABRM86L-oTUkXpd6vylvG0"
MISSING = object()


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


OF_A_KIND: Mapping[str, Mapping[str, Any]] = {
    "id-token": {"nonce": "n-1", "acr": "urn:vn:eid:tk2:xt2", "auth_time": 0},
    "untyped-id-token": {"nonce": "n-1", "acr": "urn:vn:eid:tk2:xt2", "auth_time": 0},
    "content-ticket": {"doc": "d-1"},
    "consent-agreement": {"said_sha256": "u3"},
    "access-token": {
        "client_id": "motlan-mobile",
        "sid": "01993c5e-8a10-7c3e-8000-000000000001",
        "acr": "urn:vn:eid:tk2:xt2",
        "auth_time": 0,
        "cnf": {"jkt": THUMBPRINT},
    },
    "grant-token": {
        "client_id": "H29.12.05",
        "cnf": {"jkt": THUMBPRINT},
        "authorization_details": [{"type": "vn_vault_document_access", "actions": ["verify"]}],
    },
    "logout-token": {"events": {LOGOUT_EVENT: {}}},
}
"""What a good token of a kind carries besides the registered claims. `auth_time` becomes the time of issue."""


@dataclass(frozen=True)
class Mould:
    """A good token of one kind: whose it is, for whom, signed by which key, at `at` seconds."""

    kind: TokenKind
    issuer: str
    audience: str
    key: ec.EllipticCurvePrivateKey
    at: int
    own: Mapping[str, Any] = field(default_factory=dict)
    """Claims this mould's tokens have instead; a function is asked for each token."""

    @property
    def public(self) -> PublicKey:
        return SigningKey(self.key).public

    def header(self, **changes: Any) -> dict[str, Any]:
        base: dict[str, Any] = {"alg": "ES256"}
        if self.kind.typ is not None:
            base["typ"] = self.kind.typ
        if self.kind is DPOP_PROOF:
            base["jwk"] = {name: self.public.jwk[name] for name in ("kty", "crv", "x", "y")}
        else:
            base["kid"] = self.public.kid
        return _changed(base, changes)

    def claims(self, rng: random.Random, **changes: Any) -> dict[str, Any]:
        if self.kind is DPOP_PROOF:
            base: dict[str, Any] = {"jti": f"{rng.getrandbits(96):x}", "iat": self.at}
        else:
            longest = min(int(self.kind.longest.total_seconds()), 300)
            subject = self.issuer if self.kind.self_issued else f"pw:{rng.getrandbits(64):x}"
            base = {"iss": self.issuer, "sub": subject, "aud": self.audience, "iat": self.at}
            base |= {"exp": self.at + longest, "jti": f"{rng.getrandbits(96):x}"}
        more = dict(OF_A_KIND.get(self.kind.name, {}))
        if "auth_time" in more:
            more["auth_time"] = self.at
        own = {name: value() if callable(value) else value for name, value in self.own.items()}
        return _changed({**base, **more, **own}, changes)

    def seal(self, head: object, body: object, key: ec.EllipticCurvePrivateKey | None = None) -> str:
        """A compact JWS over exactly these bytes, or over the JSON of these values, truly signed."""
        parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (head, body)]
        signed = ".".join(b64(part) for part in parts)
        return f"{signed}.{b64(raw_signature(signed, key or self.key))}"

    def good(self, rng: random.Random) -> str:
        return self.seal(self.header(), self.claims(rng))


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**base, **changes}.items() if value is not MISSING}


def raw_signature(signed: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def hmac_seal(head: dict[str, Any], body: dict[str, Any], secret: bytes, digest: str) -> str:
    signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), digest).digest())}"


def secrets_of(mould: Mould) -> list[bytes]:
    """Everything public about a key that some library would take for a shared secret."""
    public, key = mould.key.public_key(), mould.public
    raw, info = serialization.Encoding, serialization.PublicFormat
    return [
        key.pem.encode(),
        public.public_bytes(raw.DER, info.SubjectPublicKeyInfo),
        public.public_bytes(raw.X962, info.UncompressedPoint),
        public.public_bytes(raw.X962, info.CompressedPoint),
        public.public_bytes(raw.OpenSSH, info.OpenSSH),
        "".join(key.pem.split("\n")[1:-2]).encode(),
        json.dumps(dict(key.jwk)).encode(),
        key.kid.encode(),
        b"AQAB",
        b"x",
        b"",
    ]


def algorithm_confusion(mould: Mould, rng: random.Random) -> object:
    alg, digest = rng.choice(
        [("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512"), ("ES256", "sha256")]
    )
    return hmac_seal(mould.header(alg=alg), mould.claims(rng), rng.choice(secrets_of(mould)), digest)


def unsigned(mould: Mould, rng: random.Random) -> object:
    token = mould.seal(
        mould.header(alg=rng.choice(["none", "None", "nOnE", "NONE", "", None])), mould.claims(rng)
    )
    return rng.choice([token, token.rsplit(".", 1)[0] + "."])


def wrong_algorithm_name(mould: Mould, rng: random.Random) -> object:
    names: list[Any] = ["es256", "ES256 ", "ES256\0", "ES384", "RS256", "EdDSA", "PS256", "ES256K", "dir"]
    names += [["ES256"], {"ES256": 1}, 256, True, None, MISSING]
    return mould.seal(mould.header(alg=rng.choice(names)), mould.claims(rng))


def wrong_key(mould: Mould, rng: random.Random) -> object:
    return mould.seal(mould.header(), mould.claims(rng), ATTACKER)


def wrong_curve(mould: Mould, rng: random.Random) -> object:
    curve = rng.choice([ec.SECP384R1(), ec.SECP256K1(), ec.SECP521R1()])
    return mould.seal(mould.header(), mould.claims(rng), ec.generate_private_key(curve))


def wrong_kid(mould: Mould, rng: random.Random) -> object:
    names: list[Any] = [
        MISSING,
        None,
        "",
        0,
        [mould.public.kid],
        {"kid": mould.public.kid},
        mould.public.kid + " ",
        mould.public.kid.lower() + "x",
    ]
    names += ["../../dev/null", "' OR 1=1 --", b64(rng.randbytes(32)), "\ud800", mould.public.kid + "\0"]
    return mould.seal(
        mould.header(kid=rng.choice(names)), mould.claims(rng), rng.choice([mould.key, ATTACKER])
    )


def key_in_header(mould: Mould, rng: random.Random) -> object:
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
    return mould.seal(mould.header(**extra), mould.claims(rng), rng.choice([mould.key, ATTACKER]))


def critical_extension(mould: Mould, rng: random.Random) -> object:
    extra: dict[str, Any] = rng.choice(
        [
            {"crit": ["exp"], "exp": mould.at + 300},
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
    return mould.seal(mould.header(**extra), mould.claims(rng))


def wrong_type(mould: Mould, rng: random.Random) -> object:
    own = mould.kind.typ
    others: list[Any] = [kind.typ for kind in (*KINDS, DPOP_PROOF) if kind.typ is not None]
    others += ["verif+jwt", "jwt", "", None, 1, [own]]
    if own is not None:
        others += [own.swapcase(), f"application/{own}", f"{own}\0", MISSING]
    wrong = [one for one in others if own is None or one != own]
    return mould.seal(mould.header(typ=rng.choice(wrong)), mould.claims(rng))


def missing_claim(mould: Mould, rng: random.Random) -> object:
    gone = rng.sample(sorted(mould.kind.required), rng.randint(1, 3))
    return mould.seal(mould.header(), mould.claims(rng, **dict.fromkeys(gone, MISSING)))


def bent_time(mould: Mould, rng: random.Random) -> object:
    name = rng.choice(["iat", "exp", "nbf", "auth_time"])
    values: list[Any] = [
        str(mould.at),
        f"{mould.at}",
        float(mould.at),
        mould.at + 0.5,
        True,
        False,
        None,
        [mould.at],
        {"t": mould.at},
        "",
        "tomorrow",
    ]
    return mould.seal(mould.header(), mould.claims(rng, **{name: rng.choice(values)}))


def number_beyond_json(mould: Mould, rng: random.Random) -> object:
    literal = rng.choice(
        ["Infinity", "-Infinity", "NaN", "1e400", "1e9", f"{mould.at}.0", "9" * 4999, "-0.0", f"0{mould.at}"]
    )
    name = rng.choice(["iat", "exp", "nbf", "record"])
    body = json.dumps(mould.claims(rng, **{name: "HERE"})).replace('"HERE"', literal)
    return mould.seal(mould.header(), body.encode())


def time_out_of_bounds(mould: Mould, rng: random.Random) -> object:
    late, early = rng.randint(10, 10**7), rng.randint(11, 10**7)
    changes = rng.choice(
        [
            {"iat": mould.at - late - 300, "exp": mould.at - late},
            {"iat": mould.at + early, "exp": mould.at + early + 300},
            {"exp": mould.at + int(mould.kind.longest.total_seconds()) + rng.randint(1, 10**9)},
            {"exp": 10 ** rng.randint(12, 300)},
            {"iat": -mould.at},
            {"exp": mould.at},
            {"exp": mould.at - 5},
            {"iat": mould.at, "exp": -1},
            {"nbf": mould.at + early},
            {"auth_time": mould.at + early},
        ]
    )
    return mould.seal(mould.header(), mould.claims(rng, **changes))


def wrong_audience_or_issuer(mould: Mould, rng: random.Random) -> object:
    name, right = rng.choice([("aud", mould.audience), ("iss", mould.issuer)])
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
    return mould.seal(mould.header(), mould.claims(rng, **{name: rng.choice(values)}))


def bent_name(mould: Mould, rng: random.Random) -> object:
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
    return mould.seal(mould.header(), mould.claims(rng, **{rng.choice(["sub", "jti"]): rng.choice(values)}))


def duplicate_member(mould: Mould, rng: random.Random) -> object:
    if rng.random() < 0.5:
        name = rng.choice(sorted(mould.header()))
        head = json.dumps(mould.header()).replace("{", f'{{"{name}": {json.dumps(mould.header()[name])}, ', 1)
        return mould.seal(head.encode(), mould.claims(rng))
    body = mould.claims(rng)
    name = rng.choice(sorted(body))
    text = json.dumps(body).replace("{", f'{{"{name}": {json.dumps(body[name])}, ', 1)
    nested = json.dumps({**body, "record": "HERE"}).replace('"HERE"', '{"a": 1, "a": 2}')
    return mould.seal(mould.header(), rng.choice([text, nested]).encode())


def misspelt(mould: Mould, rng: random.Random) -> object:
    """The same octets, written another way."""
    parts = mould.seal(mould.header(), mould.claims(rng)).split(".")
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


def wrong_shape(mould: Mould, rng: random.Random) -> object:
    token = mould.seal(mould.header(), mould.claims(rng))
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


def detached_payload(mould: Mould, rng: random.Random) -> object:
    head = b64(json.dumps(mould.header(**rng.choice([{}, {"b64": False, "crit": ["b64"]}]))).encode())
    return f"{head}..{b64(raw_signature(f'{head}.', mould.key))}"


def not_an_object(mould: Mould, rng: random.Random) -> object:
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
    return rng.choice([mould.seal(bad, mould.claims(rng)), mould.seal(mould.header(), bad)])


def deep_nesting(mould: Mould, rng: random.Random) -> object:
    depth = rng.randint(13, 1400)
    opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
    deep = (opening * depth + "1" + closing * depth).encode()[:4000]
    in_header = json.dumps(mould.header()).encode()[:-1] + b', "x": ' + deep + b"}"
    in_payload = json.dumps(mould.claims(rng)).encode()[:-1] + b', "x": ' + deep + b"}"
    return rng.choice(
        [
            mould.seal(deep, mould.claims(rng)),
            mould.seal(in_header, mould.claims(rng)),
            mould.seal(mould.header(), in_payload),
        ]
    )


def oversize(mould: Mould, rng: random.Random) -> object:
    return mould.seal(mould.header(), mould.claims(rng, record="x" * rng.randint(4800, 60_000)))


def hostile_string(mould: Mould, rng: random.Random) -> object:
    text = rng.choice(["\0", "a\0b", "\ud800", "\udfff", "x\ud83d"])
    where: dict[str, Any] = rng.choice(
        [{"record": text}, {"record": [text]}, {"record": {text: 1}}, {"sub": text}, {text: 1}]
    )
    return mould.seal(mould.header(), mould.claims(rng, **where))


def truncated(mould: Mould, rng: random.Random) -> object:
    token = mould.seal(mould.header(), mould.claims(rng))
    return token[: rng.randrange(len(token))]


def flipped(mould: Mould, rng: random.Random) -> object:
    token = mould.seal(mould.header(), mould.claims(rng))
    place = rng.randrange(len(token))
    return token[:place] + chr(ord(token[place]) ^ 1 << rng.randrange(7)) + token[place + 1 :]


def grafted(mould: Mould, rng: random.Random) -> object:
    """Parts of two true tokens joined."""
    one, other = (mould.seal(mould.header(), mould.claims(rng)).split(".") for _ in range(2))
    return rng.choice([f"{one[0]}.{one[1]}.{other[2]}", f"{one[0]}.{other[1]}.{one[2]}"])


def bent_signature(mould: Mould, rng: random.Random) -> object:
    token = mould.seal(mould.header(), mould.claims(rng))
    signed, signature = token.rsplit(".", 1)
    true = base64.urlsafe_b64decode(signature + "==")
    r, s = true[:32], true[32:]
    zero, order = bytes(32), ORDER.to_bytes(32, "big")
    der = mould.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
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


def not_text(mould: Mould, rng: random.Random) -> object:
    token = mould.seal(mould.header(), mould.claims(rng))
    return rng.choice(
        [None, token.encode(), [token], {"token": token}, 7, True, bytearray(token.encode()), 1.5]
    )


def not_of_its_kind(mould: Mould, rng: random.Random) -> object:
    """What the kind demands beyond the registered claims, missing, bent, or another kind's."""
    kind = mould.kind
    junk: list[Any] = [
        "",
        " ",
        "a  b",
        7,
        None,
        True,
        [],
        {},
        [1],
        {"jkt": "short"},
        {"jkt": THUMBPRINT, "x": 1},
    ]
    ways: list[dict[str, Any]] = [{rng.choice(sorted(kind.required)): MISSING}]
    ways += [{name: rng.choice(["n-1", [], "x"])} for name in kind.forbidden]
    ways += [{name: rng.choice(junk)} for name in sorted(kind.shapes) if name in kind.required]
    ways += [dict.fromkeys(kind.one_of, MISSING)] if kind.one_of else []
    ways += [{"sub": "https://somebody.else"}] if kind.self_issued else []
    ways += [{"azp": "somebody-else"}] if kind is not DPOP_PROOF else []
    return mould.seal(mould.header(), mould.claims(rng, **rng.choice(ways)))


def bent_proof_key(mould: Mould, rng: random.Random) -> object:
    """The key in the header of a proof: private, of another kind, off the curve, or not the one that signed."""
    good = mould.header()["jwk"]
    private = mould.key.private_numbers().private_value.to_bytes(32, "big")
    other = SigningKey(ATTACKER).public.jwk
    keys: list[Any] = [
        {**good, "d": b64(private)},
        {**good, "kid": mould.public.kid},
        {**good, "use": "sig"},
        {**good, "crv": rng.choice(["P-384", "secp256k1", "p-256", None, ["P-256"]])},
        {**good, "kty": rng.choice(["RSA", "oct", "OKP", "ec", None])},
        {**good, "x": good["y"], "y": good["x"]},
        {
            **good,
            "x": rng.choice(["", "AQAB", good["x"] + "=", good["x"][:-1], 7, None, "A" * 43, b64(bytes(33))]),
        },
        {name: good[name] for name in rng.sample(sorted(good), 3)},
        {name: other[name] for name in ("kty", "crv", "x", "y")},
        [good],
        json.dumps(good),
        mould.public.pem,
        None,
        {},
        {"kty": "oct", "k": b64(b"x" * 32)},
    ]
    return mould.seal(mould.header(jwk=rng.choice(keys)), mould.claims(rng))


def proof_of_another_request(mould: Mould, rng: random.Random) -> object:
    good = mould.claims(rng)
    url = good["htu"]
    changes: list[dict[str, Any]] = [
        {"htm": rng.choice(["GET", "post", "PUT", "", " POST", None, ["POST"], "POST\0"])},
        {"htu": rng.choice([url + "/", url + "?x=1", url + "#x", url.upper(), "", None, [url], f" {url}"])},
        {"htu": url.replace("http://", "https://", 1) if url.startswith("http://") else "http://x"},
        {"htu": "https://attacker.example/graphql"},
        # Where no token comes along, a proof without its hash is a good one.
        {
            "ath": rng.choice(
                [MISSING if "ath" in good else "", "", THUMBPRINT, good.get("ath", "x") + "=", None, ["x"]]
            )
        },
        {"nonce": rng.choice(["", "made-up", MISSING, None, ["n"], 7, "n" * 300])},
    ]
    return mould.seal(mould.header(), mould.claims(rng, **rng.choice(changes)))


def proof_of_another_time(mould: Mould, rng: random.Random) -> object:
    values: list[Any] = [mould.at - rng.randint(90, 10**8), mould.at + rng.randint(40, 10**8), -1, 0, 10**300]
    values += [str(mould.at), float(mould.at), True, None, [mould.at], MISSING]
    return mould.seal(mould.header(), mould.claims(rng, iat=rng.choice(values)))


def proof_without_a_name(mould: Mould, rng: random.Random) -> object:
    values: list[Any] = ["", " ", "a b", "\0", "é", "x" * 256, 7, None, ["x"], {"x": 1}, True, MISSING]
    return mould.seal(mould.header(), mould.claims(rng, jti=rng.choice(values)))


Attack = Callable[[Mould, random.Random], object]

OF_THE_TEXT: tuple[Attack, ...] = (
    algorithm_confusion,
    unsigned,
    wrong_algorithm_name,
    wrong_key,
    wrong_curve,
    key_in_header,
    critical_extension,
    wrong_type,
    missing_claim,
    number_beyond_json,
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
    not_of_its_kind,
)
OF_TOKENS: tuple[Attack, ...] = (
    *OF_THE_TEXT,
    wrong_kid,
    bent_time,
    time_out_of_bounds,
    wrong_audience_or_issuer,
    bent_name,
)
OF_PROOFS: tuple[Attack, ...] = (
    *OF_THE_TEXT,
    bent_proof_key,
    proof_of_another_request,
    proof_of_another_time,
    proof_without_a_name,
)


def attacks_on(kind: TokenKind) -> tuple[Attack, ...]:
    """Every class of attack a token of this kind can be put to as text."""
    return OF_PROOFS if kind is DPOP_PROOF else OF_TOKENS
