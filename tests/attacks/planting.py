"""One life with a planted word in every field that takes words, and every secret the platform gave out on the way.

Walks the product over HTTP as a citizen, an officer and strangers do. What is planted is returned by name, so that
`tests.attacks.canaries` can look for it afterwards.
"""

import hashlib
import random
import string
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

from resolvers.context import request_hash
from resolvers.desk.papers import IdentifySubjectInput
from sandbox.people import BY_KEY, children_of
from sandbox.story.papers import scan
from tests import files
from tests.flows import journeys
from tests.flows.journeys import (
    DRAWING,
    DRAWING_TYPE,
    LAND,
    LAND_CLAIMS,
    LAND_TYPE,
    NO_NEIGHBOURS,
    PERMIT,
    PERMIT_CLAIMS,
    PERMIT_TYPE,
)
from tests.flows.stage import Person

WHO: Final = "minh-chau"
AGENCY: Final = "ubnd-mot"
POWER, POWER_COMPANY = "3.000001", "dien-luc"
NAME, DWELLING = "person.full_name@permit_holder", "building.address@building"

Facts = dict[str, Any]


@dataclass
class Planted:
    """Words and files planted, secrets seen, digests anybody who knows a number could make; by name."""

    lot: random.Random
    words: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)

    def word(self, name: str) -> str:
        """A new word for the field `name`, with letters that are written in several ways."""
        self.words[name] = f"Hoàng yến đậu {self._letters(12)}"
        return self.words[name]

    def plain(self, name: str) -> str:
        """The same in ASCII, for places that know no other."""
        self.words[name] = f"canary {self._letters(16)}"
        return self.words[name]

    def drawing(self, name: str) -> bytes:
        """A PDF with a planted line of text, uncompressed."""
        self.files[name] = scan(self.plain(f"{name}, text of the PDF"), "x")
        return self.files[name]

    def photograph(self, name: str) -> bytes:
        """A JPEG with a planted comment."""
        words = self.word(f"{name}, comment of the JPEG").encode()
        made = files.jpeg()
        comment = b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words
        self.files[name] = made[:20] + comment + made[20:]
        return self.files[name]

    def secret(self, name: str, value: str) -> str:
        self.words[name] = value
        return value

    def _letters(self, count: int) -> str:
        return "".join(self.lot.choices(string.ascii_letters, k=count))


async def live(citizen: Person, officer: Person, clerk: Person, planted: Planted) -> None:
    """Everything in which words, papers and secrets come by. The clerk is an officer of the power company."""
    _know_the_family(planted)
    await _sign_in(citizen, officer, clerk, planted)
    decided, permit = await _be_decided(citizen, officer, planted)
    await _share(citizen, officer, permit, planted)
    await _refuse_and_revoke(citizen, officer, clerk, permit, planted)
    assert decided["status"] == "PROCESSED"


def _know_the_family(planted: Planted) -> None:
    """Names, numbers and homes that the registers and the identity provider tell of her and hers."""
    her = BY_KEY[WHO]
    for one in (
        her,
        *(BY_KEY[key] for key in (her.spouse, her.mother, her.father) if key),
        *children_of(her),
    ):
        planted.words |= {f"name of {one.key}": one.name, f"number of {one.key}": one.number.lstrip("0")}
    planted.words["home"] = her.residence.partition(", phường")[0]
    if her.land is not None:
        planted.words["land certificate"] = her.land.certificate


async def _sign_in(citizen: Person, officer: Person, clerk: Person, planted: Planted) -> None:
    await citizen.sign_in("citizen", WHO)
    await officer.sign_in("officer", f"{AGENCY}.toan-quyen")
    await clerk.sign_in("officer", f"{POWER_COMPANY}.toan-quyen")
    for person, name in ((citizen, "her session"), (officer, "the officer's session")):
        for cookie in person.browser.cookies.jar:
            planted.secret(f"{name}, {cookie.name}", str(cookie.value))


