"""Thousands of forged, bent and misspelt tokens of every kind: none is accepted and none breaks anything."""

import base64
import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from auth.apps.proofs import Nonces, Shown, read_proof
from auth.errors import NonceRequired, TokenRefused
from auth.signing import SigningKey
from auth.tokens import CONSENT_RECEIPT, DPOP_PROOF, KINDS, TokenKind, Verifier
from tests.attacks.forgery import ORDER, Mould, attacks_on, b64, not_text
from tests.size import seed, sized

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
T = int(NOW.timestamp())
ISSUER, AUDIENCE = "https://kho.example.gov.vn", "agency-1"
TRUSTED = ec.generate_private_key(ec.SECP256R1())
KEY = SigningKey(TRUSTED).public
URL = "https://kho.example.gov.vn/graphql"
VERIFIER = Verifier(ISSUER, [KEY])
NONCES = Nonces(b"n" * 32)
ATH = b64(hashlib.sha256(b"token").digest())
REFUSED = (TokenRefused, NonceRequired)


def mould(kind: TokenKind) -> Mould:
    of_the_request = {"htm": "POST", "htu": URL, "ath": ATH, "nonce": NONCES.current(NOW)}
    own = of_the_request if kind is DPOP_PROOF else {}
    return Mould(kind, ISSUER, AUDIENCE, TRUSTED, T, own)


def believe(kind: TokenKind, token: object) -> None:
    """Raises REFUSED, unless the token is believed."""
    if kind is DPOP_PROOF:
        read_proof(Shown("POST", URL, token, "token"), NONCES, NOW)  # type: ignore[arg-type]
    else:
        VERIFIER.verify(kind, token, audience=AUDIENCE, now=NOW)  # type: ignore[arg-type]


@dataclass
class Outcome:
    accepted: list[tuple[str, object]] = field(default_factory=list)
    faults: list[tuple[str, object, BaseException]] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    truly_signed: int = 0


def test_no_hostile_token_of_any_kind_is_accepted_and_none_faults() -> None:
    run, count = seed(), sized(4_000, 60_000)
    rng, outcome, kinds = random.Random(run), Outcome(), (*KINDS, DPOP_PROOF)
    for number in range(count):
        of = mould(kinds[number % len(kinds)])
        attacks = (*attacks_on(of.kind), not_text)
        attack = attacks[number // len(kinds) % len(attacks)]
        judge(of, attack.__name__, attack(of, rng), outcome)
        believe(of.kind, of.good(rng))
    print(
        f"seed {run}: {count} hostile tokens of {len(kinds)} kinds in {len(outcome.made)} classes, at least"
    )
    print(f"{min(outcome.made.values())} of each, as many valid ones between them; by joserfc's judgement")
    print(f"{outcome.truly_signed} of the hostile bear a true signature")
    assert outcome.accepted == []
    assert outcome.faults == []
    # The corpus is only worth its name if signatures alone would let much of it through.
    assert outcome.truly_signed > count // 5


def judge(of: Mould, name: str, token: object, outcome: Outcome) -> None:
    outcome.made[name] += 1
    outcome.truly_signed += bears_true_signature(token)
    try:
        believe(of.kind, token)
        outcome.accepted.append((f"{of.kind.name} {name}", token))
    except REFUSED:
        pass
    except BaseException as fault:
        outcome.faults.append((name, token, fault))


def bears_true_signature(token: object) -> bool:
    """What a verifier that only checks the signature would say."""
    if not isinstance(token, str):
        return False
    try:
        jws.deserialize_compact(token, ECKey.import_key(KEY.pem), algorithms=["ES256"])
    except Exception:
        return False
    return True


def test_a_token_of_one_kind_is_refused_as_every_other() -> None:
    """Also where two share a `typ`: a grant never passes for a session's token, nor the other way round."""
    rng = random.Random(3)
    for made in (*KINDS, DPOP_PROOF):
        token = mould(made).good(rng)
        for asked in (*KINDS, DPOP_PROOF):
            if asked is made:
                believe(asked, token)
            else:
                with pytest.raises(REFUSED):
                    believe(asked, token)


def test_what_we_believe_another_library_believes_too() -> None:
    """Our reading and joserfc's agree on every claim of every kind."""
    rng = random.Random(4)
    for kind in KINDS:
        token = mould(kind).good(rng)
        claims = VERIFIER.verify(kind, token, audience=AUDIENCE, now=NOW)
        assert claims == jwt.decode(token, ECKey.import_key(KEY.pem), algorithms=["ES256"]).claims


def test_a_signatures_twin_is_the_same_token_so_replays_key_on_its_id() -> None:
    """(r, n−s) verifies whenever (r, s) does: ECDSA is malleable, and the id inside is what stays."""
    for kind in (CONSENT_RECEIPT, DPOP_PROOF):
        token = mould(kind).good(random.Random(1))
        signed, signature = token.rsplit(".", 1)
        true = base64.urlsafe_b64decode(signature + "==")
        twin = f"{signed}.{b64(true[:32] + (ORDER - int.from_bytes(true[32:], 'big')).to_bytes(32, 'big'))}"
        assert twin != token
        believe(kind, twin)
    first, second = (read_proof(Shown("POST", URL, one, "token"), NONCES, NOW) for one in (token, twin))
    assert first == second


@pytest.mark.parametrize("moment", [NOW - timedelta(days=1), NOW + timedelta(days=1)])
def test_a_valid_token_is_hostile_at_another_time(moment: datetime) -> None:
    for kind in KINDS:
        token = mould(kind).good(random.Random(2))
        if kind.longest > timedelta(days=1) and moment > NOW:
            moment += kind.longest
        with pytest.raises(TokenRefused):
            VERIFIER.verify(kind, token, audience=AUDIENCE, now=moment)
