"""The plan of a filing as people read it: one outcome per requirement, with its reason and its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import strawberry

from dossiers.evidence.discretion import face_of
from dossiers.objects import ObjectChoice
from dossiers.parties import Party
from dossiers.preview import Preview, Question, plan_filing
from dossiers.records import DossierEvidence, DossierRequirement
from procedures import law
from procedures.agencies import agency_name
from procedures.plan import Outcome, Planned, Probe, Reason, Used
from procedures.planning.conditions import declared_absent_by
from procedures.reasons import words
from resolvers.connections import read_uuid
from resolvers.context import AppInfo, Context
from resolvers.document import Document, own_document
from resolvers.procedure import Procedure, Requirement


@strawberry.input(description="A yes or no to one of the plan's questions.")
class SituationAnswer:
    id: str
    value: bool


@strawberry.input(description="Who fills a role: one's own subject by id, anybody else by citizen number.")
class PartyInput:
    role: str
    subject: strawberry.ID | None = None
    citizen_id: str | None = None


@strawberry.input(
    description="Which object the filing is about: that of a held document, or a new one (null)."
)
class ObjectInput:
    kind: law.ObjectKind
    document: strawberry.ID | None = None


@strawberry.input
class FilingPlanInput:
    procedure: str
    agency: strawberry.ID | None = None
    situations: list[SituationAnswer] | None = None
    parties: list[PartyInput] | None = None
    objects: list[ObjectInput] | None = None
    on_behalf_of: strawberry.ID | None = None
    on: date | None = None


@strawberry.type(
    description="A yes/no question; `answer` is null while it is open. Answering no declares that the papers of the"
    " requirements in `declaresAbsent` do not exist."
)
class SituationQuestion:
    id: str
    text: str
    help: str | None
    answer: bool | None
    declares_absent: list[strawberry.ID]


@strawberry.type(
    description="Evidence a plan discloses. What names a held document is null to all but its subject."
)
class PlannedEvidence:
    register: str | None
    claims: list[str]
    recipient: str
    paper: strawberry.Private[UUID | None] = None
    known: strawberry.Private[Document | None] = None

    @strawberry.field
    async def document(self, info: AppInfo) -> Document | None:
        return self.known or await own_document(info.context, self.paper)


@strawberry.type(
    description="A held document that looked right and does not serve, and why. To its subject only."
)
class RejectedEvidence:
    document: Document
    reason: str


@strawberry.type(description="A requirement's single outcome and its reason.")
class PlannedRequirement:
    requirement: Requirement
    outcome: Outcome
    satisfied: bool
    reason: str
    legal_basis: str | None
    evidence: list[PlannedEvidence]
    rejected: list[RejectedEvidence]
    warnings: list[str]


@strawberry.type(description="What a filing would need today, or on another day.")
class FilingPlan:
    procedure: Procedure
    requirements: list[PlannedRequirement]
    questions: list[SituationQuestion]
    optimal: bool
    to_supply: int
    due_date: date | None


async def filing_plan(info: AppInfo, input: FilingPlanInput) -> FilingPlan:  # noqa: A002
    """Uses the caller's own documents and the registers' health; asks no register, writes nothing."""
    context = info.context
    healthy = await context.house.registers.health()
    health = {name: Probe.UP if up else Probe.DOWN for name, up in healthy.items()}
    async with context.reading() as tx:
        found = await plan_filing(tx, context.caller, _question(input), health, context.office, context.now)
    recipient = await _recipient(context, input.agency)
    answers = {one.id: one.value for one in input.situations or []}
    return FilingPlan(
        procedure=Procedure.of(found.procedure, found.law, context.language),
        requirements=[_planned(context, found, one, recipient) for one in found.plan.planned],
        questions=questions_of(found.procedure, found.plan.open_situations, answers, context.language),
        optimal=found.plan.optimal,
        to_supply=found.plan.to_supply,
        due_date=found.due_on,
    )


def parties_from(given: list[PartyInput] | None) -> tuple[Party, ...]:
    return tuple(
        Party(one.role, read_uuid(one.subject, "Subject") if one.subject else None, one.citizen_id)
        for one in given or []
    )


def objects_from(given: list[ObjectInput] | None) -> tuple[ObjectChoice, ...]:
    return tuple(
        ObjectChoice(one.kind, read_uuid(one.document, "Document") if one.document else None)
        for one in given or []
    )


def questions_of(
    procedure: law.Procedure,
    open_ids: tuple[str, ...] | list[str],
    answers: Mapping[str, bool],
    language: str,
) -> list[SituationQuestion]:
    """The questions still open and those answered, in the procedure's order."""
    return [
        SituationQuestion(
            id=one.id,
            text=one.question.in_language(language),
            help=one.help.in_language(language) if one.help is not None else None,
            answer=answers.get(one.id),
            declares_absent=[
                strawberry.ID(absent) for absent in declared_absent_by(one.id, procedure.requirements)
            ],
        )
        for one in procedure.situations
        if one.id in open_ids or one.id in answers
    ]


