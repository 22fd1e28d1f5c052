"""The cheapest set of evidence that covers every requirement: exact, with a budget.

Pure integers. An item (disclosing one claim, opening one document, asking one register, asking the person)
is one bit; an option is the bitmask of items it needs; a slot is a requirement's options, of which one must be
paid for in full. Items paid once serve every slot, so the problem contains hitting set and is NP-hard: branch
and bound proves the optimum within `BUDGET` nodes; beyond that a greedy cover is returned, with a cost that no
cover can beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

BUDGET = 20_000
MOST_SLOTS = 40
MOST_OPTIONS = 4_096
REMEMBERED = 100_000

Slot = list[int]


@dataclass(frozen=True, slots=True)
class Cover:
    """`chosen`: per slot the index of its option. `optimal` is False when the budget ran out or the limits
    were passed; then `lower_bound < cost` may hold, and no cover costs less than `lower_bound`."""

    chosen: tuple[int, ...]
    cost: int
    lower_bound: int
    optimal: bool
    nodes: int


def find_cover(slots: Sequence[Sequence[int]], weights: Sequence[int], budget: int = BUDGET) -> Cover:
    """Choose one option per slot so that the union of the chosen items weighs least.

    `weights[i]` is the weight of bit `i`. No item that weighs anything can be left out of the
    result. The order of slots and options matters only among covers of equal cost: callers who sort both get
    the same cover every time. Raises ValueError for a slot without options, which nothing could ever meet, or a
    negative weight.
    """
    if not all(slots):
        raise ValueError("a slot without options can never be covered")
    if min(weights, default=0) < 0:
        raise ValueError("weights are never negative")
    over = len(slots) > MOST_SLOTS or max(map(len, slots), default=0) > MOST_OPTIONS
    search = _Search(weights, 0 if over else budget)
    free = sum(1 << item for item, weight in enumerate(weights) if not weight)
    paid, bound = search.run([[option & ~free for option in slot] for slot in slots])
    chosen, union = _choose(slots, paid | free)
    return Cover(chosen, search.weigh(union), bound, not search.exhausted, search.nodes)


def bits(mask: int) -> list[int]:
    """The items of a mask, lowest first."""
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


class _Search:
    """One run of the branch and bound: memo, node count and the flag that the budget ran out."""

    def __init__(self, weights: Sequence[int], budget: int) -> None:
        self.nodes = 0
        self.exhausted = False
        self._weights = weights
        self._budget = budget
        self._weighed: dict[int, int] = {0: 0}
        self._solved: dict[tuple[tuple[int, ...], ...], tuple[int, int]] = {}
        self._unbeaten: dict[tuple[tuple[int, ...], ...], int] = {}

    def run(self, slots: list[Slot]) -> tuple[int, int]:
        """The items to pay for and a proven lower bound; the components share one budget."""
        taken, rest = self._reduce(slots)
        bound = self.weigh(taken)
        for part in _components(_drop_implied(rest)):
            greedy = self._greedy(part)
            cost, mask = self._branch(part, greedy[0] + 1) or greedy
            bound += self._bound(part) if self.exhausted else cost
            taken |= mask
        return (self._trim(slots, taken) if self.exhausted else taken), bound

    def weigh(self, mask: int) -> int:
        known = self._weighed.get(mask)
        if known is None:
            known = sum(self._weights[bit] for bit in bits(mask))
            if len(self._weighed) < REMEMBERED:
                self._weighed[mask] = known
        return known

    def _solve(self, slots: list[Slot], limit: int) -> tuple[int, int] | None:
        """The cheapest cover below `limit` as (cost, items), or None when there is none, or none was found
        before the budget was gone."""
        self.nodes += 1
        self.exhausted = self.exhausted or self.nodes > self._budget
        taken, rest = self._reduce(slots)
        cost = self.weigh(taken)
        parts = _components(rest)
        floors = [self._bound(part) for part in parts]
        cost_floor = cost + sum(floors)
        for part, floor in zip(parts, floors, strict=True):
            if cost_floor >= limit:
                return None
            found = self._branch(part, limit - cost_floor + floor)
            if found is None:
                return None
            cost_floor += found[0] - floor
            taken |= found[1]
        return (cost_floor, taken) if cost_floor < limit else None

    def _branch(self, slots: list[Slot], limit: int) -> tuple[int, int] | None:
        """`_solve` for one component already reduced: every option of its narrowest slot is tried."""
        key = tuple(sorted(map(tuple, slots)))
        if key in self._solved:
            best = self._solved[key]
            return best if best[0] < limit else None
        floor = max(self._unbeaten.get(key, 0), self._bound(slots))
        if floor >= limit:
            return None
        incumbent = self._greedy(slots)
        ceiling = min(limit, incumbent[0])
        found = incumbent if incumbent[0] < limit else None
        if floor < ceiling:
            found = self._try_options(slots, ceiling, found)
        if self.exhausted:
            return found
        if found is None:
            self._unbeaten[key] = limit
        else:
            self._solved[key] = found
        return found

    def _try_options(
        self, slots: list[Slot], ceiling: int, found: tuple[int, int] | None
    ) -> tuple[int, int] | None:
        at = min(range(len(slots)), key=lambda i: (len(slots[i]), i))
        others = slots[:at] + slots[at + 1 :]
        for option in sorted(slots[at], key=self.weigh):
            if self.exhausted:
                break
            paid = self.weigh(option)
            rest = self._solve(_strip(others, option), ceiling - paid) if paid < ceiling else None
            if rest is not None:
                found = (paid + rest[0], option | rest[1])
                ceiling = found[0]
        return found

    def _reduce(self, slots: list[Slot]) -> tuple[int, list[Slot]]:
        """Drop dominated options and take what is forced, until neither changes anything."""
        taken = 0
        while True:
            slots = self._undominated(slots)
            forced = 0
            for slot in slots:
                if len(slot) == 1:
                    forced |= slot[0]
            if not forced:
                return taken, slots
            taken |= forced
            slots = _strip(slots, forced)

    def _undominated(self, slots: list[Slot]) -> list[Slot]:
        seen = shared = 0
        for slot in slots:
            union = _union(slot)
            shared |= seen & union
            seen |= union
        kept = []
        for slot in slots:
            left: Slot = []
            for option in sorted(set(slot), key=lambda o: (self.weigh(o), o)):
                if any(self._dominates(other, option, shared) for other in left):
                    continue
                left = [other for other in left if not self._dominates(option, other, shared)]
                left.append(option)
            if left != [0]:
                kept.append(left)
        return kept

    def _dominates(self, one: int, other: int, shared: int) -> bool:
        """Replacing `other` by `one` in any cover adds at most `one & ~other` and surely frees the items of
        `other` that no other slot can use."""
        added, freed = one & ~other, other & ~one & ~shared
        return not added or (freed != 0 and self.weigh(added) <= self.weigh(freed))

    def _bound(self, slots: list[Slot]) -> int:
        """Dual ascent: each slot charges its items as much as its cheapest option still has uncharged; no
        item is charged beyond its weight, so the charges together never exceed any cover."""
        left: dict[int, int] = {}
        total = 0
        for slot in sorted(slots, key=len):
            options = [bits(option) for option in slot]
            for option in options:
                for bit in option:
                    left.setdefault(bit, self._weights[bit])
            raised = min(sum(left[bit] for bit in option) for option in options)
            if raised:
                _charge(options, left, raised)
                total += raised
        return total

    def _greedy(self, slots: list[Slot]) -> tuple[int, int]:
        taken = 0
        for slot in sorted(slots, key=len):
            taken |= min(slot, key=lambda option: (self.weigh(option & ~taken), option))
        return self.weigh(taken), taken

    def _trim(self, slots: list[Slot], taken: int) -> int:
        """Leave out, dearest first, every item the cover can do without."""
        for bit in sorted(bits(taken), key=lambda b: (-self._weights[b], b)):
            fewer = taken & ~(1 << bit)
            if all(any(not option & ~fewer for option in slot) for slot in slots):
                taken = fewer
        return taken


def _charge(options: list[list[int]], left: dict[int, int], raised: int) -> None:
    charged: dict[int, int] = {}
    for option in options:
        due = raised - sum(charged.get(bit, 0) for bit in option)
        for bit in option:
            if due <= 0:
                break
            part = min(due, left[bit])
            left[bit] -= part
            charged[bit] = charged.get(bit, 0) + part
            due -= part


def _strip(slots: list[Slot], taken: int) -> list[Slot]:
    """What is left to pay once `taken` is; slots met by it disappear."""
    rest = []
    for slot in slots:
        left = [option & ~taken for option in slot]
        if 0 not in left:
            rest.append(left)
    return rest


def _drop_implied(slots: list[Slot]) -> list[Slot]:
    """Without the slots that any choice for another slot meets as well."""
    kept = list(slots)
    for slot in slots:
        rest = [other for other in kept if other is not slot]
        if any(all(any(not o & ~option for o in slot) for option in other) for other in rest):
            kept = rest
    return kept


def _components(slots: list[Slot]) -> list[list[Slot]]:
    parts: list[tuple[int, list[Slot]]] = []
    for slot in slots:
        mask, members = _union(slot), [slot]
        apart = []
        for other in parts:
            if other[0] & mask:
                mask |= other[0]
                members = other[1] + members
            else:
                apart.append(other)
        parts = [*apart, (mask, members)]
    return [members for _, members in parts]


def _choose(slots: Sequence[Sequence[int]], paid: int) -> tuple[tuple[int, ...], int]:
    chosen = []
    union = 0
    for slot in slots:
        index = next(i for i, option in enumerate(slot) if not option & ~paid)
        chosen.append(index)
        union |= slot[index]
    return tuple(chosen), union


def _union(slot: Slot) -> int:
    mask = 0
    for option in slot:
        mask |= option
    return mask
