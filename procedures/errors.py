"""Refusals of this room."""

from procedures.checking.faults import Fault


class CatalogueRefused(Exception):
    """The catalogue may not be imported. `faults` name file and path of each; empty when there is none at all."""

    code = "CATALOGUE_REFUSED"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{len(faults)} faults" if faults else "nothing imported yet")
        self.faults = faults
