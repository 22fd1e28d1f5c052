"""What the story promises, what it found, and the one JSON object it ends with."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.story.citizen import Citizen, Wish

PROMISES: Final[Mapping[str, str]] = {
    "digitised-once": "a paper scanned at the counter rests in her vault, certified, and she is told",
    "supplied-once": "what only she has is asked for, brought once, and the filing is taken in",
    "digitised-reused": "the paper scanned at the counter serves the filing",
    "result-deposited": "the signed result enters her vault",
    "result-reused": "the result serves the next procedure: nothing is brought",
    "nothing-asked": "what registers know is asked of nobody",
    "self-reused": "what she brought for one procedure serves another: nothing is brought",
    "ask-refused": "an officer's request for what is held is refused, and she is told",
    "upload-refused": "even her own second upload of what is held is refused",
    "override-shown": "an override with a legal reason stands in her feed and in the figures at once",
    "down-is-not-missing": "while a register is down the filing goes on, and heals when it answers",
    "token-verified": "another agency verifies the result by her code and sees the chosen claims, no others",
    "withdrawn-read-refused": "after she takes the code back the next read shows nothing",
    "revocation-flagged": "live dossiers that rely on a revoked result are flagged",
    "log-verified": "the access log verifies",
    "tamper-detected": "a row deleted from the access log is named by the offline check",
    "asked-again-zero": "the recount finds nothing asked again",
    "kinds-reused": "a self-supplied, a digitised and an issued paper were each reused",
}
"""Every promise by the name a broken one is reported under."""


class PromiseBroken(Exception):
    """The platform works and does not do what it is for. Exit code 3."""

    def __init__(self, promise: str, found: str) -> None:
        super().__init__(f"{promise}: {PROMISES[promise]}; but {found}")
        self.promise = promise


def promise(name: str, kept: object, found: str) -> None:
    """Raises PromiseBroken with what was found instead."""
    if not kept:
        raise PromiseBroken(name, found)


@dataclass(slots=True)
class Step:
    """One step: what was filed in it, and what the recount says of those dossiers."""

    name: str
    procedures: list[str] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    dossiers: list[str] = field(default_factory=list)
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """Figures are the recount's; `found` holds what steps saw happen. What did not happen is absent."""

    steps: list[Step] = field(default_factory=list)
    totals: Mapping[str, int] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> str:
        kinds = {
            "self": self.totals.get("reusedSelf", 0),
            "digitised": self.totals.get("reusedDigitised", 0),
            "issued": self.totals.get("reusedIssued", 0),
        }
        counted = {
            "supplied": self.totals.get("supplied", 0),
            "reused": self.totals.get("reused", 0),
            "reused_kinds": kinds,
            "asked_again": self.totals.get("askedAgain", 0),
            "with_reason": self.totals.get("withReason", 0),
            "declined_reuse": self.totals.get("declinedReuse", 0),
            "already_held_refusals": sum(
                self.totals.get(name, 0) for name in ("refusedAsks", "refusedUploads")
            ),
        }
        told = {
            "steps": [_step(one) for one in self.steps],
            **(counted if self.totals else {}),
            **self.found,
            "seconds": round(self.seconds, 1),
        }
        return json.dumps(told, ensure_ascii=False)


def _step(one: Step) -> dict[str, Any]:
    figures = {name: one.figures[name] for name in ("supplied", "reused", "fetched") if name in one.figures}
    if one.figures:
        # Whatever a person had to bring or was wrongly asked for: what once only means to bring to nothing.
        asked = ("supplied", "caseBound", "askedAgain", "askedWhileDown")
        figures["asked"] = sum(one.figures[name] for name in asked)
    return {
        "name": one.name,
        "procedure": ", ".join(one.procedures),
        "dossiers": len(one.dossiers),
        **figures,
    }


FIGURES: Final = (
    "supplied", "caseBound", "reused", "reusedSelf", "reusedDigitised", "reusedIssued", "fetched",
    "askedAgain", "askedWhileDown", "withReason", "declinedReuse", "unfit", "refusedAsks", "refusedUploads",
)  # fmt: skip


async def recount(citizen: Citizen, dossiers: Sequence[str]) -> Mapping[str, int]:
    """What the independent recount finds, summed over these dossiers; every figure, zero included."""
    total = Counter(dict.fromkeys(FIGURES, 0))
    for counts in await citizen.counts(dossiers, FIGURES):
        total.update(counts)
    return total
