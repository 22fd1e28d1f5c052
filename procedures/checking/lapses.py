"""What stops applying soon, and what follows it: `motlan catalogue check --on DATE`.

Pure. A rule that lapses without a successor turns a register read back into a paper to bring. For each component
it serves, the law of its last day is compared with the law of the day after.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from procedures.catalogue import law_on
from procedures.editions import Body, CatalogueFiles, day
from procedures.law import Law, Requirement

NOTICE = timedelta(days=90)
_RULES = ("database_substitutions", "procedure_substitutions", "document_substitutions", "register_rules")


class Follows(StrEnum):
    """What meets the component once the rule is gone, best first."""

    RULE = "rule"
    """Another rule reads the same fact or lets a paper stand in."""
    VAULT = "vault"
    """A result of another procedure, held in the vault."""
    NEW_LAW = "new_law"
    """A law announced for that time; its text must be entered before anyone relies on it."""
    ASK = "ask"
    """Nothing: the person is asked for the paper again."""


@dataclass(frozen=True, slots=True)
class Successor:
    component: str
    follows: Follows
    detail: str


@dataclass(frozen=True, slots=True)
class Lapse:
    """One rule whose last day falls within the notice, and what follows it where it was relied on."""

    rule: str
    article: str
    last_day: date
    successors: tuple[Successor, ...]


def lapsing(files: CatalogueFiles, on: date) -> list[Lapse]:
    """The rules whose last day is `on` or less than 90 days ahead, by last day."""
    ending = [
        (last, body)
        for kind in _RULES
        for body in files.table(kind).values()
        if (last := day(body.get("effective_to"))) and on <= last < on + NOTICE
    ]
    last_days = {last for last, _ in ending}
    laws = {last: (law_on(files, last), law_on(files, last + timedelta(days=1))) for last in last_days}
    found = [_lapse(files, body, *laws[last]) for last, body in ending]
    return sorted(found, key=lambda lapse: (lapse.last_day, lapse.rule))


def lapse_report(lapses: Sequence[Lapse], on: date) -> str:
    """The lapses for a terminal: each rule, then its components by what follows."""
    lines = [f"{len(lapses)} rule(s) lapse within {NOTICE.days} days of {on}"]
    for lapse in lapses:
        lines.append(f"{lapse.last_day} {lapse.rule} ({lapse.article})")
        lines.extend(f"  {one.component}: {one.follows}: {one.detail}" for one in lapse.successors)
        if not lapse.successors:
            lines.append("  no component relies on it alone")
    return "\n".join(lines)


def _lapse(files: CatalogueFiles, rule: Body, before: Law, after: Law) -> Lapse:
    successors = tuple(
        _successor(files, after, procedure, requirement)
        for procedure, law in before.procedures.items()
        for requirement in law.requirements
        if rule["id"] in _rules(requirement)
    )
    return Lapse(rule["id"], rule["article_vi"], before.on, successors)


def _rules(requirement: Requirement) -> Iterator[str]:
    yield from (source.rule.id for source in requirement.registers)
    yield from (one.rule.id for one in requirement.accepts if one.rule)


def _successor(files: CatalogueFiles, after: Law, procedure: str, lost: Requirement) -> Successor:
    law = after.procedures.get(procedure)
    left = next((one for one in law.requirements if one.id == lost.id), None) if law else None
    if left is None:
        return Successor(lost.id, Follows.NEW_LAW, "the component itself is no longer asked for")
    if left.registers:
        source = left.registers[0]
        return Successor(lost.id, Follows.RULE, f"{source.rule.id} reads {source.database}")
    issuers = {name: one.id for one in after.procedures.values() for name in one.result_types}
    held = next((one.document_type for one in left.accepts if one.document_type in issuers), None)
    if held:
        return Successor(lost.id, Follows.VAULT, f"{held}, result of {issuers[held]}")
    for change in files.table("procedures")[procedure]["upcoming_law_changes"]:
        if day(change["effective_from"]) == after.on:
            return Successor(lost.id, Follows.NEW_LAW, f"{change['law_vi']} from {change['effective_from']}")
    return Successor(lost.id, Follows.ASK, left.document_type)
