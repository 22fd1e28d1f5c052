"""Faults inside items: words outside their lists, and what the law's text leaves to the catalogue and is missing.

Pure; part of `procedures.checking.check`.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from procedures.checking.faults import Fault, FaultKind, Row, components, located
from procedures.editions import CatalogueFiles
from procedures.law import ConditionKind, Duty, ObjectKind, OutcomeClass
from procedures.law_book import situation_tests

_NEEDED: Mapping[ConditionKind, str] = {
    ConditionKind.MANDATE: "filer_is",
    ConditionKind.UNREADABLE: "databases",
    ConditionKind.CHANNEL: "channels",
    ConditionKind.FALLBACK: "higher_components",
}
"""What a condition of each kind is computed from; without it nobody could decide it."""


def faults_of_words(files: CatalogueFiles) -> Iterator[Fault]:
    """Unknown claims, roles, concepts and values; missing annotations, ranks, conditions, objects."""
    yield from _claims(files)
    yield from _roles(files)
    yield from _objects(files)
    yield from _conditions(files)
    yield from _annotations(files)
    yield from _ranks(files)


def _claims(files: CatalogueFiles) -> Iterator[Fault]:
    concepts = files.table("concepts")
    for row in located(files, "concepts"):
        above, passed = row.body.get("broader"), {row.id}
        while above is not None and above not in passed:
            passed.add(above)
            above = concepts.get(above, {}).get("broader")
        if above is not None:
            yield row.fault(FaultKind.UNKNOWN_CLAIM, ".broader", "broader than itself")
    for kind in ("document_claims", "component_annotations"):
        for row in located(files, kind):
            for index, claim in enumerate(row.body["claims"]):
                if claim["concept"] not in concepts:
                    detail = f"no concept {claim['concept']!r}"
                    yield row.fault(FaultKind.UNKNOWN_CLAIM, f".claims[{index}].concept", detail)
                elif kind == "document_claims" and not _is_shown_lawfully(claim, concepts):
                    detail = "sd must be always, or never for what is about no person"
                    yield row.fault(FaultKind.UNKNOWN_CLAIM, f".claims[{index}].sd", detail)
    for row in located(files, "document_types"):
        attested = files.table("document_claims").get(row.id, {"claims": []})["claims"]
        known = {(claim["concept"], claim["role"]) for claim in attested}
        for index, claim in enumerate(row.body.get("identifying", [])):
            if (claim["concept"], claim["role"]) not in known:
                detail = f"the paper does not attest {claim['concept']}@{claim['role']}"
                yield row.fault(FaultKind.UNKNOWN_CLAIM, f".identifying[{index}]", detail)
    for form in located(files, "forms"):
        for index, field in enumerate(form.body["fields"]):
            if field["concept"] is not None and field["concept"] not in concepts:
                detail = f"no concept {field['concept']!r}"
                yield form.fault(FaultKind.UNKNOWN_FIELD_CONCEPT, f".fields[{index}].concept", detail)


def _is_shown_lawfully(claim: Mapping[str, Any], concepts: Mapping[str, Any]) -> bool:
    """Whether the catalogue says if a credential hides this claim, and hides whatever tells of a person."""
    sensitive = concepts[claim["concept"]]["sensitivity"] > 0
    return claim.get("sd") == "always" or (claim.get("sd") == "never" and not sensitive)


def _roles(files: CatalogueFiles) -> Iterator[Fault]:
    roles = files.table("roles")
    people = {name for name, body in roles.items() if body["about"] == "subject"}
    for row in located(files, "component_annotations"):
        if row.body["subject_role"] not in people:
            detail = f"no person or organisation has the role {row.body['subject_role']!r}"
            yield row.fault(FaultKind.UNKNOWN_ROLE, ".subject_role", detail)
    for row in located(files, "situations"):
        if row.body["about_role"] not in roles:
            yield row.fault(FaultKind.UNKNOWN_ROLE, ".about_role", f"no role {row.body['about_role']!r}")
    for form in located(files, "forms"):
        for index, field in enumerate(form.body["fields"]):
            if field["subject_role"] not in roles:
                detail = f"no role {field['subject_role']!r}"
                yield form.fault(FaultKind.UNKNOWN_ROLE, f".fields[{index}].subject_role", detail)
    for row in located(files, "document_claims"):
        for index, claim in enumerate(row.body["claims"]):
            if claim["role"] not in row.body["roles"]:
                detail = f"the paper lists no role {claim['role']!r}"
                yield row.fault(FaultKind.UNKNOWN_ROLE, f".claims[{index}].role", detail)


def _objects(files: CatalogueFiles) -> Iterator[Fault]:
    for row in located(files, "document_types"):
        if row.body.get("object_kind") not in set(ObjectKind):
            detail = f"{row.body.get('object_kind')!r} is no kind of object"
            yield row.fault(FaultKind.TYPE_WITHOUT_OBJECT, ".object_kind", detail)


def _conditions(files: CatalogueFiles) -> Iterator[Fault]:
    for _, component in components(files):
        if component.body["condition_en"] and component.id not in files.table("conditions"):
            detail = "conditions.json gives this condition no kind"
            yield component.fault(FaultKind.UNCLASSIFIED_CONDITION, ".condition_en", detail)
    for row in located(files, "conditions"):
        if row.body["kind"] not in set(ConditionKind):
            detail = f"{row.body['kind']!r} is no kind of condition"
            yield row.fault(FaultKind.UNCLASSIFIED_CONDITION, ".kind", detail)
            continue
        kind = ConditionKind(row.body["kind"])
        needed = _NEEDED.get(kind)
        if needed and not (row.body.get("computed_from") or {}).get(needed):
            detail = f"{kind} needs {needed}"
            yield row.fault(FaultKind.UNCLASSIFIED_CONDITION, f".computed_from.{needed}", detail)
        if kind is ConditionKind.SITUATION and not situation_tests(row.body)[0]:
            yield row.fault(FaultKind.UNCLASSIFIED_CONDITION, ".situation_id", "no situation is tested")


def _annotations(files: CatalogueFiles) -> Iterator[Fault]:
    for _, component in components(files):
        if component.id not in files.table("component_annotations"):
            yield component.fault(FaultKind.COMPONENT_WITHOUT_ANNOTATION, "", f"{component.id} has none")
        yield from _listed(component, "requirement", Duty)
    for row in located(files, "component_annotations"):
        yield from _listed(row, "outcome_class", OutcomeClass)
        if row.body["min_level"] not in (1, 2, 3):
            yield row.fault(FaultKind.UNKNOWN_VALUE, ".min_level", "levels are 1, 2 and 3")


def _ranks(files: CatalogueFiles) -> Iterator[Fault]:
    notes, conditions = files.table("component_annotations"), files.table("conditions")
    for _, component in components(files):
        grouped = component.body["alternative_group"] is not None
        rank = notes.get(component.id, {}).get("rank")
        if component.id not in notes or not (grouped or component.body["requirement"] == Duty.ALTERNATIVE):
            continue
        if not grouped or rank is None:
            detail = "an alternative needs its group and its rank"
            yield component.fault(FaultKind.ALTERNATIVE_WITHOUT_RANK, ".alternative_group", detail)
        elif rank > 1 and conditions.get(component.id, {}).get("kind") != ConditionKind.FALLBACK:
            detail = f"rank {rank} without a fallback condition naming the higher ones"
            yield component.fault(FaultKind.ALTERNATIVE_WITHOUT_RANK, "", detail)


def _listed(row: Row, key: str, words: type[StrEnum]) -> Iterator[Fault]:
    value: Any = row.body[key]
    if value not in set(words):
        yield row.fault(FaultKind.UNKNOWN_VALUE, f".{key}", f"{value!r} is none of {', '.join(words)}")
