"""The figures over HTTP: for whom they are, what they open to, and that they add up."""

from typing import Any

from tests.flows.stage import Person, Stage, agency_code

COUNTS = """askedAgain askedWhileDown withReason declinedReuse unfit supplied caseBound reused reusedSelf
reusedDigitised reusedIssued fetched refusedAsks refusedUploads"""
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
