"""Taking a filing back: its agency loses sight of the evidence, and nothing may be decided any more."""

import pytest

from tests.flows.journeys import (
    DESK,
    LAND,
    PERMIT_RESULT,
    denied,
    look,
    permit_draft,
    permit_in_work,
    seen,
    submitted_permit,
    unchanged,
)
from tests.flows.stage import Stage


@pytest.mark.parametrize("taken_in", [False, True], ids=["just filed", "in work"])
async def test_a_filing_taken_back_shows_nothing_and_is_not_decided(stage: Stage, taken_in: bool) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await (permit_in_work if taken_in else submitted_permit)(me, officer)
    back = (await me.act("withdrawDossier", DESK, **seen(filed), reason="Tôi đổi ý"))["dossier"]
    assert (back["status"], back["availableMoves"]) == ("WITHDRAWN", [])
    assert (await look(me, back))["withdrawalReason"] == "Tôi đổi ý"
    async with unchanged(stage):
        refused = await officer.refused(
            "openEvidence", "evidence { claims { name } }", dossier=back["id"], requirements=[LAND]
        )
        assert refused["code"] == "MOVE_NOT_ALLOWED"
        refused = await officer.refused("approveDossier", DESK, **seen(back), results=[PERMIT_RESULT])
        assert refused["code"] == "MOVE_NOT_ALLOWED"
        refused = await me.refused("withdrawDossier", DESK, **seen(back))
        assert refused["code"] == "MOVE_NOT_ALLOWED"


async def test_only_its_filer_takes_a_filing_back(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    stranger = await stage.citizen("thanh-binh")
    async with unchanged(stage):
        refused = await me.refused("withdrawDossier", DESK, **seen(draft))
        assert refused["code"] == "MOVE_NOT_ALLOWED"
        assert await denied(stranger, "withdrawDossier", **seen(draft)) == "NOT_FOUND"
        assert await denied(officer, "withdrawDossier", **seen(draft)) == "NOT_FOUND"
