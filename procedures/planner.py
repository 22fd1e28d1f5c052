"""One outcome for every requirement of a filing, disclosing as little as the law allows.

Pure. First legality (`conditions`: what is asked for; `evidence`: what may meet it), then cost (`disclosure`,
`cover`); the second never reaches past the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from procedures.law import ClaimNeed, OutcomeClass, Requirement
from procedures.plan import Filing, Outcome, Plan, Planned, Probe, Reason, Rejected, Unread, Used
from procedures.planning.conditions import Verdict, judge_requirements, known_answers, open_situations
from procedures.planning.disclosure import ASK, SHOW, Alternative, choose_least
from procedures.planning.evidence import Evidence, Held, Readable, find_evidence, shelve, subjects_of
from procedures.planning.fitness import deposited_here
from procedures.reasons import Code

EXPIRES_SOON = timedelta(days=30)

_LOOKED_FOR = frozenset({OutcomeClass.EVIDENCE, OutcomeClass.SHOW, OutcomeClass.SURRENDER})
_WEIGHED = frozenset({OutcomeClass.EVIDENCE, OutcomeClass.SHOW})


def plan(filing: Filing) -> Plan:
    """Plan a filing; the same filing always gives the same plan, whatever the order of its holdings."""
    requirements = filing.procedure.requirements
    shelf = shelve(filing)
    found = {r.id: find_evidence(r, shelf) for r in requirements if r.outcome_class in _LOOKED_FOR}
    answers = known_answers(shelf)
    evident = frozenset(name for name, evidence in found.items() if evidence.exists)
    verdicts = judge_requirements(requirements, filing, answers, evident)

    slots: dict[str, list[Alternative]] = {}
    for requirement in requirements:
        if verdicts[requirement.id].live and requirement.outcome_class in _WEIGHED:
            slot = slots.setdefault(f"group {requirement.group}" if requirement.group else requirement.id, [])
            slot += _alternatives(requirement, found[requirement.id], filing)
    chosen, cover = choose_least(list(slots.values()), filing)
    picks = {alternative.requirement.id: alternative for alternative in chosen}

    planned = tuple(
        _Settling(r, filing, verdicts[r.id], found.get(r.id, Evidence()), picks.get(r.id)).settle()
        for r in requirements
    )
    return Plan(
        planned=planned,
        open_situations=open_situations(filing, answers, evident),
        optimal=cover.optimal,
        cost=cover.cost,
        lower_bound=cover.lower_bound,
    )


def _alternatives(requirement: Requirement, evidence: Evidence, filing: Filing) -> list[Alternative]:
    """Every lawful way to meet a live requirement; the person is asked only where there is none."""
    withheld = _why_withheld(requirement, evidence, filing) is not None
    held = [h for h in evidence.held if not withheld or deposited_here(h.holding, filing)]
    ways = [Alternative(requirement, held=h) for h in held]
    if not withheld:
        ways += [Alternative(requirement, readable=r) for r in evidence.readable]
    shown = requirement.outcome_class is OutcomeClass.SHOW and not withheld
    return ways or [Alternative(requirement, burden=SHOW if shown else ASK)]


def _why_withheld(requirement: Requirement, evidence: Evidence, filing: Filing) -> Reason | None:
    """Why nothing held before this dossier may serve although the law would let it."""
    if requirement.id in filing.overridden:
        return Reason(Code.OVERRIDDEN)
    could = evidence.readable or any(not deposited_here(h.holding, filing) for h in evidence.held)
    return Reason(Code.DECLINED) if could and requirement.id in filing.declined else None


@dataclass(frozen=True, slots=True)
class _Settling:
    """One requirement with all that was found out about it, and the alternative the cover picked, if any."""

    requirement: Requirement
    filing: Filing
    verdict: Verdict
    evidence: Evidence
    pick: Alternative | None

    def settle(self) -> Planned:
        if self.verdict.why_not is not None:
            return self._planned(Outcome.NOT_APPLICABLE, self.verdict.why_not)
        match self.requirement.outcome_class:
            case OutcomeClass.FORM:
                return self._planned(Outcome.FORM, Reason(Code.DECLARED_ON_FORM))
            case OutcomeClass.SURRENDER:
                return self._planned(
                    Outcome.SURRENDER, Reason(Code.SURRENDER_ORIGINAL), self._named(self.evidence.held)
                )
        if self.pick is None:
            return self._planned(Outcome.NOT_APPLICABLE, Reason(Code.ANOTHER_OF_GROUP))
        if self.pick.held is not None:
            return self._settle_held(self.pick.held)
        if self.pick.readable is not None:
            return self._settle_readable(self.pick.readable)
        return self._settle_bare(self.pick.burden)

    def _settle_held(self, held: Held) -> Planned:
        holding, rule = held.holding, held.accepted.rule
        params = {"document_type": holding.type}
        shown = self.requirement.outcome_class is OutcomeClass.SHOW
        if deposited_here(holding, self.filing):
            outcome, reason = Outcome.SUPPLY, self._why_withheld() or Reason(Code.SUPPLIED_HERE, params)
            if shown and reason.code == Code.SUPPLIED_HERE:
                outcome, reason = Outcome.SHOW, Reason(Code.SHOWN_HERE, params)
        elif rule is not None:
            outcome, reason = Outcome.REUSE, Reason(Code.HELD_UNDER_RULE, {**params, "article": rule.article})
        else:
            outcome, reason = Outcome.REUSE, Reason(Code.SEEN_ALREADY if shown else Code.HELD, params)
        used = Used(
            subject=holding.subject,
            claims=() if self.requirement.whole else tuple(map(_claim, held.claims)),
            whole=self.requirement.whole,
            document=holding.document,
            version=holding.version,
            rule=rule.id if rule else None,
            legal_basis=rule.article if rule else self.requirement.legal_basis,
        )
        return self._planned(outcome, reason, (used,))

    def _settle_readable(self, readable: Readable) -> Planned:
        params = {"database": readable.source.database, "article": readable.source.rule.article}
        answer = self._answer(readable)
        if readable.probe is Probe.DOWN:
            found = self._planned(Outcome.PENDING_FETCH, Reason(Code.REGISTER_DOWN, params), (answer,))
        else:
            found = self._planned(Outcome.FETCH, Reason(Code.REGISTER_ANSWERS, params), (answer,))
        if readable.probe is Probe.FOUND:
            return found
        return replace(
            found, instead=tuple(self._answer(r) for r in self.evidence.readable if r is not readable)
        )

    def _answer(self, readable: Readable) -> Used:
        rule = readable.source.rule
        return Used(
            subject=readable.question.subject,
            claims=() if self.requirement.whole else tuple(map(_claim, readable.claims)),
            whole=self.requirement.whole,
            register=readable.question,
            rule=rule.id,
            legal_basis=rule.article,
        )

    def _settle_bare(self, burden: int) -> Planned:
        if burden == SHOW:
            unseen = self.evidence.unseen
            code = Code.SHOW_HELD_ORIGINAL if unseen else Code.SHOW_ORIGINAL
            kind = unseen[0].holding.type if unseen else self.requirement.document_type
            return self._planned(Outcome.SHOW, Reason(code, {"document_type": kind}), self._named(unseen))
        return self._planned(Outcome.SUPPLY, self._why_missing())

    def _planned(self, outcome: Outcome, reason: Reason, used: tuple[Used, ...] = ()) -> Planned:
        live = outcome is not Outcome.NOT_APPLICABLE
        return Planned(
            requirement=self.requirement.id,
            outcome=outcome,
            satisfied=outcome is not Outcome.SUPPLY or bool(used),
            reason=reason,
            used=used,
            rejected=self._rejected(used) if live else self.evidence.rejected,
            warnings=self._warnings(used) if live else (),
            assumed_object=any(h.assumed for h in self._found(used)),
            unread=self._unread(used) if live else self.evidence.unread,
        )

    def _named(self, papers: tuple[Held, ...]) -> tuple[Used, ...]:
        """The latest version of the paper, only to say which one is meant."""
        if not papers:
            return ()
        holding = max(papers, key=lambda h: (h.holding.deposited_at, h.holding.version)).holding
        return (Used(holding.subject, (), False, document=holding.document, version=holding.version),)

    def _found(self, used: tuple[Used, ...]) -> list[Held]:
        versions = {one.version for one in used}
        return [h for h in (*self.evidence.held, *self.evidence.unseen) if h.holding.version in versions]

    def _rejected(self, used: tuple[Used, ...]) -> tuple[Rejected, ...]:
        """Every other candidate with its reason; those fit to serve were not needed, or were withheld."""
        versions = {one.version for one in used}
        spared = self._why_withheld() or Reason(Code.ANOTHER_SERVES)
        return self.evidence.rejected + tuple(
            Rejected(h.holding.document, h.holding.version, spared)
            for h in self.evidence.held
            if h.holding.version not in versions
        )

    def _unread(self, used: tuple[Used, ...]) -> tuple[Unread, ...]:
        asked = {one.register for one in used}
        spared = self._why_withheld() or Reason(Code.ANOTHER_SERVES)
        return self.evidence.unread + tuple(
            Unread(r.question, spared) for r in self.evidence.readable if r.question not in asked
        )

    def _why_withheld(self) -> Reason | None:
        return _why_withheld(self.requirement, self.evidence, self.filing)

    def _why_missing(self) -> Reason:
        if withheld := self._why_withheld():
            return withheld
        role = self.requirement.subject_role
        if not subjects_of(role, self.filing):
            return Reason(Code.PARTY_UNKNOWN, {"role": role})
        unmet = [r.reason for r in self.evidence.rejected] + [u.reason for u in self.evidence.unread]
        # Of several alike, the first by name: never by the order of deposit.
        ordered = sorted(unmet, key=lambda reason: sorted(reason.params.items()), reverse=True)
        reasons = {reason.code: reason for reason in ordered}
        if too_low := reasons.get(Code.LEVEL_TOO_LOW):
            issued = self.requirement.min_level == 1
            return Reason(Code.UPGRADE_BY_ISSUE if issued else Code.UPGRADE_BY_CERTIFICATION, too_low.params)
        told = next((reasons[code] for code in _WORTH_TELLING if code in reasons), None)
        return told or Reason(Code.NOTHING_HELD, {"document_type": self.requirement.document_type})

    def _warnings(self, used: tuple[Used, ...]) -> tuple[Reason, ...]:
        warnings = [
            Reason(Code.EXPIRES_SOON, {"document_type": h.holding.type, "date": until.isoformat()})
            for h in self._found(used)
            if (until := h.holding.valid_until) is not None and until - self.filing.on <= EXPIRES_SOON
        ]
        if self.verdict.contradicted:
            warnings.append(Reason(Code.DECLARATION_CONTRADICTED))
        wrong = (Code.SOURCE_NOT_FOUND, Code.SOURCE_MISMATCH)
        sources: Mapping[str, None] = dict.fromkeys(
            u.reason.params["database"] for u in self.evidence.unread if u.reason.code in wrong
        )
        return (*warnings, *(Reason(Code.SOURCE_MUST_BE_CORRECTED, {"database": name}) for name in sources))


def _claim(name: str) -> ClaimNeed:
    concept, _, role = name.partition("@")
    return ClaimNeed(concept, role)


# What stood nearest to serving comes first.
_WORTH_TELLING = (
    Code.NOT_THE_ORIGINAL,
    Code.CLAIMS_MISSING,
    Code.DISPUTED,
    Code.AGE_UNKNOWN,
    Code.TOO_OLD,
    Code.EXPIRES_TOO_EARLY,
    Code.EXPIRED,
    Code.SOURCE_MISMATCH,
    Code.SOURCE_NOT_FOUND,
    Code.ANSWER_INCOMPLETE,
    Code.OBJECT_UNKNOWN,
    Code.NEW_OBJECT,
    Code.OTHER_OBJECT,
    Code.MADE_BEFORE,
    Code.EXCLUDED,
    Code.REVOKED,
)
