"""Agencies' side: the counter, the desk and the decision, each by an officer of that role; and their software."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sandbox.agencies import AGENCIES
from sandbox.people import Newborn, Person
from sandbox.story import papers
from sandbox.story.browser import Browser, Software
from sandbox.story.catalogue import Catalogue, Facts
from sandbox.story.citizen import with_outcome

RECEIVING: Final = "tiep-nhan"
APPRAISING: Final = "tham-dinh"
APPROVING: Final = "phe-duyet"

_MOVED: Final = "dossier { id version status }"
_DISCLOSED: Final = ("REUSE", "FETCH", "SUPPLY")
_KEY_BY_CODE: Final = {agency.code: agency.key for agency in AGENCIES}


@dataclass(frozen=True, slots=True)
class Opened:
    """What an officer saw of one dossier: values by `concept@role`, and the log index of each disclosure."""

    values: Mapping[str, Any]
    log_indexes: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class About:
    """Whom and what a decision is about: what the officer read, the person, her newborn if it is about one."""

    read: Mapping[str, Any]
    person: Person
    child: Newborn | None = None

    def value(self, claim: Facts, on: date) -> Any:
        """What the result says: as read in the evidence, else what the agency adds."""
        known = self.read.get(claim["name"])
        if isinstance(known, str | int | float | bool):
            return known
        return papers.made_up(claim, self.person, on, self.child)


class Desk:
    """The officers of every agency, each signing in when first needed."""

    def __init__(
        self,
        browser: Callable[[], Browser],
        software: Callable[[str], Software],
        catalogue: Catalogue,
        on: date,
    ) -> None:
        self._browser = browser
        self._software = software
        self._catalogue = catalogue
        self._on = on
        self._officers: dict[str, Browser] = {}
        self._installed: dict[str, Software] = {}

    async def close(self) -> None:
        for browser in self._officers.values():
            await browser.close()
        for software in self._installed.values():
            await software.close()

    async def officer(self, agency: Facts, desk: str) -> Browser:
        login = f"{_KEY_BY_CODE[agency['code']]}.{desk}"
        if login not in self._officers:
            self._officers[login] = self._browser()
            await self._officers[login].sign_in("officer", login)
        return self._officers[login]

    async def digitise(self, agency: Facts, person: Person, document_type: str) -> str:
        """A person stands at the counter with a paper; it is scanned against its original, once. Its id."""
        officer = await self.officer(agency, RECEIVING)
        met = await officer.act("identifySubject", "subject", citizenId=person.number)
        paper = await self._catalogue.paper(document_type)
        content = papers.scan(document_type, person.key)
        upload = await officer.send_file(content, papers.PDF, document_type, onBehalfOf=met["subject"])
        kept = await officer.act(
            "digitiseDocument", "document { id }",
            subject=met["subject"], upload=upload, type=document_type,
            claims=papers.written_on(person, document_type, paper["claims"], self._on),
        )  # fmt: skip
        return str(kept["document"]["id"])

    async def take_in(self, agency: Facts, dossier: Facts) -> Facts:
        """Receive, pass to a specialist: the agency works on it from now."""
        receiving = await self.officer(agency, RECEIVING)
        specialist = await self.officer(agency, APPRAISING)
        me = (await specialist.ask("{ viewer { id } }"))["viewer"]["id"]
        received = await self._move(receiving, "receiveDossier", dossier)
        return await self._move(receiving, "assignDossier", received, officer=me)

    async def open_evidence(self, agency: Facts, dossier: Facts) -> Opened:
        """The specialist reads what was agreed to, and nothing else."""
        specialist = await self.officer(agency, APPRAISING)
        wanted = [one["requirement"]["id"] for one in with_outcome(dossier, *_DISCLOSED)]
        seen = await specialist.act(
            "openEvidence",
            "applicant { name value } evidence { logIndex claims { name value } }",
            dossier=dossier["id"], requirements=wanted,
        )  # fmt: skip
        claims = [*seen["applicant"], *(claim for one in seen["evidence"] for claim in one["claims"])]
        indexes = tuple(one["logIndex"] for one in seen["evidence"])
        return Opened({one["name"]: one["value"] for one in claims}, indexes)

    async def approve(self, agency: Facts, dossier: Facts, results: Sequence[str], about: About) -> Facts:
        """Decide in favour with signed results, and hand them over."""
        approving = await self.officer(agency, APPROVING)
        issued = []
        for document_type in results:
            paper = await self._catalogue.paper(document_type)
            content = papers.scan(document_type, about.person.key)
            upload = await approving.send_file(content, papers.PDF, document_type, dossier=dossier["id"])
            claims = {one["name"]: about.value(one, self._on) for one in paper["claims"]}
            issued.append({"type": document_type, "claims": claims, "upload": upload})
        approved = await self._move(approving, "approveDossier", dossier, results=issued)
        return await self._move(approving, "returnResult", approved)

    async def ask_for(self, agency: Facts, dossier: Facts, requirement: str) -> Facts:
        """Ask the person for something missing. Raises Refused when it is held."""
        receiving = await self.officer(agency, RECEIVING)
        line = {"requirement": requirement, "kind": "MISSING", "reason": "Đề nghị nộp bản giấy (thử nghiệm)"}
        return await self._move(receiving, "requestSupplement", dossier, asks=[line])

    async def override(self, agency: Facts, dossier: Facts, requirement: str, legal_reason: str) -> Facts:
        receiving = await self.officer(agency, RECEIVING)
        return await self._move(
            receiving, "overrideAlreadyHeld", dossier,
            requirement=requirement, legalReason=legal_reason, text="Cần đối chiếu bản gốc (thử nghiệm)",
        )  # fmt: skip

    def software(self, agency: Facts) -> Software:
        """The agency's own software, the same one each time."""
        key = _KEY_BY_CODE[agency["code"]]
        if key not in self._installed:
            self._installed[key] = self._software(key)
        return self._installed[key]

    async def revoke(self, agency: Facts, document: str) -> None:
        approving = await self.officer(agency, APPROVING)
        await approving.act(
            "revokeResult", "document { id status }",
            document=document, reason="Cấp sai đối tượng (thử nghiệm)", legalBasis="Luật số 135/2025/QH15, Điều 54",
        )  # fmt: skip

    async def _move(self, browser: Browser, operation: str, dossier: Facts, /, **given: Any) -> Facts:
        moved = await browser.act(
            operation, _MOVED, dossier=dossier["id"], expectedVersion=dossier["version"], **given
        )
        found: Facts = moved["dossier"]
        return found
