"""A dossier not taken in (form 03): with its reason and provision, and nothing of it stays open to the agency."""

from typing import Any
from uuid import uuid4

import pytest

from tests.flows.journeys import (
    DESK,
    LAND,
    Facts,
    look,
    move,
    notices,
    number_of,
    open_dossier,
    rows,
    scan,
    seen,
    submit,
    submitted_permit,
    take_in,
    unchanged,
)
from tests.flows.stage import Person, Stage
from vault.errors import SubjectShredded

REFUSING = {
    "reason": "Không thuộc thẩm quyền",
    "legalBasis": "Thông tư số 03/2025/TT-VPCP, Phụ lục I, mẫu 03",
}


async def test_a_refused_dossier_says_why_on_what_provision_and_is_closed(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.tiep-nhan")
    counter = await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, counter)
    given = {**seen(filed), **REFUSING, "idempotencyKey": str(uuid4())}
    refused = (await officer.act("refuseDossier", DESK, **given))["dossier"]
    assert (refused["status"], refused["availableMoves"]) == ("NOT_RECEIVED", [])
    async with unchanged(stage):
        assert (await officer.act("refuseDossier", DESK, **given))["dossier"] == refused
        gone = await counter.refused(
            "openEvidence", "evidence { claims { name } }", dossier=filed["id"], requirements=[LAND]
        )
        withdrawn = await me.refused("withdrawDossier", DESK, **seen(refused))
    assert (gone["code"], withdrawn["code"]) == ("MOVE_NOT_ALLOWED", "MOVE_NOT_ALLOWED")
    mine = await look(me, refused)
    assert mine["refusal"] == {"reason": REFUSING["reason"], "legalBasis": REFUSING["legalBasis"]}
    assert (await notices(me))[0]["code"] == "not_received"
    assert await rows(stage, "SELECT bool_and(revoked_at IS NOT NULL) FROM dossier_evidence") == [(True,)]
    # The reason rests sealed: whoever reads the table reads nothing.
    assert await rows(stage, "SELECT count(*) FROM sealed_notes WHERE sealed::text LIKE '%quy%n%'") == [(0,)]


