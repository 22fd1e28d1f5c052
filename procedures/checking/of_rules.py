"""Faults of the rules of reuse: no article, no exclusions, a database that does not attest the paper.

Pure; part of `procedures.checking.check`. Expects a catalogue without dangling references.
"""

from collections.abc import Iterator

from procedures.checking.faults import Fault, FaultKind, Row, components, located
from procedures.editions import CatalogueFiles
from procedures.equivalences import Asked, in_scope, members
from procedures.law import OutcomeClass

EVIDENCE = frozenset({OutcomeClass.EVIDENCE, OutcomeClass.SHOW, OutcomeClass.SURRENDER})
_EFFECTS = frozenset({"stand_in", "register", "ranked", "exemption", "level", "outside"})
_SCOPES = frozenset({"all", "procedures", "sector", "outside_procedures"})
_REGISTER_TABLES = ("database_substitutions", "procedure_substitutions", "register_rules")
_RULE_TABLES = (*_REGISTER_TABLES, "document_substitutions", "abolished_papers")


def faults_of_rules(files: CatalogueFiles) -> Iterator[Fault]:
    """Faults of each rule, and of components that name a database no rule lets them read."""
    for kind in _RULE_TABLES:
        for row in located(files, kind):
            if not row.body.get("article_vi"):
                yield row.fault(FaultKind.RULE_WITHOUT_ARTICLE, ".article_vi", "no article is cited")
    for row in located(files, "document_substitutions"):
        if row.body["scope"] not in _SCOPES:
            yield row.fault(FaultKind.UNKNOWN_VALUE, ".scope", f"{row.body['scope']!r} is no scope")
        if not row.body.get("effects") or not _EFFECTS.issuperset(row.body["effects"]):
            yield row.fault(FaultKind.UNKNOWN_VALUE, ".effects", f"{row.body.get('effects')!r}")
        if row.body["scope"] == "all":
            yield from _exclusions(files, row)
    yield from _attestations(files)
    yield from _unread(files)
    yield from _annex_rows(files)


def _exclusions(files: CatalogueFiles, rule: Row) -> Iterator[Fault]:
    """A rule for all procedures names those it spares: where the paper is issued, or is the very object."""
    kind = FaultKind.RULE_WITHOUT_EXCLUSIONS
    spared: dict[str, list[str]] = {}
    for key in ("excluded_component_ids", "excluded_procedure_ids"):
        if key not in rule.body:
            yield rule.fault(kind, f".{key}", "not stated, not even as empty")
        spared[key] = rule.body.get(key, [])
    replaced = {rule.body["in_place_of_document_type_id"]}
    if rule.body.get("both_ways"):
        replaced.add(rule.body["accepted_document_type_id"])
    for procedure in located(files, "procedures"):
        issues = not replaced.isdisjoint(procedure.body["result_document_type_ids"])
        if issues and procedure.id not in spared["excluded_procedure_ids"]:
            detail = f"{procedure.id} issues the paper and is not excluded"
            yield rule.fault(kind, ".excluded_procedure_ids", detail)
    for _, row in components(files):
        named = {row.body["document_type_id"], *members(files, row.body["document_type_id"])}
        own = _own_object(files, row) and not replaced.isdisjoint(named)
        if own and row.id not in spared["excluded_component_ids"]:
            detail = f"{row.id} is about the paper itself and is not excluded"
            yield rule.fault(kind, ".excluded_component_ids", detail)


def _attestations(files: CatalogueFiles) -> Iterator[Fault]:
    """A rule reads a database only for papers the database attests."""
    for kind in _REGISTER_TABLES:
        for row in located(files, kind):
            names = row.body.get("document_type_ids") or [row.body["document_type_id"]]
            for name in set(names) - _attested(files, row.body["database_id"]):
                detail = f"{row.body['database_id']} does not attest {name}"
                yield row.fault(FaultKind.UNATTESTED_PAPER, "", detail)
    for row in located(files, "document_substitutions"):
        given = {row.body["accepted_document_type_id"], row.body["in_place_of_document_type_id"]}
        database = row.body["accepted_database_id"]
        if "register" in row.body["effects"] and given.isdisjoint(_attested(files, database)):
            detail = f"{database} attests neither paper"
            yield row.fault(FaultKind.UNATTESTED_PAPER, ".accepted_database_id", detail)


def _unread(files: CatalogueFiles) -> Iterator[Fault]:
    """A database a component names needs a rule that lets it be read there."""
    databases = {
        key: body["database_id"] for kind in _REGISTER_TABLES for key, body in files.table(kind).items()
    }
    substitutions = files.table("document_substitutions")
    databases |= {key: body["accepted_database_id"] for key, body in substitutions.items()}
    for procedure, row in components(files):
        if _own_object(files, row) or _outcome(files, row) not in EVIDENCE:
            continue
        asked = Asked(procedure.body, row.body, barred=False)
        rules = asked.cited | {key for key, body in substitutions.items() if in_scope(body, asked)}
        for index, name in enumerate(row.body["replaceable_by_database_ids"]):
            if name not in {databases[rule] for rule in rules}:
                inside = f".replaceable_by_database_ids[{index}]"
                yield row.fault(FaultKind.DATABASE_WITHOUT_RULE, inside, f"no rule cited reads {name}")


def _annex_rows(files: CatalogueFiles) -> Iterator[Fault]:
    """A row of the annex names one procedure: a component of it must cite the row."""
    for row in located(files, "procedure_substitutions"):
        asked = files.table("procedures")[row.body["procedure_id"]]["components"]
        if not any(row.id in component["equivalence_ids"] for component in asked):
            detail = f"no component of {row.body['procedure_id']} cites it"
            yield row.fault(FaultKind.ROW_NOT_CITED, ".procedure_id", detail)


def _attested(files: CatalogueFiles, database: str | None) -> set[str]:
    body = files.table("databases").get(database or "", {"attested_document_type_ids": ()})
    return set(body["attested_document_type_ids"])


def _outcome(files: CatalogueFiles, row: Row) -> OutcomeClass:
    return OutcomeClass(files.table("component_annotations")[row.id]["outcome_class"])


def _own_object(files: CatalogueFiles, row: Row) -> bool:
    """The paper is what the procedure is about, is made for it, or is handed in: nothing stands in for it."""
    note, outcome = files.table("component_annotations")[row.id], _outcome(files, row)
    own = note["self_object"] or note.get("fresh") or outcome is OutcomeClass.SURRENDER
    return outcome in EVIDENCE and bool(own)
