"""The world every attack of the matrix is tried in, planted once by the use cases themselves.

Lan (owner) has a land certificate and permits at agency A in every state, and drafts of birth registrations that
name Hoa (spouse) as mother. Nga (guardian) files for Lan's child Bé. Minh (stranger) holds nothing. Agency A has
an officer for each single role and software of its own that declared everything (system); agency B has an officer
with all roles (foreign), and software that Lan let read her permit (reader).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from auth.caller import LOOP, Caller, CallerKind, Role
from auth.mandates import ParentEvidence, recognise_guardian
from auth.records import Officer, Passkey, Proxy, Session, System
from auth.tries import Asking, note_try
from connectors.web_push import Subscription
from dossiers.access.requests import give_access, request_access, waiting_requests
from dossiers.desk.assisting import prepare_assisted, printed
from dossiers.desk.flags import flag_reliant
from dossiers.desk.intake import Refusing, refuse_dossier
from dossiers.desk.results import Approval, Result, approve_dossier
from dossiers.evidence.papers import Paper, add_document
from dossiers.evidence.pins import accept_request, request_words, words_for
from dossiers.filing import Withdrawing, withdraw_dossier
from dossiers.notices import mark_read
from dossiers.objects import ObjectChoice
from dossiers.parties import Party
from dossiers.phones.devices import NoticeGroup, Preferences, prefer, register_device
from procedures.law import ObjectKind
from procedures.records import Agency
from resolvers.connections import Cursors, global_id
from resolvers.phones.changes import mark_of
from sandbox.phones.relay import Handset
from store import ledger
from store.checkpoints import LogSigner
from store.database import Database, Tx
from store.feed import place_changes
from store.identifiers import new_id
from tests import files
from tests.filings import LAWS, OFFICER, World, world
from tests.people import SIGN_IN
from vault.deposits import Deposit, deposit
from vault.holding import Holding, Origin
from vault.issuing.records import Attestation
from vault.permission.consent import my_consents, my_requests
from vault.permission.limits import Limits
from vault.permission.notice import notice
from vault.permission.requests import AccessAsked
from vault.permission.views import ConsentView
from vault.records import ErasureRequest, VaultUsage
from vault.safe import PER_SUBJECT, Safe
from vault.sharing.shares import NewShare, create_share
from vault.subjects import PERSON, Profile, enrol, number_index

CITIZENS = ("owner", "stranger", "spouse", "guardian")
OFFICERS = ("tiep_nhan", "tham_dinh", "phe_duyet", "kiem_toan", "quan_tri")
SYSTEMS = ("system", "reader")
CALLERS = ("anonymous", *CITIZENS, *OFFICERS, "foreign", *SYSTEMS)

PHONE = "motlan-mobile"
PERMIT, BIRTH, EXTENSION = "1.013225", "1.001193", "1.013227"
PROCEDURES = {"birth": "dang-ky-khai-sinh", "extension": "gia-han-giay-phep-xay-dung"}
SYSTEM_SCOPE = ("desk", "verify", "access:giay-phep-xay-dung")
READER_SCOPE = ("verify", "access:giay-phep-xay-dung", "access:gcn-quyen-su-dung-dat")
MESSAGE = "BAN-7"
LAND_TYPE, DRAWING_TYPE, PERMIT_TYPE = (
    "gcn-quyen-su-dung-dat",
    "ho-so-thiet-ke-nha-o-rieng-le",
    "giay-phep-xay-dung",
)
SIGNATURE, PASSPORT_TYPE, PASSPORT = "2.000884", "ho-chieu", "chung-thuc-chu-ky.c01"
FORM, LAND, DRAWING = (f"cap-giay-phep-xay-dung-nha-o-rieng-le.c0{place}" for place in (1, 2, 3))
QUESTION = "co-cong-trinh-lien-ke"

NAMES = {
    "owner": "Lan Chim Yến",
    "stranger": "Minh Người Lạ",
    "spouse": "Hoa Bên Kia",
    "guardian": "Nga Giám Hộ",
    "child": "Bé Thơ",
}
NUMBERS = {name: f"00119900010{place}" for place, name in enumerate(NAMES)}
REASON, OVERRIDING, REFUSING, WITHDRAWING = "lý do", "giải thích", "không đúng thẩm quyền", "tôi đổi ý"
"""Words people wrote: why something is asked again, why a law lets it be, why not taken in, why taken back."""
TODDLER = "001222000107"
"""A child of Lan's whom only the population database knows."""
COMPANY = "0009100107"
"""A company of Lan's that only the business register knows."""


