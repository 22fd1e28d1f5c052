"""Proofs as a vault makes them, without one: keys, a trust list, lists of standings, attestations, credentials."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from auth.jws.compact import decode, encode
from auth.jws.kinds import CREDENTIAL, STATUS_LIST, TRUST_LIST, TokenKind
from auth.signing import SigningKey, import_jwks
from auth.tokens import Tokens
from vault.proofs import attestation, cose, selective
from vault.proofs.attestation import Statement
from vault.proofs.judging import Listed, Shelf, When
from vault.proofs.status_list import (
    CWT_TYP,
    ENTRIES,
    LIFE_SECONDS,
    TTL_SECONDS,
    StatusRef,
    list_claims,
    list_payload,
    pack,
)
from vault.proofs.trust import Attestor, TrustKey, TrustList, read_trust, trust_claims

ISSUER: Final = "https://kho.example.gov.vn"
LIST: Final = f"{ISSUER}/status-lists/1"
NOW: Final = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
SECOND: Final = int(NOW.timestamp())
DAY: Final = 24 * 3600
AGENCY, OTHER, VAULT = "H29.12.05", "H29.12.06", "KHO"
FILE: Final = b"%PDF-1.7 a paper with a random id in it"
NAME: Final = "person.full_name@holder"
CLAIMS: Final[Mapping[str, Any]] = {NAME: "Người Thử Nghiệm", "permit.area@document": 120.5}


@dataclass
class Issuer:
    """A vault's keys, and everything it signs with them."""

    key: SigningKey = field(default_factory=SigningKey.generate)
    anchor: SigningKey = field(default_factory=SigningKey.generate)
    holder: SigningKey = field(default_factory=SigningKey.generate)
    stranger: SigningKey = field(default_factory=SigningKey.generate)

    def trust(self, **changes: Any) -> TrustList:
        """As a verifier reads it who trusts the anchor."""
        return read_trust(self.trust_token(**changes), self.anchors)

    def trust_token(
        self, at: datetime = NOW, revoked_from: int | None = None, until: int | None = None
    ) -> str:
        keys = frozenset({self.key.public.kid})
        agencies = {
            AGENCY: Attestor({"vi": "UBND", "en": "Ward"}, keys, issues="ward", certifies=True, until=until),
            OTHER: Attestor(
                {"vi": "UBND", "en": "Ward"}, frozenset({self.stranger.public.kid}), issues="ward"
            ),
            VAULT: Attestor({"vi": "Kho", "en": "Vault"}, keys, declares=True),
        }
        # The stranger's key is known too: what it signs is refused for better reasons than that.
        public = [TrustKey(self.key.public, revoked_from), TrustKey(self.stranger.public)]
        claims = trust_claims(public, agencies, {"ward": ["permit"]})
        return self._tokens(self.anchor).sign(TRUST_LIST, claims, lifetime=timedelta(days=7), now=at)

    @property
    def anchors(self) -> Mapping[str, Any]:
        return import_jwks({"keys": [dict(self.anchor.public.jwk)]})

    def list_jwt(
        self, standings: Mapping[int, int] | None = None, at: datetime = NOW, uri: str = LIST, **over: Any
    ) -> str:
        packed = pack(standings or {}, ENTRIES)
        claims = {
            "sub": uri,
            "ttl": TTL_SECONDS,
            "status_list": list_claims(packed, f"{ISSUER}/status-lists"),
        }
        return self.signed_jwt(
            STATUS_LIST, {**claims, **over}, at=at, lifetime=timedelta(seconds=LIFE_SECONDS)
        )

    def list_cwt(
        self, standings: Mapping[int, int] | None = None, at: datetime = NOW, uri: str = LIST
    ) -> bytes:
        second = int(at.timestamp())
        packed = pack(standings or {}, ENTRIES)
        payload = list_payload(uri, second, second + LIFE_SECONDS, packed, f"{ISSUER}/status-lists")
        return cose.sign(self.key, CWT_TYP, payload)

    def statement(self, **changes: Any) -> Statement:
        made = Statement(
            issuer=ISSUER,
            issued_at=SECOND - DAY,
            expires_at=SECOND + 30 * DAY,
            id=UUID(int=7),
            status=StatusRef(4711, LIST),
            document_type="permit",
            agency=AGENCY,
            level=1,
            number="01/GPXD",
            file_sha256=hashlib.sha256(FILE).digest(),
            issued_on=date(2026, 3, 14),
            claims=CLAIMS,
        )
        return replace(made, **changes)

    def attestation(self, key: SigningKey | None = None, **changes: Any) -> str:
        return attestation.text_of(attestation.sign(self.statement(**changes), key or self.key))

    def credential(self, key: SigningKey | None = None, drop: Sequence[str] = (), **changes: Any) -> "Wallet":
        hidden = selective.hide(CLAIMS)
        claims = {
            "vct": f"{ISSUER}/vct/permit/1",
            "cnf": {"jwk": point(self.holder)},
            "status": {"status_list": StatusRef(4711, LIST).claims},
            selective.DOCUMENT: {"type": "permit", "agency": AGENCY, "level": 1, "issued_on": "2026-03-14"},
            "_sd_alg": "sha-256",
            "_sd": list(hidden.digests),
            **changes,
        }
        claims = {name: value for name, value in claims.items() if name not in drop}
        token = self.signed_jwt(CREDENTIAL, claims, at=NOW - timedelta(hours=1), key=key)
        return Wallet(token, hidden.disclosures, self.holder)

    def signed_jwt(
        self,
        kind: TokenKind,
        claims: Mapping[str, Any],
        *,
        at: datetime = NOW,
        lifetime: timedelta = timedelta(days=1),
        key: SigningKey | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> str:
        """Signed whatever it says: the signer of the product would refuse to sign most of what is tried here."""
        key, second = key or self.key, int(at.timestamp())
        body = {"iss": ISSUER, "iat": second, "exp": second + int(lifetime.total_seconds()), **claims}
        head = {"alg": "ES256", "typ": kind.typ, "kid": key.public.kid, **(header or {})}
        return jws(key, {k: v for k, v in head.items() if v is not None}, body)

    def shelf(self, *lists: Listed, trust: TrustList | None = None, by: str = LIST) -> Shelf:
        shown = lists or (self.list_jwt(),)
        return Shelf(trust or self.trust(), lambda uri: shown if uri == by else ())

    def _tokens(self, key: SigningKey) -> Tokens:
        return Tokens(ISSUER, key)


@dataclass
class Wallet:
    """A credential in its holder's hands."""

    token: str
    disclosures: Mapping[str, str]
    holder: SigningKey

    def present(
        self, *names: str, audience: str = "https://verifier.example", nonce: str = "n-1", **over: Any
    ) -> str:
        """These claims, bound to one meeting. `over`: claims of the binding said otherwise."""
        shown = self.unbound(*names)
        digest = encode(hashlib.sha256(shown.encode()).digest())
        body = {"iat": SECOND, "aud": audience, "nonce": nonce, "sd_hash": digest, **over}
        return shown + jws(self.holder, {"alg": "ES256", "typ": "kb+jwt"}, body)

    def unbound(self, *names: str) -> str:
        return selective.serialised(self.token, [self.disclosures[name] for name in names])


def by_name(disclosures: Sequence[str]) -> Mapping[str, str]:
    """A credential's disclosures by the name of the claim each opens."""
    return {json.loads(decode(one))[1]: one for one in disclosures}


def jws(key: SigningKey, header: Mapping[str, Any], body: Mapping[str, Any] | bytes) -> str:
    plain = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = f"{encode(json.dumps(header).encode())}.{encode(plain)}"
    return f"{signed}.{encode(key.sign(signed.encode()))}"


def point(key: SigningKey) -> dict[str, str]:
    return {name: key.public.jwk[name] for name in ("kty", "crv", "x", "y")}


HERE: Final = When(SECOND)
MEETING: Final = selective.Meeting("https://verifier.example", "n-1")
