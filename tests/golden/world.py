"""The golden table's worlds as the planner's own `Filing`s."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from procedures.law import Channel, DocumentType, Law, ObjectKind, OutcomeClass, Procedure
from procedures.plan import Filing, Probe, RegisterQuestion
from procedures.planner import plan
from tests.golden.cases import Case, Grounded, World
from vault.holding import Holding, Origin, Status

_PAPER = frozenset({OutcomeClass.EVIDENCE, OutcomeClass.SHOW, OutcomeClass.SURRENDER})
_DEPOSITED_BEFORE = timedelta(days=20)


@dataclass(frozen=True, slots=True)
class Scene:
    """One state of the law: on each day of the worlds, and what an ordinary day's law says is kept."""

    laws: Mapping[date, Law]
    everything: Mapping[str, int]
    vaults: dict[tuple[World, tuple[UUID, ...]], tuple[Holding, ...]] = field(default_factory=dict)
    """Vaults filled so far: neither the filing nor a rule of law changes what people hold."""

    def filing(self, procedure: str, case: Case, world: World) -> Filing | None:
        """The filing of that case in that world; None when the procedure is not in force on its day."""
        law = self.laws[world.on]
        body = law.procedures.get(procedure)
        return _filing(law, body, case, world, self._vaults(law, body, world)) if body else None

    def _vaults(self, law: Law, procedure: Procedure, world: World) -> tuple[Holding, ...]:
        people = tuple(sorted({person for group in _parties(procedure).values() for person in group}))
        if (world, people) not in self.vaults:
            self.vaults[world, people] = tuple(
                _holding(law.document_types[paper], level, person, world.on)
                for paper, level in self._held(world).items()
                for person in people
            )
        return self.vaults[world, people]

    def _held(self, world: World) -> Mapping[str, int]:
        if world.only:
            return {world.only: 1}
        return self.everything if world.held else {}


def everything_held(law: Law) -> dict[str, int]:
    """Paper type → assurance level: every result issued electronically, and every self-supplied, not case-bound
    paper that two or more procedures accept, as its owner scanned it."""
    takers: dict[str, set[str]] = {}
    results: set[str] = set()
    for procedure in law.procedures.values():
        results.update(procedure.result_types)
        for requirement in procedure.requirements:
            if requirement.outcome_class in _PAPER:
                for accepted in requirement.accepts:
                    takers.setdefault(accepted.document_type, set()).add(procedure.id)
    kept = {paper for paper, by in takers.items() if len(by) > 1 and _personal(law.document_types[paper])}
    return dict.fromkeys(kept, 3) | dict.fromkeys(results, 1)


def _personal(paper: DocumentType) -> bool:
    return not (paper.case_bound or paper.members or paper.application_form)


_ANOTHER_CASE = uuid5(NAMESPACE_OID, "another dossier")
_PLACE = uuid5(NAMESPACE_OID, "what the filing is about")
"""One key for every kind of object: the parcel of the land certificate is where the filing's building stands."""


def _filing(
    law: Law, procedure: Procedure, case: Case, world: World, holdings: tuple[Holding, ...]
) -> Filing:
    parties = _parties(procedure)
    return Filing(
        procedure=procedure,
        on=world.on,
        channel=Channel.IN_PERSON if case.in_person else Channel.ONLINE,
        parties=parties,
        holdings=holdings,
        dossier=uuid5(NAMESPACE_OID, "this dossier"),
        filer_relation=case.filer,
        answers={one.id: one.id in case.yes for one in procedure.situations},
        objects=dict.fromkeys(ObjectKind, _PLACE),
        askable=frozenset(person for group in parties.values() for person in group),
        health={name: Probe.UP if world.answers(name) else Probe.DOWN for name in law.databases},
        probes=_no_entry(procedure, parties, case, world),
        declared_absent=case.absent,
        sensitivity={name: concept.sensitivity for name, concept in law.concepts.items()},
        broader={name: concept.broader for name, concept in law.concepts.items() if concept.broader},
        attests={name: frozenset(map(str, paper.claims)) for name, paper in law.document_types.items()},
    )


def _no_entry(
    procedure: Procedure, parties: Mapping[str, tuple[UUID, ...]], case: Case, world: World
) -> dict[RegisterQuestion, Probe]:
    """What is declared not to exist is in no register that answers, nor is what the world has no entry of."""
    return {
        RegisterQuestion(source.database, paper, person): Probe.NOT_FOUND
        for requirement in procedure.requirements
        for source in requirement.registers
        for paper in source.document_types
        for person in parties[requirement.subject_role]
        if not world.has_entry(paper) or (requirement.id in case.absent and world.answers(source.database))
    }


def _parties(procedure: Procedure) -> dict[str, tuple[UUID, ...]]:
    """One person per role; the applicant files in person or is represented, but stays the applicant."""
    roles = {"applicant", *(requirement.subject_role for requirement in procedure.requirements)} - {"filer"}
    found: dict[str, tuple[UUID, ...]] = {role: (uuid5(NAMESPACE_OID, role),) for role in sorted(roles)}
    return found | {"filer": found["applicant"]}


def _holding(paper: DocumentType, level: int, person: UUID, on: date) -> Holding:
    issued = on - _DEPOSITED_BEFORE
    name = f"{paper.id} of {person}"
    return Holding(
        document=uuid5(NAMESPACE_OID, name),
        version=uuid5(NAMESPACE_OID, f"{name}, version 1"),
        number=1,
        type=paper.id,
        subject=person,
        origin=Origin.ISSUED if level == 1 else Origin.SELF,
        level=level,
        status=Status.VALID,
        claims=frozenset(map(str, paper.claims)),
        disputed=frozenset(),
        object_key=None if paper.object_kind is ObjectKind.PERSON else _PLACE,
        bound_to=_ANOTHER_CASE if paper.case_bound else None,
        deposited_in=None,
        deposited_at=datetime.combine(issued, time(9), UTC),
        issued_on=issued,
        valid_until=None,
        seen=False,
    )


def planned(scene: Scene, procedure: str, case: Case, world: World) -> dict[str, Grounded]:
    """Component number → the planner's outcome and the rules its evidence rests on."""
    filing = scene.filing(procedure, case, world)
    return {
        one.requirement.rsplit(".", 1)[1]: (one.outcome.value, frozenset(u.rule for u in one.used if u.rule))
        for one in (plan(filing).planned if filing else ())
    }
