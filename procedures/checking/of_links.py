"""Faults between items: references to nothing, doubles, periods that overlap.

Pure; part of `procedures.checking.check`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

from procedures.checking.faults import Fault, FaultKind, Row, components, located
from procedures.editions import TABLES, CatalogueFiles, day

_AGENCIES, _TYPES, _DATABASES = "agency_types", "document_types", "databases"
_RULES = "rules"
_COMPONENTS = "components"

REFERENCES: Mapping[str, Mapping[str, str]] = {
    "procedures": {
        "field_id": "fields",
        "competent_levels[]": "administrative_levels",
        "executing_agency_type_ids[]": _AGENCIES,
        "reception_agency_type_ids[]": _AGENCIES,
        "result_document_type_ids[]": _TYPES,
        "variant_of_procedure_id": "procedures",
        "components[].document_type_id": _TYPES,
        "components[].replaceable_by_database_ids[]": _DATABASES,
        "components[].equivalence_ids[]": _RULES,
    },
    "document_types": {
        "issuing_agency_type_ids[]": _AGENCIES,
        "authoritative_database_id": _DATABASES,
        "satisfied_by_document_type_ids[]": _TYPES,
        "issued_by_procedure_ids[]": "procedures",
        "used_by_procedure_ids[]": "procedures",
    },
    "database_substitutions": {"database_id": _DATABASES, "document_type_ids[]": _TYPES},
    "procedure_substitutions": {
        "procedure_id": "procedures",
        "document_type_id": _TYPES,
        "database_id": _DATABASES,
    },
    "document_substitutions": {
        "accepted_document_type_id": _TYPES,
        "accepted_database_id": _DATABASES,
        "in_place_of_document_type_id": _TYPES,
        "procedure_ids[]": "procedures",
        "agency_type_ids[]": _AGENCIES,
        "excluded_component_ids[]": _COMPONENTS,
        "excluded_procedure_ids[]": "procedures",
    },
    "register_rules": {
        "database_id": _DATABASES,
        "document_type_ids[]": _TYPES,
        "component_ids[]": _COMPONENTS,
        "principle_id": "principles",
    },
    "abolished_papers": {"document_type_id": _TYPES, "successor_document_type_ids[]": _TYPES},
    "bundles": {
        "reception_agency_type_ids[]": _AGENCIES,
        "common_components[].document_type_id": _TYPES,
        "common_components[].replaceable_by_database_ids[]": _DATABASES,
        "stages[].procedure_id": "procedures",
        "stages[].executing_agency_type_id": _AGENCIES,
        "stages[].depends_on_procedure_ids[]": "procedures",
        "stages[].output_document_type_ids[]": _TYPES,
        "optional_procedure_ids[]": "procedures",
        "data_flows[].from_procedure_id": "procedures",
        "data_flows[].to_procedure_id": "procedures",
        "data_flows[].document_type_id": _TYPES,
    },
    "databases": {"owner_agency_type_id": _AGENCIES, "attested_document_type_ids[]": _TYPES},
    "concepts": {"broader": "concepts"},
    "conditions": {
        "situation_id": "situations",
        "combine.all[].situation_id": "situations",
        "combine.any[].situation_id": "situations",
        "computed_from.databases[]": _DATABASES,
        "computed_from.higher_components[]": _COMPONENTS,
    },
}
"""Kind → path inside the item → kind the value must name. `a[]` walks a list."""

KEYS: Mapping[str, str] = {
    "document_claims": _TYPES,
    "conditions": _COMPONENTS,
    "component_annotations": _COMPONENTS,
    "forms": _TYPES,
}
"""Maps whose keys are themselves references."""


def faults_of_links(files: CatalogueFiles) -> Iterator[Fault]:
    """Dangling references, ids and codes given twice, overlapping dates."""
    yield from _dangling(files)
    yield from _doubles(files)
    yield from _dates(files)


def walk(body: Any, path: str, at: str = "") -> Iterator[tuple[str, Any]]:
    """The values at `path` inside an item, each with its JSONPath; a missing key yields nothing."""
    head, _, rest = path.partition(".")
    name = head.removesuffix("[]")
    if not isinstance(body, Mapping) or name not in body:
        return
    found = [(f"{at}.{name}", body[name])]
    if head.endswith("[]"):
        found = [(f"{at}.{name}[{index}]", value) for index, value in enumerate(body[name])]
    for place, value in found:
        if rest:
            yield from walk(value, rest, place)
        else:
            yield place, value


def _dangling(files: CatalogueFiles) -> Iterator[Fault]:
    known: dict[str, set[str]] = {table.kind: set(files.table(table.kind)) for table in TABLES}
    known[_COMPONENTS] = {row.id for _, row in components(files)}
    known[_RULES] = known["database_substitutions"] | known["procedure_substitutions"]
    known[_RULES] |= known["document_substitutions"] | known["register_rules"]
    for kind, paths in REFERENCES.items():
        for row in located(files, kind):
            for path, target in paths.items():
                for inside, value in walk(row.body, path):
                    if value is not None and value not in known[target]:
                        yield row.fault(FaultKind.DANGLING_REFERENCE, inside, f"no {target} {value!r}")
    for kind, target in KEYS.items():
        for row in located(files, kind):
            if row.id not in known[target]:
                yield row.fault(FaultKind.DANGLING_REFERENCE, "", f"no {target} {row.id!r}")
    for row in located(files, "situations"):
        who, _, source = row.body["answered_by"].partition(":")
        asked = {"register": _DATABASES, "vault": _TYPES}.get(who, "way of answering")
        if row.body["answered_by"] != "person" and source not in known.get(asked, ()):
            yield row.fault(FaultKind.DANGLING_REFERENCE, ".answered_by", f"no {asked} {source!r}")


def _doubles(files: CatalogueFiles) -> Iterator[Fault]:
    for table in TABLES:
        yield from _repeated(located(files, table.kind), "id", lambda row: row.id)
    yield from _repeated((row for _, row in components(files)), "id", lambda row: row.id)
    for row in located(files, "forms"):
        fields = [
            Row("forms", body["key"], f"{row.path}.fields[{index}]", body)
            for index, body in enumerate(row.body["fields"])
        ]
        yield from _repeated(fields, "key", lambda field: field.id)
        keys = {field.id for field in fields}
        for field in fields:
            shown = (field.body.get("show_when") or {}).get("field")
            if shown is not None and shown not in keys:
                yield field.fault(FaultKind.DANGLING_REFERENCE, ".show_when.field", f"no field {shown!r}")


def _repeated(rows: Iterable[Row], what: str, key: Callable[[Row], str]) -> Iterator[Fault]:
    seen: set[str] = set()
    for row in rows:
        if key(row) in seen:
            yield row.fault(FaultKind.DUPLICATE, f".{what}", f"{key(row)!r} is given twice")
        seen.add(key(row))


def _dates(files: CatalogueFiles) -> Iterator[Fault]:
    for table in TABLES:
        for row in located(files, table.kind):
            start, end = day(row.body.get("effective_from")), day(row.body.get("effective_to"))
            if start and end and end < start:
                yield row.fault(FaultKind.OVERLAPPING_DATES, ".effective_to", "ends before it begins")
    same: dict[tuple[str, ...], list[Row]] = {}
    for row in located(files, "procedures"):
        if row.body["code"]:
            same.setdefault(("procedure code", row.body["code"]), []).append(row)
    for row in located(files, "database_substitutions"):
        for name in row.body["document_type_ids"]:
            same.setdefault(("general rule", row.body["database_id"], name), []).append(row)
    for row in located(files, "procedure_substitutions"):
        keys = ("procedure_id", "database_id", "document_type_id")
        same.setdefault(("annex row", *(row.body[key] for key in keys)), []).append(row)
    for names, rows in same.items():
        for one, other in combinations(rows, 2):
            if _overlap(one.body, other.body):
                detail = f"{' '.join(names)} applies twice on the same days, also by {one.id}"
                yield other.fault(FaultKind.OVERLAPPING_DATES, ".effective_from", detail)


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    def begins_after(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
        start, end = day(later.get("effective_from")), day(earlier.get("effective_to"))
        return start is not None and end is not None and start > end

    return not begins_after(one, other) and not begins_after(other, one)
