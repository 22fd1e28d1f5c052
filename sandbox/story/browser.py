"""How the story reaches the platform: by what people hold in their hands, and by agencies' own software.

A browser signs in by walking the pages, keeps the cookies, speaks GraphQL, sends files; citizens may hold another
device that does as much. Software proves its key, exchanges a person's code for a grant token, verifies with that.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, Final, Protocol
from urllib.parse import urljoin
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

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

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
SHARE_CODE: Final = "urn:vn:params:oauth:token-type:share-code"
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

VERIFY: Final = """mutation($input: VerifyDocumentInput!) { verifyDocument(input: $input) {
  verdict { valid status signature issuerAuthority freshness reason claims { name value } }
  errors { code message } } }"""


class Refused(Exception):
    """The platform refused, as it may: `code` is one of the API's, `told` the rest of the answer."""

    def __init__(self, operation: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{operation}: {problem['code']} {_details(problem)}")
        self.operation = operation
        self.code = str(problem["code"])
        self.told = problem


class Stumbled(Exception):
    """The platform answered in a way no client could go on from. Not a broken promise: a fault."""


class Device(Protocol):
    """What a person acts with, nobody signed in yet. Everything may raise Stumbled."""

    async def close(self) -> None: ...

    async def sign_in(self, role: str, login: str) -> None:
        """As this demo person."""

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation without errors."""

    async def act(self, operation: str, selection: str, /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation. Raises Refused with the first refusal."""

    async def send_file(self, content: bytes, media_type: str, document_type: str, **about: Any) -> str:
        """Announce a file, send it; the upload's id. Raises Refused: what is held is not taken again."""

    async def read_page(self, url: str, accept: str = "text/html") -> httpx2.Response:
        """A public page, as anybody sees it."""


async def act_by(
    ask: Callable[..., Awaitable[dict[str, Any]]], operation: str, selection: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The payload of a mutation asked that way. Raises Refused with the first refusal, and whatever `ask` does."""
    kind = f"{operation[0].upper()}{operation[1:]}Input"
    query = f"mutation($input: {kind}!) {{ {operation}(input: $input) {{ {selection} {ERRORS} }} }}"
    payload = (await ask(query, input={"idempotencyKey": str(uuid4()), **given}))[operation]
    if payload["errors"]:
        raise Refused(operation, payload["errors"][0])
    found: dict[str, Any] = payload
    return found


async def announce(
    device: Device, content: bytes, media_type: str, document_type: str, **about: Any
) -> dict[str, Any]:
    """The id and address of a new upload for this file. Raises Refused, Stumbled."""
    announced = await device.act(
        "createUpload", "upload { id url }",
        fileName="giay-to", mediaType=media_type, sizeBytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(), type=document_type, **about,
    )  # fmt: skip
    upload: dict[str, Any] = announced["upload"]
    return upload


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
        return await act_by(self.ask, operation, selection, given)

    async def send_file(self, content: bytes, media_type: str, document_type: str, **about: Any) -> str:
        """Announce a file, send it; returns the upload's id. Raises Refused: what is held is not taken again."""
        upload = await announce(self, content, media_type, document_type, **about)
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


@dataclass(frozen=True, slots=True)
class Registered:
    """Who the software is: its client id, and the key the agency registered for it."""

    client: str
    key: ECKey


class Software:
    """One installation. Its tokens are bound to a key it makes for itself (RFC 9449)."""

    def __init__(
        self, origin: str, who: Registered, clock: Callable[[], datetime], wires: Wires | None = None
    ) -> None:
        self._origin = origin
        self._who = who
        self._clock = clock
        self._key = ECKey.generate_key("P-256")
        self._nonce = ""
        self._wire = httpx2.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False, mounts=wires)

    async def close(self) -> None:
        await self._wire.aclose()

    async def exchange(self, code: str) -> str | None:
        """A grant token for the code; None when it is worth nothing (any more). Raises Stumbled."""
        given = {"grant_type": EXCHANGE, "subject_token": code, "subject_token_type": SHARE_CODE}
        answer = await self._form("/oauth/token", given)
        if answer.status_code == 400 and answer.json()["error"] == "invalid_grant":
            return None
        if answer.status_code != 200:
            raise Stumbled(f"the token endpoint answered {answer.status_code}: {answer.text[:200]}")
        return str(answer.json()["access_token"])

    async def verify(self, grant: str) -> dict[str, Any]:
        """The verdict on the paper the grant is for. Raises Stumbled."""
        url = f"{self._origin}/graphql"
        given = {"input": {"idempotencyKey": str(uuid4())}}
        body = {"query": VERIFY, "variables": given}
        for _ in range(2):
            proof = self._proof("POST", url, grant)
            headers = {"Authorization": f"DPoP {grant}", "DPoP": proof, "Accept-Language": "en"}
            answer = await self._wire.post(url, json=body, headers=headers)
            if not self._heed(answer) or answer.status_code != 401:
                break
        said = answer.json()
        if answer.status_code != 200 or "errors" in said or said["data"]["verifyDocument"]["errors"]:
            raise Stumbled(f"verifying by token answered {answer.status_code}: {answer.text[:300]}")
        verdict: dict[str, Any] = said["data"]["verifyDocument"]["verdict"]
        return verdict

    async def _form(self, path: str, given: Mapping[str, str]) -> httpx2.Response:
        url = f"{self._origin}{path}"
        for _ in range(2):
            fields = {**given, "client_assertion_type": ASSERTION, "client_assertion": self._assertion()}
            answer = await self._wire.post(url, data=fields, headers={"DPoP": self._proof("POST", url)})
            if not self._heed(answer) or answer.status_code != 400:
                break
            if answer.json()["error"] != "use_dpop_nonce":
                break
        return answer

    def _heed(self, answer: httpx2.Response) -> bool:
        """Take the nonce of the answer; whether it is a new one."""
        before, self._nonce = self._nonce, answer.headers.get("DPoP-Nonce", self._nonce)
        return before != self._nonce

    def _assertion(self) -> str:
        now = int(self._clock().timestamp())
        who = self._who.client
        claims = {
            "iss": who,
            "sub": who,
            "aud": self._origin,
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
        }
        header = {"alg": "ES256", "typ": "client-authentication+jwt", "kid": self._who.key.kid}
        return jwt.encode(header, claims, self._who.key)

    def _proof(self, method: str, url: str, token: str | None = None) -> str:
        public = {k: str(v) for k, v in self._key.as_dict(private=False).items() if k != "kid"}
        claims: dict[str, Any] = {
            "jti": str(uuid4()),
            "htm": method,
            "htu": url,
            "iat": int(self._clock().timestamp()),
            **({"nonce": self._nonce} if self._nonce else {}),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, claims, self._key)


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
