"""Whether one held paper may meet one requirement, and if not, why.

Pure. Each check is one rule of law or of the vault; nearer misses are checked later, so that the reason a paper
fails by is the one worth telling the person.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from procedures.law import AcceptedType, ObjectKind, OutcomeClass, Requirement
from procedures.plan import Filing, Reason
from procedures.reasons import Code
from vault.holding import Holding, Origin, Status

Kinds = Mapping[str, tuple[str, ...]]

WITHOUT_OBJECT = frozenset({ObjectKind.PERSON, ObjectKind.CASE})
"""Matched by subject alone, and by the dossier they are bound to."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The paper serves, disclosing these claims (`concept@role`)."""

    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    requirement: Requirement
    accepted: AcceptedType
    holding: Holding
    subjects: tuple[UUID, ...]

    @property
    def object_kind(self) -> ObjectKind:
        return self.accepted.object_kind or self.requirement.object_kind

    def because(self, code: Code, day: date | None = None) -> Reason:
        params = {"document_type": self.holding.type}
        return Reason(code, params if day is None else {**params, "date": day.isoformat()})


def judge(candidate: Candidate, filing: Filing, narrower: Kinds) -> Fit | Reason:
    """Whether the paper serves: the claims it would disclose, or the first check it fails.

    `narrower` maps a concept to every kind of it; a narrower fact proves the wider one for the same role. A paper
    that is only handed in (SURRENDER) must be the right one; what it proves is not asked.
    """
    for check in _THE_PAPER:
        if reason := check(candidate, filing):
            return reason
    if candidate.requirement.outcome_class is OutcomeClass.SURRENDER:
        return Fit(())
    for check in _ITS_DATES:
        if reason := check(candidate, filing):
            return reason
    claims = _claims_shown(candidate, narrower)
    if isinstance(claims, Reason):
        return claims
    return _too_weak(candidate) or Fit(claims)


def deposited_here(holding: Holding, filing: Filing) -> bool:
    """Whether this version entered the vault in this very dossier."""
    return filing.dossier is not None and holding.deposited_in == filing.dossier


def claims_proving(
    requirement: Requirement, carried: frozenset[str], narrower: Kinds
) -> tuple[str, ...] | None:
    """For each claim the requirement needs the one of `carried` that proves it, the exact one before any
    narrower; None when one is lacking."""
    shown = []
    for need in requirement.claims:
        kinds = (need.concept, *narrower.get(need.concept, ()))
        name = next((name for kind in kinds if (name := f"{kind}@{need.role}") in carried), None)
        if name is None:
            return None
        shown.append(name)
    return tuple(shown)


def _wrong_version(candidate: Candidate, filing: Filing) -> Reason | None:
    if candidate.holding.version in filing.excluded_versions:
        return candidate.because(Code.EXCLUDED)
    if candidate.holding.subject not in candidate.subjects:
        return candidate.because(Code.OTHER_SUBJECT)
    status = candidate.holding.status
    return None if status is Status.VALID else candidate.because(Code(status.value))


def _wrong_case(candidate: Candidate, filing: Filing) -> Reason | None:
    holding = candidate.holding
    if holding.bound_to is None:
        return candidate.because(Code.OTHER_CASE) if candidate.object_kind is ObjectKind.CASE else None
    return None if holding.bound_to == filing.dossier else candidate.because(Code.OTHER_CASE)


def _made_before(candidate: Candidate, filing: Filing) -> Reason | None:
    if candidate.requirement.fresh and not deposited_here(candidate.holding, filing):
        return candidate.because(Code.MADE_BEFORE)
    return None


def _wrong_object(candidate: Candidate, filing: Filing) -> Reason | None:
    kind, key = candidate.object_kind, candidate.holding.object_key
    if kind in WITHOUT_OBJECT or kind not in filing.objects:
        return None
    wanted = filing.objects[kind]
    if key == wanted and key is not None:
        return None
    if deposited_here(candidate.holding, filing) and (wanted is None or key is None):
        return None  # handed in for this very filing, new object or not
    if wanted is None:
        return candidate.because(Code.NEW_OBJECT)
    return candidate.because(Code.OBJECT_UNKNOWN if key is None else Code.OTHER_OBJECT)


def _expired(candidate: Candidate, filing: Filing) -> Reason | None:
    until = candidate.holding.valid_until
    if until is None:
        return None
    if until < filing.on:
        return candidate.because(Code.EXPIRED, until)
    if filing.valid_through is not None and until < filing.valid_through:
        return candidate.because(Code.EXPIRES_TOO_EARLY, until)
    return None


def _too_old(candidate: Candidate, filing: Filing) -> Reason | None:
    most, issued = candidate.requirement.max_age_days, candidate.holding.issued_on
    if most is None:
        return None
    if issued is None:
        return candidate.because(Code.AGE_UNKNOWN)
    return candidate.because(Code.TOO_OLD, issued) if (filing.on - issued).days > most else None


def _too_weak(candidate: Candidate) -> Reason | None:
    requirement, holding = candidate.requirement, candidate.holding
    shown = requirement.outcome_class is OutcomeClass.SHOW
    original = holding.level <= 2 and holding.origin in (Origin.ISSUED, Origin.DIGITISED)
    if requirement.self_object and not original and (shown or requirement.min_level < 3):
        return candidate.because(Code.NOT_THE_ORIGINAL)
    if shown:
        trusted = holding.seen or holding.level <= min(requirement.min_level, 2)
        return None if trusted else candidate.because(Code.NOT_SEEN)
    return None if holding.level <= requirement.min_level else candidate.because(Code.LEVEL_TOO_LOW)


def _claims_shown(candidate: Candidate, narrower: Kinds) -> tuple[str, ...] | Reason:
    holding, requirement = candidate.holding, candidate.requirement
    if requirement.whole and holding.disputed:
        return candidate.because(Code.DISPUTED)
    shown = claims_proving(requirement, holding.claims - holding.disputed, narrower)
    if shown is None:
        carried = claims_proving(requirement, holding.claims, narrower) is not None
        return candidate.because(Code.DISPUTED if carried else Code.CLAIMS_MISSING)
    return tuple(sorted(holding.claims)) if requirement.whole else shown


# Nearer misses come later: the last check a paper reaches is the one worth telling the person about.
_Check = Callable[[Candidate, Filing], Reason | None]
_THE_PAPER: tuple[_Check, ...] = (_wrong_version, _wrong_case, _made_before, _wrong_object)
_ITS_DATES: tuple[_Check, ...] = (_expired, _too_old)
