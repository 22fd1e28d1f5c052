"""Common journeys of a flow: filings opened, supplied, submitted, decided; each step through the API, as anyone's.

`unchanged` and `changes` compare every row of every table, so that a refusal which wrote anything is found out.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from sandbox.agencies import AGENCIES, AGENCIES_BY_KEY
from sandbox.establishments import ORGANISATIONS_BY_KEY
from sandbox.people import BY_KEY
from store.records import Record
from tests import files
from tests.flows.stage import Person, Stage

Facts = dict[str, Any]

PLANNED = """outcome satisfied reason legalBasis warnings
requirement { id documentType subjectRole minLevel }
evidence { register claims recipient document { id type origin level } }
rejected { reason document { id } }"""

DOSSIER = f"""id code version status dueDate flaggedAt submittedAt availableMoves
requirements {{ {PLANNED} }}
questions {{ id answer }}
notice {{ sha256 text items {{ claims register recipient document {{ id }} }} }}
form {{ key type required value source options }}
supplement {{ asks {{ kind reason requirement {{ id }} }} }}
overrides {{ requirement legalReason article text }}
refusal {{ reason legalBasis }} withdrawalReason
results {{ id type origin }}"""

SHOWN = f"dossier {{ {DOSSIER} }}"
BRIEF = f"dossier {{ id code version status requirements {{ {PLANNED} }} }}"

DESK = "dossier { id code version status availableMoves requirements { outcome requirement { id } } }"

PERMIT, EXTENSION = "1.013225", "1.013227"
LAND_TYPE, DRAWING_TYPE, PERMIT_TYPE = (
    "gcn-quyen-su-dung-dat",
    "ho-so-thiet-ke-nha-o-rieng-le",
    "giay-phep-xay-dung",
)
LAND, DRAWING = "cap-giay-phep-xay-dung-nha-o-rieng-le.c02", "cap-giay-phep-xay-dung-nha-o-rieng-le.c03"
NO_NEIGHBOURS = [{"id": "co-cong-trinh-lien-ke", "value": False}]
LAND_REGISTER = "csdl-quoc-gia-dat-dai"

LAND_CLAIMS: Mapping[str, Any] = {
    "person.full_name@land_user": "Nguyễn Thị Minh Châu (thử nghiệm)",
    "land_parcel.parcel_number@land_parcel": "12",
    "land_parcel.map_sheet_number@land_parcel": "7",
    "land_parcel.address@land_parcel": "Thôn Thử Nghiệm",
    "land_parcel.area@land_parcel": 84.5,
    "land_parcel.land_use_purpose@land_parcel": "ODT",
    "land_parcel.certificate_serial@land_parcel": "AA 000001",
}
PERMIT_CLAIMS: Mapping[str, Any] = {
    "permit.number@permit_holder": "01/GPXD",
    "person.full_name@permit_holder": "Nguyễn Thị Minh Châu (thử nghiệm)",
    "building.address@building": "Thôn Thử Nghiệm",
    "permit.start_before@permit_holder": "2027-11-23",
}
PERMIT_RESULT: Mapping[str, Any] = {"type": PERMIT_TYPE, "claims": dict(PERMIT_CLAIMS)}

NOT_CONTENT = frozenset(
    {
        "ledger",
        "past_requests",
        "sessions",
        "login_states",
        "number_tries",
        "seen_proofs",
        "changes",
        "feed_ends",
    }
)
"""Tables a refused request may touch: its log line, its key, the moment its session was last seen, a counted try, the
proof it came with. The feed of changes tells of the others alone."""


async def snapshot(stage: Stage) -> dict[str, str]:
    """A digest of all rows of each table."""
    tables = [name for name in Record.metadata.tables if name not in NOT_CONTENT]
    digest = "SELECT '{0}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {0} t"
    statement = " UNION ALL ".join(digest.format(name) for name in tables)
    async with stage.owner.begin() as connection:
        found = await connection.execute(text(statement))
        return {str(row[0]): str(row[1]) for row in found}


@asynccontextmanager
async def changes(stage: Stage, *tables: str) -> AsyncIterator[None]:
    """Exactly these tables change inside the block."""
    before = await snapshot(stage)
    yield
    after = await snapshot(stage)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == set(tables), f"changed: {sorted(changed)}"


def unchanged(stage: Stage) -> Any:
    """No row of any table changes inside the block."""
    return changes(stage)


REFUSED_UPLOAD = ("dossier_events",)
REFUSED_ASK = ("dossier_events", "notices", "outbox")
"""What an attempt to ask again leaves behind: the attempt itself, and the person told of it."""


async def denied(person: Person, operation: str, **given: Any) -> str:
    """The code of the top-level error a mutation meets; it has no data."""
    said = await attempt_raw(person, operation, **given)
    assert said["data"] is None
    assert len(said["errors"]) == 1
    return str(said["errors"][0]["extensions"]["code"])


async def attempt_raw(person: Person, operation: str, **given: Any) -> Facts:
    """The whole answer to a mutation, top-level errors and all."""
    kind = f"{operation[0].upper()}{operation[1:]}Input"
    query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ errors {{ code }} }} }}"
    return await person.post(query, {"input": {"idempotencyKey": str(uuid4()), **given}})


def number_of(key: str) -> str:
    """A demo person's identity number, or a demo company's."""
    return (ORGANISATIONS_BY_KEY.get(key) or BY_KEY[key]).number


async def agency(person: Person, procedure: str, key: str | None = None) -> str:
    """The id of an agency competent for the procedure: the first, or the demo agency with this key."""
    query = "query($p: String!) { agencies(procedure: $p) { id code } }"
    found = (await person.ask(query, p=procedure))["agencies"]
    code = AGENCIES_BY_KEY[key].code if key is not None else found[0]["code"]
    return next(str(one["id"]) for one in found if one["code"] == code)


async def desk_for(
    stage: Stage, person: Person, procedure: str, desk: str = "toan-quyen"
) -> tuple[str, Person]:
    """The key of an agency competent for the procedure, and an officer of it."""
    query = "query($p: String!) { agencies(procedure: $p) { code } }"
    codes = {one["code"] for one in (await person.ask(query, p=procedure))["agencies"]}
    key = next(one.key for one in AGENCIES if one.code in codes)
    return key, await stage.officer(f"{key}.{desk}")


async def open_dossier(person: Person, procedure: str, key: str | None = None, **given: Any) -> Facts:
    """A draft of the procedure at an agency."""
    where = await agency(person, procedure, key)
    made = await person.act("openDossier", SHOWN, procedure=procedure, agency=where, **given)
    found: Facts = made["dossier"]
    return found


async def look(person: Person, dossier: Facts) -> Facts:
    """The dossier as the person sees it now."""
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Dossier {{ {DOSSIER} }} }} }}"
    found: Facts = (await person.ask(query, id=dossier["id"]))["node"]
    assert found is not None
    return found


def outcomes(dossier: Facts) -> dict[str, str]:
    """Outcome by the last part of the requirement's id."""
    return {one["requirement"]["id"].rpartition(".")[2]: one["outcome"] for one in dossier["requirements"]}


