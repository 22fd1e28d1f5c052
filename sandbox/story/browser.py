"""One person's browser: signs in by walking the pages, keeps the cookies, speaks GraphQL, sends files."""

import hashlib
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin
from uuid import uuid4

import httpx2

PATIENCE_SECONDS: Final = 60.0

ERRORS: Final = """errors {
  code message
  ... on AlreadyHeld { requirement }
  ... on EvidenceMissing { gaps { requirement outcome reason } }
  ... on FormIncomplete { missing refused }
  ... on ObjectUndeclared { kinds }
  ... on SituationsOpen { situations }
  ... on ConsentOutstanding { roles }
}"""


Wires = Mapping[str, httpx2.AsyncBaseTransport]


class Refused(Exception):
    """The platform refused, as it may: `code` is one of the API's, `told` the rest of the answer."""

    def __init__(self, operation: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{operation}: {problem['code']} {_details(problem)}")
        self.operation = operation
        self.code = str(problem["code"])
        self.told = problem


class Stumbled(Exception):
    """The platform answered in a way no client could go on from. Not a broken promise: a fault."""


class Browser:
    """A browser nobody is signed in with yet. `wires`: other ways to some addresses than the network."""

    def __init__(self, origin: str, wires: Wires | None = None) -> None:
        self._origin = origin
        self._wire = httpx2.AsyncClient(
            timeout=PATIENCE_SECONDS, trust_env=False, headers={"Accept-Language": "en"}, mounts=wires
        )

    async def close(self) -> None:
        await self._wire.aclose()

    async def sign_in(self, role: str, login: str) -> None:
        """Click "sign in", press this person's button at the provider, come back. Raises Stumbled."""
        begun = await self._wire.get(f"{self._origin}/sign-in", params={"role": role})
        asked = _location(begun)
        page = await self._wire.get(asked)
        form = _Form()
        form.feed(page.text)
        if login not in form.buttons:
            raise Stumbled(f"the identity provider offers nobody called {login}")
        chosen = {**form.fields, form.buttons[login]: login}
        back = _location(await self._wire.post(urljoin(asked, form.action), data=chosen))
        arrived = await self._wire.get(back)
        if arrived.status_code != 200:
            raise Stumbled(f"signing in as {login} ended with {arrived.status_code}")

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a query. Raises Stumbled for any error."""
        said = await self._post(query, variables)
        if "errors" in said:
            raise Stumbled(f"{query.strip()[:60]}: {said['errors']}")
        data: dict[str, Any] = said["data"]
        return data

    async def act(self, operation: str, selection: str, /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation. Raises Refused with the first refusal, Stumbled for a fault."""
        kind = f"{operation[0].upper()}{operation[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ {selection} {ERRORS} }} }}"
        payload = (await self.ask(query, input={"idempotencyKey": str(uuid4()), **given}))[operation]
        if payload["errors"]:
            raise Refused(operation, payload["errors"][0])
        found: dict[str, Any] = payload
        return found

    async def send_file(self, content: bytes, media_type: str, document_type: str, **about: Any) -> str:
        """Announce a file, send it; returns the upload's id. Raises Refused: what is held is not taken again."""
        announced = await self.act(
            "createUpload", "upload { id url }",
            fileName="giay-to", mediaType=media_type, sizeBytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(), type=document_type, **about,
        )  # fmt: skip
        upload = announced["upload"]
        sent = await self._wire.put(upload["url"], content=content, headers={"Content-Type": media_type})
        if sent.status_code >= 300:
            raise Stumbled(f"sending a file ended with {sent.status_code}: {sent.text[:200]}")
        return str(upload["id"])

    async def read_page(self, url: str, accept: str = "text/html") -> httpx2.Response:
        return await self._wire.get(url, headers={"Accept": accept})

    async def _post(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self._wire.post(
            f"{self._origin}/graphql",
            json={"query": query, "variables": dict(variables)},
            headers={"Origin": self._origin},
        )
        if not answer.headers.get("content-type", "").startswith("application/"):
            raise Stumbled(f"the API answered {answer.status_code}")
        said: dict[str, Any] = answer.json()
        return said


class _Form(HTMLParser):
    """The one form of a page: where it goes, its hidden fields, its buttons by value."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "input" and given.get("type") == "hidden":
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "button" and "value" in given:
            self.buttons[given["value"]] = given["name"]


def _location(answer: httpx2.Response) -> str:
    if answer.status_code != 303:
        raise Stumbled(f"{answer.request.url.path} answered {answer.status_code} instead of leading on")
    return str(answer.headers["location"])


def _details(problem: Mapping[str, Any]) -> str:
    details = {name: value for name, value in problem.items() if name not in ("code", "message")}
    return f"({problem['message']}) {details or ''}".strip()
