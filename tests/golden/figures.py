"""How much paper is left to the citizen, beside the goals of the design: `python -m tests.golden.figures`.

A paper is left when a mandatory component that is no form ends in SUPPLY, SHOW or SURRENDER, with every situation
answered no. Papers bound to one case, or made for one filing, can be kept by nobody and are counted apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from procedures.catalogue import law_on, read_catalogue
from procedures.law import Duty, Law, OutcomeClass, Requirement
from procedures.plan import Filing
from procedures.planner import plan
from tests.golden.cases import AFTER_THE_RESOLUTION, ORDINARY_DAY, WORLDS
from tests.golden.oracle import CATALOGUE, Oracle, read_json
from tests.golden.world import Scene, everything_held
from vault.holding import Origin

_ASKED = ("SUPPLY", "SHOW", "SURRENDER")
_PAPER = (OutcomeClass.EVIDENCE, OutcomeClass.SHOW, OutcomeClass.SURRENDER)
_NOTHING, _HELD, _DOWN, _LAPSED = WORLDS


@dataclass(frozen=True, slots=True)
class Left:
    """One mandatory paper some way of holding leaves open."""

    procedure: str
    requirement: Requirement
    outcome: str
    apart: bool


@dataclass(frozen=True, slots=True)
class Figure:
    """Means per procedure in one setting. `at_zero` counts procedures that leave nothing, bound papers apart."""

    name: str
    procedures: int
    left: tuple[Left, ...]
    goal: str = ""

    def mean(self, *, apart: bool = False, outcomes: tuple[str, ...] = (*_ASKED, "PENDING_FETCH")) -> float:
        return self._count(apart, outcomes) / self.procedures

    def _count(self, apart: bool, outcomes: tuple[str, ...]) -> int:
        return sum(1 for one in self.left if one.apart is apart and one.outcome in outcomes)

    @property
    def at_zero(self) -> int:
        return self.procedures - len({one.procedure for one in self.left if not one.apart})

    def __str__(self) -> str:
        pending = self.mean(outcomes=("PENDING_FETCH",))
        return (
            f"{self.name:<44} {self.mean():.3f}   apart {self.mean(apart=True):.3f}   "
            f"together {self.mean() + self.mean(apart=True):.3f}   at zero {self.at_zero:>2}"
            + (f"   of it pending {pending:.3f}" if pending else "")
            + (f"   goal {self.goal}" if self.goal else "")
        )


def figures(scene: Scene) -> list[Figure]:
    """The settings of the design, in its order."""

    def measured(name: str, change: Callable[[Filing], Filing], world: int, goal: str = "") -> Figure:
        left = tuple(_left(scene, change, world))
        return Figure(name, len(scene.laws[WORLDS[world].on].procedures), left, goal)

    return [
        measured("nothing held, no register", _unread, 0, "(0.84 on the data received)"),
        measured("registers only", _as_it_is, 0, "(0.42 on the data received)"),
        measured("registers and results", _issued_only, 1, "(0.39 on the data received)"),
        measured("registers, results and own papers kept", _as_it_is, 1, "≤ 0.20, 80 at zero"),
        measured("the same, all registers down", _as_it_is, 2, "≤ 0.60"),
        measured("the same on 2027-03-01", _as_it_is, 3),
    ]


def missing_link(law: Law, one: Left) -> str:
    """What would spare the person this paper: a register, a rule or a result code."""
    paper = law.document_types[one.requirement.document_type]
    if one.outcome == "SURRENDER":
        return "a rule: the old original need not be handed in"
    if one.requirement.self_object:
        return "a rule: the issued electronic original may itself be worked on"
    if one.requirement.registers:
        return "a rule: its register's answer must outlast Resolution 66.7"
    if paper.issuing_agency_types:
        return f"a result code: {', '.join(paper.issuing_agency_types)} issues it, no procedure files it"
    if one.requirement.min_level < 3:
        return "a register or a result code: its owner's scan is below the level asked"
    return "a second taker, or a register: no other procedure accepts it"


def report(scene: Scene) -> str:
    """The figures beside the goals, then each remaining paper and what it would need."""
    found = figures(scene)
    law = scene.laws[ORDINARY_DAY]
    kept = next(figure for figure in found if figure.goal.startswith("≤ 0.20"))
    lines = ["mandatory papers left per procedure", *map(str, found)]
    for apart, title in ((False, "papers left"), (True, "papers of one case, counted apart")):
        listed = [one for one in kept.left if one.apart is apart]
        lines.append(f"{title} ({len(listed)})")
        for one in listed:
            need = "made for this filing: nobody can keep it" if apart else missing_link(law, one)
            code = law.procedures[one.procedure].code or "(no code)"
            lines.append(
                f"  {code:<9} {one.requirement.id}: {one.outcome} {one.requirement.document_type} — {need}"
            )
    return "\n".join(lines)


def read_scene() -> Scene:
    """The committed catalogue on both days of the worlds."""
    files = read_catalogue(CATALOGUE)
    laws = {on: law_on(files, on) for on in (ORDINARY_DAY, AFTER_THE_RESOLUTION)}
    return Scene(laws, everything_held(laws[ORDINARY_DAY]))


def _left(scene: Scene, change: Callable[[Filing], Filing], world: int) -> Iterator[Left]:
    law, oracle = scene.laws[WORLDS[world].on], Oracle(read_json())
    for name, procedure in law.procedures.items():
        filing = scene.filing(name, oracle.cases(name)[0], WORLDS[world])
        assert filing is not None
        outcomes = plan(change(filing)).by_requirement()
        for one in procedure.requirements:
            outcome = outcomes[one.id].outcome.value
            mandatory = one.duty is Duty.MANDATORY and one.outcome_class in _PAPER
            if mandatory and outcome in (*_ASKED, "PENDING_FETCH"):
                bound = one.fresh or law.document_types[one.document_type].case_bound
                yield Left(name, one, outcome, bound)


def _as_it_is(filing: Filing) -> Filing:
    return filing


def _unread(filing: Filing) -> Filing:
    procedure = filing.procedure
    unread = tuple(replace(one, registers=()) for one in procedure.requirements)
    return replace(filing, procedure=replace(procedure, requirements=unread))


def _issued_only(filing: Filing) -> Filing:
    return replace(filing, holdings=tuple(h for h in filing.holdings if h.origin is Origin.ISSUED))


if __name__ == "__main__":
    print(report(read_scene()))