def line(dossier: Facts, part: str) -> Facts:
    """One requirement of a dossier or plan, by its id or the last part of it."""
    return next(
        one
        for one in dossier["requirements"]
        if part in (one["requirement"]["id"], one["requirement"]["id"].rpartition(".")[2])
    )


def scan(pages: int = 1) -> bytes:
    """A paper of so many pages: always the same bytes."""
    return files.pdf(pages=pages, deterministic_id=True)


async def bring(
    person: Person,
    dossier: Facts,
    requirement: str,
    type_: str,
    claims: Mapping[str, Any] | None = None,
    pages: int = 1,
) -> Facts:
    """Deposit a self-made paper for a requirement; the dossier afterwards. Other pages make it another paper."""
    about = {"dossier": dossier["id"], "requirement": requirement}
    upload = await person.send(scan(pages), "application/pdf", type_, **about)
    added = await person.act(
        "addDocument", BRIEF, upload=upload, type=type_, claims=dict(claims or {}), **about
    )
    found: Facts = added["dossier"]
    return found


async def keep(person: Person, type_: str, claims: Mapping[str, Any], pages: int = 1) -> str:
    """Deposit a self-made paper outside of any dossier; its id."""
    upload = await person.send(scan(pages), "application/pdf", type_)
    added = await person.act("addDocument", "document { id }", upload=upload, type=type_, claims=dict(claims))
    return str(added["document"]["id"])


async def digitise(
    officer: Person, key: str, type_: str, claims: Mapping[str, Any], pages: int = 1, **about: Any
) -> str:
    """An officer digitises a paper of a demo person standing at the counter, or of their company; its id."""
    met = await officer.act("identifySubject", "subject", citizenId=number_of(key))
    upload = await officer.send(scan(pages), "application/pdf", type_, onBehalfOf=met["subject"])
    kept = await officer.act(
        "digitiseDocument", "document { id }",
        subject=met["subject"], upload=upload, type=type_, claims=dict(claims), **about,
    )  # fmt: skip
    return str(kept["document"]["id"])


async def fill(person: Person, dossier: Facts) -> Facts:
    """Declare something fitting for every required field nobody else knows."""
    for _ in range(4):
        blank = [one for one in dossier["form"] or () if one["required"] and one["value"] is None]
        if not blank:
            break
        patch = {one["key"]: _declared(one) for one in blank}
        filled = await person.act(
            "updateDossierForm", SHOWN, dossier=dossier["id"], expectedVersion=dossier["version"], patch=patch
        )
        dossier = filled["dossier"]
    return dossier


def _declared(one: Facts) -> Any:
    if one["type"] == "enum":
        return one["options"][0]
    return {"boolean": False, "integer": 3, "vnd": 1, "area_m2": 50, "date": "2026-01-02"}.get(
        one["type"], "x"
    )


def agreed(dossier: Facts) -> Facts:
    """The variables that agree to the notice as shown, if there is one."""
    notice = dossier["notice"]
    return {"consent": {"noticeSha256": notice["sha256"]}} if notice else {}


