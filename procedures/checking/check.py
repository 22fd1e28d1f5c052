"""`motlan catalogue check`: what makes a catalogue unfit to import, each with its file and JSON path.

Pure. A catalogue with one fault is refused as a whole: half a law is not a law. Links and words are looked at
first; only a catalogue free of faults there is judged by its rules and, day by day, as law.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from procedures.checking.faults import Fault, FaultKind
from procedures.checking.of_law import faults_of_law
from procedures.checking.of_links import faults_of_links
from procedures.checking.of_rules import faults_of_rules
from procedures.checking.of_words import faults_of_words
from procedures.editions import CatalogueFiles, items

__all__ = ["Fault", "FaultKind", "check", "report", "turning_days"]


def check(files: CatalogueFiles, on: date | None = None) -> list[Fault]:
    """Every fault of the catalogue; none means it may be imported.

    With `on`, the law of that day is judged; without, that of every day on which the law changes.
    """
    faults = [*faults_of_links(files), *faults_of_words(files)]
    if faults:
        return faults
    faults.extend(faults_of_rules(files))
    for when in [on] if on else turning_days(files):
        faults.extend(fault for fault in faults_of_law(files, when) if fault not in faults)
    return faults


def report(faults: Sequence[Fault]) -> str:
    """The faults for a terminal, one a line, and their number."""
    count = f"{len(faults)} fault(s)" if faults else "no fault found"
    return "\n".join([*map(str, faults), count])


def turning_days(files: CatalogueFiles) -> list[date]:
    """The days on which some item begins, and those after which some item no longer applies."""
    turns: set[date] = set()
    for item in items(files):
        if item.effective_from:
            turns.add(item.effective_from)
        if item.effective_to:
            turns.add(item.effective_to + timedelta(days=1))
    return sorted(turns)
