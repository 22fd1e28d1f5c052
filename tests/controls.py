"""The third control of the story: a platform that does not enforce what is held. Built here, and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dossiers.evidence import asks, papers
from procedures.plan import Planned


@contextmanager
def without_enforcement() -> Iterator[None]:
    """Inside the block this very process asks people for what is held, and takes it from them again."""
    with pytest.MonkeyPatch.context() as patch:
        # Both names are bound where they are called: patching one alone would leave the other refusing.
        for module in (asks, papers):
            assert module.refuse_if_held is _ENFORCED, "enforcement is called somewhere else now"
            patch.setattr(module, "refuse_if_held", _let_pass)
        yield


_ENFORCED = asks.refuse_if_held


def _let_pass(planned: Planned | None, requirement: str) -> None:
    """What `refuse_if_held` would be, did the law not forbid it."""
