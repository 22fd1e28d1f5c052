"""What believing a token costs: `python -m benchmarks.tokens [--seed N] [--rounds N] [--seconds S]`.

CPU time of verifying an access token and a DPoP proof as the gateway does, beside one bare ECDSA verification by
`cryptography` and by `openssl speed`, where there is one, interleaved in the same run on the same core. python-jose
and joserfc verify the same token for comparison. Figures are ratios: machines differ, the ratio hardly.
"""

import argparse
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as joserfc
from joserfc.jwk import ECKey

from auth.apps.proofs import Nonces, Shown, read_proof
from auth.jws.compact import encode, take_apart
from auth.signing import SigningKey
from auth.tokens import ACCESS_TOKEN, DPOP_PROOF, TokenKind, Tokens, Verifier

ISSUER, AUDIENCE = "https://kho.example.gov.vn", "https://kho.example.gov.vn/graphql"
GOAL = 0.6
"""Access tokens verified for each bare verification by `cryptography`, at least."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU time of each measurement")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.rounds} interleaved rounds of {given.seconds:g} s CPU each")
    figures = measure(random.Random(given.seed), given.rounds, given.seconds)
    floor = median(figures["cryptography, bare ECDSA verify"])
    print("operations/s, median (least to most)                          of bare")
    for name, rates in figures.items():
        rate = median(rates)
        print(f"{name:36s} {rate:8,.0f} ({min(rates):,.0f} to {max(rates):,.0f}){rate / floor:12.2f}")
    ratio = median(figures["access token, as the gateway"]) / floor
    print(f"access token against the bare verification: {ratio:.2f}, goal {GOAL:g}", end=" ")
    print("met" if ratio >= GOAL else "MISSED")


def measure(rng: random.Random, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Operations a second of CPU time by name, one figure for each round."""
    works = operations(rng)
    figures: dict[str, list[float]] = {name: [] for name in works}
    speed = shutil.which("openssl")
    for _ in range(rounds):
        for name, work in works.items():
            figures[name].append(rate(work, seconds))
        if speed is not None:
            figures.setdefault("openssl speed, ECDSA verify", []).append(openssl(speed, seconds))
    return figures


def operations(rng: random.Random) -> dict[str, Callable[[], object]]:
    now, key = datetime.now(UTC), SigningKey.generate()
    verifier, nonces = Verifier(ISSUER, [key.public]), Nonces(rng.randbytes(32))
    token = access_token(Tokens(ISSUER, key), rng, now)
    shown = Shown("POST", AUDIENCE, proof(rng, token, nonces, now), token)
    parts, judge = take_apart(token), ECKey.import_key(key.public.pem)
    public, signature = bare(parts.signed)
    return {
        "cryptography, bare ECDSA verify": lambda: public.verify(
            signature, parts.signed, ec.ECDSA(hashes.SHA256())
        ),
        "access token, as the gateway": lambda: verifier.verify(
            ACCESS_TOKEN, token, audience=AUDIENCE, now=now
        ),
        "DPoP proof, with its key": lambda: read_proof(shown, nonces, now),
        "joserfc, key object, no rules": lambda: joserfc.decode(token, judge, algorithms=["ES256"]),
    }


def access_token(tokens: Tokens, rng: random.Random, now: datetime) -> str:
    claims = {
        "sub": "pw:7Qm2",
        "aud": AUDIENCE,
        "client_id": "motlan-mobile",
        "sid": "01993c5e-8a10-7c3e-8000-000000000001",
        "jti": f"{rng.getrandbits(96):x}",
        "acr": "urn:vn:eid:tk2:xt2",
        "auth_time": int(now.timestamp()),
        "scope": "citizen",
        "cnf": {"jkt": "9d-Mqc-r6rRbtuNIFdHssABRM86L-oTUkXpd6vylvG0"},
    }
    return tokens.sign(ACCESS_TOKEN, claims, lifetime=ACCESS_TOKEN.longest, now=now)


def proof(rng: random.Random, token: str, nonces: Nonces, now: datetime) -> str:
    mine = ECKey.generate_key("P-256")
    public = {name: value for name, value in mine.as_dict(private=False).items() if name != "kid"}
    digest = hashes.Hash(hashes.SHA256())
    digest.update(token.encode())
    claims = {
        "jti": f"{rng.getrandbits(96):x}",
        "htm": "POST",
        "htu": AUDIENCE,
        "iat": int(now.timestamp()),
        "ath": encode(digest.finalize()),
        "nonce": nonces.current(now),
    }
    kind: TokenKind = DPOP_PROOF
    return joserfc.encode({"alg": "ES256", "typ": kind.typ, "jwk": public}, claims, mine)


def bare(message: bytes) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.public_key(), private.sign(message, ec.ECDSA(hashes.SHA256()))


def rate(work: Callable[[], object], seconds: float) -> float:
    """How often a second, by CPU time."""
    for _ in range(20):
        work()
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for _ in range(20):
            work()
        done += 20
    return done / spent


def openssl(program: str, seconds: float) -> float:
    """What `openssl speed` says of the same curve; it counts whole seconds."""
    asked = [program, "speed", "-seconds", str(max(1, round(seconds))), "ecdsap256"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"([\d.]+)\s*$", said)[0])


if __name__ == "__main__":
    main()
