"""Which papers and registers may stand in for a named paper on one day, and by which rule of law.

Pure. A stand-in is never assumed: each comes from an entry of `equivalences.json` that is in force, is cited
by the component or reaches it by its scope, and does not exclude it. A paper that is itself the object of the
procedure, or that must be made for this filing, has none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from procedures.editions import Body, CatalogueFiles, day, in_force
from procedures.law import AcceptedType, ObjectKind, RegisterSource, Rule


@dataclass(frozen=True, slots=True)
class Asked:
    """One component where it is asked: what the scopes and exclusions of a rule are compared with."""

    procedure: Body
    component: Body
    barred: bool
    """No stand-in and no register: the paper is the procedure's own object, or is made for this filing."""

    @property
    def cited(self) -> frozenset[str]:
        return frozenset(self.component["equivalence_ids"])


@dataclass(frozen=True, slots=True)
class Grant:
    """One rule letting one database answer with certain papers."""

    rule: Rule
    database: str
    document_types: tuple[str, ...]


def accepted_types(files: CatalogueFiles, asked: Asked, on: date) -> tuple[AcceptedType, ...]:
    """Every paper that meets the component: the named one, the members of its group, then stand-ins by rule.

    Abolished papers drop out on the day of their abolition; their successors come in by that same rule.
    """
    named = [asked.component["document_type_id"], *members(files, asked.component["document_type_id"])]
    abolished = {
        entry["document_type_id"]: entry
        for entry in files.table("abolished_papers").values()
        if (gone := day(entry["abolished_from"])) and gone <= on
    }
    found: dict[str, AcceptedType] = {name: AcceptedType(name) for name in named if name not in abolished}
    if asked.barred:
        return _with_kinds(files, found.values())
    for name in named:
        for successor in abolished.get(name, {}).get("successor_document_type_ids", ()):
            found.setdefault(successor, AcceptedType(successor, _abolition(abolished[name])))
    for entry in _reaching(files, asked, on, "stand_in"):
        for old, new in _directions(entry):
            if old in named and new not in abolished:
                found.setdefault(new, AcceptedType(new, rule_of(entry)))
    return _with_kinds(files, found.values())


def register_sources(
    files: CatalogueFiles, asked: Asked, accepts: Iterable[AcceptedType], on: date
) -> tuple[RegisterSource, ...]:
    """Every State database whose answer meets the component on that day.

    A paper readable in one database under several rules is given once, under the most particular: the row of
    the annex before the rule for these procedures before the general one.
    """
    if asked.barred:
        return ()
    accepted = [kind.document_type for kind in accepts]
    sources: dict[tuple[str, str], tuple[Rule, list[str]]] = {}
    taken: set[tuple[str, str]] = set()
    for grant in _grants(files, asked, on):
        for name in grant.document_types:
            if name in accepted and (grant.database, name) not in taken:
                taken.add((grant.database, name))
                sources.setdefault((grant.database, grant.rule.id), (grant.rule, []))[1].append(name)
    return tuple(
        RegisterSource(database, tuple(names), rule) for (database, _), (rule, names) in sources.items()
    )


def members(files: CatalogueFiles, type_id: str) -> tuple[str, ...]:
    """Papers of which any one is this paper, groups inside groups opened, in catalogue order."""
    types = files.table("document_types")
    found: dict[str, None] = {}
    waiting = list(types[type_id]["satisfied_by_document_type_ids"]) if type_id in types else []
    while waiting:
        name = waiting.pop(0)
        if name not in found and name != type_id and name in types:
            found[name] = None
            waiting.extend(types[name]["satisfied_by_document_type_ids"])
    return tuple(found)


def rule_of(entry: Mapping[str, Any]) -> Rule:
    """The rule an entry of `equivalences.json` states."""
    article = entry["article_vi"]
    if "annex_row" in entry:
        article = f"{article}, {entry['amended_provision_vi']}"
    return Rule(entry["id"], article, day(entry.get("effective_from")), day(entry.get("effective_to")))


def in_scope(entry: Body, asked: Asked) -> bool:
    """Whether a paper-for-paper rule reaches the component by its scope and does not exclude it."""
    if asked.component["id"] in entry.get("excluded_component_ids", ()):
        return False
    if asked.procedure["id"] in entry.get("excluded_procedure_ids", ()):
        return False
    if entry["scope"] == "procedures":
        return asked.procedure["id"] in entry["procedure_ids"]
    if entry["scope"] == "sector":
        return bool(set(entry["agency_type_ids"]) & set(asked.procedure["executing_agency_type_ids"]))
    return True


def _with_kinds(files: CatalogueFiles, accepted: Iterable[AcceptedType]) -> tuple[AcceptedType, ...]:
    """A paper about a person alone names no object: it is matched by its subject, whatever the named paper is
    about."""
    types = files.table("document_types")
    person = ObjectKind.PERSON
    return tuple(
        replace(kind, object_kind=person)
        if ObjectKind(types[kind.document_type].get("object_kind", person)) is person
        else kind
        for kind in accepted
    )


def _grants(files: CatalogueFiles, asked: Asked, on: date) -> Iterator[Grant]:
    for entry in files.table("procedure_substitutions").values():
        if entry["id"] in asked.cited and in_force(entry, on):
            yield Grant(rule_of(entry), entry["database_id"], (entry["document_type_id"],))
    for entry in _reaching(files, asked, on, "register"):
        yield Grant(rule_of(entry), entry["accepted_database_id"], _answers(files, entry))
    for entry in files.table("register_rules").values():
        if asked.component["id"] in entry["component_ids"] and in_force(entry, on):
            yield Grant(rule_of(entry), entry["database_id"], tuple(entry["document_type_ids"]))
    for entry in files.table("database_substitutions").values():
        if entry["id"] in asked.cited and in_force(entry, on):
            yield Grant(rule_of(entry), entry["database_id"], tuple(entry["document_type_ids"]))


def _answers(files: CatalogueFiles, entry: Body) -> tuple[str, ...]:
    """The papers the database answers with: the one replaced, the one given, whichever it attests."""
    attested = files.table("databases")[entry["accepted_database_id"]]["attested_document_type_ids"]
    named = (entry["in_place_of_document_type_id"], entry["accepted_document_type_id"])
    return tuple(name for name in named if name in attested)


def _reaching(files: CatalogueFiles, asked: Asked, on: date, effect: str) -> Iterator[Body]:
    """Paper-for-paper rules of that effect that reach the component, particular scopes first."""
    entries = files.table("document_substitutions").values()
    for scope in ("procedures", "sector", "all"):
        for entry in entries:
            reaches = entry["scope"] == scope and effect in entry["effects"] and in_scope(entry, asked)
            if reaches and in_force(entry, on):
                yield entry


def _directions(entry: Body) -> Iterator[tuple[str, str]]:
    old, new = entry["in_place_of_document_type_id"], entry["accepted_document_type_id"]
    if new is not None:
        yield old, new
        if entry.get("both_ways"):
            yield new, old


def _abolition(entry: Body) -> Rule:
    return Rule(entry["id"], entry["article_vi"], day(entry["abolished_from"]), None)
