"""What each way of meeting a requirement discloses, and which ways together disclose least.

Pure. Costs compare in this order: asking the person, having an original shown, a requirement waiting for a
register, the sensitivity of the claims disclosed, registers asked, documents opened, their age, the number of
claims. All are packed into one integer, each field wide enough never to spill into the one above it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from procedures.law import Requirement
from procedures.plan import Filing, Probe
from procedures.planning.cover import Cover, bits, find_cover
from procedures.planning.evidence import Held, Readable
from vault.holding import Holding

CLAIM = 1
DAY = CLAIM << 16
DOCUMENT = DAY << 24
REGISTER = DOCUMENT << 12
SENSITIVITY = REGISTER << 12
PENDING = SENSITIVITY << 24
SHOW = PENDING << 12
ASK = SHOW << 12

OLDEST = 0xFFFF
UNKNOWN_SENSITIVITY = 3


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to meet one requirement. With neither `held` nor `readable` it costs `burden`: ASK or SHOW."""

    requirement: Requirement
    held: Held | None = None
    readable: Readable | None = None
    burden: int = 0

    @property
    def key(self) -> tuple[str, ...]:
        """Sorts alternatives the same way whatever the order they were found in."""
        if self.held is not None:
            return ("held", str(self.held.holding.version), self.requirement.id)
        if self.readable is not None:
            question = self.readable.question
            return (
                "read",
                question.database,
                question.document_type,
                str(question.subject),
                self.requirement.id,
            )
        return ("self", self.requirement.id)


def choose_least(slots: Sequence[Sequence[Alternative]], filing: Filing) -> tuple[list[Alternative], Cover]:
    """One alternative per slot, in the order of `slots`, so that together they disclose least."""
    slots = _without_twins(slots)
    order = sorted(range(len(slots)), key=lambda i: min(a.requirement.id for a in slots[i]))
    items = _Items(filing, (alternative for i in order for alternative in slots[i]))
    options = [items.options(slots[i]) for i in order]
    cover = find_cover([[mask for mask, _ in option] for option in options], items.weights)
    chosen = {i: options[at][cover.chosen[at]][1] for at, i in enumerate(order)}
    return [chosen[i] for i in range(len(slots))], cover


def _without_twins(slots: Sequence[Sequence[Alternative]]) -> list[list[Alternative]]:
    """Of papers that serve the same requirements with the same claims keep the youngest: no plan needs another.
    A vault full of copies then costs no more to plan than one copy."""
    serves: dict[UUID, list[tuple[str, tuple[str, ...]]]] = {}
    papers: dict[UUID, Holding] = {}
    for slot in slots:
        for alternative in slot:
            if (held := alternative.held) is not None:
                papers[held.holding.version] = held.holding
                entry = (alternative.requirement.id, held.claims)
                serves.setdefault(held.holding.version, []).append(entry)
    twins: dict[object, list[Holding]] = {}
    for version, entries in serves.items():
        twins.setdefault((papers[version].claims, *entries), []).append(papers[version])
    kept = {min(same, key=lambda h: (-_made_on(h).toordinal(), h.version)).version for same in twins.values()}
    return [[a for a in slot if a.held is None or a.held.holding.version in kept] for slot in slots]


class _Items:
    """Gives every item a bit and a weight; an item two alternatives share is the same bit in both."""

    def __init__(self, filing: Filing, alternatives: Iterable[Alternative]) -> None:
        self.weights: list[int] = []
        self._bits: dict[tuple[object, ...], int] = {}
        self._filing = filing
        self._wholes = {_evidence(a) for a in alternatives if a.requirement.whole}

    def options(self, slot: Sequence[Alternative]) -> list[tuple[int, Alternative]]:
        """The alternatives as bitmasks, cheapest first. A paper some requirement needs whole shows the others
        its claims at no further cost."""
        found: list[tuple[int, int, Alternative]] = []
        for place, alternative in enumerate(sorted(slot, key=lambda a: a.key)):
            for whole in {alternative.requirement.whole, _evidence(alternative) in self._wholes}:
                mask = self._mask(alternative, whole)
                found.append((mask, place, alternative))
        found.sort(key=lambda entry: (self._weigh(entry[0]), entry[1], entry[0]))
        return [(mask, alternative) for mask, _, alternative in found]

    def _mask(self, alternative: Alternative, whole: bool) -> int:
        source = _evidence(alternative)
        if alternative.held is not None:
            mask = self._bit(source, DOCUMENT + self._age(alternative.held) * DAY)
            claims, carried = alternative.held.claims, alternative.held.holding.claims
        elif alternative.readable is not None:
            readable = alternative.readable
            # Of two registers alike in all else, ask the one known to have the record.
            mask = self._bit(source, REGISTER + (0 if readable.probe is Probe.FOUND else DAY))
            if readable.probe is Probe.DOWN:
                # Every requirement that waits counts: what is held never waits along with what must.
                mask |= self._bit((alternative.requirement.id, "waits"), PENDING)
            claims = readable.claims
            carried = self._filing.attests.get(readable.question.document_type, frozenset())
        else:
            return self._bit(source, alternative.burden)
        if whole:
            mask |= self._bit((*source, "whole"), SENSITIVITY + sum(map(self._worth, carried)))
        for claim in claims:
            # What an answer carries beyond the published list is told on top of it, never for nothing.
            if not whole or claim not in carried:
                mask |= self._bit((*source, claim), self._worth(claim))
        return mask

    def _bit(self, key: tuple[object, ...], weight: int) -> int:
        at = self._bits.setdefault(key, len(self.weights))
        if at == len(self.weights):
            self.weights.append(weight)
        return 1 << at

    def _worth(self, claim: str) -> int:
        concept = claim.partition("@")[0]
        return CLAIM + SENSITIVITY * self._filing.sensitivity.get(concept, UNKNOWN_SENSITIVITY)

    def _age(self, held: Held) -> int:
        return min(max((self._filing.on - _made_on(held.holding)).days, 0), OLDEST)

    def _weigh(self, mask: int) -> int:
        return sum(self.weights[at] for at in bits(mask))


def _made_on(holding: Holding) -> date:
    return holding.issued_on or holding.deposited_at.date()


def _evidence(alternative: Alternative) -> tuple[object, ...]:
    """What identifies the evidence itself, whichever requirement it serves."""
    if alternative.held is not None:
        return ("held", alternative.held.holding.version)
    if alternative.readable is not None:
        return ("read", alternative.readable.question)
    return ("self", alternative.requirement.id)
