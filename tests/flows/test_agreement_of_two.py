"""A child of seven and more agrees to the use of its papers besides whoever represents it: two words, in either
order, and nothing is opened on one."""

from uuid import uuid4

import pytest

from tests.flows.journeys import (
    Facts,
    agreed,
    consents,
    desk_for,
    digitise,
    fill,
    line,
    look,
    notices,
    number_of,
    open_dossier,
    requests,
    rows,
    seen,
    submit,
    take_in,
    unchanged,
    usage,
)
from tests.flows.stage import Person, Stage
from tests.flows.test_give_consent import give

SCHOOL, REPORT = "2.002854", "c02"
PARENT, CHILD = "minh-chau", "gia-an"
ASKED = "{ accessRequests(first: 10) { edges { node { id status agreedBy notice { sha256 } } } } }"
RECORD = """query($id: ID!) { node(id: $id) { ... on Consent {
    record events(first: 10) { edges { node { event } } } } } }"""


class Family:
    """A parent's filing for a child of eight, whose school report the agency holds already."""

    def __init__(
        self, stage: Stage, people: tuple[Person, Person], desk: tuple[str, Person], draft: Facts
    ) -> None:
        self.stage, self.draft = stage, draft
        self.parent, self.child = people
        self.where, self.officer = desk

    async def asked(self, person: Person) -> Facts:
        (edge,) = (await person.ask(ASKED))["accessRequests"]["edges"]
        found: Facts = edge["node"]
        return found

    async def refused(self) -> str:
        async with unchanged(self.stage):
            said = await self.parent.refused("submitDossier", "dossier { id }", **seen(self.draft))
        assert said["code"] == "CONSENT_OUTSTANDING", said
        assert said["roles"] == ["child"]
        return str(said["code"])


@pytest.fixture
async def family(stage: Stage) -> Family:
    parent, child = await stage.citizen(PARENT), await stage.citizen(CHILD)
    ward = (await parent.act("recogniseGuardian", "ward { subject }", citizenId=number_of(CHILD)))["ward"]
    where, officer = await desk_for(stage, parent, SCHOOL)
    await digitise(officer, CHILD, "hoc-ba", {"person.full_name@student": "x"})
    parties = [{"role": "child", "subject": ward["subject"]}]
    draft = await fill(parent, await open_dossier(parent, SCHOOL, where, parties=parties))
    return Family(stage, (parent, child), (where, officer), draft)


async def test_a_parents_word_alone_files_nothing_of_a_child_of_eight(family: Family) -> None:
    parent, child = family.parent, family.child
    # Nothing to agree to by submitting: both are asked, each in their own time.
    assert family.draft["notice"] is None
    await family.refused()
    asked = await family.asked(parent)
    assert asked["agreedBy"] is None
    # One person twice is not two.
    for _ in range(2):
        assert (await give(parent, asked))["status"] == "REQUESTED"
    await family.refused()
    waiting = await family.asked(child)
    assert (waiting["id"], waiting["agreedBy"]) == (asked["id"], "REPRESENTATIVE")
    assert (await notices(child))[0]["code"] == "agreement_awaited"
    assert (await give(child, waiting))["status"] == "GIVEN"
    filed = await submit(parent, await look(parent, family.draft))
    assert filed["status"] == "NEWLY_FILED"
    await take_in(family.officer, filed)
    report = line(filed, REPORT)["requirement"]["id"]
    opened = await family.officer.act(
        "openEvidence", "evidence { contentUrl }", dossier=filed["id"], requirements=[report]
    )
    (paper,) = opened["evidence"]
    assert (await family.officer.browser.get(paper["contentUrl"])).status_code == 200
    kinds = [one["kind"] for one in await usage(parent)]
    assert (kinds.count("consent.agreed"), kinds.count("consent.given")) == (2, 1)


@pytest.mark.parametrize("first", ["parent", "child"])
async def test_the_record_signs_both_words_whoever_was_first(family: Family, first: str) -> None:
    order = (family.parent, family.child) if first == "parent" else (family.child, family.parent)
    for person, status in zip(order, ("REQUESTED", "GIVEN"), strict=True):
        assert (await give(person, await family.asked(person)))["status"] == status
    (consent,) = await consents(family.child)
    told = (await family.child.ask(RECORD, id=consent["id"]))["node"]
    words = told["record"]["events"]
    sides = ["REPRESENTATIVE", "CHILD"] if first == "parent" else ["CHILD", "REPRESENTATIVE"]
    assert [one["side"] for one in words] == sides
    assert len({one["entity_id"] for one in words}) == 2
    assert {one["event_state"] for one in words} == {"dpv:ConsentGiven"}
    by_side = {one["side"]: one for one in words}
    assert by_side["CHILD"]["entity_id"] == told["record"]["pii_principal_id"]
    assert by_side["REPRESENTATIVE"]["entity_id"] == told["record"]["on_behalf"]["actor"]
    assert told["record"]["on_behalf"]["basis"] == "GUARDIAN"
    assert [one["node"]["event"] for one in told["events"]["edges"]] == ["Requested", "Agreed", "Given"]
    giver = """SELECT count(*) FROM consents c
        JOIN mandates m ON (c.given_by, c.subject_id) = (m.actor_id, m.subject_id)"""
    assert await rows(family.stage, giver) == [(1,)]


