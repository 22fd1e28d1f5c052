"""Judging a proof with nothing but what a verifier brought along: a trust list, lists of standings, the time. Pure.

Four findings are kept apart, because people do different things about each. What cannot be known here is UNKNOWN,
never good: an old list says how things stood, not how they stand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from auth.jws.kinds import CREDENTIAL, STATUS_LIST
from auth.tokens import inspect
from vault.errors import ProofFault, ProofRefused
from vault.proofs import attestation, cose, selective
from vault.proofs.selective import Meeting
from vault.proofs.status_list import CWT_TYP, Standing, StatusList, StatusRef
from vault.proofs.trust import AUTHORITY, Attested, TrustList

LEEWAY_SECONDS: Final = 60
"""By how much the verifier's clock may be behind ours."""

Listed = str | bytes
"""A signed list of standings: a JWT's text or a CWT's octets."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a verifier has at hand. `lists` by address, several of them for several days, each checked when used."""

    trust: TrustList | None
    lists: Callable[[str], Sequence[Listed]] = field(default=lambda uri: (), repr=False)


@dataclass(frozen=True, slots=True)
class When:
    """Seconds since 1970. `on`: the moment asked about, where it is not now."""

    now: int
    on: int | None = None

    @property
    def asked(self) -> int:
        return self.now if self.on is None else self.on


