"""The parts of a `Law`, each built from its entry in the catalogue.

Pure. What the catalogue leaves null stays None here: "not published", never a guess.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from procedures.editions import Body, CatalogueFiles, in_force
from procedures.equivalences import Asked, accepted_types, members, register_sources
from procedures.law import (
    Channel,
    ClaimNeed,
    Concept,
    Condition,
    ConditionKind,
    DocumentType,
    Duty,
    Fee,
    Form,
    FormField,
    ObjectKind,
    OutcomeClass,
    Procedure,
    Requirement,
    Situation,
    SituationTest,
    Text,
    TimeLimit,
)

_EVIDENCE = frozenset({OutcomeClass.EVIDENCE, OutcomeClass.SHOW, OutcomeClass.SURRENDER})


def procedure_of(files: CatalogueFiles, body: Body, on: date) -> Procedure:
    """One procedure as published on that day."""
    asked = (component for component in body["components"] if in_force(component, on))
    requirements = tuple(requirement_of(files, body, component, on) for component in asked)
    limit = body["time_limit"]
    return Procedure(
        id=body["id"],
        code=body["code"],
        name=Text(body["name_vi"], body["name_en"]),
        field=body["field_id"],
        requirements=requirements,
        situations=tuple(_situations(files, requirements)),
        fees=tuple(_fee(fee) for fee in body["fees"]),
        time_limit=TimeLimit(limit["value"], limit["unit"], english(limit["note_en"])),
        legal_basis=tuple(body["legal_basis"]),
        executing_agency_types=tuple(body["executing_agency_type_ids"]),
        reception_agency_types=tuple(body["reception_agency_type_ids"]),
        result_types=tuple(body["result_document_type_ids"]),
        form=_form_of_procedure(files, requirements),
        cutoff=body.get("cutoff"),
        notes=tuple(Text(note, note) for note in (body["conditions_en"], body["notes_en"]) if note),
    )


def requirement_of(files: CatalogueFiles, procedure: Body, component: Body, on: date) -> Requirement:
    """One component with what may meet it on that day."""
    note = files.table("component_annotations")[component["id"]]
    outcome = OutcomeClass(note["outcome_class"])
    fresh = bool(note.get("fresh", False))
    asked = Asked(procedure, component, barred=note["self_object"] or fresh)
    accepts = accepted_types(files, asked, on) if outcome in _EVIDENCE else ()
    registers = register_sources(files, asked, accepts, on)
    readable = frozenset(one.database for one in registers) if outcome in _EVIDENCE else None
    named = files.table("document_types")[component["document_type_id"]]
    return Requirement(
        id=component["id"],
        name=Text(component["name_vi"], component.get("name_en")),
        document_type=component["document_type_id"],
        subject_role=note["subject_role"],
        outcome_class=outcome,
        duty=Duty(component["requirement"]),
        accepts=accepts,
        registers=registers,
        claims=needs(note["claims"]),
        whole=note["whole"],
        min_level=note["min_level"],
        max_age_days=note["max_age_days"],
        self_object=note["self_object"],
        fresh=fresh,
        group=component["alternative_group"],
        rank=note["rank"] or 1,
        condition=_condition(files.table("conditions").get(component["id"]), readable),
        object_kind=ObjectKind(note.get("object_kind") or named.get("object_kind", "person")),
        legal_basis=note.get("legal_basis_vi") or next(iter(procedure["legal_basis"]), None),
    )


def document_type_of(files: CatalogueFiles, body: Body) -> DocumentType:
    """One paper with what it attests."""
    attested = files.table("document_claims").get(body["id"], {"claims": ()})
    validity = body["validity"]
    return DocumentType(
        id=body["id"],
        name=Text(body["name_vi"], body["name_en"]),
        category=body["category"],
        holder=body["holder"],
        claims=needs(attested["claims"]),
        object_kind=ObjectKind(body.get("object_kind", "person")),
        members=members(files, body["id"]),
        issuing_agency_types=tuple(body["issuing_agency_type_ids"]),
        validity_kind=validity["kind"],
        validity_value=validity["value"],
        validity_unit=validity["unit"],
        case_bound=bool(body.get("case_bound", False)),
        application_form=body["category"] == "application_form",
        identifying=needs(body.get("identifying", ())),
        always_shown=frozenset(
            f"{one['concept']}@{one['role']}" for one in attested["claims"] if one.get("sd") == "never"
        ),
    )


def term_of(files: CatalogueFiles, rule: str) -> TimeLimit:
    """The term a deadline rule sets; one of no length where it is not published."""
    body = files.table("deadline_rules").get(rule)
    given = (body["parameters"] if body is not None else None) or {}
    note = Text(body["name_vi"], body["rule_en"]) if body is not None else None
    return TimeLimit(given.get("value"), given.get("unit"), note)


def concept_of(body: Body) -> Concept:
    """One information concept."""
    return Concept(
        body["id"],
        Text(body["label_vi"], body["label_en"]),
        body["value_type"],
        body["sensitivity"],
        body.get("broader"),
    )


def form_of(form_id: str, body: Body) -> Form:
    """One application form with its typed fields."""
    return Form(
        form_id, Text(body["title_vi"], body["title_en"]), tuple(_field(row) for row in body["fields"])
    )


def needs(rows: Iterable[Body]) -> tuple[ClaimNeed, ...]:
    """Claims as concept and role, in catalogue order, each once."""
    return tuple(dict.fromkeys(ClaimNeed(row["concept"], row["role"]) for row in rows))


def english(note: str | None) -> Text | None:
    """Notes the catalogue has in English alone are shown in English rather than dropped."""
    return Text(note, note) if note else None


def situation_tests(body: Body) -> tuple[tuple[SituationTest, ...], bool]:
    """The tests of a condition, and whether all must hold (else any)."""
    combined: dict[str, Any] = body.get("combine") or {}
    rows = combined.get("all") or combined.get("any") or []
    if body.get("situation_id"):
        rows = [body, *rows]
    return tuple(SituationTest(row["situation_id"], row["when"]) for row in rows), "any" not in combined


def _condition(body: Body | None, readable: frozenset[str] | None) -> Condition | None:
    """`readable`: the databases some rule lets the agency read on that day; None when no paper is asked for.

    A condition "only if the data cannot be read" counts a database whose rule has lapsed as unreadable.
    """
    if body is None:
        return None
    computed = body.get("computed_from") or {}
    tests, match_all = situation_tests(body)
    databases = computed.get("databases", ())
    return Condition(
        kind=ConditionKind(body["kind"]),
        tests=tests,
        match_all=match_all,
        databases=tuple(name for name in databases if readable is None or name in readable),
        channels=frozenset(Channel(name) for name in computed.get("channels", ())),
        filer_is=frozenset(computed.get("filer_is", ())),
        own_right_filers=frozenset(computed.get("own_right_filers", ())),
        no_paper_relations=frozenset(computed.get("no_paper_relations", ())),
        no_certification_relations=frozenset(computed.get("no_certification_relations", ())),
        higher_components=tuple(computed.get("higher_components", ())),
        text=Text(body["text_vi"], body["text_en"]),
    )


def _situations(files: CatalogueFiles, requirements: Iterable[Requirement]) -> Iterator[Situation]:
    """The situations those requirements test, in the order in which they first matter."""
    conditions = [one.condition for one in requirements if one.condition]
    for name in dict.fromkeys(test.situation for condition in conditions for test in condition.tests):
        body = files.table("situations")[name]
        who, _, source = body["answered_by"].partition(":")
        yield Situation(
            id=name,
            question=Text(body["question_vi"], body["question_en"]),
            help=Text(body["help_vi"], body["help_en"]) if body["help_vi"] else None,
            about_role=body["about_role"],
            answered_by_register=source if who == "register" else None,
            answered_by_holding=source if who == "vault" else None,
        )


def _form_of_procedure(files: CatalogueFiles, requirements: Iterable[Requirement]) -> Form | None:
    """One form per filing: the fields of every form the procedure always asks for, none of them twice.

    Where each form belongs to one case only (re-issue or exchange), the first case's form is taken.
    """
    asked = [one for one in requirements if one.document_type in files.table("forms")]
    asked = [one for one in asked if one.outcome_class is OutcomeClass.FORM]
    always = [one for one in asked if one.duty is Duty.MANDATORY] or asked[:1]
    if not always:
        return None
    forms = [form_of(one.document_type, files.table("forms")[one.document_type]) for one in always]
    fields = {row.key: row for form in reversed(forms) for row in form.fields}
    ordered = dict.fromkeys(row.key for form in forms for row in form.fields)
    return Form(forms[0].id, forms[0].title, tuple(fields[key] for key in ordered))


def _field(row: Body) -> FormField:
    options = [(str(one["value"]), Text(one["label_vi"], one["label_en"])) for one in row.get("enum", ())]
    return FormField(
        key=row["key"],
        label=Text(row["label_vi"], row["label_en"]),
        type=row["type"],
        required=row["required"],
        subject_role=row["subject_role"],
        concept=row["concept"],
        prefill=row["prefill"],
        options=tuple(options),
        show_when=row.get("show_when"),
        help=Text(row["help_vi"], row["help_en"]) if row.get("help_vi") else None,
    )


def _fee(row: Body) -> Fee:
    return Fee(row["kind"], row["amount_vnd"], row["channel"], english(row["note_en"]))
