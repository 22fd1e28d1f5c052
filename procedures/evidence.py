"""Which held papers and registers may meet a requirement, and why the others may not.

Pure. Legality is settled here, before any cost is weighed: what this module leaves out no plan can bring back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from procedures.fitness import WITHOUT_OBJECT, Candidate, Fit, Kinds, deposited_here, judge
from procedures.law import AcceptedType, RegisterSource, Requirement
from procedures.plan import Filing, Probe, Reason, RegisterQuestion, Rejected, Unread
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
    """A register question that may serve. `probe` is UP, FOUND or DOWN; down is not missing."""

    question: RegisterQuestion
    source: RegisterSource
    probe: Probe


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
    readable, unread = _ask_registers(requirement, subjects, shelf.filing)
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
    requirement: Requirement, subjects: tuple[UUID, ...], filing: Filing
) -> tuple[tuple[Readable, ...], tuple[Unread, ...]]:
    readable, unread = [], []
    for source in requirement.registers:
        for subject in subjects:
            for document_type in source.document_types:
                question = RegisterQuestion(source.database, document_type, subject)
                probe = filing.probes.get(question) or filing.health.get(source.database, Probe.UP)
                silence = _SILENT.get(probe) if subject in filing.askable else Code.NOT_ASKABLE
                if silence is None:
                    readable.append(Readable(question, source, probe))
                else:
                    unread.append(Unread(question, Reason(silence, {"database": source.database})))
    return tuple(readable), tuple(unread)


_SILENT: Mapping[Probe, Code] = {
    Probe.NOT_FOUND: Code.SOURCE_NOT_FOUND,
    Probe.MISMATCH: Code.SOURCE_MISMATCH,
}


def _reject(holding: Holding, reason: Reason) -> Rejected:
    return Rejected(holding.document, holding.version, reason)
