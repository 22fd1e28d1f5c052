"""A citizen with an officer at their side, who live through filings over HTTP and write down what was acknowledged.

Each acknowledgement is written down before the next request is made. When an answer never comes, the request is
kept: sent again under its idempotency key, it must have had its effect exactly once.
"""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import httpx2

from api.journal import FAULTS
from tests import files
from tests.flows import journeys
from tests.flows.journeys import (
    BRIEF,
    DRAWING,
    DRAWING_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    PERMIT_CLAIMS,
    PERMIT_TYPE,
)
from tests.flows.stage import Person

ELECTRICITY: Final = "3.000001"
AGENCY: Final = "ubnd-mot"
NEW_HOUSE: Final = [{"kind": "BUILDING"}]
OF_NO_USE: Final = "thuyet-minh-co-so-vat-chat-attp"
"""A paper that none of these filings asks for."""
LARGEST_BYTES: Final = 200_000
JPEG: Final = "image/jpeg"

Facts = dict[str, Any]


class Unanswered(Exception):
    """The platform died, or its database did, before it answered."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A dossier as last acknowledged. `version` None: it has moved since, by something else acknowledged."""

    code: str | None
    status: str
    version: int | None


@dataclass(slots=True)
class Book:
    """What the platform has acknowledged to one citizen, by global id."""

    sent: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the bytes announced, by upload."""
    documents: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the content, by document."""
    dossiers: dict[str, Filed] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the result's content, by dossier."""
    consents: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Status and dossier, by consent."""
    shares: set[str] = field(default_factory=set)
    acknowledged: int = 0

    def write(self, operation: str, given: Mapping[str, Any], payload: Facts) -> None:
        """One acknowledged mutation."""
        self.acknowledged += 1
        if payload.get("dossier"):
            one = payload["dossier"]
            self.dossiers[one["id"]] = Filed(one["code"], one["status"], one["version"])
        match operation:
            case "createUpload" if payload["upload"]:
                self.sent[payload["upload"]["id"]] = given["sha256"]
            case "addDocument":
                self.documents[payload["document"]["id"]] = self.sent[given["upload"]]
            case "approveDossier":
                self.results[given["dossier"]] = self.sent[given["results"][0]["upload"]]
            case "createShare":
                self.shares.add(payload["share"]["id"])
            case "withdrawConsent":
                _, dossier = self.consents[given["consent"]]
                self.consents[given["consent"]] = ("WITHDRAWN", dossier)
                self.dossiers[dossier] = Filed(self.dossiers[dossier].code, "SUPPLEMENT_REQUESTED", None)


class Line(httpx2.AsyncHTTPTransport):
    """A line on which a fault of the server is the same as no answer."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().handle_async_request(request)
        if answer.status_code >= 500:
            await answer.aclose()
            raise httpx2.RemoteProtocolError(f"answered {answer.status_code}")
        return answer


@dataclass
class Witness(Person):
    """A browser that writes down each acknowledgement, and keeps the request that got none."""

    book: Book = field(default_factory=Book)
    unanswered: tuple[str, str, Facts] | None = None

    async def post(self, query: str, variables: Mapping[str, Any] | None = None) -> Facts:
        try:
            said = await super().post(query, variables)
        except httpx2.TransportError as cut:
            raise Unanswered from cut
        if any(one["extensions"]["code"] in FAULTS for one in said.get("errors", ())):
            raise Unanswered
        return said

    async def attempt(self, operation: str, selection: str, /, **given: Any) -> Facts:
        given = {"idempotencyKey": str(uuid4()), **given}
        self.unanswered = (operation, selection, given)
        payload = await super().attempt(operation, selection, **given)
        self.unanswered = None
        if not payload["errors"]:
            self.book.write(operation, given, payload)
        return payload

    async def send(self, content: bytes, media_type: str, document_type: str, **about: Any) -> str:
        try:
            return await super().send(content, media_type, document_type, **about)
        except httpx2.TransportError as cut:
            raise Unanswered from cut

    async def settle(self) -> None:
        """Send the request that got no answer once more. An upload's address is shown once: it is given up."""
        if self.unanswered is None:
            return
        operation, selection, given = self.unanswered
        payload = await self.attempt(operation, selection, **given)
        assert operation == "createUpload" or payload["errors"] == [], (operation, payload["errors"])


