"""The stage of the flows serves the attacks too: one for them all."""

from tests.flows.conftest import (
    furnished,
    law_read_once,
    offset,
    sandbox,
    schema_built_once,
    stage,
    stage_folder,
)

__all__ = ["furnished", "law_read_once", "offset", "sandbox", "schema_built_once", "stage", "stage_folder"]
