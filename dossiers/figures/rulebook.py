"""What the law let an agency take instead of asking, read from the catalogue a second time. Pure.

The recount checks the planner, so it shares nothing with it: this reads the items of the catalogue by itself and
says, for each component and each span of days, which papers and registers would have done. Where the two readings
differ, one of them misreads the law, and the figures show it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from dossiers.figures.editions import Body, Catalogue, Edition, as_known, day, in_force, spans

ACCOUNT_FACTS = frozenset(
    {
        "person.full_name",
        "person.personal_id_number",
        "person.identity_document_number",
        "person.date_of_birth",
        "organisation.name",
        "organisation.registration_number",
    }
)
"""What an account with a number already says of its holder."""

APPLICANT_MEANT = frozenset(
    {
        "buyer",
        "household_head",
        "insured",
        "insured_person",
        "land_user",
        "organisation",
        "owner_of_dwelling",
        "subject",
        "vehicle_owner",
        "worker",
    }
)
"""Roles the applicant plays where the filing names nobody else. So do the roles of things: whoever files for a
house speaks for it. Of anybody else nothing is known until they are named."""


def rules(editions: Iterable[Edition], procedures: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """`components` and `fields` of these procedures, each with the span of days and of knowledge it holds for.

    Plain JSON, as the recount's SQL reads it. A component has a rule of its `own`, and one for each other paper
    that spares it. Both ends of `first_day`–`last_day` are included; knowledge runs from
    `known_from` up to, not including, `known_to`. None is unbounded.
    """
    components: list[dict[str, Any]] = []
    fields: list[dict[str, Any]] = []
    for known, catalogue in as_known(list(editions)):
        days = spans(catalogue)
        for procedure in procedures:
            if procedure not in catalogue.table("procedures"):
                continue
            for component in catalogue.table("procedures")[procedure]["components"]:
                own = _component_rules(catalogue, procedure, component, days)
                spared_by = _alternatives(catalogue, procedure, component, days)
                components += [known | one for one in (*own, *spared_by)]
            fields += [known | one for one in _field_rules(catalogue, procedure)]
    return {"components": components, "fields": fields}


def _component_rules(
    catalogue: Catalogue, procedure: str, component: Body, days: list[tuple[date | None, date | None]]
) -> list[dict[str, Any]]:
    note = catalogue.table("component_annotations").get(component["id"])
    if note is None or note["outcome_class"] not in ("evidence", "show"):
        return []  # a form, or a paper whose handing in is itself the point
    found: list[dict[str, Any]] = []
    for first, last in days:
        rule = _rule_on(catalogue, procedure, component, note, first or last or date.max)
        bounds = {"first_day": first and first.isoformat(), "last_day": last and last.isoformat()}
        if found and rule == {key: found[-1][key] for key in rule}:
            found[-1]["last_day"] = bounds["last_day"]
        else:
            found.append(bounds | rule)
    return found


def _rule_on(catalogue: Catalogue, procedure: str, component: Body, note: Body, on: date) -> dict[str, Any]:
    kinds = catalogue.table("document_types")
    barred = bool(note["self_object"] or note.get("fresh"))
    types = _papers(catalogue, procedure, component, barred, on)
    proofs = [_proofs(catalogue, need) for need in note["claims"]]
    answers = [] if barred else _answers(catalogue, procedure, component, types, on)
    named = kinds[component["document_type_id"]]
    return {
        "requirement": component["id"],
        "own": True,
        "role": note["subject_role"],
        "applicant_meant": _applicant_meant(catalogue, note["subject_role"]),
        "shown": note["outcome_class"] == "show",
        "types": types,
        "personal_types": [one for one in types if kinds[one].get("object_kind", "person") == "person"],
        "about": note.get("object_kind") or named.get("object_kind", "person"),
        "proofs": proofs,
        "whole": bool(note["whole"]),
        "registers": [
            {"database": database, "document_type": kind}
            for database, kind in answers
            if note["whole"] or _attests(catalogue, kind, proofs)
        ],
        "min_level": note["min_level"],
        "max_age_days": note["max_age_days"],
        "fresh": bool(note.get("fresh")),
        "original": bool(note["self_object"]),
    }


def _papers(catalogue: Catalogue, procedure: str, component: Body, barred: bool, on: date) -> list[str]:
    """The named paper, any of the group it names, and whatever a rule in force puts in its place."""
    named = _group(catalogue, component["document_type_id"])
    gone = {
        one["document_type_id"]: one
        for one in catalogue.table("abolished_papers").values()
        if one.get("abolished_from") and day(one["abolished_from"]) <= on
    }
    found = [one for one in named if one not in gone]
    if barred:
        return found
    for one in named:
        found += gone.get(one, {}).get("successor_document_type_ids", ())
    for rule in _reaching(catalogue, procedure, component, "stand_in", on):
        old, new = rule["in_place_of_document_type_id"], rule["accepted_document_type_id"]
        swaps = [(old, new), (new, old)] if rule.get("both_ways") else [(old, new)]
        found += [given for asked, given in swaps if asked in named and given and given not in gone]
    return list(dict.fromkeys(found))


def _group(catalogue: Catalogue, name: str) -> list[str]:
    kinds = catalogue.table("document_types")
    found = [name]
    for one in found:
        members = kinds[one].get("satisfied_by_document_type_ids", ()) if one in kinds else ()
        found += [member for member in members if member not in found and member in kinds]
    return found


def _answers(
    catalogue: Catalogue, procedure: str, component: Body, types: list[str], on: date
) -> list[tuple[str, str]]:
    """Registers that may answer in place of one of these papers, by (database, paper)."""
    cited = set(component["equivalence_ids"])
    found: list[tuple[str, str]] = []
    for key, rule in catalogue.table("procedure_substitutions").items():
        if key in cited and in_force(rule, on):
            found.append((rule["database_id"], rule["document_type_id"]))
    for key, rule in catalogue.table("database_substitutions").items():
        if key in cited and in_force(rule, on):
            found += [(rule["database_id"], kind) for kind in rule["document_type_ids"]]
    for rule in catalogue.table("register_rules").values():
        if component["id"] in rule["component_ids"] and in_force(rule, on):
            found += [(rule["database_id"], kind) for kind in rule["document_type_ids"]]
    for rule in _reaching(catalogue, procedure, component, "register", on):
        database = rule["accepted_database_id"]
        attested = catalogue.table("databases")[database]["attested_document_type_ids"]
        replaced = (rule["in_place_of_document_type_id"], rule["accepted_document_type_id"])
        found += [(database, kind) for kind in replaced if kind in attested]
    return [one for one in dict.fromkeys(found) if one[1] in types]


def _reaching(catalogue: Catalogue, procedure: str, component: Body, effect: str, on: date) -> Iterator[Body]:
    executing = set(catalogue.table("procedures")[procedure]["executing_agency_type_ids"])
    reach: Mapping[str, Callable[[Body], bool]] = {
        "all": lambda rule: True,
        "procedures": lambda rule: procedure in rule["procedure_ids"],
        "sector": lambda rule: not executing.isdisjoint(rule["agency_type_ids"]),
    }
    for rule in catalogue.table("document_substitutions").values():
        excluded = component["id"] in rule.get("excluded_component_ids", ()) or procedure in rule.get(
            "excluded_procedure_ids", ()
        )
        within = rule["scope"] in reach and reach[rule["scope"]](rule)
        if effect in rule["effects"] and within and not excluded and in_force(rule, on):
            yield rule


def _alternatives(
    catalogue: Catalogue, procedure: str, component: Body, days: list[tuple[date | None, date | None]]
) -> list[dict[str, Any]]:
    """Others of its group, ranked as high or higher, that the law asks for without any condition: whoever holds
    one of them owes nothing lower. Conditional ones are left out: how they were answered then is not kept. So are
    their registers: an ask keeps the word of its own alone."""
    group, notes = component["alternative_group"], catalogue.table("component_annotations")
    found = []
    for other in catalogue.table("procedures")[procedure]["components"] if group else ():
        condition = catalogue.table("conditions").get(other["id"])
        if (
            other["alternative_group"] == group
            and other["id"] != component["id"]
            and other["requirement"] not in ("conditional", "not_required")
            and (condition is None or condition["kind"] == "note")
            and (notes[other["id"]]["rank"] or 1) <= (notes[component["id"]]["rank"] or 1)
        ):
            instead = {"requirement": component["id"], "own": False, "registers": []}
            found += [one | instead for one in _component_rules(catalogue, procedure, other, days)]
    return found


def _field_rules(catalogue: Catalogue, procedure: str) -> list[dict[str, Any]]:
    """Fields the person need not fill in while somebody else attests the fact. Where two forms of a filing share a
    field it is filled in once, as the form always asked for says."""
    fields: dict[str, Body] = {}
    components = catalogue.table("procedures")[procedure]["components"]
    for component in sorted(components, key=lambda one: one["requirement"] != "mandatory"):
        note = catalogue.table("component_annotations").get(component["id"], {})
        form = catalogue.table("forms").get(component["document_type_id"])
        if form is not None and note.get("outcome_class") == "form":
            for field in form["fields"]:
                fields.setdefault(field["key"], field)
    return [
        {
            "procedure": procedure,
            "field": key,
            "concept": field["concept"],
            "role": field["subject_role"],
            "applicant_meant": _applicant_meant(catalogue, field["subject_role"]),
            "account": field["concept"] in ACCOUNT_FACTS,
        }
        for key, field in fields.items()
        if field["prefill"] != "declare" and field["concept"]
    ]


def _applicant_meant(catalogue: Catalogue, role: str) -> bool:
    thing = catalogue.table("roles").get(role, {}).get("about") == "object"
    return thing or role in APPLICANT_MEANT


def _proofs(catalogue: Catalogue, need: Body) -> list[str]:
    """Claims any of which proves the fact: itself, or a narrower kind of it about the same role."""
    concepts = [need["concept"]]
    for wider in concepts:
        concepts += [
            key
            for key, body in catalogue.table("concepts").items()
            if body.get("broader") == wider and key not in concepts
        ]
    return [f"{concept}@{need['role']}" for concept in concepts]


def _attests(catalogue: Catalogue, kind: str, proofs: list[list[str]]) -> bool:
    described = catalogue.table("document_claims").get(kind)
    if described is None:
        return True
    carried = {f"{one['concept']}@{one['role']}" for one in described["claims"]}
    return all(not carried.isdisjoint(one) for one in proofs)