def secrets_of(name: str) -> tuple[str, ...]:
    """What only this person, and whoever acts for them, may ever read."""
    if name == "stranger":
        return (NAMES[name], NUMBERS[name])
    return (NAMES[name], NUMBERS[name], f"thửa {name} 4711", f"Thôn {name}", f"AA {name} 1")


OF_PERMIT = "4712/GPXD"
"""On Lan's permit, so Lan's too."""


def land_claims(of: str) -> dict[str, Any]:
    return {
        "person.full_name@land_user": NAMES[of],
        "land_parcel.parcel_number@land_parcel": f"thửa {of} 4711",
        "land_parcel.map_sheet_number@land_parcel": "7",
        "land_parcel.address@land_parcel": f"Thôn {of}",
        "land_parcel.area@land_parcel": 84.5,
        "land_parcel.land_use_purpose@land_parcel": "ODT",
        "land_parcel.certificate_serial@land_parcel": f"AA {of} 1",
    }


PERMIT_CLAIMS = {
    "permit.number@permit_holder": OF_PERMIT,
    "person.full_name@permit_holder": NAMES["owner"],
    "building.address@building": "Thôn owner",
    "permit.start_before@permit_holder": "2027-11-23",
}
BIRTH_NOTICE = {
    "birth.notification_code@child": "GCS-4713",
    "person.full_name@mother": NAMES["spouse"],
    "person.personal_id_number@mother": NUMBERS["spouse"],
    "person.date_of_birth@child": "2026-11-20",
    "person.place_of_birth@child": "Bệnh viện Thử",
    "person.sex@child": "F",
}
HER_REGISTERS: dict[tuple[str, str], Mapping[str, Any]] = {
    ("he-thong-du-lieu-gcs-gbt", "giay-chung-sinh"): BIRTH_NOTICE,
    ("csdl-cu-tru", "xac-nhan-thong-tin-cu-tru"): {"person.current_residence@holder": "Thôn spouse"},
}
POPULATION: Mapping[str, Any] = {
    "person.personal_id_number@holder": TODDLER,
    "person.full_name@holder": "Cún Con",
    "person.date_of_birth@holder": "2022-06-01",
    "person.personal_id_number@mother": NUMBERS["owner"],
}
REGISTRATION: Mapping[str, Any] = {
    "organisation.enterprise_code@organisation": COMPANY,
    "organisation.name@organisation": "Công ty Cánh Cò",
    "person.identity_document_number@legal_representative": NUMBERS["owner"],
}
LAND_REGISTER = ("csdl-quoc-gia-dat-dai", LAND_TYPE)


