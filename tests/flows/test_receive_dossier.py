"""The receiving desk takes a dossier in, passes it on, or refuses it with its reason and provision."""

from uuid import uuid4

from tests.flows.journeys import (
    DESK,
    DRAWING,
    DRAWING_TYPE,
    bring,
    denied,
    look,
    notices,
    permit_draft,
    seen,
    submit,
    submitted_permit,
    unchanged,
)
from tests.flows.stage import Stage

ME = "{ viewer { id } }"


async def test_a_dossier_taken_in_has_its_day_and_its_person_is_told(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.tiep-nhan")
    counter = await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, counter)
    given = {**seen(filed), "idempotencyKey": str(uuid4())}
    received = (await officer.act("receiveDossier", DESK, **given))["dossier"]
    assert (received["status"], received["version"]) == ("RECEIVED", filed["version"] + 1)
    async with unchanged(stage):
        assert (await officer.act("receiveDossier", DESK, **given))["dossier"] == received
        again = await officer.refused("receiveDossier", DESK, **seen(received))
        stale = await officer.refused("receiveDossier", DESK, **seen(filed))
    assert (again["code"], stale["code"]) == ("MOVE_NOT_ALLOWED", "STALE_VERSION")
    mine = await look(me, received)
    assert mine["dueDate"] is not None
    assert (await notices(me))[0]["code"] == "received"


async def test_only_the_receiving_desk_of_its_agency_takes_a_dossier_in(stage: Stage) -> None:
    me, counter = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, counter)
    approver, stranger = (
        await stage.officer("ubnd-mot.phe-duyet"), await stage.officer("ubnd-hai.toan-quyen"),
    )  # fmt: skip
    async with unchanged(stage):
        assert await denied(counter, "receiveDossier", **seen(draft)) == "NOT_FOUND"
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    filed = await submit(me, draft)
    async with unchanged(stage):
        for operation in ("receiveDossier", "assignDossier", "refuseDossier"):
            extra = {"assignDossier": {"officer": (await approver.ask(ME))["viewer"]["id"]},
                     "refuseDossier": {"reason": "x", "legalBasis": "y"}}.get(operation, {})  # fmt: skip
            given = {**seen(filed), **extra}
            assert await denied(approver, operation, **given) == "ACCESS_DENIED", operation
            assert await denied(stranger, operation, **given) == "NOT_FOUND", operation
            assert await denied(me, operation, **given) == "ACCESS_DENIED", operation
            assert await denied(stage.anybody(), operation, **given) == "UNAUTHENTICATED", operation
