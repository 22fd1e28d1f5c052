"""What a finding comes to, in one word: what somebody at a counter does next depends on it. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from vault.errors import ProofFault as F
from vault.proofs.judging import Finding


class Verdict(StrEnum):
    """The gravest first: of several faults the first of these is told."""

    NO_PROOF = "NO_PROOF"
    """Not what it should look like: damaged on the way, or never a proof."""
    FORGED = "FORGED"
    OTHER_FILE = "OTHER_FILE"
    NOT_ITS_HOLDER = "NOT_ITS_HOLDER"
    REVOKED = "REVOKED"
    SUPERSEDED = "SUPERSEDED"
    SUSPENDED = "SUSPENDED"
    NOT_ENTITLED = "NOT_ENTITLED"
    EXPIRED = "EXPIRED"
    NOT_YET = "NOT_YET"
    UNKNOWN = "UNKNOWN"
    """It cannot be told here and now. Never to be taken for good."""
    SELF_DECLARED = "SELF_DECLARED"
    GOOD = "GOOD"


def verdict_of(found: Finding) -> Verdict:
    """GOOD for a valid finding and for no other."""
    if found.valid:
        return Verdict.GOOD
    told = {VERDICTS[one] for one in found.faults}
    return next((one for one in Verdict if one in told), Verdict.UNKNOWN)


def _each(verdict: Verdict, *faults: F) -> Mapping[F, Verdict]:
    return dict.fromkeys(faults, verdict)


VERDICTS: Final[Mapping[F, Verdict]] = {
    **_each(
        Verdict.NO_PROOF,
        F.PREFIX, F.BASE45, F.COMPRESSION, F.TOO_LARGE, F.TRAILING, F.DUPLICATE_KEY, F.INDEFINITE_LENGTH, F.ENCODING,
        F.HEADER, F.ALGORITHM, F.TYPE, F.CLAIMS,
    ),
    **_each(
        Verdict.FORGED,
        F.SIGNATURE, F.DISCLOSURE, F.DISCLOSURE_UNREFERENCED, F.DIGEST_TWICE, F.DIGEST_ALGORITHM, F.NAME_FORBIDDEN,
        F.NAME_COLLISION, F.NESTED, F.CREDENTIAL_TYPE,
    ),
    **_each(Verdict.OTHER_FILE, F.NO_FILE_ATTESTED, F.FILE_ALTERED),
    **_each(
        Verdict.NOT_ITS_HOLDER,
        F.KEY_BINDING_MISSING, F.KEY_BINDING, F.KEY_BINDING_AUDIENCE, F.KEY_BINDING_NONCE, F.KEY_BINDING_DIGEST,
        F.KEY_BINDING_AGE,
    ),
    **_each(Verdict.REVOKED, F.REVOKED),
    **_each(Verdict.SUPERSEDED, F.SUPERSEDED),
    **_each(Verdict.SUSPENDED, F.SUSPENDED),
    **_each(Verdict.NOT_ENTITLED, F.ISSUER, F.KEY_REVOKED, F.AGENCY_UNKNOWN, F.NOT_ENTITLED),
    **_each(Verdict.EXPIRED, F.EXPIRED),
    **_each(Verdict.NOT_YET, F.NOT_YET_VALID),
    **_each(
        Verdict.UNKNOWN,
        F.KEY_UNKNOWN, F.TRUST_MISSING, F.TRUST_STALE, F.TRUST_REFUSED, F.LIST_MISSING, F.LIST_STALE, F.LIST_SUBJECT,
        F.LIST_SIGNATURE, F.LIST_MALFORMED, F.INDEX_OUT_OF_BOUNDS,
    ),
    **_each(Verdict.SELF_DECLARED, F.SELF_DECLARED),
}  # fmt: skip
"""Under which word each fault falls."""
