"""Proofs of possession: the RFC's own example, another library's proofs, and what makes one of ours refuse."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from auth.apps.proofs import NONCE_SECONDS, Nonces, Shown, read_proof
from auth.errors import NonceRequired, TokenRefused
from auth.tokens import verify_proof

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
URL = "https://kho.example.gov.vn/graphql"
KEY = ECKey.generate_key("P-256")
NONCES = Nonces(b"n" * 32)

# RFC 9449, figures 2 and 13: a proof for the token endpoint, and one with `ath` for a protected resource.
EXAMPLE = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0"
    "RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAt"
    "MjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3"
    "Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70n"
    "fbV37xRZT3Lg"
)
EXAMPLE_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def proof(**changes: Any) -> str:
    public = {name: value for name, value in KEY.as_dict(private=False).items() if name != "kid"}
    claims = {"jti": "one", "htm": "POST", "htu": URL, "iat": int(NOW.timestamp())}
    return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, {**claims, **changes}, KEY)


def test_the_example_of_the_rfc_is_read_as_it_says() -> None:
    then = datetime.fromtimestamp(1562262616, UTC)
    read = verify_proof(EXAMPLE, method="POST", url="https://server.example.com/token", now=then)
    assert read.thumbprint == EXAMPLE_THUMBPRINT
    assert read.id == "-BwC3ESc6acc2lTc"


def test_another_librarys_proof_is_read_and_its_thumbprint_agreed_on() -> None:
    read = verify_proof(proof(nonce="n"), method="POST", url=URL, now=NOW)
    assert (read.thumbprint, read.id, read.nonce) == (KEY.thumbprint(), "one", "n")


@pytest.mark.parametrize(("age", "taken"), [(-11, False), (-10, True), (0, True), (60, True), (61, False)])
def test_a_proof_is_good_for_a_minute_and_its_clock_may_be_ten_seconds_ahead(age: int, taken: bool) -> None:
    moment = NOW + timedelta(seconds=age)
    if taken:
        verify_proof(proof(), method="POST", url=URL, now=moment)
    else:
        with pytest.raises(TokenRefused):
            verify_proof(proof(), method="POST", url=URL, now=moment)


def test_a_proof_is_for_one_token_or_for_none() -> None:
    ath = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).rstrip(b"=").decode()
    verify_proof(proof(ath=ath), method="POST", url=URL, now=NOW, access_token="token")
    for made, shown in ((proof(), "token"), (proof(ath=ath), None), (proof(ath=ath), "other")):
        with pytest.raises(TokenRefused):
            verify_proof(made, method="POST", url=URL, now=NOW, access_token=shown)


def test_a_nonce_is_taken_while_it_is_current_and_one_turn_longer() -> None:
    nonce = NONCES.current(NOW)
    shown = Shown("POST", URL, proof(nonce=nonce))
    assert read_proof(shown, NONCES, NOW).nonce == nonce
    turn = timedelta(seconds=NONCE_SECONDS)
    NONCES.require(nonce, NOW + turn)
    for late in (NOW + 2 * turn, NOW - turn):
        with pytest.raises(NonceRequired):
            NONCES.require(nonce, late)
    with pytest.raises(NonceRequired):
        Nonces(b"m" * 32).require(nonce, NOW)


def test_whoever_does_not_hold_the_key_learns_nothing_of_nonces() -> None:
    bent = proof()[:-4] + "AAAA"
    with pytest.raises(TokenRefused):
        read_proof(Shown("POST", URL, bent), NONCES, NOW)
