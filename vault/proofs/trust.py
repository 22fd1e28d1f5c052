"""The trust list: which agency may attest which papers, under which keys, from when until when. Pure.

Signed with a key of its own, the anchor, so that an attestation key that was stolen cannot vouch for itself. Whoever
verifies without us needs this list, the lists of standings, and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from auth.jws.kinds import TRUST_LIST
from auth.signing import KeyRefused, PublicKey, import_jwks
from auth.tokens import inspect
from vault.errors import ProofFault, ProofRefused

ISSUED, CERTIFIED, DECLARED = 1, 2, 3
"""Levels of a paper (Decree 118/2025, Art. 11): issued as such, certified by an officer, its owner's word."""

AUTHORITY: Final[Mapping[int, str]] = {ISSUED: "ISSUER", CERTIFIED: "CERTIFIED", DECLARED: "SELF_DECLARED"}


@dataclass(frozen=True, slots=True)
class TrustKey:
    """`revoked_from`: what it signed from that second on counts for nothing."""

    public: PublicKey
    revoked_from: int | None = None

    def counts_at(self, second: int) -> bool:
        return self.revoked_from is None or second < self.revoked_from


@dataclass(frozen=True, slots=True)
class Attestor:
    """What one agency may attest. `issues` names a set of paper types; `certifies`: copies of any paper; `declares`:
    that somebody declared something, which is the vault's alone."""

    name: Mapping[str, str]
    keys: frozenset[str]
    issues: str | None = None
    certifies: bool = False
    declares: bool = False
    since: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class TrustList:
    """As read, its signature checked. `agencies` by their code, `entitlements` name sets of paper types."""

    issuer: str
    issued_at: int
    expires_at: int
    keys: Mapping[str, TrustKey] = field(repr=False)
    agencies: Mapping[str, Attestor] = field(repr=False)
    entitlements: Mapping[str, frozenset[str]] = field(repr=False)

    @property
    def public_keys(self) -> dict[str, PublicKey]:
        return {kid: key.public for kid, key in self.keys.items()}

    def fault_of(self, attested: "Attested") -> ProofFault | None:
        """Why the signer was not the one to attest this; None when they were."""
        agency = self.agencies.get(attested.agency)
        if attested.issuer != self.issuer:
            return ProofFault.ISSUER
        if not self.keys[attested.kid].counts_at(attested.issued_at):
            return ProofFault.KEY_REVOKED
        if agency is None:
            return ProofFault.AGENCY_UNKNOWN
        in_force = agency.since <= attested.issued_at and (
            agency.until is None or attested.issued_at < agency.until
        )
        if attested.kid not in agency.keys or not in_force or not self._entitles(agency, attested):
            return ProofFault.NOT_ENTITLED
        return None

    def _entitles(self, agency: Attestor, attested: "Attested") -> bool:
        match attested.level:
            case 1:
                return attested.document_type in self.entitlements.get(agency.issues or "", frozenset())
            case 2:
                return agency.certifies
        return agency.declares

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError, ValueError or KeyRefused for anything else."""
        public = import_jwks({"keys": [_without_dates(one) for one in claims["keys"]]})
        revoked = {one["kid"]: one.get("revokedFrom") for one in claims["keys"]}
        return cls(
            issuer=claims["iss"],
            issued_at=claims["iat"],
            expires_at=claims["exp"],
            keys={kid: TrustKey(key, _second(revoked[kid])) for kid, key in public.items()},
            agencies={code: _attestor(one) for code, one in claims["agencies"].items()},
            entitlements={name: _names(types) for name, types in claims["entitlements"].items()},
        )


@dataclass(frozen=True, slots=True)
class Attested:
    """What was signed, as far as it matters who may."""

    kid: str
    issuer: str
    issued_at: int
    expires_at: int
    agency: str
    level: int
    document_type: str


def read_trust(token: str, anchors: Mapping[str, PublicKey]) -> TrustList:
    """A trust list under one of the keys the verifier already trusts. Whether it is stale is asked later.

    Raises ProofRefused.
    """
    found = inspect(TRUST_LIST, token, anchors)
    if found.flaw is not None:
        raise ProofRefused(ProofFault.TRUST_REFUSED)
    try:
        return TrustList.of(found.claims)
    except (KeyError, TypeError, ValueError, AttributeError, KeyRefused):
        raise ProofRefused(ProofFault.TRUST_REFUSED) from None


def trust_claims(
    keys: Iterable[TrustKey],
    agencies: Mapping[str, Attestor],
    entitlements: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """What is signed; the signer adds who and when."""
    return {
        "keys": [_published(key) for key in keys],
        "agencies": {code: _described(one) for code, one in agencies.items()},
        "entitlements": {name: sorted(types) for name, types in entitlements.items()},
    }


def _published(key: TrustKey) -> dict[str, Any]:
    revoked = {} if key.revoked_from is None else {"revokedFrom": key.revoked_from}
    return {**key.public.jwk, **revoked}


def _without_dates(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name != "revokedFrom"}


def _described(one: Attestor) -> dict[str, Any]:
    found = {
        "name": dict(one.name),
        "keys": sorted(one.keys),
        "issues": one.issues,
        "certifies": one.certifies or None,
        "declares": one.declares or None,
        "since": one.since or None,
        "until": one.until,
    }
    return {name: value for name, value in found.items() if value is not None}


def _attestor(body: Mapping[str, Any]) -> Attestor:
    return Attestor(
        name={str(language): str(words) for language, words in body["name"].items()},
        keys=_names(body["keys"]),
        issues=_name(body.get("issues")),
        certifies=body.get("certifies") is True,
        declares=body.get("declares") is True,
        since=_second(body.get("since")) or 0,
        until=_second(body.get("until")),
    )


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError
    return frozenset(value)


def _name(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError
    return value


def _second(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise TypeError
    return value