@dataclass(frozen=True)
class Planted:
    """What is there, by name. `dossiers` by state, `papers` by holder and kind, `codes` shown once."""

    place: World
    people: Mapping[str, UUID]
    officers: Mapping[str, UUID]
    agencies: Mapping[str, UUID]
    dossiers: Mapping[str, UUID]
    papers: Mapping[str, Holding]
    consents: Mapping[str, ConsentView]
    request: ConsentView
    grants: Mapping[str, UUID]
    """Requests of systems: the reader's that Lan granted, and one that waits for Hoa."""
    shares: Mapping[str, UUID]
    codes: Mapping[str, str]
    uploads: Mapping[str, UUID]
    newborn: UUID
    versions: Mapping[str, int]
    """Of the dossiers, by state."""
    lists: Mapping[tuple[str, str], list[Any]]
    """Keys of each person's rows by table and person, newest first."""
    sessions: Mapping[str, UUID]
    erasures: Mapping[str, UUID]
    mandates: Mapping[str, UUID]
    """Of Lan: Minh's that ended, and one offered to Hoa."""
    passkeys: Mapping[str, UUID]
    proofs: Mapping[str, UUID]
    """Of phones, by person."""
    notices: Mapping[str, UUID]
    """What was read, by person."""
    devices: Mapping[str, UUID]
    """That wake somebody, by person."""
    cursors: Mapping[str, str]
    """Lan's places in the feed of changes, by scene."""

    def id(self, kind: str, name: str) -> str:
        """The opaque id under which the API knows a thing of this world."""
        return str(global_id(kind, self.things(kind)[name]))

    def things(self, kind: str) -> Mapping[str, UUID]:
        found: dict[str, Callable[[], Mapping[str, UUID]]] = {
            "Subject": lambda: self.people,
            "Officer": lambda: self.officers,
            "Agency": lambda: self.agencies,
            "Dossier": lambda: self.dossiers,
            "Document": lambda: {name: paper.document for name, paper in self.papers.items()},
            "Consent": lambda: {name: view.id for name, view in self.consents.items()},
            "AccessRequest": lambda: {"spouse": self.request.id, "asked": self.grants["spouse"]},
            "Session": lambda: self.sessions,
            "Erasure": lambda: self.erasures,
            "Mandate": lambda: self.mandates,
            "Passkey": lambda: self.passkeys,
            "Proof": lambda: self.proofs,
            "Share": lambda: self.shares,
            "Notice": lambda: self.notices,
            "Device": lambda: self.devices,
            "Upload": lambda: self.uploads,
            "Procedure": lambda: PROCEDURES,  # type: ignore[dict-item, return-value]
        }
        return found[kind]()


async def plant(
    database: Database, loops: Database, owner: AsyncEngine, safe: Safe, now: datetime
) -> Planted:
    place, people = await _people(await world(database, owner, safe, now), owner)
    officers, agencies = await _desks(place, owner)
    lan = place.me
    nga = Caller(CallerKind.CITIZEN, people["guardian"], represented={people["child"]: "parent"})
    papers = {"land": await place.digitise(LAND_TYPE, land_claims("owner"))}
    hoa = Caller(CallerKind.CITIZEN, people["spouse"])
    grants = await _grants(place, officers, agencies)
    dossiers = await _permits(place, papers)
    dossiers |= await _for_the_child(replace(place, me=nga), people["child"], papers)
    papers["spouse"] = await _deposit(place, hoa, people["spouse"], "spouse")
    births = await _births(place, hoa)
    place.registers.known["csdl-quoc-gia-dan-cu", "the-can-cuoc"] = POPULATION
    business = "csdl-quoc-gia-dang-ky-doanh-nghiep", "gcn-dang-ky-doanh-nghiep"
    place.registers.known[business] = REGISTRATION
    shares, codes = await _shares(place, papers["permit"], agencies["foreign"])
    async with loops.writing(lan.actor) as tx:
        await ledger.seal(tx, LogSigner("matrix", Ed25519PrivateKey.generate()), now)
    dossiers |= {"birth": births[1]}
    codes["sheet"] = await _sheet(place, people["spouse"])
    consents = {
        "owner": await _consent(place, lan),
        "spouse": await _consent(place, hoa),
        "child": await _consent(place, nga),
    }
    versions = await place.rows("SELECT id, version FROM dossiers")
    ((newborn,),) = await place.rows(
        "SELECT subject_id FROM mandates WHERE evidence LIKE 'dossier:%' LIMIT 1"
    )
    async with owner.begin() as connection:
        await connection.execute(
            insert(VaultUsage).values(subject_id=newborn, documents=PER_SUBJECT.documents, bytes=1)
        )
    return Planted(
        newborn=newborn,
        versions={name: dict(versions)[one] for name, one in dossiers.items()},
        lists=await _lists(place, people),
        place=place,
        people=people,
        officers=officers,
        agencies=agencies,
        dossiers=dossiers,
        papers=papers,
        consents=consents,
        erasures={"owner": await _erasure(owner, consents["owner"], now)},
        mandates=await _mandates(place, owner, people, papers["land"].document),
        request=births[2],
        grants=grants,
        shares=shares,
        codes=codes,
        uploads=await _uploads(place, people, officers, agencies, dossiers),
        sessions={"owner": await _phone(owner, people["owner"], now)},
        proofs={"owner": await _proof(owner, papers["land"], now)},
        passkeys={"owner": await _key(owner, people["owner"], now)},
        notices={"owner": await _read_one(place)},
        devices={"owner": await _device(place)},
        cursors=await _cursors(place, loops, people["owner"]),
    )


