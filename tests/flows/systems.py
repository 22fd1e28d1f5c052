"""An agency's own software, written against the RFCs alone: joserfc for its keys, nothing of ours."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from sandbox.systems import client_of, system_key
from tests.flows.phone import b64_sha256, clock_of
from tests.flows.stage import ORIGIN, Person, Stage

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CIBA = "urn:openid:params:grant-type:ciba"
SHARE_CODE = "urn:vn:params:oauth:token-type:share-code"


@dataclass
class System(Person):
    """One running installation of an agency's software, with a key registered and one of its own for its tokens.

    It does at the desk what a `Person` does, and every journey takes it for an officer.
    """

    client: str = ""
    registered: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    clock: Callable[[], datetime] = datetime.now
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    nonce: str = ""
    token: str = ""

    def assertion(self, **changes: Any) -> str:
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": ORIGIN,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(12),
            **changes,
        }
        self.registered.ensure_kid()
        header = {"alg": "ES256", "typ": "client-authentication+jwt", "kid": self.registered.kid}
        return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, self.registered)

    def proof(self, method: str, url: str, token: str | None = None, **changes: Any) -> str:
        public = {
            name: str(value) for name, value in self.key.as_dict(private=False).items() if name != "kid"
        }
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(12),
            "htm": method,
            "htu": url,
            "iat": int(self.clock().timestamp()),
            **({"nonce": self.nonce} if self.nonce else {}),
            **({"ath": b64_sha256(token.encode())} if token is not None else {}),
        }
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, {**claims, **changes}, self.key)

    async def form(self, path: str, given: Mapping[str, str]) -> httpx2.Response:
        """A form sent to an endpoint with a fresh assertion, once more with the nonce when one is asked for."""
        url = f"{self.origin}{path}"
        for _ in range(2):
            fields = {"client_assertion_type": ASSERTION, "client_assertion": self.assertion(), **given}
            answer = await self.browser.post(url, data=fields, headers={"DPoP": self.proof("POST", url)})
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if not (answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce"):
                break
        return answer

    async def start(self) -> httpx2.Response:
        """Sign in by key. What it does from now on, it does with that token."""
        return self._keep(await self.form("/oauth/token", {"grant_type": "client_credentials"}))

    async def exchange(self, code: str, **changes: str) -> httpx2.Response:
        given = {"grant_type": EXCHANGE, "subject_token": code, "subject_token_type": SHARE_CODE, **changes}
        return await self.form("/oauth/token", given)

    async def ask_after(self, request: str) -> httpx2.Response:
        return await self.form("/oauth/token", {"grant_type": CIBA, "auth_req_id": request})

    async def introspect(self, token: str) -> dict[str, Any]:
        answer = await self.form("/oauth/introspect", {"token": token})
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def holding(self, token: str) -> "System":
        """The same software using another token of its own: a grant."""
        return System(
            self.browser, self.language, self.origin,
            self.client, self.registered, self.clock, self.key, self.nonce, token,
        )  # fmt: skip

    async def speak(self, query: str, variables: Mapping[str, Any] | None = None) -> httpx2.Response:
        return await self.send_body({"query": query, "variables": dict(variables or {})})

    async def send_body(self, body: Any) -> httpx2.Response:
        """Any JSON, with a fresh proof, once more with the nonce when one is asked for."""
        url = f"{self.origin}/graphql"
        for _ in range(2):
            headers = {
                "Authorization": f"DPoP {self.token}",
                "DPoP": self.proof("POST", url, self.token),
                "Accept-Language": self.language,
            }
            answer = await self.browser.post(url, json=body, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break
        return answer

    async def post(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        said: dict[str, Any] = (await self.speak(query, variables)).json()
        return said

    def _keep(self, answer: httpx2.Response) -> httpx2.Response:
        if answer.status_code == 200:
            self.token = answer.json()["access_token"]
        return answer


def system(stage: Stage, agency: str) -> System:
    """The software of a demo agency, not signed in."""
    return System(
        stage.anybody().browser,
        client=client_of(agency),
        registered=system_key(stage.sandbox.folder),
        clock=clock_of(stage),
    )


async def started(stage: Stage, agency: str) -> System:
    made = system(stage, agency)
    answer = await made.start()
    assert answer.status_code == 200, answer.text
    return made