def seen(dossier: Facts) -> Facts:
    """The variables that change a dossier at the version just seen."""
    return {"dossier": dossier["id"], "expectedVersion": dossier["version"]}


async def submit(person: Person, dossier: Facts) -> Facts:
    """Fill in, agree, submit."""
    dossier = await fill(person, await look(person, dossier))
    done = await person.act("submitDossier", BRIEF, **seen(dossier), **agreed(dossier))
    found: Facts = done["dossier"]
    return found


async def move(officer: Person, operation: str, dossier: Facts, /, **given: Any) -> Facts:
    """A desk operation that succeeds; the dossier afterwards."""
    done = await officer.act(operation, DESK, **seen(dossier), **given)
    found: Facts = done["dossier"]
    return found


async def take_in(officer: Person, dossier: Facts) -> Facts:
    """Received, and passed to the officer themself."""
    me = (await officer.ask("{ viewer { id } }"))["viewer"]["id"]
    received = await move(officer, "receiveDossier", dossier)
    return await move(officer, "assignDossier", received, officer=me)


async def permit_draft(person: Person, officer: Person) -> Facts:
    """A draft for a building permit on a parcel whose certificate was digitised at the counter."""
    land = await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS)
    return await open_dossier(
        person, PERMIT, "ubnd-mot",
        situations=NO_NEIGHBOURS, objects=[{"kind": "LAND_PARCEL", "document": land}],
    )  # fmt: skip


async def submitted_permit(person: Person, officer: Person) -> Facts:
    dossier = await permit_draft(person, officer)
    await bring(person, dossier, DRAWING, DRAWING_TYPE)
    return await submit(person, dossier)


async def permit_in_work(person: Person, officer: Person) -> Facts:
    """A submitted permit filing, taken in by its agency."""
    return await take_in(officer, await submitted_permit(person, officer))


async def issued_permit(person: Person, officer: Person) -> tuple[Facts, str]:
    """A decided permit filing as its agency sees it, and the id of the permit issued."""
    taken = await permit_in_work(person, officer)
    done = await move(
        officer, "approveDossier", taken, results=[{"type": PERMIT_TYPE, "claims": dict(PERMIT_CLAIMS)}]
    )
    return done, (await held(person, PERMIT_TYPE))[0]["id"]


async def held(person: Person, type_: str | None = None) -> Sequence[Facts]:
    """The person's papers, newest first."""
    query = """query($type: String) { myDocuments(first: 100, type: $type) { edges { node {
      id type title status level origin version issuedAt validUntil claims { name value disputed source } } } } }"""
    return [edge["node"] for edge in (await person.ask(query, type=type_))["myDocuments"]["edges"]]


async def notices(person: Person) -> list[Facts]:
    """What the person was told, newest first."""
    said = await person.ask("{ myNotices(first: 100) { edges { node { code text dossier at } } } }")
    return [edge["node"] for edge in said["myNotices"]["edges"]]


async def usage(person: Person) -> list[Facts]:
    """Who did what with the person's data, newest first."""
    said = await person.ask(
        """{ myDataUsage(first: 100) { edges { node {
          kind outcome purpose legalBasis agency claims logIndex at } } } }"""
    )
    return [edge["node"] for edge in said["myDataUsage"]["edges"]]


async def consents(person: Person) -> list[Facts]:
    said = await person.ask(
        """{ myConsents(first: 100) { edges { node {
          id status purpose recipient receipt validUntil documents { id } } } } }"""
    )
    return [edge["node"] for edge in said["myConsents"]["edges"]]


async def requests(person: Person) -> list[Facts]:
    """What others' dossiers ask this person to agree to."""
    said = await person.ask(
        """{ accessRequests(first: 100) { edges { node { id status agency expiresAt
          notice { sha256 text items { claims register document { id } } } } } } }"""
    )
    return [edge["node"] for edge in said["accessRequests"]["edges"]]


async def plan(person: Person, procedure: str, **given: Any) -> Facts:
    """What a filing would need."""
    query = f"""query($input: FilingPlanInput!) {{ filingPlan(input: $input) {{
      toSupply optimal dueDate requirements {{ {PLANNED} }} questions {{ id answer }} }} }}"""
    found: Facts = (await person.ask(query, input={"procedure": procedure, **given}))["filingPlan"]
    return found


COUNTS = """askedAgain askedWhileDown withReason declinedReuse unfit supplied caseBound reused reusedSelf
reusedDigitised reusedIssued fetched refusedAsks refusedUploads"""


async def figures(person: Person, dossier: Facts) -> dict[str, int]:
    """What the recount counts of the dossier, zeros left out."""
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Dossier {{ onceOnly {{ {COUNTS} }} }} }} }}"
    counted = (await person.ask(query, id=dossier["id"]))["node"]["onceOnly"]
    return {name: amount for name, amount in counted.items() if amount}


async def rows(stage: Stage, sql: str) -> list[tuple[Any, ...]]:
    """Rows as their owner sees them."""
    async with stage.owner.begin() as connection:
        return [tuple(row) for row in await connection.execute(text(sql))]