async def test_a_child_without_an_account_signs_at_the_counter(family: Family) -> None:
    await give(family.parent, await family.asked(family.parent))
    typist = await family.stage.officer(f"{family.where}.tiep-nhan")
    met = await typist.act("identifySubject", "subject", citizenId=number_of(CHILD))
    made = await typist.act("prepareAssisted", "sheet { code }", subject=met["subject"])
    given = {"code": made["sheet"]["code"], "signedSha256": "c" * 64}
    done = await family.officer.act("confirmAssisted", "confirmation { status }", **given)
    assert done["confirmation"]["status"] == "GIVEN"
    (consent,) = await consents(family.child)
    record = (await family.child.ask(RECORD, id=consent["id"]))["node"]["record"]
    assert [(one["side"], one["acr"]) for one in record["events"]][1] == ("CHILD", "signed-sheet")
    assert record["on_behalf"]["basis"] == "GUARDIAN"
    assert record["evidence"]["counter"]["signed_sha256"] == "c" * 64


async def test_a_sheet_signed_by_the_child_first_waits_for_the_parent_however_often_it_is_confirmed(
    family: Family,
) -> None:
    typist = await family.stage.officer(f"{family.where}.tiep-nhan")
    met = await typist.act("identifySubject", "subject", citizenId=number_of(CHILD))
    made = await typist.act("prepareAssisted", "sheet { code }", subject=met["subject"])
    given = {"code": made["sheet"]["code"], "signedSha256": "c" * 64, "idempotencyKey": str(uuid4())}
    for _ in range(2):
        done = await family.officer.act("confirmAssisted", "confirmation { status }", **given)
        assert done["confirmation"]["status"] == "REQUESTED"
    assert (await family.asked(family.parent))["agreedBy"] == "CHILD"
    await family.refused()


async def test_a_word_counts_no_more_once_the_right_to_speak_for_the_child_has_ended(family: Family) -> None:
    await give(family.parent, await family.asked(family.parent))
    await rows(family.stage, "UPDATE mandates SET revoked_at = now() RETURNING id")
    asked = await family.asked(family.child)
    assert (await give(family.child, asked))["status"] == "GIVEN"
    # Nobody represents the child here any more, and its own word is what there is.
    (consent,) = await consents(family.child)
    record = (await family.child.ask(RECORD, id=consent["id"]))["node"]["record"]
    assert record["on_behalf"] is None


async def test_either_of_the_two_may_say_no(family: Family) -> None:
    await give(family.parent, await family.asked(family.parent))
    asked = await family.asked(family.child)
    told = await family.child.act("refuseConsent", "request { status }", request=asked["id"])
    assert told["request"]["status"] == "REFUSED"
    await family.refused()
    assert await consents(family.parent) == []


async def test_either_of_the_two_may_take_it_back(family: Family) -> None:
    for person in (family.parent, family.child):
        await give(person, await family.asked(person))
    filed = await submit(family.parent, await look(family.parent, family.draft))
    (consent,) = await consents(family.child)
    await family.child.act("withdrawConsent", "consent { status }", consent=consent["id"])
    await family.stage.settle()
    after = await look(family.parent, filed)
    assert (after["status"], line(after, REPORT)["satisfied"]) == ("SUPPLEMENT_REQUESTED", False)
    # Asked again by the answer, and by nothing before it.
    assert await requests(family.child) == []
    refused = await family.parent.refused(
        "answerSupplement", "dossier { id }", **seen(after), **agreed(after)
    )
    assert refused["code"] == "CONSENT_OUTSTANDING"
    for person in (family.child, family.parent):
        await give(person, await family.asked(person))
    again = await look(family.parent, filed)
    answered = await family.parent.act(
        "answerSupplement", "dossier { status }", **seen(again), **agreed(again)
    )
    assert answered["dossier"]["status"] == "RECEIVED"
