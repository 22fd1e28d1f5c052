"""The whole story with its citizen on a phone instead of at a browser: the same steps, promises and recounts.

She signs in by OAuth with tokens bound to her phone's key, by one factor until the vault asks for more; her papers go
up in pieces by their address alone; what she keeps follows `changes`, and after every step is what a full read gives;
pushes that say nothing wake it, and each is followed by a look. Between steps her app is put away, so that it lives
on its refresh token; once five minutes pass and its access token is refused.

Left as the story does them, for no phone of hers has a part in them: the catalogue is read by a visitor signed in
nowhere, officers and the agency's system act as ever, the page of a shared code is opened without her tokens as by
anybody, and the access log is checked, tampered with and checked again by the operator.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from api.work import LOOK
from dossiers.clock import local_day
from sandbox.phones.relay import Handset, PushRelay
from sandbox.story.browser import Stumbled, act_by, announce
from sandbox.story.whole import KEPT, Options, play
from tests.conftest import NOW
from tests.flows.app import TRACKING, VAULT, App, Facts, append, reached
from tests.flows.conftest import House
from tests.flows.journeys import issued_permit, rows
from tests.flows.phone import Phone, phone
from tests.flows.stage import ORIGIN, Stage
from tests.flows.street import Street
from tests.flows.systems import started
from tests.flows.test_push import serving
from tests.flows.test_request_access import ask as ask_access
from tests.flows.test_story import assert_all_held
from tests.size import seed, sized

DRAWN = sized(0, 3)
"""Plots drawn by lot, besides the one everybody knows."""
LOGIN = "minh-chau"
STEPS, ENFORCEMENT, REVOCATION = 10, 5, 8
OVER_FIVE_MINUTES = timedelta(minutes=6)


class MissesAPage(App):
    """Passes over all that one step changed."""

    missing = False

    async def take(self, told: Sequence[Facts]) -> None:
        if not self.missing:
            await super().take(told)


class NeverDrops(App):
    def drop(self, given: str) -> None:
        """Answered, settled or gone: it stays."""


@dataclass
class InHerHand:
    """A phone with the app, as the story's citizen holds it (`sandbox.story.browser.Device`)."""

    street: Street
    service: PushRelay
    login: str = ""
    pieces: int = 0
    cuts: int = 0
    step_ups: int = 0
    renewals: int = 0
    expired: int = 0
    compared: int = 0
    handset: Handset = field(init=False)
    looks: list[asyncio.Task[None]] = field(default_factory=list)
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.phone = Phone(self.street.line(), self.street.now)
        self.background = self.street.line()
        self.app = App(self.ask)
        self.hasty = MissesAPage(self.ask, page=100)

    async def close(self) -> None:
        for look in self.looks:
            look.cancel()
        await asyncio.gather(*self.looks, return_exceptions=True)
        await self.phone.http.aclose()
        await self.background.aclose()

    async def sign_in(self, role: str, login: str) -> None:
        """By one factor: enough to follow filings by."""
        assert role == "citizen"
        self.login = login
        await self.phone.sign_in(login, acr_values=TRACKING)
        assert self.phone.tokens["acr"] == TRACKING

    async def ask(self, query: str, **variables: Any) -> Facts:
        """Once more after whatever the challenge asks for; the same body, so the same key of idempotency."""
        while True:
            token = self.phone.tokens.get("access_token")
            if token is None:
                await self._renew(token)
                continue
            answer = await self.phone.send(query, variables)
            asked = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers.get("WWW-Authenticate", "")))
            if asked.get("error") == "insufficient_user_authentication":
                await self._step_up(asked, token)
            elif asked.get("error") == "invalid_token":
                self.expired += 1
                await self._renew(token)
            else:
                break
        said = answer.json()
        if "errors" in said:
            raise Stumbled(f"{query.strip()[:60]}: {said['errors']}")
        data: Facts = said["data"]
        return data

    async def act(self, operation: str, selection: str, /, **given: Any) -> Facts:
        payload = await act_by(self.ask, operation, selection, given)
        if operation == "createShare":
            self.app.shares.append(payload["share"]["id"])  # no list has it
        return payload

    async def send_file(self, content: bytes, media_type: str, document_type: str, **about: Any) -> str:
        """Announced by the app; sent by the system after the app was put away, in three pieces, once cut."""
        upload = await announce(self, content, media_type, document_type, **about)
        await self.put_away()
        third, got = -(-len(content) // 3), 0
        while got < len(content):
            piece = content[got : got + third]
            self.street.cut = cut = got > 0 and self.cuts == 0
            try:
                got = await append(self.background, upload["url"], got, piece)
                self.pieces += 1
            except httpx2.TransportError:
                assert cut
                self.cuts += 1
                arrived = got + len(piece) // 2
                got = await reached(self.background, upload["url"])
                assert got == arrived
        return str(upload["id"])

    async def read_page(self, url: str, accept: str = "text/html") -> httpx2.Response:
        return await self.background.get(url, headers={"Accept": accept})

    async def put_away(self) -> None:
        """The system ends the app: what was in memory alone is gone."""
        async with self.app.turn:
            self.phone.tokens.pop("access_token", None)

    async def follow(self) -> None:
        """After a step: every push was looked after, and what is kept is what a full read gives.

        Then the app is put away; once five minutes pass instead, while it is open.
        """
        await self.street.quiet()
        await asyncio.gather(*self.looks)
        while True:
            await self.app.look()
            full, read = await self.app.everything(), self.app.read
            await self.app.look()
            if self.app.read == read:
                break
        assert self.app.kept == full
        self.compared += 1
        self.hasty.missing = self.compared == ENFORCEMENT
        await self.hasty.look()
        if self.compared == REVOCATION:
            await self.street.stand(later=OVER_FIVE_MINUTES)
        else:
            await self.put_away()

    async def _renew(self, token: str | None) -> None:
        async with self._door:
            if self.phone.tokens.get("access_token") != token:
                return
            renewed = await self.phone.refresh()
            if renewed.status_code != 200:
                raise Stumbled(f"refreshing ended with {renewed.status_code}: {renewed.text}")
            self.renewals += 1

    async def _step_up(self, asked: Facts, token: str) -> None:
        async with self._door:
            if self.phone.tokens.get("access_token") != token:
                return
            weaker = self.phone.tokens["refresh_token"]
            await self.phone.sign_in(self.login, acr_values=asked["acr_values"], max_age=asked["max_age"])
            assert self.phone.tokens["acr"] == VAULT
            await self.phone.revoke(weaker)
            self.step_ups += 1
        if self.app.cursor is None:
            await self._begin()

    async def _begin(self) -> None:
        """The vault is open for the first time: keep what is there, and be woken from now on."""
        await self.app.begin()
        self.hasty.cursor, self.hasty.kept = self.app.cursor, dict(self.app.kept)
        self.service.sender = (await self.ask("{ apiInfo { pushKey } }"))["apiInfo"]["pushKey"]
        self.handset, given = self.service.subscribe()
        self.handset.ring = lambda: self.looks.append(asyncio.create_task(self.app.look()))
        await self.act("registerDevice", "device { id }", **given)


@pytest.fixture
async def street(stage: Stage, furnished: House) -> AsyncIterator[Street]:
    """The emptied platform once more, where devices may name a push service on this machine."""
    made = Street(furnished)
    await made.stand()
    yield made
    await made.close()


async def played(street: Street, service: PushRelay, plot: int | None) -> tuple[InHerHand, Facts]:
    """The phone the story was played with, and the story's report. Every promise held."""
    held: list[InHerHand] = []
    lines: list[str] = []

    def device() -> InHerHand:
        held.append(InHerHand(street, service))
        return held[-1]

    async def follow() -> None:
        await held[-1].follow()

    options = Options(
        ORIGIN, street.furnished.settings.data, plot, today=local_day(NOW), wires=street.wires(),
        clock=street.now, device=device, after_step=follow,
    )  # fmt: skip
    code, report = await play(options, lines.append)
    assert code == KEPT, "\n".join(lines)
    return held[-1], json.loads(report.as_json())


@pytest.mark.parametrize("turn", range(1 + DRAWN))
async def test_the_whole_story_is_lived_through_on_a_phone(
    street: Street, operator_here: None, turn: int
) -> None:
    plot = (seed() + turn) % 100_000 if turn else None
    print(f"\nstory seed {plot} (None: the plot everybody knows)")
    service = PushRelay()
    async with serving(service):
        mine, report = await played(street, service, plot)

    assert_all_held(report)
    assert mine.compared == STEPS
    assert mine.step_ups == 1
    assert mine.cuts == 1
    assert mine.expired >= 1
    assert mine.renewals >= STEPS
    assert mine.pieces >= 3 * report["supplied"]
    assert mine.handset.heard == [LOOK] * len(mine.looks) != []
    assert service.refused == []
    assert "motlan" not in mine.phone.http.cookies
    assert mine.app.begun_anew == ["PERSONS_CHANGED"], "her child came"
    app = mine.app
    kinds = {one["__typename"] for one in app.kept.values()}
    print(
        f"phone: {len(mine.looks)} pushes, each looked after; {app.read} changes read, begun anew"
        f" {len(app.begun_anew)} time;"
        f" {len(app.kept)} things kept of {', '.join(sorted(kinds))}, {mine.compared} times as a full read gives;"
        f" {mine.step_ups} step-up, {mine.renewals} renewals, {mine.expired} after a refusal;"
        f" {mine.pieces} pieces, {mine.cuts} cut"
    )
    # The comparison can fail: of a phone that passed over a single page something is left that is no more so.
    assert mine.hasty.read < app.read
    assert mine.hasty.kept != app.kept


async def test_a_phone_that_drops_nothing_is_found(stage: Stage) -> None:
    me, officer = await stage.citizen(LOGIN), await stage.officer("ubnd-mot.toan-quyen")
    bank = await started(stage, "so-tai-chinh")
    await issued_permit(me, officer)
    await stage.settle()
    mine = phone(stage)
    await mine.sign_in(LOGIN)
    app, hoarder = App(mine.ask), NeverDrops(mine.ask)

    async def followed() -> tuple[bool, bool]:
        """Whether each has what a full read gives."""
        await stage.settle()
        await app.look()
        await hoarder.look()
        full = await app.everything()
        return app.kept == full, hoarder.kept == full

    await app.begin()
    await hoarder.begin()
    request = (await ask_access(bank))["request"]["id"]
    assert await followed() == (True, True)
    assert app.kept[request]["message"] == "BAN-7"
    await act_by(mine.ask, "refuseConsent", "request { id }", {"request": request})
    assert await followed() == (True, False)
    assert (request in app.kept, request in hoarder.kept) == (False, True)
    await hoarder.begin()
    assert await followed() == (True, True)
    gone = await rows(stage, "DELETE FROM notices RETURNING id")
    assert await followed() == (True, False)
    assert len(hoarder.kept) - len(app.kept) == len(gone) > 0
