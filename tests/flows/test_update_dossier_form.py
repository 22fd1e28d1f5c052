"""The e-form: what is known stands in it read-only with where it came from; only declarations travel."""

from tests.flows.journeys import (
    DRAWING,
    DRAWING_TYPE,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    bring,
    denied,
    line,
    look,
    open_dossier,
    permit_draft,
    rows,
    seen,
    submit,
    unchanged,
)
from tests.flows.stage import Stage


async def test_known_values_are_filled_in_read_only_with_their_source(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    fields = {one["key"]: one for one in draft["form"]}
    land = line(draft, "c02")["evidence"][0]["document"]["id"]
    assert fields["parcel_number"]["value"] == "12"
    assert fields["parcel_number"]["source"].startswith("document:")
    assert fields["construction_grade"]["value"] is None
    assert any(one["source"] == "account" for one in draft["form"])
    assert land
    option = fields["construction_grade"]["options"][0]
    done = await me.act(
        "updateDossierForm", "dossier { version form { key value source } }",
        **seen(draft), patch={"construction_grade": option},
    )  # fmt: skip
    after = {one["key"]: one for one in done["dossier"]["form"]}
    assert (after["construction_grade"]["value"], after["construction_grade"]["source"]) == (
        option,
        "declared",
    )
    assert done["dossier"]["version"] == draft["version"] + 1


async def test_values_that_do_not_fit_are_named_together_and_none_is_kept(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft, stranger = await permit_draft(me, officer), await stage.citizen("thanh-binh")
    fields = {one["key"]: one for one in draft["form"]}
    good = fields["construction_grade"]["options"][0]
    patch = {"parcel_number": "99", "no_such_field": "x", "construction_grade": "không có", "works_name": 7}
    async with unchanged(stage):
        refused = await me.refused("updateDossierForm", "dossier { id }", **seen(draft), patch=patch)
        assert refused["code"] == "FORM_INCOMPLETE"
        assert {"parcel_number", "no_such_field", "construction_grade"} <= set(refused["refused"])
        mixed = {"construction_grade": good, "parcel_number": "99"}
        refused = await me.refused("updateDossierForm", "dossier { id }", **seen(draft), patch=mixed)
        assert refused["refused"] == ["parcel_number"]
        refused = await me.refused("updateDossierForm", "dossier { id }", **seen(draft), patch=["x"])
        assert refused["code"] == "BAD_INPUT"
        assert await denied(stranger, "updateDossierForm", **seen(draft), patch={}) == "NOT_FOUND"


async def test_no_officer_sees_the_form_of_a_filing_but_by_opening_it(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    draft = await permit_draft(me, officer)
    node = "query($id: ID!) { node(id: $id) { ... on Dossier { form { value } } } }"
    assert (await officer.ask(node, id=draft["id"]))["node"] is None
    assert (await look(me, draft))["form"]


async def test_what_a_register_answered_for_this_filing_stands_in_its_form(stage: Stage) -> None:
    me = await stage.citizen("minh-chau")
    draft = await open_dossier(me, PERMIT, "ubnd-mot", situations=NO_NEIGHBOURS)
    assert line(draft, "c02")["outcome"] == "FETCH"
    fields = {one["key"]: one for one in draft["form"]}
    parcel = {key: fields[key] for key in ("parcel_number", "map_sheet", "parcel_area", "parcel_address")}
    assert all(one["value"] is not None for one in parcel.values()), parcel
    assert {one["source"] for one in parcel.values()} == {f"register:{LAND_TYPE}"}
    async with unchanged(stage):
        refused = await me.refused(
            "updateDossierForm", "dossier { id }", **seen(draft), patch={"parcel_number": "99"}
        )
    assert (refused["code"], refused["refused"]) == ("FORM_INCOMPLETE", ["parcel_number"])
    await bring(me, draft, DRAWING, DRAWING_TYPE)
    await submit(me, draft)
    asked = {row[0] for row in await rows(stage, "SELECT field_key FROM dossier_asks WHERE field_key <> ''")}
    assert asked.isdisjoint(parcel)
