"""Naming somebody to act in one's place, as tests of it do it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.flows.journeys import number_of
from tests.flows.phone import Phone, phone
from tests.flows.stage import Person, Stage

BIOMETRIC = "urn:vn:eid:tk2:xt3"
MANDATE = "mandate { id granted name scope status until acceptedAt usedAt endedAt proof }"
LISTED = "{ mandates(first: 10) { edges { node { id granted name scope status usedAt } } } }"
PAPERS = "{ myDocuments(first: 10) { edges { node { id type claims { name } } } } }"
TOLD = "{ myNotices(first: 20) { edges { node { code } } } }"
EVERYTHING = ["CONSENT", "FILE", "READ"]


async def grantor(stage: Stage, key: str = "minh-chau") -> Phone:
    """Somebody, Minh Châu unless said, on their phone, their face shown."""
    sure = phone(stage)
    await sure.sign_in(key, acr_values=BIOMETRIC)
    return sure


async def grant(of: Phone, **given: Any) -> dict[str, Any]:
    """The payload of a grant, whatever became of it; Thu Hà for a month and everything unless said."""
    until = (of.clock() + timedelta(days=30)).isoformat()
    wish = {"to": number_of("thu-ha"), "scope": EVERYTHING, "until": until, "idempotencyKey": str(uuid4())}
    query = f"""mutation($input: GrantMandateInput!) {{ grantMandate(input: $input) {{
        {MANDATE} errors {{ code message }} }} }}"""
    payload: dict[str, Any] = (await of.ask(query, input={**wish, **given}))["grantMandate"]
    return payload


async def accepted(of: Phone, actor: Person, **given: Any) -> str:
    """A mandate the actor has taken on."""
    payload = await grant(of, **given)
    assert payload["errors"] == [], payload
    mandate = str(payload["mandate"]["id"])
    await actor.act("acceptMandate", MANDATE, mandate=mandate)
    return mandate


def under(actor: Person, mandate: str | None) -> None:
    actor.browser.headers.pop("Motlan-Mandate", None)
    if mandate is not None:
        actor.browser.headers["Motlan-Mandate"] = mandate


async def refusal(actor: Person, query: str = PAPERS) -> str:
    said = await actor.post(query)
    return str(said["errors"][0]["extensions"]["code"])


async def listed(actor: Person, query: str, name: str) -> list[dict[str, Any]]:
    return [one["node"] for one in (await actor.ask(query))[name]["edges"]]


async def told(person: Person) -> list[str]:
    return [one["code"] for one in await listed(person, TOLD, "myNotices")]
