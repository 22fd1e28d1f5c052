"""How much the heavy tests do: CI size by default, the issues' figures with `MOTLAN_TEST_FULL=1`."""

import os
import random

FULL = os.environ.get("MOTLAN_TEST_FULL") == "1"


def sized(quick: int, full: int) -> int:
    return full if FULL else quick


def seed() -> int:
    """The run's seed: given by `MOTLAN_TEST_SEED` to replay, else drawn. Print it with the counts."""
    given = os.environ.get("MOTLAN_TEST_SEED")
    return int(given) if given else random.SystemRandom().randrange(2**32)