async def _be_decided(citizen: Person, officer: Person, planted: Planted) -> tuple[Facts, str]:
    """Counter, draft, e-form, submission, supplement, override, decision."""
    land = await _digitise(officer, planted)
    dossier = await journeys.open_dossier(
        citizen, PERMIT, AGENCY,
        situations=NO_NEIGHBOURS, objects=[{"kind": "LAND_PARCEL", "document": land}, {"kind": "BUILDING"}],
    )  # fmt: skip
    about = {"dossier": dossier["id"], "requirement": DRAWING}
    upload = await _send(
        citizen, planted.drawing("drawing"), planted, "application/pdf", DRAWING_TYPE, **about
    )
    claims = {NAME: planted.word("name on the drawing"), DWELLING: planted.word("address on the drawing")}
    await citizen.act(
        "addDocument", "document { id }", upload=upload, type=DRAWING_TYPE, claims=claims, **about
    )
    dossier = await _fill_in(citizen, await journeys.look(citizen, dossier), planted)
    taken = await journeys.take_in(officer, await journeys.submit(citizen, dossier))
    opened = await officer.act(
        "openEvidence", "evidence { contentUrl claims { name value } }",
        dossier=taken["id"], requirements=[LAND, DRAWING],
    )  # fmt: skip
    assert any(one["claims"] for one in opened["evidence"])
    urls = [one["contentUrl"] for one in opened["evidence"] if one["contentUrl"]]
    read = [(await officer.browser.get(url)).content for url in urls]
    assert planted.files["drawing"] in read
    taken = await _supplement(citizen, officer, taken, planted)
    text = planted.word("text of the override")
    given = {"requirement": LAND, "legalReason": "original_needed", "text": text}
    taken = await journeys.move(officer, "overrideAlreadyHeld", taken, **given)
    permit = await _send(
        officer, planted.photograph("permit"), planted, "image/jpeg", PERMIT_TYPE, dossier=dossier["id"]
    )
    said = {**PERMIT_CLAIMS, "permit.number@permit_holder": planted.word("number of the permit")}
    results = [{"type": PERMIT_TYPE, "claims": said, "upload": permit}]
    decided = await journeys.move(officer, "approveDossier", taken, results=results)
    return decided, str((await journeys.held(citizen, PERMIT_TYPE))[0]["id"])


async def _digitise(officer: Person, planted: Planted) -> str:
    key, number = uuid4(), BY_KEY[WHO].number
    met = await officer.act("identifySubject", "subject", idempotencyKey=str(key), citizenId=number)
    planted.digests["the officer's request with her number"] = _digest_of(key, number)
    content = planted.photograph("land certificate, scanned")
    upload = await _send(officer, content, planted, "image/jpeg", LAND_TYPE, onBehalfOf=met["subject"])
    claims = {**LAND_CLAIMS, "land_parcel.address@land_parcel": planted.word("address of the parcel")}
    claims["land_parcel.certificate_serial@land_parcel"] = planted.plain("serial of the certificate")
    kept = await officer.act(
        "digitiseDocument", "document { id }",
        subject=met["subject"], upload=upload, type=LAND_TYPE, claims=claims,
    )  # fmt: skip
    return str(kept["document"]["id"])


def _digest_of(key: UUID, number: str) -> bytes:
    """What anybody can compute who knows the key, which stands in clear, and tries every number."""
    return request_hash(IdentifySubjectInput(idempotency_key=key, citizen_id=number))


async def _send(
    person: Person, content: bytes, planted: Planted, media_type: str, type_: str, **about: Any
) -> str:
    """Announce and send, with a planted file name."""
    announced = await person.act(
        "createUpload", "upload { id url }",
        fileName=planted.word(f"name of the file of {type_}"), mediaType=media_type,
        sizeBytes=len(content), sha256=hashlib.sha256(content).hexdigest(), type=type_, **about,
    )  # fmt: skip
    url = announced["upload"]["url"]
    planted.secret(f"key of the upload of {type_}", parse_qs(urlsplit(url).query)["key"][0])
    sent = await person.browser.put(url, content=content)
    assert sent.status_code == 201, sent.text
    return str(announced["upload"]["id"])


