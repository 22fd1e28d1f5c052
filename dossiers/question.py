"""The planner's question about one dossier: its rows, what is held and what registers said, as one value. Pure."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from procedures.law import Channel, ConditionKind, ObjectKind, Procedure
from procedures.plan import Filing, Probe, RegisterQuestion
from vault.holding import Holding, Origin

if TYPE_CHECKING:
    from dossiers.case import Case
    from dossiers.records import RegisterProbe


def filing_of(case: "Case", held: Iterable[Holding], numbered: frozenset[UUID]) -> Filing:
    """`held`: what the parties hold; `numbered`: those a register can be asked about."""
    dossier = case.dossier
    excluded = frozenset(version for row in case.requirements.values() for version in row.excluded)
    unfit = {one.document for one in case.holdings.values() if one.version in excluded}
    return Filing(
        procedure=case.procedure,
        on=dossier.filing_day,
        channel=Channel(dossier.channel),
        parties=case.parties,
        # A register's answer is evidence of the question it answers (FETCH), never a paper held (REUSE).
        holdings=tuple(one for one in held if one.origin is not Origin.REGISTER),
        dossier=dossier.id,
        filer_relation=dossier.filer_relation,
        answers={**_answered_by_registers(case), **dossier.answers},
        objects={ObjectKind(kind): UUID(key) if key else None for kind, key in dossier.objects.items()},
        askable=numbered,
        # A database that was silent when last asked counts as down whatever else it is asked.
        health=_silent(case),
        probes={
            RegisterQuestion(row.database, row.document_type, row.subject_id): _said(row, unfit)
            for row in case.probes
        },
        declared_absent=frozenset(dossier.declared_absent),
        declined=frozenset(row.requirement for row in case.requirements.values() if row.declined),
        excluded_versions=excluded,
        mandates=recorded_mandates(case.procedure)
        if dossier.filer_id != dossier.applicant_id
        else frozenset(),
        overridden=frozenset(row.requirement for row in case.requirements.values() if row.override_id),
        sensitivity={concept.id: concept.sensitivity for concept in case.law.concepts.values()},
        broader={c.id: c.broader for c in case.law.concepts.values() if c.broader is not None},
        attests={
            kind.id: frozenset(str(claim) for claim in kind.claims)
            for kind in case.law.document_types.values()
        },
    )


def recorded_mandates(procedure: Procedure) -> frozenset[str]:
    """Authorisation papers a mandate recorded in the system covers: nobody files for another here without one."""
    return frozenset(
        one.id
        for one in procedure.requirements
        if one.condition is not None and one.condition.kind is ConditionKind.MANDATE
    )


def _said(row: "RegisterProbe", unfit: Collection[UUID]) -> Probe:
    """What a register said. An answer an officer found unfit is a wrong one: the paper may be asked for, and the
    source must be corrected (Resolution 66.7/2025, Article 2)."""
    return Probe.MISMATCH if row.document_id in unfit else Probe(row.probe)


def _silent(case: "Case") -> dict[str, Probe]:
    """Databases whose last word to this dossier was none."""
    last: dict[str, RegisterProbe] = {}
    for row in case.probes:
        before = last.get(row.database)
        # Of two asked at one moment, the one that answered shows that the database is there.
        if before is None or (row.at, row.probe != Probe.DOWN) > (before.at, before.probe != Probe.DOWN):
            last[row.database] = row
    return {database: Probe.DOWN for database, row in last.items() if row.probe == Probe.DOWN}


def _answered_by_registers(case: "Case") -> dict[str, bool]:
    """Situations a register's answer settles: data may show that a higher-ranked paper exists, never that it
    does not (once-only.md, ranks)."""
    found = {row.database for row in case.probes if row.probe == Probe.FOUND}
    ranked = {
        test.situation
        for requirement in case.procedure.requirements
        if requirement.condition is not None and requirement.condition.higher_components
        for test in requirement.condition.tests
    }
    return {
        situation.id: True
        for situation in case.procedure.situations
        if situation.id in ranked and situation.answered_by_register in found
    }
