"""A client as on a phone lives through a whole filing: signed in by DPoP, kept offline by `changes`, woken by pushes,
sending in the background after its session has ended, stepping up where the vault asks."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest

from api.__main__ import neighbours_in
from api.app import open_platform
from api.work import LOOK
from sandbox.phones.relay import Handset, PushRelay
from tests.flows.conftest import House
from tests.flows.journeys import (
    DOSSIER,
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    PERMIT_RESULT,
    digitise,
    move,
    scan,
)
from tests.flows.phone import Phone, phone
from tests.flows.stage import Person, Stage, agency_code
from tests.flows.test_push import serving

LOGIN = "minh-chau"
TRACKING, VAULT = "urn:vn:eid:tk2:xt1", "urn:vn:eid:tk2:xt2"
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
FEED = """query($after: String) { changes(first: 5, after: $after) {
  startAnew pageInfo { hasNextPage endCursor } edges { node { id kind gone } } } }"""
NODES = """query($ids: [ID!]!) { nodes(ids: $ids) { __typename id
  ... on Dossier { status version results { id } } ... on Document { standing: status type }
  ... on Consent { state: status } ... on Notice { code readAt } } }"""
LISTS = """{ myDossiers(first: 20) { edges { node { __typename id status version results { id } } } }
  myDocuments(first: 50) { edges { node { __typename id standing: status type } } }
  myConsents(first: 50) { edges { node { __typename id state: status } } }
  myNotices(first: 50) { edges { node { __typename id code readAt } } } }"""

Facts = dict[str, Any]


@dataclass
class App:
    """What an app keeps between two looks."""

    phone: Phone
    cursor: str | None = None
    kept: dict[str, Facts] = field(default_factory=dict)
    read: int = 0

    async def begin(self) -> None:
        self.cursor = (await self.phone.ask(FEED))["changes"]["pageInfo"]["endCursor"]
        self.kept = await self.everything()

    async def everything(self) -> dict[str, Facts]:
        found = await self.phone.ask(LISTS)
        return {edge["node"]["id"]: edge["node"] for one in found.values() for edge in one["edges"]}

    async def look(self) -> None:
        """Every page since the last look: replaced or dropped, one by one."""
        while True:
            page = (await self.phone.ask(FEED, after=self.cursor))["changes"]
            assert page["startAnew"] is None
            told = [edge["node"]["id"] for edge in page["edges"]]
            fresh = (await self.phone.ask(NODES, ids=told))["nodes"] if told else []
            for given, node in zip(told, fresh, strict=True):
                self.kept.pop(given, None)
                if node is not None:
                    self.kept[given] = node
            self.read += len(told)
            self.cursor = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

    async def act(self, operation: str, selection: str, /, **given: Any) -> Facts:
        kind = f"{operation[0].upper()}{operation[1:]}Input"
        query = (
            f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ {selection} errors {{ code }} }} }}"
        )
        done = (await self.phone.ask(query, input={"idempotencyKey": str(uuid4()), **given}))[operation]
        assert done["errors"] == [], done["errors"]
        return dict(done)


@pytest.fixture
async def street(furnished: House, stage: Stage) -> AsyncIterator[tuple[Stage, PushRelay]]:
    settings = replace(furnished.settings, push_loopback=True)
    service = PushRelay()
    neighbours = neighbours_in(furnished.sandbox.addresses)
    async with serving(service), open_platform(settings, furnished.servers, neighbours) as platform:
        made = Stage(platform, furnished.sandbox, furnished.owner, furnished.servers)
        yield made, service
        await made.close()


async def woken(stage: Stage, app: App, handset: Handset) -> None:
    """Whatever happened, the phone hears that it should look, looks, and has what a full read gives."""
    heard = len(handset.heard)
    await stage.settle()
    assert handset.heard[heard:] == [LOOK] * (len(handset.heard) - heard) != []
    await app.look()
    assert app.kept == await app.everything()


async def send(stage: Stage, address: str, content: bytes) -> None:
    """In the background, in two pieces, by the address alone: no cookie, no token."""
    http = stage.anybody().browser
    cut = len(content) // 2
    for start, piece in ((0, content[:cut]), (cut, content[cut:])):
        sent = await http.patch(address, content=piece, headers={**TUS, "Upload-Offset": str(start)})
        assert sent.status_code == 204, sent.text


async def test_an_app_lives_through_a_whole_filing(street: tuple[Stage, PushRelay]) -> None:
    stage, service = street
    officer: Person = await stage.officer("ubnd-mot.toan-quyen")
    app = App(phone(stage))

    # By one factor it sees how things stand, and is asked for more where the vault begins.
    await app.phone.sign_in(LOGIN, acr_values=TRACKING)
    land = await digitise(officer, LOGIN, LAND_TYPE, LAND_CLAIMS)
    await stage.settle()
    seen = await app.phone.ask("{ viewer { attention { notices } } apiInfo { pushKey minClientVersion } }")
    assert seen["viewer"]["attention"]["notices"] > 0
    service.sender = seen["apiInfo"]["pushKey"]
    refused = (await app.phone.send(FEED)).json()["errors"][0]
    assert refused["extensions"] == {"code": "STEP_UP_REQUIRED", "acrValues": VAULT}
    await app.phone.sign_in(LOGIN, acr_values=VAULT, max_age="300")
    await app.begin()
    assert land in app.kept
    handset, given = service.subscribe()
    await app.act("registerDevice", "device { id }", **given)

    # A draft, edited by patches; the drawing is sent while nobody is signed in.
    opened = (
        await app.act(
            "openDossier",
            f"dossier {{ {DOSSIER} }}",
            procedure=PERMIT,
            agency=await code_of(app, agency_code("ubnd-mot")),
            situations=NO_NEIGHBOURS,
            objects=[{"kind": "LAND_PARCEL", "document": land}, {"kind": "BUILDING", "document": None}],
        )
    )["dossier"]
    assert {one["requirement"]["id"]: one["outcome"] for one in opened["requirements"]}[LAND] == "REUSE"
    content = scan()
    upload = (
        await app.act(
            "createUpload",
            "upload { id url }",
            fileName="ban-ve",
            mediaType="application/pdf",
            sizeBytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            type=DRAWING_TYPE,
            dossier=opened["id"],
            requirement=DRAWING,
        )
    )["upload"]
    await app.phone.revoke(app.phone.tokens["refresh_token"])
    await send(stage, upload["url"], content)
    await app.phone.sign_in(LOGIN, acr_values=VAULT)
    await app.act(
        "addDocument",
        "document { id }",
        upload=upload["id"],
        type=DRAWING_TYPE,
        claims={},
        dossier=opened["id"],
        requirement=DRAWING,
    )
    draft = await shown(app, opened)
    asked = [one for one in draft["form"] if one["required"] and one["value"] is None]
    for one in asked:
        value = one["options"][0] if one["options"] else VALUES.get(one["type"], "x")
        stale = await refusal(
            app, "updateDossierForm", draft, version=draft["version"] - 1, patch={one["key"]: value}
        )
        assert stale == "STALE_VERSION"
        patched = await app.act(
            "updateDossierForm",
            "dossier { version }",
            dossier=draft["id"],
            expectedVersion=draft["version"],
            patch={one["key"]: value},
        )
        draft["version"] = patched["dossier"]["version"]
    draft = await shown(app, draft)
    await app.act(
        "submitDossier",
        "dossier { status }",
        dossier=draft["id"],
        expectedVersion=draft["version"],
        consent={"noticeSha256": draft["notice"]["sha256"]},
    )
    await woken(stage, app, handset)

    # The desk works; the phone is woken and follows.
    filed = await shown(app, draft)
    received = await move(officer, "receiveDossier", filed)
    await woken(stage, app, handset)
    own = (await officer.ask("{ viewer { id } }"))["viewer"]["id"]
    assigned = await move(officer, "assignDossier", received, officer=own)
    await woken(stage, app, handset)
    await move(officer, "approveDossier", assigned, results=[dict(PERMIT_RESULT)])
    await woken(stage, app, handset)
    mine = app.kept[filed["id"]]
    assert (mine["status"], len(mine["results"])) == ("PROCESSED", 1)
    assert mine["results"][0]["id"] in app.kept
    seen = await app.phone.ask("{ viewer { attention { notices results } } }")
    assert seen["viewer"]["attention"]["results"] == 1
    unread = [one["id"] for one in app.kept.values() if one["__typename"] == "Notice" and not one["readAt"]]
    await app.act("markNoticesRead", "notices { id }", notices=unread)
    await stage.settle()
    await app.look()
    assert app.kept == await app.everything()
    assert all(one["readAt"] for one in app.kept.values() if one["__typename"] == "Notice")
    assert service.refused == []
    print(f"\nphone: {len(handset.heard)} pushes, {app.read} changes read, {len(app.kept)} things kept")


VALUES: Facts = {"boolean": False, "integer": 3, "vnd": 1, "area_m2": 50, "date": "2026-01-02"}


async def shown(app: App, dossier: Facts) -> Facts:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Dossier {{ {DOSSIER} }} }} }}"
    return dict((await app.phone.ask(query, id=dossier["id"]))["node"])


async def refusal(app: App, operation: str, dossier: Facts, version: int, patch: Facts) -> str:
    kind = f"{operation[0].upper()}{operation[1:]}Input"
    query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ errors {{ code }} }} }}"
    given = {
        "dossier": dossier["id"],
        "expectedVersion": version,
        "patch": patch,
        "idempotencyKey": str(uuid4()),
    }
    return str((await app.phone.ask(query, input=given))[operation]["errors"][0]["code"])


async def code_of(app: App, code: str) -> str:
    found = (await app.phone.ask("query($p: String!) { agencies(procedure: $p) { id code } }", p=PERMIT))[
        "agencies"
    ]
    return str(next(one["id"] for one in found if one["code"] == code))