async def _fill_in(citizen: Person, dossier: Facts, planted: Planted) -> Facts:
    """A planted word in every field of the e-form that is written in."""
    written = [
        one["key"] for one in dossier["form"] if one["source"] in (None, "declared") and one["type"] == "text"
    ]
    assert written
    patch = {key: planted.word(f"e-form, {key}") for key in written}
    filled = await citizen.act(
        "updateDossierForm",
        journeys.SHOWN,
        dossier=dossier["id"],
        expectedVersion=dossier["version"],
        patch=patch,
    )
    found: Facts = filled["dossier"]
    return found


async def _supplement(citizen: Person, officer: Person, taken: Facts, planted: Planted) -> Facts:
    """The officer finds the drawing unfit, in words; she brings another."""
    ask = {"requirement": DRAWING, "kind": "UNFIT", "reason": planted.word("reason of the ask")}
    await journeys.move(officer, "requestSupplement", taken, asks=[ask])
    dossier = await journeys.look(citizen, taken)
    about = {"dossier": dossier["id"], "requirement": DRAWING}
    upload = await _send(
        citizen, planted.drawing("second drawing"), planted, "application/pdf", DRAWING_TYPE, **about
    )
    added = await citizen.act(
        "addDocument", "document { id }", upload=upload, type=DRAWING_TYPE, claims={}, **about
    )
    dossier = await journeys.look(citizen, dossier)
    answered = await citizen.act(
        "answerSupplement", journeys.BRIEF,
        documents=[added["document"]["id"]], **journeys.seen(dossier), **journeys.agreed(dossier),
    )  # fmt: skip
    found: Facts = answered["dossier"]
    return found


async def _share(citizen: Person, officer: Person, permit: str, planted: Planted) -> None:
    """A code for the officer, a ticket for herself."""
    made = await citizen.act("createShare", "share { code url }", document=permit, claims=[NAME], maxUses=2)
    code = planted.secret("share code", made["share"]["code"])
    verdict = await officer.act("verifyDocument", "verdict { valid claims { value } }", code=code)
    assert verdict["verdict"]["valid"]
    opened = await citizen.act("openDocument", "url", document=permit)
    planted.secret("ticket", parse_qs(urlsplit(opened["url"]).query)["ticket"][0])
    assert (await citizen.browser.get(opened["url"])).content == planted.files["permit"]


async def _refuse_and_revoke(
    citizen: Person, officer: Person, clerk: Person, permit: str, planted: Planted
) -> None:
    """Every reason there is, in words."""
    dispute = {"claim": NAME, "reason": planted.word("reason of the correction")}
    mine = await journeys.held(citizen, DRAWING_TYPE)
    await citizen.act("correctClaim", "document { id }", document=mine[-1]["id"], **dispute)
    words = {"reason": planted.word("reason of the refusal"), "legalBasis": "Luật Điện lực, Điều 44"}
    refused, withdrawn, kept = [await _apply_for_power(citizen) for _ in range(3)]
    await journeys.move(clerk, "refuseDossier", refused, **words)
    why = {"reason": planted.word("reason of the withdrawal")}
    await citizen.act("withdrawDossier", journeys.BRIEF, **journeys.seen(withdrawn), **why)
    given = [one for one in await journeys.consents(citizen) if one["status"] == "GIVEN"]
    await citizen.act("withdrawConsent", "consent { id }", consent=given[0]["id"])
    assert kept["status"] == "NEWLY_FILED"
    provision = f"{planted.word('words of the provision')}, số 50/2014/QH13, Điều 101"
    words = {"reason": planted.word("reason of the revocation"), "legalBasis": provision}
    await officer.act("revokeResult", "document { id }", document=permit, **words)


async def _apply_for_power(citizen: Person) -> Facts:
    dossier = await journeys.open_dossier(citizen, POWER, POWER_COMPANY)
    return await journeys.submit(citizen, dossier)
