"""Once only as a whole: the figures, for whom they are and what they open to; originals handed in for good."""

from typing import Any

from tests.flows.journeys import (
    COUNTS,
    DESK,
    DRAWING,
    PERMIT_RESULT,
    PERMIT_TYPE,
    figures,
    held,
    issued_permit,
    line,
    look,
    move,
    open_dossier,
    outcomes,
    permit_in_work,
    rows,
    seen,
    submit,
    take_in,
)
from tests.flows.stage import Person, Stage, agency_code

FIGURES = f"""{{ onceOnly {{ counts {{ {COUNTS} }} mismatches(first: 9) {{ edges {{ node {{ id amount }} }} }}
dossiers(figure: REFUSED_UPLOADS, first: 1) {{ edges {{ cursor node {{ id amount }} }} pageInfo {{ hasNextPage }} }}
}} }}"""
PAPER = "gcn-quyen-su-dung-dat"
LAND = "cap-giay-phep-xay-dung-nha-o-rieng-le.c02"


async def permit(person: Person) -> dict[str, Any]:
    query = '{ agencies(procedure: "1.013225") { id code } }'
    found = (await person.ask(query))["agencies"]
    where = next(one["id"] for one in found if one["code"] == agency_code("ubnd-mot"))
    answers = [{"id": "co-cong-trinh-lien-ke", "value": False}]
    given = {"procedure": "1.013225", "agency": where, "situations": answers}
    payload = await person.act(
        "openDossier", "dossier { id requirements { outcome requirement { id } } }", **given
    )
    dossier: dict[str, Any] = payload["dossier"]
    return dossier


async def test_a_refused_upload_opens_to_its_dossier_and_to_nobody_else(stage: Stage) -> None:
    me, stranger = await stage.citizen("minh-chau"), await stage.citizen("thu-ha")
    dossier = await permit(me)
    outcomes = {one["requirement"]["id"]: one["outcome"] for one in dossier["requirements"]}
    assert outcomes[LAND] == "FETCH"
    about = {"dossier": dossier["id"], "requirement": LAND, "type": PAPER}
    file = {"fileName": "a.pdf", "mediaType": "application/pdf", "sizeBytes": 9, "sha256": "0" * 64}
    refused = await me.refused("createUpload", "upload { id }", **file, **about)
    assert refused["code"] == "ALREADY_HELD"
    mine = (await me.ask(FIGURES))["onceOnly"]
    assert {name: amount for name, amount in mine["counts"].items() if amount} == {"refusedUploads": 1}
    (edge,) = mine["dossiers"]["edges"]
    assert edge["node"] == {"id": dossier["id"], "amount": 1}
    assert (mine["dossiers"]["pageInfo"]["hasNextPage"], mine["mismatches"]["edges"]) == (False, [])
    each = f"query($id: ID!) {{ node(id: $id) {{ ... on Dossier {{ onceOnly {{ {COUNTS} }} }} }} }}"
    assert (await me.ask(each, id=dossier["id"]))["node"]["onceOnly"] == mine["counts"]
    # A draft: neither the agency nor anybody else learns of it.
    for other in (stranger, await stage.officer("ubnd-mot.toan-quyen")):
        theirs = (await other.ask(FIGURES))["onceOnly"]
        assert set(theirs["counts"].values()) == {0}
        assert theirs["dossiers"]["edges"] == []


async def test_figures_are_for_those_signed_in(stage: Stage) -> None:
    said = await stage.anybody().post(FIGURES)
    assert said["data"] is None
    assert {one["extensions"]["code"] for one in said["errors"]} == {"UNAUTHENTICATED"}


OPENING = f"""query($figure: OnceOnlyFigure!) {{ onceOnly {{ counts {{ {COUNTS} }}
  dossiers(figure: $figure, first: 9) {{ edges {{ node {{ id amount }} }} }} }} }}"""


async def test_every_count_of_an_agency_opens_to_the_dossiers_it_is_made_of(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    declined = await look(me, await permit(me))
    await me.act("declineReuse", "dossier { id }", **seen(declined), requirement=LAND)
    taken = await permit_in_work(me, officer)
    asking = {"requirement": LAND, "kind": "MISSING", "reason": "x"}
    await officer.refused("requestSupplement", DESK, **seen(taken), asks=[asking])
    given = {"requirement": LAND, "legalReason": "data_wrong", "text": "x"}
    allowed = await move(officer, "overrideAlreadyHeld", taken, **given)
    unfit = {"requirement": DRAWING, "kind": "UNFIT", "reason": "x"}
    await move(officer, "requestSupplement", allowed, asks=[asking, unfit])
    expected = {"REUSED": taken, "REUSED_DIGITISED": taken, "SUPPLIED": taken, "UNFIT": taken,
                "WITH_REASON": taken, "REFUSED_ASKS": taken}  # fmt: skip
    for person, counted in ((me, {**expected, "DECLINED_REUSE": declined}), (officer, expected)):
        for figure, dossier in counted.items():
            found = (await person.ask(OPENING, figure=figure))["onceOnly"]
            assert [edge["node"] for edge in found["dossiers"]["edges"]] == [
                {"id": dossier["id"], "amount": 1}
            ]
        counts = {name for name, amount in found["counts"].items() if amount}
        assert {name.replace("_", "").lower() for name in counted} == {name.lower() for name in counts}
    assert (await officer.ask(OPENING, figure="ASKED_AGAIN"))["onceOnly"]["dossiers"]["edges"] == []


REISSUE, DAMAGED = "1.013228", {"id": "giay-da-cap-bi-rach-nat-hu-hong", "value": True}


async def test_an_original_to_be_handed_in_is_not_uploaded_and_nothing_of_it_is_disclosed(
    stage: Stage,
) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await issued_permit(me, officer)
    draft = await open_dossier(me, REISSUE, "ubnd-hai", situations=[DAMAGED])
    c02 = line(draft, "c02")
    assert (c02["outcome"], c02["satisfied"], draft["notice"]) == ("SURRENDER", True, None)
    assert c02["reason"] == "The original is handed in when the result is collected."
    filed = await submit(me, draft)
    assert filed["status"] == "NEWLY_FILED"
    assert await rows(stage, "SELECT count(*) FROM dossier_evidence WHERE requirement LIKE 'cap-lai%'") == [
        (0,)
    ]
    whole = {**DAMAGED, "value": False}
    spared = await open_dossier(me, REISSUE, "ubnd-hai", situations=[whole])
    assert outcomes(spared)["c02"] == "NOT_APPLICABLE"


async def test_the_original_handed_in_is_recorded_and_gives_way_to_what_replaces_it(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, old = await issued_permit(me, officer)
    filed = await submit(me, await open_dossier(me, REISSUE, "ubnd-mot", situations=[DAMAGED]))
    asked = "SELECT kind, answered_at IS NOT NULL FROM dossier_asks WHERE requirement LIKE 'cap-lai%.c02'"
    assert await rows(stage, asked) == [("COUNTER", False)]
    done = await move(officer, "approveDossier", await take_in(officer, filed), results=[PERMIT_RESULT])
    permits = {one["id"]: one["status"] for one in await held(me, PERMIT_TYPE)}
    assert (permits.pop(old), list(permits.values())) == ("SUPERSEDED", ["VALID"])
    await move(officer, "returnResult", done)
    assert await rows(stage, asked) == [("COUNTER", True)]
    recorded = "SELECT requirement FROM dossier_events WHERE kind = 'original_handed_in'"
    assert await rows(stage, recorded) == [("cap-lai-giay-phep-xay-dung.c02",)]
    assert await figures(me, done) == {}
