"""An agency's own software: signs in by key, exchanges a person's code for a grant, verifies with that token."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from sandbox.story.browser import PATIENCE_SECONDS, Stumbled, Wires

EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
SHARE_CODE: Final = "urn:vn:params:oauth:token-type:share-code"
ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

VERIFY: Final = """mutation($input: VerifyDocumentInput!) { verifyDocument(input: $input) {
  verdict { valid status signature issuerAuthority freshness reason claims { name value } }
  errors { code message } } }"""


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