class Life:
    """One citizen with one officer, in one thread of acknowledgements that `lot` decides."""

    def __init__(self, citizen: Witness, officer: Witness, lot: random.Random) -> None:
        self.citizen = citizen
        self.officer = officer
        self._lot = lot
        self._stopped = False
        officer.book = citizen.book

    @property
    def book(self) -> Book:
        return self.citizen.book

    async def go_on(self) -> None:
        """Live until an answer fails to come, or `stop` is called."""
        self._stopped = False
        turns = (self._deposit, self._deposit, self._be_supplied, self._be_built, self._withdraw, self._show)
        try:
            while not self._stopped:
                await self._lot.choice(turns)()
        except Unanswered:
            return

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopped = True

    async def file(self) -> None:
        """One of everything that is filed here."""
        await self._deposit()
        await self._be_supplied()
        await self._be_built()

    async def settle(self) -> None:
        """Have every request answered that was cut off, and note the consents that came of it."""
        await self.citizen.settle()
        await self.officer.settle()
        await self._note_consents()

    async def _deposit(self) -> None:
        upload = await self.citizen.send(self._picture(), JPEG, OF_NO_USE)
        await self.citizen.act("addDocument", "document { id }", upload=upload, type=OF_NO_USE, claims={})

    async def _be_supplied(self) -> None:
        """File what the registers answer in full."""
        await self._submit(await journeys.open_dossier(self.citizen, ELECTRICITY))

    async def _be_built(self) -> None:
        """File with a drawing of one's own, and have the permit decided."""
        dossier = await journeys.open_dossier(
            self.citizen, PERMIT, AGENCY, situations=NO_NEIGHBOURS, objects=NEW_HOUSE
        )
        about = {"dossier": dossier["id"], "requirement": DRAWING}
        upload = await self.citizen.send(self._picture(), JPEG, DRAWING_TYPE, **about)
        shown = f"document {{ id }} {BRIEF}"
        await self.citizen.act("addDocument", shown, upload=upload, type=DRAWING_TYPE, claims={}, **about)
        taken = await journeys.take_in(self.officer, await self._submit(dossier))
        permit = await self.officer.send(self._picture(), JPEG, PERMIT_TYPE, dossier=dossier["id"])
        results = [{"type": PERMIT_TYPE, "claims": dict(PERMIT_CLAIMS), "upload": permit}]
        await journeys.move(self.officer, "approveDossier", taken, results=results)

    async def _submit(self, dossier: Facts) -> Facts:
        submitted = await journeys.submit(self.citizen, dossier)
        await self._note_consents()
        return submitted

    async def _note_consents(self) -> None:
        """Each submission makes one consent, and is the last before its consent is noted."""
        given = await consents_of(self.citizen)
        noted = {dossier for _, dossier in self.book.consents.values()}
        new = sorted(given.keys() - self.book.consents.keys())
        owners = [id_ for id_, one in self.book.dossiers.items() if one.code and id_ not in noted]
        for consent, dossier in zip(new, owners, strict=True):
            self.book.consents[consent] = (given[consent], dossier)

    async def _withdraw(self) -> None:
        """Take back an agreement the agency still works under, or a filing."""
        live = sorted(id_ for id_, one in self.book.dossiers.items() if one.status == "NEWLY_FILED")
        if not live:
            return
        dossier = self._lot.choice(live)
        consent = next((key for key, (_, of) in self.book.consents.items() if of == dossier), None)
        if consent is not None and self._lot.random() < 0.5:
            await self.citizen.act("withdrawConsent", "consent { id status }", consent=consent)
        else:
            seen = {"dossier": dossier, "expectedVersion": self.book.dossiers[dossier].version}
            await self.citizen.act("withdrawDossier", BRIEF, **seen)

    async def _show(self) -> None:
        """Make a code for one of the papers."""
        if self.book.documents:
            document = self._lot.choice(sorted(self.book.documents))
            await self.citizen.act("createShare", "share { id }", document=document, claims=[])

    def _picture(self) -> bytes:
        """A photograph of any size; no two are alike."""
        drawn = self._lot.randbytes(self._lot.randrange(1_000, LARGEST_BYTES)).replace(b"\xff", b"\x00")
        return files.jpeg(scan=drawn)


async def consents_of(citizen: Person) -> dict[str, str]:
    """Every consent's status, by id."""
    return {one["id"]: one["status"] for one in await listed(citizen, "myConsents", "id status")}


async def listed(citizen: Person, connection: str, selection: str) -> list[Facts]:
    """All of a list, page by page."""
    query = f"""query($after: String) {{ {connection}(first: 100, after: $after) {{
      edges {{ node {{ {selection} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    found: list[Facts] = []
    after = None
    while True:
        page = (await citizen.ask(query, after=after))[connection]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
