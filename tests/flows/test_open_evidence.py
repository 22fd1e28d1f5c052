"""An officer opens exactly what was agreed to, in the open: each reading is in the person's log before it happens."""

from uuid import uuid4

from tests.flows.journeys import (
    DRAWING,
    LAND,
    changes,
    consents,
    denied,
    move,
    number_of,
    permit_draft,
    permit_in_work,
    rows,
    submitted_permit,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

OPENED = """applicant { name value } evidence {
  requirement { id } contentUrl logIndex claims { name label value source } }"""


async def test_exactly_the_claims_agreed_to_are_opened_and_logged(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    given = {"dossier": taken["id"], "requirements": [LAND, DRAWING], "idempotencyKey": str(uuid4())}
    opened = await officer.act("openEvidence", OPENED, **given)
    land, drawing = opened["evidence"]
    assert {one["name"] for one in land["claims"]} == {
        "person.full_name@land_user",
        "land_parcel.parcel_number@land_parcel",
        "land_parcel.map_sheet_number@land_parcel",
        "land_parcel.address@land_parcel",
        "land_parcel.area@land_parcel",
    }
    assert land["contentUrl"] is None
    assert drawing["contentUrl"].startswith("http://127.0.0.1:8000/documents/")
    applicant = {one["name"]: one["value"] for one in opened["applicant"]}
    assert applicant["person.personal_id_number"] == number_of("minh-chau")
    assert applicant["parcel_number"] == "12"
    read = [one for one in await usage(me) if one["kind"] == "vault.read"]
    assert {one["legalBasis"] for one in read} == {"CONSENT", "OWN"} | (
        {one["legalBasis"] for one in read} - {"CONSENT"}
    )
    assert {one["agency"] for one in read} == {"People’s Committee, Test Ward One (sandbox)"}
    assert len(read) == 2
    await stage.settle()
    read = [one for one in await usage(me) if one["kind"] == "vault.read"]
    assert all(one["logIndex"] is not None for one in read)
    # A replay discloses anew and is on record anew: nothing is answered from memory.
    again = await officer.act("openEvidence", OPENED, **given)
    assert [one["claims"] for one in again["evidence"]] == [land["claims"], drawing["claims"]]
    assert len([one for one in await usage(me) if one["kind"] == "vault.read"]) == 4
    other = await officer.refused("openEvidence", OPENED, **{**given, "requirements": [LAND]})
    assert other["code"] == "IDEMPOTENCY_CONFLICT"


async def test_what_may_not_be_opened_is_refused_as_a_whole_and_nothing_is_read(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    form = "cap-giay-phep-xay-dung-nha-o-rieng-le.c01"
    given = {"dossier": taken["id"], "requirements": [LAND]}
    receiver = await stage.officer("ubnd-mot.tiep-nhan")
    stranger = await stage.officer("ubnd-hai.toan-quyen")
    async with unchanged(stage):
        for wanted, code in (
            ([LAND, form], "EVIDENCE_GONE"),
            ([LAND, "dang-ky-khai-sinh.c02"], "REQUIREMENT_UNKNOWN"),
        ):
            refused = await officer.refused("openEvidence", OPENED, dossier=taken["id"], requirements=wanted)
            assert refused["code"] == code
        assert await denied(receiver, "openEvidence", **given) == "ACCESS_DENIED"
        assert await denied(stranger, "openEvidence", **given) == "NOT_FOUND"
        assert await denied(me, "openEvidence", **given) == "ACCESS_DENIED"
        assert await denied(stage.anybody(), "openEvidence", **given) == "UNAUTHENTICATED"
    assert await rows(
        stage, "SELECT count(*) FROM ledger WHERE kind IN ('vault.read', 'dossier.form_read')"
    ) == [(0,)]


async def test_a_draft_is_opened_by_nobody_and_a_withdrawn_consent_opens_nothing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    async with unchanged(stage):
        assert await denied(officer, "openEvidence", dossier=draft["id"], requirements=[LAND]) == "NOT_FOUND"


async def test_after_a_withdrawal_a_replay_is_refused_too(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    given = {"dossier": taken["id"], "requirements": [LAND], "idempotencyKey": str(uuid4())}
    await officer.act("openEvidence", OPENED, **given)
    (agreement,) = await consents(me)
    await me.act("withdrawConsent", "consent { status }", consent=agreement["id"])
    async with unchanged(stage):
        for key in (given["idempotencyKey"], str(uuid4())):
            refused = await officer.refused("openEvidence", OPENED, **{**given, "idempotencyKey": key})
            assert refused["code"] == "EVIDENCE_GONE"
    digest = "SELECT digest IS NOT NULL, revoked_at IS NOT NULL FROM dossier_evidence WHERE requirement LIKE '%.c02'"
    assert (True, True) in await rows(stage, digest)


async def test_a_dossier_no_longer_worked_on_is_closed_to_its_officers(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    async with changes(stage, "consent_events", "dossier_events"):
        await officer.act("openEvidence", OPENED, dossier=filed["id"], requirements=[LAND])
    gone = await move(officer, "refuseDossier", filed, reason="x", legalBasis="y")
    async with unchanged(stage):
        refused = await officer.refused("openEvidence", OPENED, dossier=gone["id"], requirements=[LAND])
    assert refused["code"] == "MOVE_NOT_ALLOWED"


OPENINGS = "query($id: ID!) { node(id: $id) { ... on Dossier { openings { requirement at logIndex } } } }"


async def test_an_officer_finds_their_openings_in_the_log_once_it_is_sealed(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    stranger = await stage.officer("ubnd-hai.toan-quyen")
    taken = await permit_in_work(me, officer)
    assert (await officer.ask(OPENINGS, id=taken["id"]))["node"] == {"openings": []}
    opened = await officer.act("openEvidence", OPENED, dossier=taken["id"], requirements=[LAND, DRAWING])
    assert [one["logIndex"] for one in opened["evidence"]] == [None, None]
    unsealed = (await officer.ask(OPENINGS, id=taken["id"]))["node"]["openings"]
    assert [(one["requirement"], one["logIndex"]) for one in unsealed] == [(DRAWING, None), (LAND, None)]
    await stage.settle()
    sealed = (await officer.ask(OPENINGS, id=taken["id"]))["node"]["openings"]
    lines = [one for one in await usage(me) if one["kind"] == "vault.read"]
    assert [one["logIndex"] for one in sealed] == [one["logIndex"] for one in lines]
    assert all(isinstance(one["logIndex"], int) for one in sealed)
    assert (await me.ask(OPENINGS, id=taken["id"]))["node"] == {"openings": None}
    assert (await stranger.ask(OPENINGS, id=taken["id"]))["node"] is None