async def _sheet(place: World, person: UUID) -> str:
    """What waits for Hoa, printed for her by the planter; the code on it."""
    planter = place.officer

    async def do(tx: Tx) -> str:
        made = await prepare_assisted(tx, planter, person, place.office, place.now)
        return (await printed(tx, planter, made, place.office, place.now)).sheet.code

    return await place.write(planter, do)


async def _mandates(
    place: World, owner: AsyncEngine, people: Mapping[str, UUID], paper: UUID
) -> dict[str, UUID]:
    """As granting, taking up, using and giving up would leave them."""
    # Two of one moment are in no order yet.
    made = dict(zip(("ended", "offered"), sorted((new_id(), new_id())), strict=True))
    over = dict.fromkeys(("accepted_at", "used_at", "ended_at"), place.now)
    for name, to, more in (
        ("ended", "stranger", {"proof_id": paper, "actor_id": people["stranger"], **over}),
        ("offered", "spouse", {}),
    ):
        values = {
            "id": made[name],
            "grantor_id": people["owner"],
            "to_index": number_index(NUMBERS[to], place.safe),
            "scope": ["READ"],
            "granted_at": place.now,
            "valid_until": place.now + timedelta(days=30),
        }
        async with owner.begin() as connection:
            await connection.execute(insert(Proxy).values(**values, **more))
    return made


@asynccontextmanager
async def in_place_of_lan(planted: Planted, scope: Sequence[str]) -> AsyncIterator[str]:
    """The id of a mandate by which Minh acts for Lan at this moment, used before."""
    place, made = planted.place, new_id()
    values = {
        "id": made,
        "grantor_id": planted.people["owner"],
        "to_index": b"",
        "actor_id": planted.people["stranger"],
        "scope": list(scope),
        "granted_at": place.now,
        "valid_until": place.now + timedelta(days=30),
        "accepted_at": place.now,
        "used_at": place.now,
    }
    async with place.owner.begin() as connection:
        await connection.execute(insert(Proxy).values(**values))
    try:
        yield str(global_id("Mandate", made))
    finally:
        async with place.owner.begin() as connection:
            await connection.execute(delete(Proxy).where(Proxy.id == made))


async def _erasure(owner: AsyncEngine, consent: ConsentView, now: datetime) -> UUID:
    """What Lan's agency is asked to erase of what it was handed, as the end of the data's life would leave it."""
    asked = ErasureRequest(
        id=new_id(),
        consent_id=consent.id,
        subject_id=consent.subject,
        agency_id=consent.recipient_agency,
        cause="DATA_LIFE",
        asked_at=now,
        reply_by=date(2026, 11, 25),
        due_on=date(2026, 12, 8),
        third_parties=False,
    )
    values = {column.name: getattr(asked, column.name) for column in ErasureRequest.__table__.columns}
    async with owner.begin() as connection:
        await connection.execute(insert(ErasureRequest).values(**values))
    return asked.id


async def _device(place: World) -> UUID:
    """Lan's, to be woken for papers alone."""
    quiet = frozenset({NoticeGroup.FILINGS, NoticeGroup.REQUESTS})
    await place.write(place.me, lambda tx: prefer(tx, place.me, Preferences(True, quiet)))
    address = Subscription("https://push.example/lan", **Handset().keys)
    return await place.write(
        place.me, lambda tx: register_device(tx, place.me, address, place.office, place.now)
    )


