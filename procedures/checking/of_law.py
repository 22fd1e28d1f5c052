"""Faults of a catalogue as law: requirements nothing can meet, papers accepted that cannot serve.

Pure; part of `procedures.checking.check`. Expects a catalogue whose files have no fault of their own.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from procedures.catalogue import law_on
from procedures.checking.faults import Fault, FaultKind, Row, components
from procedures.checking.of_rules import EVIDENCE
from procedures.editions import CatalogueFiles
from procedures.law import ClaimNeed, Law, Requirement


def faults_of_law(files: CatalogueFiles, on: date) -> Iterator[Fault]:
    """What is wrong with the law of that day."""
    law = law_on(files, on)
    rows = {row.id: row for _, row in components(files)}
    issued = frozenset(name for one in law.procedures.values() for name in one.result_types)
    for procedure in law.procedures.values():
        for requirement in procedure.requirements:
            if requirement.outcome_class in EVIDENCE:
                yield from _coverage(law, requirement, rows[requirement.id])
                yield from _level(law, requirement, rows[requirement.id], issued)
                yield from _age(law, requirement, rows[requirement.id], issued)


def uncovered(law: Law, needs: Iterable[ClaimNeed], paper: str) -> list[ClaimNeed]:
    """The needs a paper does not attest, neither itself nor by a narrower concept about the same role."""
    attested = {claim for one in law.document_types[paper].claims for claim in _broadened(law, one)}
    return [need for need in needs if need not in attested]


def _broadened(law: Law, claim: ClaimNeed) -> Iterator[ClaimNeed]:
    concept: str | None = claim.concept
    while concept is not None:
        yield ClaimNeed(concept, claim.role)
        concept = law.concepts[concept].broader


def _coverage(law: Law, requirement: Requirement, row: Row) -> Iterator[Fault]:
    impossible = FaultKind.IMPOSSIBLE_REQUIREMENT
    if not requirement.accepts:
        yield row.fault(impossible, ".document_type_id", f"on {law.on} no paper is accepted for it")
    elif requirement.whole:
        return
    elif not requirement.claims:
        yield row.fault(impossible, "", "it needs neither the whole paper nor any claim")
    else:
        papers = [one.document_type for one in requirement.accepts]
        lacking = {paper: uncovered(law, requirement.claims, paper) for paper in papers}
        if all(lacking.values()):
            yield row.fault(impossible, "", f"no accepted paper attests all of {_words(requirement.claims)}")
            return
        for paper, needs in lacking.items():
            if needs:
                detail = f"{paper} does not attest {_words(needs)}"
                yield row.fault(FaultKind.ACCEPTANCE_THAT_CANNOT, ".document_type_id", detail)


def _level(law: Law, requirement: Requirement, row: Row, issued: frozenset[str]) -> Iterator[Fault]:
    """Level 1 needs a source: a register, an issuer in the catalogue, or the person's own issued original."""
    if requirement.min_level > 1 or requirement.self_object or requirement.registers:
        return
    if issued.isdisjoint(one.document_type for one in requirement.accepts):
        detail = f"level 1 is asked and on {law.on} no accepted paper is issued or readable"
        yield row.fault(FaultKind.IMPOSSIBLE_REQUIREMENT, ".document_type_id", detail)


def _age(law: Law, requirement: Requirement, row: Row, issued: frozenset[str]) -> Iterator[Fault]:
    """A paper that may not be older than so many days must bear its date; what is issued here is dated by that."""
    if requirement.max_age_days is None or requirement.registers:
        return
    papers = [law.document_types[one.document_type] for one in requirement.accepts]
    if all(
        paper.id not in issued and all(claim.concept != "document.issue_date" for claim in paper.claims)
        for paper in papers
    ):
        detail = f"at most {requirement.max_age_days} days old, and no accepted paper bears its date"
        yield row.fault(FaultKind.IMPOSSIBLE_REQUIREMENT, ".document_type_id", detail)


def _words(needs: Iterable[ClaimNeed]) -> str:
    return ", ".join(map(str, needs))