@dataclass(frozen=True, slots=True)
class Kept:
    """A requirement with its row of a dossier, the evidence planned for it, and whom it is about."""

    requirement: law.Requirement
    row: DossierRequirement
    evidence: Sequence[DossierEvidence]
    whose: frozenset[UUID]


def kept_requirement(context: Context, book: law.Law, kept: Kept, recipient: str) -> PlannedRequirement:
    """A requirement as the dossier keeps it. Officers learn that it is met, not by which paper; a filer learns of
    somebody else's papers when that person has agreed."""
    row, asked, language = kept.row, kept.requirement, context.language
    face = face_of(asked, row, kept.evidence, kept.whose, context.caller)
    warnings = row.warnings if face.warned else []
    return PlannedRequirement(
        requirement=Requirement.of(asked, language),
        outcome=face.outcome,
        satisfied=row.satisfied,
        reason=words(face.reason, language, book),
        legal_basis=next((each.article for each in face.evidence if each.article), asked.legal_basis),
        evidence=[kept_evidence(book, each, recipient, language) for each in face.evidence],
        rejected=[],
        warnings=[words(Reason(each["code"], each["params"]), language, book) for each in warnings],
    )


def _question(given: FilingPlanInput) -> Question:
    return Question(
        procedure=given.procedure,
        answers={one.id: one.value for one in given.situations or []},
        parties=parties_from(given.parties),
        objects=objects_from(given.objects),
        on_behalf_of=read_uuid(given.on_behalf_of, "Subject") if given.on_behalf_of else None,
        on=given.on,
    )


async def _recipient(context: Context, agency: strawberry.ID | None) -> str:
    if agency is None:
        return ""
    row = await context.load.agency.load(read_uuid(agency, "Agency"))
    return agency_name(row, context.language) if row is not None else ""


def _planned(context: Context, found: Preview, one: Planned, recipient: str) -> PlannedRequirement:
    asked = next(each for each in found.procedure.requirements if each.id == one.requirement)
    basis = next((each.legal_basis for each in one.used if each.legal_basis), asked.legal_basis)
    return PlannedRequirement(
        requirement=Requirement.of(asked, context.language),
        outcome=one.outcome,
        satisfied=one.satisfied,
        reason=words(one.reason, context.language, found.law),
        legal_basis=basis,
        evidence=[_evidence(context, found, each, recipient) for each in one.used],
        rejected=[
            RejectedEvidence(document=document, reason=words(each.reason, context.language, found.law))
            for each in one.rejected
            if (document := _held(context, found, each.version)) is not None
        ],
        warnings=[words(each, context.language, found.law) for each in one.warnings],
    )


def _evidence(context: Context, found: Preview, used: Used, recipient: str) -> PlannedEvidence:
    return PlannedEvidence(
        known=_held(context, found, used.version),
        register=register_name(
            found.law, used.register.database if used.register else None, context.language
        ),
        claims=claim_labels(found.law, [str(claim) for claim in used.claims], context.language),
        recipient=recipient,
    )


def _held(context: Context, found: Preview, version: UUID | None) -> Document | None:
    holding = found.holdings.get(version) if version is not None else None
    return Document.of(holding, found.law, context.language) if holding is not None else None


def kept_evidence(book: law.Law, row: DossierEvidence, recipient: str, language: str) -> PlannedEvidence:
    """Evidence as a dossier keeps it; whose paper it is decides who may see which."""
    return PlannedEvidence(
        register=register_name(book, row.register, language),
        claims=claim_labels(book, row.claims, language),
        recipient=recipient,
        paper=row.document_id,
    )


def register_name(book: law.Law, database: str | None, language: str) -> str | None:
    return book.databases[database].in_language(language) if database is not None else None


def claim_labels(book: law.Law, names: list[str], language: str) -> list[str]:
    """What the claims are called, each once, in order."""
    concepts = dict.fromkeys(name.split("@")[0] for name in names)
    return [book.concepts[one].label.in_language(language) for one in concepts if one in book.concepts]
