"""A verifier's side of proofs, for flows: what anybody fetches beforehand, and whose proofs there are to judge."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from auth.signing import import_jwks
from tests.flows.journeys import LAND_CLAIMS, LAND_TYPE, digitise, issued_permit
from tests.flows.stage import ORIGIN, Person, Stage
from vault.proofs.judging import Finding, Listed, Shelf, When, judge_attestation
from vault.proofs.trust import read_trust

NUMBER: Final = "permit.number@permit_holder"
ADDRESS: Final = "building.address@building"
ATTESTATION: Final = "attestation { text qrSvg qrPng fileUrl expiresAt }"
CREDENTIAL: Final = "credential { text type expiresAt }"


class Clock:
    """The platform's, which goes on while a test runs."""

    def __init__(self, offset: timedelta) -> None:
        self._offset = offset

    def __call__(self, later: int = 0) -> int:
        return int((datetime.now(UTC) + self._offset).timestamp()) + later


async def fetched(stage: Stage, address: str, **headers: str) -> Any:
    answer = await stage.anybody().browser.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def shelf(stage: Stage, *lists: Listed) -> Shelf:
    """What any verifier fetches beforehand, naming no proof."""
    anchor = import_jwks((await fetched(stage, f"{ORIGIN}/.well-known/vn-trust-anchor")).json())
    trust = read_trust((await fetched(stage, f"{ORIGIN}/.well-known/vn-trust-list")).text, anchor)
    every = (await fetched(stage, f"{ORIGIN}/status-lists")).json()["status_lists"]
    kept: dict[str, list[Listed]] = {uri: list(lists) for uri in every}
    if not lists:
        kept = {uri: [(await fetched(stage, uri)).text] for uri in every}
    return Shelf(trust, lambda uri: kept.get(uri, []))


async def attested(person: Person, document: str, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await person.act("attestDocument", ATTESTATION, document=document, **given))[
        "attestation"
    ]
    return made


async def permit(stage: Stage) -> tuple[Person, Person, str]:
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    _, document = await issued_permit(me, officer)
    return me, officer, document


async def certified(stage: Stage) -> tuple[Person, Person, str]:
    """A paper made sooner than a permit is: a copy an officer certified at the counter."""
    me, officer = await stage.citizen("minh-chau"), await stage.officer("ubnd-mot.toan-quyen")
    return me, officer, await digitise(officer, "minh-chau", LAND_TYPE, LAND_CLAIMS)


def judged(made: dict[str, Any], shelf: Shelf, at: int, **given: Any) -> Finding:
    return judge_attestation(made["text"], shelf, When(at, **given))


async def revoke(officer: Person, document: str) -> None:
    why = {"reason": "x", "legalBasis": "Luật số 135/2025/QH15, Điều 54"}
    await officer.act("revokeResult", "document { id }", document=document, **why)
