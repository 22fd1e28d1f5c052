"""Which requirements a filing has to meet at all: situations, channel, mandate, ranks of alternatives.

Pure. What cannot be decided yet counts as asked for: the plan never hides a paper behind an unanswered question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from procedures.law import Condition, ConditionKind, Duty, OutcomeClass, Requirement, SituationTest
from procedures.plan import Filing, Reason
from procedures.planning.evidence import Shelf, subjects_of
from procedures.reasons import Code
from vault.holding import Status

SELF = "self"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why_not` is None for a live requirement. `open`: live only until some situation is answered.
    `contradicted`: declared absent, yet the data show it."""

    why_not: Reason | None = None
    open: bool = False
    contradicted: bool = False

    @property
    def live(self) -> bool:
        return self.why_not is None


def judge_requirements(
    requirements: Iterable[Requirement],
    filing: Filing,
    answers: Mapping[str, bool],
    evident: frozenset[str],
) -> dict[str, Verdict]:
    """A verdict per requirement id. `evident`: requirements data show the paper of (held, or readable now)."""
    verdicts: dict[str, Verdict] = {}
    groups: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        verdicts[requirement.id] = _judge_alone(requirement, filing, answers)
        if requirement.group is not None:
            groups.setdefault(requirement.group, []).append(requirement)
    for group in groups.values():
        absent = filing.declared_absent | _declared_by_answers(group, answers)
        verdicts |= _judge_ranks([r for r in group if verdicts[r.id].live], absent, evident, verdicts)
    return verdicts


def known_answers(shelf: Shelf) -> dict[str, bool]:
    """The filing's answers, and a yes for each situation a valid holding answers by being there."""
    filing = shelf.filing
    answers = dict(filing.answers)
    for situation in filing.procedure.situations:
        if situation.id in answers or situation.answered_by_holding is None:
            continue
        subjects = subjects_of(situation.about_role, filing)
        if any(
            holding.subject in subjects
            and holding.status is Status.VALID
            and holding.version not in filing.excluded_versions
            and holding.bound_to in (None, filing.dossier)
            and (holding.valid_until is None or holding.valid_until >= filing.on)
            for holding in shelf.by_type.get(situation.answered_by_holding, ())
        ):
            answers[situation.id] = True
    return answers


def declared_absent_by(situation: str, requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """Requirements whose papers the answer no to this situation declares not to exist, in catalogue order.

    A situation that settles whether a higher paper is wanted at all declares nothing about it.
    """
    by_id = {one.id: one for one in requirements}
    absent = {
        higher
        for one in by_id.values()
        if one.condition is not None and SituationTest(situation, False) in one.condition.tests
        for higher in one.condition.higher_components
        if higher in by_id and not _asks_about(by_id[higher], situation)
    }
    return tuple(one for one in by_id if one in absent)


def _asks_about(requirement: Requirement, situation: str) -> bool:
    condition = requirement.condition
    return condition is not None and any(test.situation == situation for test in condition.tests)


def open_situations(filing: Filing, answers: Mapping[str, bool], evident: frozenset[str]) -> tuple[str, ...]:
    """The unanswered situations whose answer can still change what is asked for, in catalogue order."""
    return tuple(
        situation.id
        for situation in filing.procedure.situations
        if situation.id not in answers and _matters(situation.id, filing, answers, evident)
    )


def _matters(situation: str, filing: Filing, answers: Mapping[str, bool], evident: frozenset[str]) -> bool:
    requirements = filing.procedure.requirements
    named = [
        r for r in requirements if r.condition and any(t.situation == situation for t in r.condition.tests)
    ]
    groups = {r.group for r in named if r.group is not None}
    concerned = named + [r for r in requirements if r.group in groups and r not in named]
    yes, no = (
        judge_requirements(concerned, filing, {**answers, situation: answer}, evident)
        for answer in (True, False)
    )
    return any((yes[r.id].live, yes[r.id].open) != (no[r.id].live, no[r.id].open) for r in concerned)


def _judge_alone(requirement: Requirement, filing: Filing, answers: Mapping[str, bool]) -> Verdict:
    condition = requirement.condition
    if OutcomeClass.NOT_REQUIRED is requirement.outcome_class or requirement.duty is Duty.NOT_REQUIRED:
        return Verdict(Reason(Code.NOT_REQUIRED))
    if requirement.outcome_class is OutcomeClass.GENERATED:
        return Verdict(Reason(Code.GENERATED))
    if condition is None or condition.kind is ConditionKind.NOTE:
        unstated = requirement.duty is Duty.CONDITIONAL
        return Verdict(Reason(Code.CONDITION_UNPUBLISHED)) if unstated else Verdict()
    if condition.channels and filing.channel not in condition.channels:
        return Verdict(Reason(Code.CHANNEL))
    if condition.kind is ConditionKind.MANDATE:
        return Verdict(_needs_no_mandate(requirement, condition, filing))
    holds = _holds(condition, answers)
    if holds is False:
        return Verdict(Reason(Code.SITUATION))
    return Verdict(open=holds is None and condition.kind is not ConditionKind.FALLBACK)


def _holds(condition: Condition, answers: Mapping[str, bool]) -> bool | None:
    """Whether the situation tests hold; None while the answers leave it open. No tests always hold."""
    results = [
        None if t.situation not in answers else answers[t.situation] == t.when for t in condition.tests
    ]
    decisive = not condition.match_all
    if not results or all(result is (not decisive) for result in results):
        return not results or not decisive
    return decisive if decisive in results else None


def _needs_no_mandate(requirement: Requirement, condition: Condition, filing: Filing) -> Reason | None:
    if filing.filer_relation == SELF:
        return Reason(Code.FILER_IS_APPLICANT)
    if filing.filer_relation in condition.own_right_filers:
        return Reason(Code.FILER_IN_OWN_RIGHT)
    if filing.filer_relation in condition.no_paper_relations:
        return Reason(Code.FILER_NEEDS_NO_PAPER)
    return Reason(Code.MANDATE_RECORDED) if requirement.id in filing.mandates else None


def _declared_by_answers(group: list[Requirement], answers: Mapping[str, bool]) -> frozenset[str]:
    """A fallback's situation, answered, is the declaration that the papers above it do not exist."""
    return frozenset(
        higher
        for requirement in group
        if (condition := requirement.condition) is not None
        and condition.kind is ConditionKind.FALLBACK
        and condition.tests
        and _holds(condition, answers)
        for higher in condition.higher_components
    )


def _judge_ranks(
    members: list[Requirement],
    absent: frozenset[str],
    evident: frozenset[str],
    verdicts: Mapping[str, Verdict],
) -> dict[str, Verdict]:
    """Keep one rank: the highest with a paper not declared absent. Data outweigh the declaration; when all are
    declared absent the last is asked for."""
    present = [r for r in members if r.id not in absent or r.id in evident]
    if not present:
        last = max((r.rank for r in members), default=0)
        present = [r for r in members if r.rank == last]
    live = min((r.rank for r in present), default=0)
    judged = {}
    for requirement in members:
        if requirement.rank == live and requirement in present:
            contradicted = requirement.id in absent and requirement.id in evident
            judged[requirement.id] = replace(verdicts[requirement.id], contradicted=contradicted)
        elif requirement.rank > live:
            judged[requirement.id] = Verdict(Reason(Code.HIGHER_RANK))
        else:
            judged[requirement.id] = Verdict(Reason(Code.DECLARED_ABSENT))
    return judged
