"""The counter: a paper is scanned against its original, once; the person it belongs to is told."""

from uuid import uuid4

from tests import files
from tests.flows.journeys import (
    LAND,
    LAND_CLAIMS,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    REFUSED_ASK,
    changes,
    denied,
    digitise,
    figures,
    held,
    line,
    notices,
    number_of,
    open_dossier,
    permit_in_work,
    plan,
    scan,
    unchanged,
    usage,
)
from tests.flows.stage import Stage

KEPT = "document { id type level origin status claims { value } }"


async def test_a_paper_digitised_once_is_certified_and_reused(stage: Stage) -> None:
    me, officer = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.tiep-nhan")
    assert line(await plan(me, PERMIT, situations=NO_NEIGHBOURS), "c02")["outcome"] == "FETCH"
    land = await digitise(officer, "thanh-binh", LAND_TYPE, LAND_CLAIMS)
    (kept,) = await held(me)
    assert (kept["id"], kept["level"], kept["origin"]) == (land, 2, "DIGITISED")
    about = [{"kind": "LAND_PARCEL", "document": land}]
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS, objects=about)
    assert line(draft, "c02")["outcome"] == "REUSE"
    assert [one["code"] for one in await notices(me)] == ["digitised"]
    kinds = [one["kind"] for one in await usage(me)]
    assert {"subject.identified", "vault.deposit"} <= set(kinds)
    # The same scan again leaves one paper in force, not two.
    await digitise(officer, "thanh-binh", LAND_TYPE, LAND_CLAIMS)
    assert [one["status"] for one in await held(me)].count("VALID") == 1


async def test_an_officer_learns_what_was_kept_and_never_what_it_says(stage: Stage) -> None:
    await stage.citizen("thanh-binh")
    officer = await stage.officer("ubnd-mot.tiep-nhan")
    met = await officer.act("identifySubject", "subject", citizenId=number_of("thanh-binh"))
    upload = await officer.send(files.pdf(), "application/pdf", LAND_TYPE, onBehalfOf=met["subject"])
    given = {"subject": met["subject"], "upload": upload, "type": LAND_TYPE, "claims": dict(LAND_CLAIMS)}
    key = str(uuid4())
    kept = (await officer.act("digitiseDocument", KEPT, **given, idempotencyKey=key))["document"]
    assert (kept["type"], kept["origin"], kept["claims"]) == (LAND_TYPE, "DIGITISED", None)
    async with unchanged(stage):
        again = await officer.act("digitiseDocument", KEPT, **given, idempotencyKey=key)
        assert again["document"] == kept
        query = "query($id: ID!) { document(id: $id) { id } }"
        assert (await officer.post(query, {"id": kept["id"]}))["data"]["document"] is None


async def test_only_the_receiving_desk_digitises_and_only_what_is_a_paper(stage: Stage) -> None:
    me, receiver = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.tiep-nhan")
    approver = await stage.officer("ubnd-mot.phe-duyet")
    met = await receiver.act("identifySubject", "subject", citizenId=number_of("thanh-binh"))
    other = await stage.citizen("minh-chau")
    somebody = (await other.ask("{ viewer { id } }"))["viewer"]["id"]
    upload = await receiver.send(files.pdf(), "application/pdf", LAND_TYPE, onBehalfOf=met["subject"])
    given = {"subject": met["subject"], "upload": upload, "type": LAND_TYPE, "claims": dict(LAND_CLAIMS)}
    async with unchanged(stage):
        for changed, code in (
            ({"type": "thong-tin-dia-diem-mua-dien", "claims": {}}, "TYPE_NOT_ACCEPTED"),
            ({"claims": {"person.nickname@holder": "x"}}, "CLAIMS_REFUSED"),
        ):
            refused = await receiver.refused("digitiseDocument", KEPT, **{**given, **changed})
            assert refused["code"] == code
        # Announced for one person, it becomes nobody else's paper.
        assert await denied(receiver, "digitiseDocument", **{**given, "subject": somebody}) == "NOT_FOUND"
        assert await denied(approver, "digitiseDocument", **given) == "ACCESS_DENIED"
        assert await denied(me, "digitiseDocument", **given) == "ACCESS_DENIED"


async def test_a_person_is_found_at_the_counter_by_their_number_and_reads_that_they_were(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("thanh-binh"), await stage.officer("ubnd-mot.tiep-nhan")
    met = await officer.act("identifySubject", "subject", citizenId=f" {number_of('thanh-binh')} ")
    assert met["subject"] == (await me.ask("{ viewer { id } }"))["viewer"]["id"]
    (told,) = [one for one in await usage(me) if one["purpose"] == "counter"]
    assert (told["agency"], told["legalBasis"]) == (
        "People’s Committee, Test Ward One (sandbox)",
        "LEGAL_DUTY",
    )
    async with unchanged(stage):
        assert await denied(officer, "identifySubject", citizenId="000000000000") == "NOT_FOUND"
        assert await denied(me, "identifySubject", citizenId=number_of("thanh-binh")) == "ACCESS_DENIED"
        appraiser = await stage.officer("ubnd-mot.tham-dinh")
        assert (
            await denied(appraiser, "identifySubject", citizenId=number_of("thanh-binh")) == "ACCESS_DENIED"
        )


async def test_what_a_filing_has_already_is_not_digitised_for_it_and_the_person_is_told(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await permit_in_work(me, officer)
    met = await officer.act("identifySubject", "subject", citizenId=number_of("minh-chau"))
    upload = await officer.send(scan(5), "application/pdf", LAND_TYPE, onBehalfOf=met["subject"])
    given = {"subject": met["subject"], "upload": upload, "type": LAND_TYPE, "claims": dict(LAND_CLAIMS)}
    async with changes(stage, *REFUSED_ASK):
        refused = await officer.refused("digitiseDocument", KEPT, **given, dossier=taken["id"])
    assert (refused["code"], refused["requirement"]) == ("ALREADY_HELD", LAND)
    assert (await notices(me))[0]["code"] == "refused_ask"
    assert (await figures(me, taken))["refusedAsks"] == 1
    # For the vault in general it is taken: the person may keep what they like.
    await officer.act("digitiseDocument", KEPT, **given)
