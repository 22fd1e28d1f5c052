"""The cheapest cover: equal to brute force, minimal, and honest when the budget runs out."""

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures.planning.cover import BUDGET, MOST_OPTIONS, MOST_SLOTS, Cover, bits, find_cover
from tests.size import seed, sized

Slots = list[list[int]]


def weigh(mask: int, weights: list[int]) -> int:
    return sum(weight for item, weight in enumerate(weights) if mask >> item & 1)


def cheapest(slots: Slots, weights: list[int]) -> int:
    """By trying everything."""
    unions = [0]
    for slot in slots:
        unions = list({union | option for union in unions for option in slot})
    return min(weigh(union, weights) for union in unions)


def paid(cover: Cover, slots: Slots) -> int:
    union = 0
    for chosen, slot in zip(cover.chosen, slots, strict=True):
        union |= slot[chosen]
    return union


def some_slots(random: Random, items: int, most: int) -> Slots:
    def option() -> int:
        return sum(1 << item for item in random.sample(range(items), random.randint(1, min(items, 4))))

    return [[option() for _ in range(random.randint(1, 4))] for _ in range(random.randint(0, most))]


def test_equals_brute_force() -> None:
    chosen, count = seed(), sized(2_000, 10_000)
    print(f"seed {chosen}, {count} cases")
    random = Random(chosen)
    for _ in range(count):
        items = random.randint(1, 12)
        weights = [random.choice((0, 1, 1, 2, 3, 5, 9)) for _ in range(items)]
        slots = some_slots(random, items, 6)
        cover, best = find_cover(slots, weights), cheapest(slots, weights)
        assert (cover.optimal, cover.cost, cover.lower_bound) == (True, best, best), (slots, weights)
        assert weigh(paid(cover, slots), weights) == best


slots_and_weights = st.integers(2, 9).flatmap(
    lambda items: st.tuples(
        st.lists(st.lists(st.integers(1, 2**items - 1), min_size=1, max_size=5), max_size=8),
        st.lists(st.integers(1, 50), min_size=items, max_size=items),
        st.sampled_from((0, 1, 3, BUDGET)),
    )
)


@settings(max_examples=sized(300, 2_000), deadline=None, database=None)
@given(slots_and_weights)
def test_no_item_can_be_left_out_whatever_the_budget(case: tuple[Slots, list[int], int]) -> None:
    slots, weights, budget = case
    union = paid(find_cover(slots, weights, budget), slots)
    for item in bits(union):
        fewer = union & ~(1 << item)
        assert not all(any(not option & ~fewer for option in slot) for slot in slots)


@settings(max_examples=sized(300, 2_000), deadline=None, database=None)
@given(slots_and_weights)
def test_the_bound_is_below_and_the_cover_above_the_optimum_whatever_the_budget(
    case: tuple[Slots, list[int], int],
) -> None:
    slots, weights, budget = case
    cover, best = find_cover(slots, weights, budget), cheapest(slots, weights)
    assert cover.lower_bound <= best <= cover.cost
    assert not cover.optimal or cover.cost == best


@settings(max_examples=sized(200, 1_000), deadline=None, database=None)
@given(slots_and_weights, st.randoms(use_true_random=False))
def test_the_order_of_slots_and_options_does_not_change_the_cost(
    case: tuple[Slots, list[int], int], random: Random
) -> None:
    slots, weights, _ = case
    shuffled = [random.sample(slot, len(slot)) for slot in random.sample(slots, len(slots))]
    assert find_cover(shuffled, weights).cost == find_cover(slots, weights).cost


def dense(random: Random, items_per_option: int) -> tuple[Slots, list[int]]:
    """25 slots of 8 options over 80 items: nothing falls apart, nothing dominates."""
    weights = [random.randint(1, 100) for _ in range(80)]
    slots = [
        [sum(1 << item for item in random.sample(range(80), items_per_option)) for _ in range(8)]
        for _ in range(25)
    ]
    return slots, weights


def test_dense_hitting_sets_stay_within_the_budget() -> None:
    chosen, count = seed(), sized(8, 40)
    print(f"seed {chosen}, {count} cases")
    random = Random(chosen)
    for _ in range(count):
        cover = find_cover(*dense(random, 1))
        assert cover.optimal
        assert cover.nodes < BUDGET / 10


def test_when_the_budget_runs_out_the_cover_is_whole_and_says_so() -> None:
    chosen, count, budget = seed(), sized(3, 40), sized(300, BUDGET)
    print(f"seed {chosen}, {count} cases of {budget} nodes")
    random = Random(chosen)
    given_up = 0
    for _ in range(count):
        slots, weights = dense(random, 4)
        cover = find_cover(slots, weights, budget)
        union = paid(cover, slots)
        assert cover.cost == weigh(union, weights)
        assert 0 < cover.lower_bound <= cover.cost
        assert cover.nodes <= budget + 1
        given_up += not cover.optimal
    assert given_up, "these cases are meant to exhaust the budget"


def test_beyond_the_limits_the_budget_path_is_taken() -> None:
    random = Random(1)
    many = [[1 << n, 1 << n + 1] for n in range(MOST_SLOTS + 1)]
    weights = [random.randint(1, 9) for _ in range(MOST_SLOTS + 2)]
    cover = find_cover(many, weights)
    assert cover.lower_bound <= cheapest_of_a_chain(weights, len(many)) <= cover.cost
    assert cover.nodes <= 1
    wide = [[1 << 13 | n for n in range(1, MOST_OPTIONS + 2)], [1 << 14, 3]]
    assert find_cover(wide, [1] * 15).cost == 3


def cheapest_of_a_chain(weights: list[int], slots: int) -> int:
    """Slot n needs item n or item n + 1."""
    without, with_item = 0, weights[0]
    for item in range(1, slots + 1):
        without, with_item = with_item, min(without, with_item) + weights[item]
    return min(without, with_item)


def test_nothing_to_cover_costs_nothing() -> None:
    assert find_cover([], []) == Cover((), 0, 0, True, 0)


def test_items_that_weigh_nothing_are_free() -> None:
    assert find_cover([[0b01, 0b10]], [5, 0]).chosen == (1,)


def test_shared_items_count_once() -> None:
    cover = find_cover([[0b001, 0b010], [0b001, 0b100]], [3, 2, 2])
    assert (cover.chosen, cover.cost) == ((0, 0), 3)


def test_a_slot_nothing_can_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="without options"):
        find_cover([[1], []], [1])


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        find_cover([[1]], [-1])


def test_the_brute_force_itself_tries_every_choice() -> None:
    slots, weights = [[1, 6], [2, 5]], [4, 2, 1]
    tried = [weigh(a | b, weights) for a, b in product(*slots)]
    assert cheapest(slots, weights) == min(tried)
