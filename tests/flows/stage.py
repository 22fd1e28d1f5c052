"""A running platform for a flow: the whole application over HTTP, a real database, real sandbox processes.

People sign in by walking the pages, as anyone does. What happens after a request happens when the flow says
`settle()`, so nothing waits on a clock.
"""

import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import Platform
from sandbox.agencies import AGENCIES_BY_KEY
from sandbox.supervisor import Sandbox
from store.embedded import Servers

ORIGIN = "http://127.0.0.1:8000"

ERRORS = """errors {
  __typename code message path retryable
  ... on AlreadyHeld { requirement }
  ... on EvidenceMissing { gaps { requirement outcome reason } }
  ... on StaleVersion { current }
  ... on SituationsOpen { situations }
  ... on FormIncomplete { missing refused }
  ... on ObjectUndeclared { kinds }
  ... on ConsentStale { sha256 }
  ... on ConsentOutstanding { roles }
}"""


@dataclass
class Stage:
    platform: Platform
    sandbox: Sandbox
    owner: AsyncEngine
    """The owner of the tables, for looking at rows no actor could see."""
    servers: Servers
    people: list["Person"] = field(default_factory=list)

    async def citizen(self, login: str) -> "Person":
        """A demo person signed in (`sandbox.people`)."""
        return await self._signed_in("citizen", login)

    async def officer(self, login: str) -> "Person":
        """A demo officer signed in: `<agency key>.<desk>`, as `ubnd-mot.toan-quyen` (`sandbox.agencies`)."""
        return await self._signed_in("officer", login)

    def anybody(self) -> "Person":
        """A browser nobody is signed in with."""
        transport = httpx2.ASGITransport(self.platform.app)
        browser = httpx2.AsyncClient(mounts={ORIGIN: transport}, trust_env=False, timeout=30.0)
        person = Person(browser)
        self.people.append(person)
        return person

    def carry(self, person: "Person") -> "Person":
        """Somebody signed in on another stage over the same database, with the same cookies."""
        here = self.anybody()
        here.browser.cookies = person.browser.cookies
        here.language = person.language
        return here

    async def settle(self) -> None:
        """Let everything due happen: messages, register retries, sealing of the log."""
        await self.platform.loops.once()

    async def close(self) -> None:
        for person in self.people:
            await person.browser.aclose()

    async def _signed_in(self, role: str, login: str) -> "Person":
        person = self.anybody()
        await person.sign_in(role, login)
        return person


@dataclass
class Person:
    """One browser, and the API through it."""

    browser: httpx2.AsyncClient
    language: str = "en"
    origin: str = ORIGIN

    async def sign_in(self, role: str, login: str) -> None:
        begun = await self.browser.get(f"{self.origin}/sign-in", params={"role": role})
        assert begun.status_code == 303, begun.text
        provider = begun.headers["location"]
        page = await self.browser.get(provider)
        found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        form = {name: html.unescape(value) for name, value in found} | {"login": login}
        chosen = await self.browser.post(provider.partition("?")[0], data=form)
        assert chosen.status_code == 303, f"the provider has no account {login}"
        arrived = await self.browser.get(chosen.headers["location"])
        assert arrived.status_code == 200, arrived.text

    async def post(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The whole answer, errors and all."""
        response = await self.browser.post(
            f"{self.origin}/graphql",
            json={"query": query, "variables": dict(variables or {})},
            headers={"Origin": self.origin, "Accept-Language": self.language},
        )
        said: dict[str, Any] = response.json()
        return said

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a query that has no error."""
        said = await self.post(query, variables)
        assert "errors" not in said, said["errors"]
        data: dict[str, Any] = said["data"]
        return data

    async def act(self, operation: str, selection: str, /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation that succeeds. `idempotencyKey` is made up unless given."""
        payload = await self.attempt(operation, selection, **given)
        assert payload["errors"] == [], payload["errors"]
        return payload

    async def attempt(self, operation: str, selection: str, /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation with its refusals under `errors`."""
        kind = f"{operation[0].upper()}{operation[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ {selection} {ERRORS} }} }}"
        data = await self.ask(query, input={"idempotencyKey": str(uuid4()), **given})
        payload: dict[str, Any] = data[operation]
        return payload

    async def refused(self, operation: str, selection: str, /, **given: Any) -> dict[str, Any]:
        """The one refusal of a mutation that must be refused."""
        payload = await self.attempt(operation, selection, **given)
        assert len(payload["errors"]) == 1, payload
        error: dict[str, Any] = payload["errors"][0]
        return error

    async def send(self, content: bytes, media_type: str, document_type: str, **about: Any) -> str:
        """Announce a file and send it; the upload's id."""
        upload = (
            await self.act(
                "createUpload",
                "upload { id url }",
                fileName="to-giay",
                mediaType=media_type,
                sizeBytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                type=document_type,
                **about,
            )
        )["upload"]
        sent = await self.browser.put(upload["url"], content=content)
        assert sent.status_code == 201, sent.text
        return str(upload["id"])


def agency_code(key: str) -> str:
    """The code of a demo agency by its key in `sandbox.agencies`."""
    return AGENCIES_BY_KEY[key].code


def cookie(person: Person) -> str:
    """The person's session as a header, for clients that are no browser of ours."""
    return "; ".join(f"{name}={value}" for name, value in person.browser.cookies.items())
