"""A client as on a phone lives through a whole filing: signed in by DPoP, kept offline by `changes`, woken by pushes,
sending in the background after its session has ended, stepping up where the vault asks."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from api.__main__ import neighbours_in
from api.app import open_platform
from api.work import LOOK
from sandbox.phones.relay import Handset, PushRelay
from sandbox.story.browser import act_by
from tests.flows.app import FEED, TRACKING, VAULT, App, Facts, append
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
from tests.flows.phone import phone
from tests.flows.stage import Person, Stage, agency_code
from tests.flows.test_push import serving

LOGIN = "minh-chau"


async def act(app: App, operation: str, selection: str, /, **given: Any) -> Facts:
    return await act_by(app.ask, operation, selection, given)


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
    assert await append(http, address, 0, content[:cut]) == cut
    assert await append(http, address, cut, content[cut:]) == len(content)


async def test_an_app_lives_through_a_whole_filing(street: tuple[Stage, PushRelay]) -> None:
    stage, service = street
    officer: Person = await stage.officer("ubnd-mot.toan-quyen")
    mine = phone(stage)
    app = App(mine.ask)

    # By one factor it sees how things stand, and is asked for more where the vault begins.
    await mine.sign_in(LOGIN, acr_values=TRACKING)
    land = await digitise(officer, LOGIN, LAND_TYPE, LAND_CLAIMS)
    await stage.settle()
    seen = await app.ask("{ viewer { attention { notices } } apiInfo { pushKey minClientVersion } }")
    assert seen["viewer"]["attention"]["notices"] > 0
    service.sender = seen["apiInfo"]["pushKey"]
    refused = (await mine.send(FEED, {"first": 5})).json()["errors"][0]
    assert refused["extensions"] == {"code": "STEP_UP_REQUIRED", "acrValues": VAULT}
    await mine.sign_in(LOGIN, acr_values=VAULT, max_age="300")
    await app.begin()
    assert land in app.kept
    handset, given = service.subscribe()
    await act(app, "registerDevice", "device { id }", **given)

    # A draft, edited by patches; the drawing is sent while nobody is signed in.
    opened = (
        await act(
            app,
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
        await act(
            app,
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
    await mine.revoke(mine.tokens["refresh_token"])
    await send(stage, upload["url"], content)
    await mine.sign_in(LOGIN, acr_values=VAULT)
    await act(
        app,
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
        patched = await act(
            app,
            "updateDossierForm",
            "dossier { version }",
            dossier=draft["id"],
            expectedVersion=draft["version"],
            patch={one["key"]: value},
        )
        draft["version"] = patched["dossier"]["version"]
    draft = await shown(app, draft)
    await act(
        app,
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
    shows = app.kept[filed["id"]]
    assert (shows["status"], len(shows["results"])) == ("PROCESSED", 1)
    assert shows["results"][0]["id"] in app.kept
    seen = await app.ask("{ viewer { attention { notices results } } }")
    assert seen["viewer"]["attention"]["results"] == 1
    unread = [one["id"] for one in app.kept.values() if one["__typename"] == "Notice" and not one["readAt"]]
    await act(app, "markNoticesRead", "notices { id }", notices=unread)
    await stage.settle()
    await app.look()
    assert app.kept == await app.everything()
    assert all(one["readAt"] for one in app.kept.values() if one["__typename"] == "Notice")
    assert (service.refused, app.begun_anew) == ([], [])
    print(f"\nphone: {len(handset.heard)} pushes, {app.read} changes read, {len(app.kept)} things kept")


VALUES: Facts = {"boolean": False, "integer": 3, "vnd": 1, "area_m2": 50, "date": "2026-01-02"}


async def shown(app: App, dossier: Facts) -> Facts:
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Dossier {{ {DOSSIER} }} }} }}"
    return dict((await app.ask(query, id=dossier["id"]))["node"])


async def refusal(app: App, operation: str, dossier: Facts, version: int, patch: Facts) -> str:
    kind = f"{operation[0].upper()}{operation[1:]}Input"
    query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ errors {{ code }} }} }}"
    given = {
        "dossier": dossier["id"],
        "expectedVersion": version,
        "patch": patch,
        "idempotencyKey": str(uuid4()),
    }
    return str((await app.ask(query, input=given))[operation]["errors"][0]["code"])


async def code_of(app: App, code: str) -> str:
    found = (await app.ask("query($p: String!) { agencies(procedure: $p) { id code } }", p=PERMIT))[
        "agencies"
    ]
    return str(next(one["id"] for one in found if one["code"] == code))