async def test_a_dossier_taken_in_is_refused_no_more(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    taken = await take_in(officer, await submitted_permit(me, officer))
    async with unchanged(stage):
        late = await officer.refused("refuseDossier", DESK, **seen(taken), **REFUSING)
        stale = await officer.refused(
            "refuseDossier", DESK, dossier=taken["id"], expectedVersion=1, **REFUSING
        )
    assert (late["code"], stale["code"]) == ("MOVE_NOT_ALLOWED", "STALE_VERSION")


async def test_a_reason_is_not_left_out(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    filed = await submitted_permit(me, officer)
    async with unchanged(stage):
        for left_out in (
            {"reason": "  "},
            {"legalBasis": ""},
            {"reason": "x" * 5_000},
        ):
            refused = await officer.refused("refuseDossier", DESK, **seen(filed), **{**REFUSING, **left_out})
            assert (refused["code"], refused["path"]) == ("BAD_INPUT", list(left_out))


BIRTH, PICTURE = "1.001193", "anh-chan-dung"
WARDS = "{ viewer { wards { subject } } }"
DESTRUCTIONS = "SELECT kind, outcome, actor_kind FROM ledger WHERE kind LIKE 'subject.shred%' ORDER BY id"
ORDERED, DESTROYED = ("subject.shredding", "ORDERED"), ("subject.shredded", "SUCCESS", "loop")


async def birth(me: Person, child: Facts | None = None) -> Facts:
    """A draft for the registration of a birth: of a newborn made with it, or of one made before."""
    parties = [{"role": "child", **(child or {})}, {"role": "mother", "citizenId": number_of("minh-chau")}]
    none = [{"id": one, "value": False} for one in ("tre-bi-bo-roi", "sinh-con-nho-mang-thai-ho")]
    return await open_dossier(me, BIRTH, "ubnd-mot", parties=parties, situations=none)


async def newborn(stage: Stage) -> Any:
    ((found,),) = await rows(stage, "SELECT id FROM subjects WHERE kind = 'newborn'")
    return found


@pytest.mark.parametrize("how", ["refuseDossier", "withdrawDossier"])
async def test_a_newborn_is_destroyed_with_the_filing_that_made_it(stage: Stage, how: str) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    keys = stage.platform.house.office.safe.keys
    filed = await submit(me, await birth(me))
    child = await newborn(stage)
    (ward,) = (await me.ask(WARDS))["viewer"]["wards"]
    picture = await me.send(scan(), "application/pdf", PICTURE, onBehalfOf=ward["subject"])
    about = {"type": PICTURE, "claims": {}, "onBehalfOf": ward["subject"]}
    await me.act("addDocument", "document { id }", upload=picture, **about)
    kept = f"SELECT count(*) FROM document_versions WHERE subject_id = '{child}' AND blob IS NOT NULL"
    assert await rows(stage, kept) == [(1,)]
    async with keys.opened(child) as key:
        sealed = key.seal(b"said of the child", "note:x")
    refusing = how == "refuseDossier"
    ended = await move(officer if refusing else me, how, filed, **(REFUSING if refusing else {}))
    # Nobody acts for the child from this moment; that its key is to go is on record before it goes.
    assert (await me.ask(WARDS))["viewer"]["wards"] == []
    assert await rows(stage, "SELECT bool_and(revoked_at IS NOT NULL), count(*) FROM mandates") == [(True, 1)]
    by = "officer" if refusing else "citizen"
    assert await rows(stage, DESTRUCTIONS) == [(*ORDERED, by)]
    await stage.settle()
    with pytest.raises(SubjectShredded):
        async with keys.opened(child) as key:
            key.open(sealed, "note:x")
    assert await rows(stage, DESTRUCTIONS) == [(*ORDERED, by), DESTROYED]
    assert await rows(stage, "SELECT subject_id, destroyed_at IS NOT NULL FROM shreddings") == [(child, True)]
    assert await rows(stage, kept) == [(0,)]
    assert await rows(stage, f"SELECT DISTINCT status FROM documents WHERE subject_id = '{child}'") == [
        ("removed",)
    ]
    # The message delivered once more finds its work done.
    async with stage.owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE outbox SET done_at = NULL WHERE topic = 'subject.shred'")
    await stage.settle()
    assert await rows(stage, DESTRUCTIONS) == [(*ORDERED, by), DESTROYED]
    # The filing stays readable, and a new one makes another child.
    assert (await look(me, ended))["status"] == ended["status"]
    await birth(me)
    assert len((await me.ask(WARDS))["viewer"]["wards"]) == 1


async def test_a_newborn_another_filing_names_stays_until_that_one_ends(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.tiep-nhan")
    filed = await submit(me, await birth(me))
    (ward,) = (await me.ask(WARDS))["viewer"]["wards"]
    second = await birth(me, ward)
    await move(officer, "refuseDossier", filed, **REFUSING)
    await stage.settle()
    assert (await me.ask(WARDS))["viewer"]["wards"] == [ward]
    assert await rows(stage, "SELECT count(*) FROM shreddings") == [(0,)]
    await move(officer, "refuseDossier", await submit(me, second), **REFUSING)
    await stage.settle()
    assert (await me.ask(WARDS))["viewer"]["wards"] == []
    assert [row[0] for row in await rows(stage, DESTRUCTIONS)] == [ORDERED[0], DESTROYED[0]]


async def test_nobody_known_by_a_number_is_destroyed_with_a_filing(stage: Stage) -> None:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    await move(officer, "refuseDossier", await submitted_permit(me, officer), **REFUSING)
    await stage.settle()
    assert await rows(stage, "SELECT count(*) FROM shreddings") == [(0,)]
    assert await rows(stage, DESTRUCTIONS) == []