async def _cursors(place: World, loops: Database, lan: UUID) -> dict[str, str]:
    """Of the very beginning: followed for Lan and both newborns, and for Lan alone."""
    async with loops.writing(LOOP.actor) as tx:
        await place_changes(tx)
    children = await place.rows("SELECT subject_id FROM mandates WHERE evidence LIKE 'dossier:%'")
    persons = sorted([lan, *(UUID(str(one)) for (one,) in children)])
    cursors = Cursors(b"matrix")
    return {
        name: cursors.seal(f"changes:citizen:{lan}", f"0:{mark_of(some)}")
        for name, some in (("changes", persons), ("changes anew", [lan]))
    }


async def _read_one(place: World) -> UUID:
    """Lan has read of the override, and of nothing else."""
    ((told,),) = await place.rows("SELECT id FROM notices WHERE code = 'override'")
    await place.write(place.me, lambda tx: mark_read(tx, place.me, [told], place.now))
    return UUID(str(told))


async def _grants(
    place: World, officers: Mapping[str, UUID], agencies: Mapping[str, UUID]
) -> dict[str, UUID]:
    """What the software of agency B asked, and Lan's answer."""
    lan, scope = place.me, frozenset(READER_SCOPE)
    roles = frozenset({Role.RECEIVE})
    reader = Caller(CallerKind.OFFICER, officers["reader"], agencies["foreign"], roles, scope=scope)
    made = {}
    for name, type_, claim, procedure in (
        ("owner", LAND_TYPE, "land_parcel.parcel_number@land_parcel", PERMIT),
        ("spouse", PERMIT_TYPE, "permit.number@permit_holder", EXTENSION),
    ):
        asked = AccessAsked(
            NUMBERS[name], type_, (claim,), f"urn:vn:tthc:{procedure}", MESSAGE, Limits(max_uses=50)
        )
        found = await place.write(
            reader, partial(request_access, caller=reader, asked=asked, office=place.office, now=place.now)
        )
        made[name] = found.id

    async def agree(tx: Tx) -> UUID:
        (waiting,) = await waiting_requests(tx, lan, None, 1, place.now)
        agency = await tx.get_one(Agency, agencies["foreign"])
        words = words_for(LAWS.on(place.now.date()), agency, waiting.view.purpose, waiting.shown.items, "vi")
        shown = notice(waiting.shown.items, words, "vi", waiting.view.limits).sha256
        return await give_access(tx, lan, made["owner"], shown, place.office, place.now)

    await place.write(lan, agree)
    return made


async def _phone(owner: AsyncEngine, person: UUID, now: datetime) -> UUID:
    """A session somebody has with an app, as signing in would leave it."""
    session = new_id()
    async with owner.begin() as connection:
        await connection.execute(
            insert(Session).values(
                id=session,
                kind="citizen",
                holder_id=person,
                acr="urn:vn:eid:tk2:xt2",
                authenticated_at=now,
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=8),
                app=PHONE,
                key_thumbprint="x" * 43,
            )
        )
    return session


async def _key(owner: AsyncEngine, person: UUID, now: datetime) -> UUID:
    """A key somebody added and has used."""
    key = new_id()
    async with owner.begin() as connection:
        await connection.execute(
            insert(Passkey).values(
                id=key,
                kind="citizen",
                holder_id=person,
                credential_id=key.bytes,
                public_key=b"public",
                sign_count=1,
                model=UUID(int=0),
                synced=False,
                name="Ring",
                added_at=now,
                used_at=now,
            )
        )
    return key


