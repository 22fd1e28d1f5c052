"""The platform's own recount, asked for the dossiers of the story: the only source of its figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sandbox.story.citizen import Citizen

FIGURES: Final = (
    "supplied", "caseBound", "reused", "reusedSelf", "reusedDigitised", "reusedIssued", "fetched",
    "askedAgain", "askedWhileDown", "withReason", "declinedReuse", "unfit", "refusedAsks", "refusedUploads",
)  # fmt: skip


async def figures(citizen: Citizen, dossiers: Sequence[str]) -> Mapping[str, int]:
    """What the independent recount finds, summed over these dossiers; every figure, zero included."""
    total = Counter(dict.fromkeys(FIGURES, 0))
    for counts in await citizen.counts(dossiers, FIGURES):
        total.update(counts)
    return total
