"""Which held papers and registers may meet a requirement, and why the others may not.

Pure. Legality is settled here, before any cost is weighed: what this module leaves out no plan can bring back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from procedures.law import AcceptedType, RegisterSource, Requirement
from procedures.plan import Filing, Probe, Reason, RegisterQuestion, Rejected, Unread
from procedures.planning.fitness import (
    WITHOUT_OBJECT,
    Candidate,
    Fit,
    Kinds,
    claims_proving,
    deposited_here,
    judge,
)
from procedures.reasons import Code
from vault.holding import Holding, Origin

THING_ROLES = frozenset({"land", "organisation", "premises", "works"})
APPLICANT_ROLES = THING_ROLES | {
    "buyer",
    "household_head",
    "land_user",
    "owner_of_dwelling",
    "vehicle_owner",
    "worker",
}
"""Roles the applicant fills when the filing names nobody else: a thing's papers are found with whoever files
for it. Any other role must be named."""


@dataclass(frozen=True, slots=True)
class Held:
    """A holding that may serve and the claims (`concept@role`) it would disclose. `assumed`: it serves only if
    the filing is about the same object as this paper, which nobody has declared."""

    holding: Holding
    accepted: AcceptedType
    claims: tuple[str, ...]
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Readable:
    """A register question that may serve and the claims its answer would disclose. `probe` is UP, FOUND or
    DOWN; down is not missing."""

    question: RegisterQuestion
    source: RegisterSource
    probe: Probe
    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All there is for one requirement. `unseen`: originals held but not yet compared with the paper."""

    held: tuple[Held, ...] = ()
    readable: tuple[Readable, ...] = ()
    unseen: tuple[Held, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def exists(self) -> bool:
        """Data show the paper: it is held fit to serve, or a register that is not down may answer."""
        return bool(self.held) or any(r.probe is not Probe.DOWN for r in self.readable)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A filing with its holdings sorted for look-up, so that no order of deposit shows through."""

    filing: Filing
    by_type: Mapping[str, tuple[Holding, ...]]
    narrower: Kinds
    """Concept to every narrower one, nearest first."""


def shelve(filing: Filing) -> Shelf:
    """Sort the holdings. A register's answer kept for a dossier is found by its question, never as a paper."""
    by_type: dict[str, list[Holding]] = {}
    for holding in sorted(filing.holdings, key=lambda h: h.version):
        if holding.origin is not Origin.REGISTER:
            by_type.setdefault(holding.type, []).append(holding)
    narrower: dict[str, list[str]] = {}
    for concept in sorted(filing.broader):
        seen = {concept}
        wider = filing.broader.get(concept)
        while wider is not None and wider not in seen:
            narrower.setdefault(wider, []).append(concept)
            seen.add(wider)
            wider = filing.broader.get(wider)
    return Shelf(
        filing,
        {key: tuple(found) for key, found in by_type.items()},
        {key: tuple(found) for key, found in narrower.items()},
    )


def subjects_of(role: str, filing: Filing) -> tuple[UUID, ...]:
    """Who fills `role`; empty when the filing does not say and the applicant is not meant by it."""
    given = filing.parties.get(role, ())
    return filing.parties["applicant"] if not given and role in APPLICANT_ROLES else given


def find_evidence(requirement: Requirement, shelf: Shelf) -> Evidence:
    """Judge every held paper of an accepted type and every register of the requirement.

    Any one subject of the role serves. A paper handed in (SURRENDER) is only looked for, not weighed.
    """
    subjects = subjects_of(requirement.subject_role, shelf.filing)
    held, unseen, rejected = [], [], []
    for accepted in {kind.document_type: kind for kind in reversed(requirement.accepts)}.values():
        for holding in shelf.by_type.get(accepted.document_type, ()):
            verdict = judge(Candidate(requirement, accepted, holding, subjects), shelf.filing, shelf.narrower)
            if isinstance(verdict, Fit):
                held.append(Held(holding, accepted, verdict.claims))
                continue
            rejected.append(_reject(holding, verdict))
            if verdict.code == Code.NOT_SEEN:
                unseen.append(Held(holding, accepted, ()))
    held, strays = _settle_object(requirement, held, shelf.filing)
    unseen, _ = _settle_object(requirement, unseen, shelf.filing)
    readable, unread = _ask_registers(requirement, subjects, shelf)
    return Evidence(tuple(held), readable, tuple(unseen), (*rejected, *strays), unread)


def _settle_object(
    requirement: Requirement, found: list[Held], filing: Filing
) -> tuple[list[Held], list[Rejected]]:
    """Where the filing does not say what it is about, assume what the latest deposited paper is about."""
    undeclared = [h.holding for h in found if _is_undeclared(h, requirement, filing)]
    if not undeclared:
        return found, []
    named = [one for one in undeclared if one.object_key is not None]
    key = max(named or undeclared, key=lambda one: (one.deposited_at, one.version)).object_key
    kept, strays = [], []
    for h in found:
        if not _is_undeclared(h, requirement, filing):
            kept.append(h)
        elif h.holding.object_key == key:
            kept.append(replace(h, assumed=True))
        else:
            code = Code.OTHER_OBJECT if h.holding.object_key else Code.OBJECT_UNKNOWN
            strays.append(_reject(h.holding, Reason(code, {"document_type": h.holding.type})))
    return kept, strays


def _is_undeclared(held: Held, requirement: Requirement, filing: Filing) -> bool:
    kind = held.accepted.object_kind or requirement.object_kind
    return (
        kind not in WITHOUT_OBJECT and kind not in filing.objects and not deposited_here(held.holding, filing)
    )


def _ask_registers(
    requirement: Requirement, subjects: tuple[UUID, ...], shelf: Shelf
) -> tuple[tuple[Readable, ...], tuple[Unread, ...]]:
    readable, unread = [], []
    for source in requirement.registers:
        for subject in subjects:
            for document_type in source.document_types:
                question = RegisterQuestion(source.database, document_type, subject)
                claims = _claims_answered(requirement, document_type, shelf)
                silence = _why_silent(question, shelf.filing)
                if silence is None and claims is not None:
                    readable.append(Readable(question, source, _probe_of(question, shelf.filing), claims))
                    continue
                code = silence or Code.ANSWER_INCOMPLETE
                unread.append(Unread(question, Reason(code, {"database": source.database})))
    return tuple(readable), tuple(unread)


def _claims_answered(requirement: Requirement, document_type: str, shelf: Shelf) -> tuple[str, ...] | None:
    """What an answer in place of that paper discloses; None when it lacks a fact. A paper nobody described is
    taken to carry what is asked of it."""
    asked = tuple(str(need) for need in requirement.claims)
    carried = shelf.filing.attests.get(document_type)
    if carried is None:
        return asked
    return (
        tuple(sorted(carried)) if requirement.whole else claims_proving(requirement, carried, shelf.narrower)
    )


def _why_silent(question: RegisterQuestion, filing: Filing) -> Code | None:
    if question.subject not in filing.askable:
        return Code.NOT_ASKABLE
    return _SILENT.get(_probe_of(question, filing))


def _probe_of(question: RegisterQuestion, filing: Filing) -> Probe:
    return filing.probes.get(question) or filing.health.get(question.database, Probe.UP)


_SILENT: Mapping[Probe, Code] = {
    Probe.NOT_FOUND: Code.SOURCE_NOT_FOUND,
    Probe.MISMATCH: Code.SOURCE_MISMATCH,
}


def _reject(holding: Holding, reason: Reason) -> Rejected:
    return Rejected(holding.document, holding.version, reason)