async def _proof(owner: AsyncEngine, land: Holding, now: datetime) -> UUID:
    """A credential over Lan's land, as its making would leave it; nobody keeps what it says."""
    key = new_id()
    async with owner.begin() as connection:
        await connection.execute(
            insert(Attestation).values(
                id=key,
                subject_id=land.subject,
                document_id=land.document,
                version_id=land.version,
                form="sd-jwt",
                claims=["land_parcel.parcel_number@land_parcel"],
                list=1,
                place=4711,
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
        )
    return key


async def _people(place: World, owner: AsyncEngine) -> tuple[World, dict[str, UUID]]:
    people = {}
    async with place.database.writing(SIGN_IN) as tx:
        for name, number in NUMBERS.items():
            born = date(2020, 4, 5) if name == "child" else date(1990, 2, 3)
            profile = Profile(PERSON, NAMES[name], number, born)
            people[name] = await enrol(tx, profile, place.safe, place.now)
    nga = Caller(CallerKind.CITIZEN, people["guardian"])
    proof = ParentEvidence(
        "register:1", people["child"], date(2020, 4, 5), frozenset({people["guardian"]}), 1
    )

    async def recognise(tx: Tx) -> None:
        await note_try(tx, Asking.GUARDIAN, number_index(NUMBERS["child"], place.safe), place.now)
        await recognise_guardian(tx, nga, people["child"], proof, place.now)

    await place.write(nga, recognise)
    return replace(place, me=Caller(CallerKind.CITIZEN, people["owner"])), people


async def _desks(place: World, owner: AsyncEngine) -> tuple[dict[str, UUID], dict[str, UUID]]:
    officers = {name: new_id() for name in (*OFFICERS, "foreign", *SYSTEMS)} | {"planter": OFFICER}
    agencies = {"own": place.agency, "foreign": new_id()}
    agency = {"type_id": "ubnd-cap-xa", "province": "ha-noi", "active": True}
    async with owner.begin() as connection:
        await connection.execute(
            insert(Agency).values(id=agencies["foreign"], code="H26.12.06", name_vi="UBND kia", **agency)
        )
        for name in (*OFFICERS, "foreign"):
            roles = [role.value for role in Role] if name == "foreign" else [name]
            await connection.execute(
                insert(Officer).values(
                    id=officers[name], issuer="test", external_id=name, code=f"CB {name}", roles=roles, active=True,
                    agency_id=agencies["foreign" if name == "foreign" else "own"],
                )
            )  # fmt: skip
        for name, where, duties, scope in (
            ("system", "own", OFFICERS[:3], SYSTEM_SCOPE),
            ("reader", "foreign", OFFICERS[:1], READER_SCOPE),
        ):
            await connection.execute(
                insert(Officer).values(
                    id=officers[name],
                    issuer="urn:motlan:systems",
                    external_id=name,
                    code=f"PM {name}",
                    roles=list(duties),
                    active=True,
                    agency_id=agencies[where],
                    scope=list(scope),
                )
            )
            await connection.execute(
                insert(System).values(id=officers[name], client_id=name, name=name, keys={"keys": []})
            )
    return officers, agencies


async def _permits(place: World, papers: dict[str, Holding]) -> dict[str, UUID]:
    """Lan's permits: decided, asked again, under way, just filed, not taken in, taken back, and drafts."""
    lan, land, found = place.me, papers["land"], {}
    for pages, state in enumerate(
        ("done", "asked", "processing", "new", "refused", "withdrawn", "ready"), start=1
    ):
        found[state] = dossier = await _draft(place, land)
        papers[f"drawing {state}"] = await place.bring(dossier, DRAWING, DRAWING_TYPE, pages=pages)
        await place.fill(dossier)
        if state != "ready":
            await place.submit(dossier)
        if state in ("done", "asked", "processing"):
            await place.process(dossier)
    papers["permit"] = await _approve(place, found["done"])
    await place.open_evidence(found["asked"], LAND)
    await _ask_again(place, found["asked"], land)
    refusing = Refusing(await place.change(found["refused"]), REFUSING, "Luật Xây dựng")
    clerk = place.officer
    await place.write(clerk, lambda tx: refuse_dossier(tx, clerk, refusing, place.office, place.now))
    withdrawing = Withdrawing(await place.change(found["withdrawn"]), WITHDRAWING)
    await place.write(lan, lambda tx: withdraw_dossier(tx, lan, withdrawing, place.office, place.now))
    found["draft"] = await _draft(place, land)
    found["unfilled"] = await _draft(place, land)
    await place.bring(found["unfilled"], DRAWING, DRAWING_TYPE, pages=30)
    found["unanswered"] = await place.open(PERMIT, objects=_of(land))
    found["shown"] = await _show(place, papers)
    return found


async def _ask_again(place: World, dossier: UUID, land: Holding) -> None:
    """Overridden for the land, asked for a better drawing, which Lan has brought and not yet handed over; and
    flagged as if its land certificate had been revoked."""
    lan = place.me
    await place.override(dossier, LAND, "data_wrong")
    await place.ask(dossier, DRAWING, "UNFIT")
    await place.bring(dossier, DRAWING, DRAWING_TYPE, pages=20)
    await place.write(lan, lambda tx: flag_reliant(tx, lan, dossier, land.document, place.office, place.now))


async def _show(place: World, papers: dict[str, Holding]) -> UUID:
    """A signature to be certified: Lan's passport, of which a scan is held, is to be shown at the counter."""
    lan = place.me
    claims = {"person.full_name@holder": NAMES["owner"], "person.passport_number@holder": "C owner 1"}
    picture = await place.upload(lan, PASSPORT_TYPE, files.png(), media_type="image/png")
    scan = Deposit(papers["land"].subject, PASSPORT_TYPE, Origin.SELF, claims, picture)
    papers["passport"] = await place.write(lan, lambda tx: deposit(tx, lan, scan, place.safe, place.now))
    dossier = await place.open(SIGNATURE)
    await place.bring(dossier, "chung-thuc-chu-ky.c02", "van-ban-can-chung-thuc-chu-ky")
    await place.submit(dossier)
    return dossier


async def _approve(place: World, dossier: UUID) -> Holding:
    approval = Approval(await place.change(dossier), (Result(PERMIT_TYPE, PERMIT_CLAIMS, date(2030, 1, 1)),))
    await place.write(
        place.officer, lambda tx: approve_dossier(tx, place.officer, approval, place.office, place.now)
    )
    return await place.held(PERMIT_TYPE)


async def _draft(place: World, land: Holding) -> UUID:
    return await place.open(PERMIT, answers={QUESTION: False}, objects=_of(land))


def _of(land: Holding) -> tuple[ObjectChoice, ...]:
    return (ObjectChoice(ObjectKind.LAND_PARCEL, land.document), *NEW_HOUSE)


NEW_HOUSE = (ObjectChoice(ObjectKind.BUILDING, None),)


async def _for_the_child(place: World, child: UUID, papers: dict[str, Holding]) -> dict[str, UUID]:
    """Nga's filings for Bé: one submitted, one still a draft, one under way while its register is silent."""
    nga, made = place.me, {}
    for state in ("child", "child_draft", "child_pending"):
        place.registers.known[LAND_REGISTER] = land_claims("child")
        place.registers.down = {LAND_REGISTER[0]} if state == "child_pending" else set()
        dossier = made[state] = await place.open(
            PERMIT, answers={QUESTION: False}, objects=NEW_HOUSE, on_behalf_of=child
        )
        if state != "child_draft":
            papers.setdefault("child", await place.held(LAND_TYPE))
            await _bring(place, nga, child, dossier, pages=50 + len(made))
            await place.fill(dossier)
            await place.submit(dossier)
    await place.process(made["child_pending"])
    place.registers.down = set()
    del place.registers.known[LAND_REGISTER]
    return made


async def _bring(place: World, caller: Caller, subject: UUID, dossier: UUID, pages: int) -> Holding:
    about = {"subject": subject, "dossier": dossier, "requirement": DRAWING}
    upload = await place.upload(caller, DRAWING_TYPE, files.pdf(pages=pages), **about)
    paper = Paper(upload, DRAWING_TYPE, {}, subject, dossier, DRAWING)
    return await place.write(caller, lambda tx: add_document(tx, caller, paper, place.office, place.now))


async def _deposit(place: World, caller: Caller, subject: UUID, of: str) -> Holding:
    paper = Deposit(subject, LAND_TYPE, Origin.SELF, land_claims(of))
    return await place.write(caller, lambda tx: deposit(tx, caller, paper, place.safe, place.now))


async def _births(place: World, hoa: Caller) -> tuple[UUID, UUID, ConsentView]:
    """Two drafts of Lan's that need Hoa's approval: she gave it to the first, the second still waits."""
    place.registers.known.update(HER_REGISTERS)
    answers = {one.id: False for one in LAWS.on(place.now.date()).procedures["dang-ky-khai-sinh"].situations}
    drafts = []
    for _ in range(2):
        parties = (Party("mother", citizen_number=NUMBERS["spouse"]), Party("child"))
        drafts.append(
            await place.open(BIRTH, parties=parties, answers={**answers, "co-giay-chung-sinh": True})
        )
        if len(drafts) == 1:
            await _accept(place, hoa, await _request(place, hoa))
    await place.fill(drafts[1])
    return drafts[0], drafts[1], await _request(place, hoa)


async def _accept(place: World, who: Caller, asked: ConsentView) -> None:
    async with place.database.reading(who.actor) as tx:
        agency = await tx.get_one(Agency, asked.recipient_agency)
    words = request_words(asked, agency, LAWS.on(place.now.date()), "vi")
    shown = notice(asked.items, words, "vi").sha256
    await place.write(who, lambda tx: accept_request(tx, who, asked.id, shown, place.office, place.now))


async def _request(place: World, who: Caller) -> ConsentView:
    async with place.database.reading(who.actor) as tx:
        return (await my_requests(tx, who, None, 1, place.now))[0]


async def _consent(place: World, who: Caller) -> ConsentView:
    async with place.database.reading(who.actor) as tx:
        return (await my_consents(tx, who, None, 1, place.now))[0]


async def _shares(place: World, permit: Holding, agency: UUID) -> tuple[dict[str, UUID], dict[str, str]]:
    shares, codes = {}, {}
    for name, audience in (("anybody", None), ("foreign", agency)):
        wanted = NewShare(permit.document, ("permit.number@permit_holder",), audience, 50, 3600)
        async with place.database.writing(place.me.actor) as tx:
            made = await create_share(tx, place.me, wanted, place.safe, place.now)
        shares[name], codes[name] = made.share.id, made.code
    return shares, codes


async def _uploads(
    place: World,
    people: Mapping[str, UUID],
    officers: Mapping[str, UUID],
    agencies: Mapping[str, UUID],
    dossiers: Mapping[str, UUID],
) -> dict[str, UUID]:
    """Files that have arrived and wait: Lan's drawing, Bé's, and a paper at each counter."""
    nga = Caller(CallerKind.CITIZEN, people["guardian"], represented={people["child"]: "parent"})
    uploads = {}
    for name, caller, subject, dossier in (
        ("owner", place.me, people["owner"], "draft"),
        ("guardian", nga, people["child"], "child_draft"),
    ):
        about = {"subject": subject, "dossier": dossiers[dossier], "requirement": DRAWING}
        uploads[name] = await place.upload(caller, DRAWING_TYPE, files.pdf(pages=9), **about)
    for name, agency in (("tiep_nhan", "own"), ("foreign", "foreign")):
        roles = frozenset({Role.RECEIVE})
        clerk = Caller(CallerKind.OFFICER, officers[name], agencies[agency], roles)
        uploads[name] = await place.upload(clerk, LAND_TYPE, files.pdf(pages=8), subject=people["owner"])
    return uploads


async def _lists(place: World, people: Mapping[str, UUID]) -> dict[tuple[str, str], list[Any]]:
    wanted = {
        "documents": "SELECT id, subject_id FROM documents WHERE status <> 'removed' ORDER BY id DESC",
        "dossiers": "SELECT id, applicant_id FROM dossiers ORDER BY id DESC",
        "consents": "SELECT id, subject_id FROM consents WHERE status = 'GIVEN' ORDER BY id DESC",
        "ledger": "SELECT id, subject_id FROM ledger ORDER BY id DESC",
        "notices": "SELECT id, subject_id FROM notices ORDER BY id DESC",
    }
    newborns = {
        row[0] for row in await place.rows("SELECT subject_id FROM mandates WHERE evidence LIKE 'dossier:%'")
    }
    subjects = {
        "owner": {people["owner"], *newborns},
        "stranger": {people["stranger"]},
        "spouse": {people["spouse"]},
        "guardian": {people["guardian"], people["child"]},
    }
    return {
        (table, name): [row[0] for row in rows if row[1] in of]
        for table, sql in wanted.items()
        for rows in [await place.rows(sql)]
        for name, of in subjects.items()
    }