@dataclass(frozen=True, slots=True)
class Finding:
    """Four findings, each UNKNOWN where it could not be told. `signature`: VALID, INVALID. `issuer_authority`:
    ISSUER, CERTIFIED, SELF_DECLARED, NOT_ENTITLED. `status`: VALID, INVALID, SUSPENDED, SUPERSEDED. `freshness`:
    CURRENT, EXPIRED, NOT_YET.

    `faults` in the order found. `claims` only under a signature that holds. `holder`: of a credential, whether who
    showed it was seen to hold its key, PROVEN or UNCHECKED.
    """

    signature: str = "UNKNOWN"
    issuer_authority: str = "UNKNOWN"
    status: str = "UNKNOWN"
    freshness: str = "UNKNOWN"
    faults: tuple[ProofFault, ...] = ()
    document_type: str | None = None
    agency: str | None = None
    level: int | None = None
    number: str | None = None
    issued_on: str | None = None
    expires_at: int | None = None
    holder: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def valid(self) -> bool:
        good = self.signature, self.status, self.freshness
        return good == ("VALID", "VALID", "CURRENT") and not self.faults

    def but(self, *faults: ProofFault, **found: Any) -> "Finding":
        return replace(self, faults=(*self.faults, *faults), **found)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is laid before a verifier: the proof's text; the digest of the file it should speak of, where there is one
    beside it; and of a credential the meeting it was asked for at."""

    text: str = field(repr=False)
    file_sha256: bytes | None = None
    meeting: Meeting | None = None


def judge(shown: Shown, shelf: Shelf, when: When) -> Finding:
    """What it is worth, whichever of the two kinds of proof it is."""
    if shown.text.startswith(attestation.PREFIX):
        return judge_attestation(shown.text, shelf, when, shown.file_sha256)
    found = judge_credential(shown.text, shelf, when, shown.meeting)
    # No credential speaks of a file: one laid beside it must not pass for what was proven.
    return found if shown.file_sha256 is None else _with_file(found, None, shown.file_sha256)


def judge_attestation(text: str, shelf: Shelf, when: When, file_sha256: bytes | None = None) -> Finding:
    """What a scanned text, or the text beside a file, is worth. `file_sha256`: of the file it should speak of."""
    try:
        signed, stated = attestation.read(text)
    except ProofRefused as refused:
        return Finding(signature="INVALID", faults=(refused.fault,))
    if shelf.trust is None:
        return Finding(faults=(ProofFault.TRUST_MISSING,))
    key = shelf.trust.keys.get(signed.kid)
    if key is None:
        return Finding(faults=(ProofFault.KEY_UNKNOWN,))
    if not signed.is_signed_by(key.public):
        return Finding(signature="INVALID", faults=(ProofFault.SIGNATURE,))
    found = Finding(
        signature="VALID",
        document_type=stated.document_type,
        agency=stated.agency,
        level=stated.level,
        number=stated.number,
        issued_on=stated.issued_on.isoformat() if stated.issued_on else None,
        expires_at=stated.expires_at,
        claims=stated.claims,
    )
    if file_sha256 is not None:
        found = _with_file(found, stated.file_sha256, file_sha256)
    attested = Attested(
        signed.kid,
        stated.issuer,
        stated.issued_at,
        stated.expires_at,
        stated.agency,
        stated.level,
        stated.document_type,
    )
    return _Judge(shelf.trust, shelf.lists, when).judged(found, attested, stated.status)


def judge_credential(text: str, shelf: Shelf, when: When, meeting: Meeting | None) -> Finding:
    """What a shown credential is worth. `meeting` None: its holder need not prove to be its holder."""
    try:
        shown = selective.read(text)
    except ProofRefused as refused:
        return Finding(signature="INVALID", faults=(refused.fault,))
    if shelf.trust is None:
        return Finding(faults=(ProofFault.TRUST_MISSING,))
    signed = inspect(CREDENTIAL, shown.credential, shelf.trust.public_keys)
    if signed.flaw is not None:
        unknown = signed.flaw == ProofFault.KEY_UNKNOWN
        return Finding("UNKNOWN" if unknown else "INVALID", faults=(ProofFault(signed.flaw),))
    claims = signed.claims
    try:
        document, status = _document(claims), _status(claims)
        opened = selective.disclosed(claims, shown.disclosures)
        if meeting is not None:
            selective.check_binding(shown, claims["cnf"]["jwk"], meeting, when.now)
    except ProofRefused as refused:
        return Finding(signature="INVALID", faults=(refused.fault,))
    plain = {name: value for name, value in claims.items() if name not in _REGISTERED}
    found = Finding(
        signature="VALID",
        document_type=document["type"],
        agency=document["agency"],
        level=document["level"],
        issued_on=document.get("issued_on"),
        expires_at=claims["exp"],
        holder="UNCHECKED" if meeting is None else "PROVEN",
        claims={**plain, **opened},
    )
    attested = Attested(
        signed.kid,
        claims["iss"],
        claims["iat"],
        claims["exp"],
        document["agency"],
        document["level"],
        document["type"],
    )
    return _Judge(shelf.trust, shelf.lists, when).judged(found, attested, status)


_REGISTERED: Final = selective.NEVER_DISCLOSED | {"_sd"}


@dataclass(frozen=True, slots=True)
class _Judge:
    """The three findings beside the signature: who, whether it is of its time, whether it still holds."""

    trust: TrustList
    lists: Callable[[str], Sequence[Listed]]
    when: When

    def judged(self, found: Finding, attested: Attested, status: StatusRef) -> Finding:
        return self._with_status(
            self._with_freshness(self._with_authority(found, attested), attested), status
        )

    def _with_authority(self, found: Finding, attested: Attested) -> Finding:
        fault = self.trust.fault_of(attested)
        if fault is not None:
            return found.but(fault, issuer_authority="NOT_ENTITLED")
        # A key may have been revoked since, an agency dissolved: an old list cannot say that they were not.
        if not self.trust.issued_at - LEEWAY_SECONDS <= self.when.now < self.trust.expires_at:
            return found.but(ProofFault.TRUST_STALE, issuer_authority="UNKNOWN")
        authority = AUTHORITY[attested.level]
        faults = (ProofFault.SELF_DECLARED,) if authority == "SELF_DECLARED" else ()
        return found.but(*faults, issuer_authority=authority)

    def _with_freshness(self, found: Finding, attested: Attested) -> Finding:
        if self.when.asked < attested.issued_at - LEEWAY_SECONDS:
            return found.but(ProofFault.NOT_YET_VALID, freshness="NOT_YET")
        if self.when.asked >= attested.expires_at:
            return found.but(ProofFault.EXPIRED, freshness="EXPIRED")
        return found.but(freshness="CURRENT")

    def _with_status(self, found: Finding, status: StatusRef) -> Finding:
        try:
            standing = self._list_of(status.uri).standing_at(status.index)
        except ProofRefused as refused:
            return found.but(refused.fault, status="UNKNOWN")
        fault = _FAULTS.get(standing)
        return found.but(*((fault,) if fault else ()), status=standing.name)

    def _list_of(self, uri: str) -> StatusList:
        """The newest list that speaks for the moment asked about. Raises ProofRefused with why there is none."""
        newest: StatusList | None = None
        why = ProofFault.LIST_MISSING
        for one in self.lists(uri):
            try:
                found = read_list(one, uri, self.trust)
            except ProofRefused as refused:
                why = refused.fault
                continue
            if not found.issued_at - LEEWAY_SECONDS <= self.when.asked < found.expires_at:
                why = ProofFault.LIST_STALE
            elif newest is None or found.issued_at > newest.issued_at:
                newest = found
        if newest is None:
            raise ProofRefused(why)
        return newest


def read_list(given: Listed, uri: str, trust: TrustList) -> StatusList:
    """A list of standings, its signature checked, as the one kept at this address. Of which time it speaks is asked
    later. Raises ProofRefused."""
    found, kid = _of_jwt(given, trust) if isinstance(given, str) else _of_cwt(given, trust)
    if found.uri != uri:
        raise ProofRefused(ProofFault.LIST_SUBJECT)
    if not trust.keys[kid].counts_at(found.issued_at):
        raise ProofRefused(ProofFault.LIST_SIGNATURE)
    return found


def _of_jwt(given: str, trust: TrustList) -> tuple[StatusList, str]:
    signed = inspect(STATUS_LIST, given, trust.public_keys)
    if signed.flaw is not None:
        malformed = signed.flaw in ("encoding", "claims")
        raise ProofRefused(ProofFault.LIST_MALFORMED if malformed else ProofFault.LIST_SIGNATURE)
    return StatusList.of_jwt(signed.claims), signed.kid


def _of_cwt(given: bytes, trust: TrustList) -> tuple[StatusList, str]:
    try:
        taken = cose.take_apart(given, CWT_TYP)
    except ProofRefused:
        raise ProofRefused(ProofFault.LIST_MALFORMED) from None
    key = trust.keys.get(taken.kid)
    if key is None or not taken.is_signed_by(key.public):
        raise ProofRefused(ProofFault.LIST_SIGNATURE)
    return StatusList.of_cwt(taken.payload), taken.kid


_FAULTS: Final[Mapping[Standing, ProofFault]] = {
    Standing.INVALID: ProofFault.REVOKED,
    Standing.SUSPENDED: ProofFault.SUSPENDED,
    Standing.SUPERSEDED: ProofFault.SUPERSEDED,
}


def _with_file(found: Finding, attested: bytes | None, digest: bytes) -> Finding:
    if attested is None:
        return found.but(ProofFault.NO_FILE_ATTESTED, signature="INVALID")
    if digest != attested:
        return found.but(ProofFault.FILE_ALTERED, signature="INVALID")
    return found


def _document(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """What kind of paper it is about; its `vct` must name the very same."""
    document, vct, issuer = claims.get(selective.DOCUMENT), claims["vct"], claims["iss"]
    if not isinstance(document, dict) or not isinstance(vct, str) or not isinstance(issuer, str):
        raise ProofRefused(ProofFault.CLAIMS)
    kind, agency, level = (document.get(name) for name in ("type", "agency", "level"))
    if not isinstance(kind, str) or not isinstance(agency, str) or type(level) is not int:
        raise ProofRefused(ProofFault.CLAIMS)
    if level not in AUTHORITY:
        raise ProofRefused(ProofFault.CLAIMS)
    home, _, edition = vct.rpartition("/")
    if home != f"{issuer}/vct/{kind}" or not edition.isdecimal():
        raise ProofRefused(ProofFault.CREDENTIAL_TYPE)
    return document


def _status(claims: Mapping[str, Any]) -> StatusRef:
    try:
        return StatusRef.of(claims["status"]["status_list"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProofRefused(ProofFault.CLAIMS) from None
