"""What a filer may know of somebody else's papers before that person agrees: that they are asked. Pure.

Naming a person lets the plan look at what they hold (consent gates disclosure, not planning). What it found stays
with the plan: which kind of paper, in which state, from which register is told to the filer only once its owner has
let it be seen. That something serves, or must be brought, cannot be hidden from whoever has to bring it; how many
people may be named in a day is bounded for that (`parties.note_named`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from auth.caller import Caller
from auth.policy import IN_FILINGS, Reach, reach
from dossiers.records import DossierEvidence, DossierRequirement
from procedures.law import Requirement
from procedures.plan import Outcome, Reason
from procedures.reasons import Code

if TYPE_CHECKING:
    from dossiers.case import Case

COVERED = frozenset({Outcome.REUSE, Outcome.FETCH, Outcome.PENDING_FETCH})

TELLING = frozenset(
    {
        Code.SUPPLIED_HERE,
        Code.SHOWN_HERE,
        Code.SURRENDER_ORIGINAL,
        Code.DECLINED,
        Code.OVERRIDDEN,
        Code.PARTY_UNKNOWN,
        Code.ASKED_MISSING,
        Code.ASKED_UNFIT,
        Code.CONSENT_WITHDRAWN,
        Code.DECLARED_ON_FORM,
    }
)
"""Reasons that come from the filing itself, not from what the person holds."""


@dataclass(frozen=True, slots=True)
class Face:
    """A requirement as one reader may see it."""

    outcome: Outcome
    reason: Reason
    evidence: tuple[DossierEvidence, ...]
    warned: bool
    """Whether its warnings, which speak of papers held, may be read too."""


def face_of(
    requirement: Requirement,
    row: DossierRequirement,
    evidence: Iterable[DossierEvidence],
    whose: Collection[UUID],
    caller: Caller,
) -> Face:
    """What the caller may see of a requirement about `whose`: whole where it is the caller's own business or all of
    it is agreed to, else without a word of what somebody else holds."""
    rows, outcome = tuple(evidence), Outcome(row.outcome)
    reason = Reason(row.reason, {key: str(value) for key, value in row.reason_params.items()})
    within = reach(caller, within=IN_FILINGS)
    agreed = tuple(one for one in rows if _is_told(one, within))
    if not _is_anothers(within, whose) or (rows and agreed == rows):
        return Face(outcome, reason, rows, warned=True)
    shown = Outcome.FETCH if outcome in COVERED else outcome
    return Face(shown, told_reason(requirement, outcome, reason), agreed, warned=False)


def gap_reason(caller: Caller, case: "Case", requirement: str, reason: Reason) -> Reason:
    """Why the caller has to bring something, without what it says of anything somebody else holds."""
    asked = case.requirement(requirement)
    if not _is_anothers(reach(caller, within=IN_FILINGS), case.subjects_of(asked.subject_role)):
        return reason
    return told_reason(asked, Outcome.SUPPLY, reason)


def told_reason(requirement: Requirement, outcome: Outcome, reason: Reason) -> Reason:
    """The reason, without what it says of anything held."""
    if reason.code in TELLING or outcome in (Outcome.NOT_APPLICABLE, Outcome.FORM):
        return reason
    if outcome in COVERED:
        return Reason(Code.AWAITS_APPROVAL, {"role": requirement.subject_role})
    code = Code.SHOW_ORIGINAL if outcome is Outcome.SHOW else Code.TO_BE_BROUGHT
    return Reason(code, {"document_type": requirement.document_type})


def _is_anothers(within: Reach, whose: Iterable[UUID]) -> bool:
    # Officers see what a filing rests on, by their own door.
    return not within.agencies and not within.subjects.issuperset(whose)


def _is_told(row: DossierEvidence, within: Reach) -> bool:
    return row.subject_id in within.subjects or row.consent_id is not None or row.legal_basis == "OWN"
