"""An app on somebody's phone, written against the RFCs alone: joserfc for its key and proofs, nothing of ours."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from auth.apps.registry import App
from tests.flows.stage import ORIGIN, Stage

REDIRECT = "vn.example.motlan:/signed-in"
APP = App("motlan-mobile", "Một Lần", frozenset({REDIRECT, "https://app.example.vn/signed-in"}))
OTHER_APP = App("ward-kiosk", "Ki-ốt phường", frozenset({"https://kiosk.example.vn/signed-in"}))


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def b64_sha256(octets: bytes) -> str:
    return b64(hashlib.sha256(octets).digest())


def secret_and_challenge() -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    return verifier, b64_sha256(verifier.encode())


@dataclass
class Phone:
    """One installation. `tokens` is the last answer of the token endpoint."""

    http: httpx2.AsyncClient
    clock: Callable[[], datetime]
    app: str = APP.id
    redirect: str = REDIRECT
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    nonce: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def thumbprint(self) -> str:
        return self.key.thumbprint()

    def proof(self, method: str, url: str, token: str | None = None, **changes: Any) -> str:
        public = {
            name: str(value) for name, value in self.key.as_dict(private=False).items() if name != "kid"
        }
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(12),
            "htm": method,
            "htu": url,
            "iat": int(self.clock().timestamp()),
        }
        if self.nonce:
            claims["nonce"] = self.nonce
        if token is not None:
            claims["ath"] = b64_sha256(token.encode())
        return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, {**claims, **changes}, self.key)

    async def form(self, path: str, given: Mapping[str, str], *, proven: bool = True) -> httpx2.Response:
        """A form sent to an endpoint, once more with the nonce when one is asked for."""
        url = f"{ORIGIN}{path}"
        for _ in range(2):
            headers = {"DPoP": self.proof("POST", url)} if proven else {}
            answer = await self.http.post(url, data=dict(given), headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if not (answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce"):
                break
        return answer

    async def push(self, challenge: str, **more: str) -> httpx2.Response:
        asked = {
            "client_id": self.app,
            "redirect_uri": self.redirect,
            "response_type": "code",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "state": "of-this-phone",
            **more,
        }
        return await self.form("/oauth/par", asked, proven=False)

    async def begin(self, challenge: str, **more: str) -> str:
        """The address the phone opens in its browser."""
        pushed = await self.push(challenge, **more)
        assert pushed.status_code == 201, pushed.text
        asked = urlencode({"client_id": self.app, "request_uri": pushed.json()["request_uri"]})
        return f"{ORIGIN}/oauth/authorize?{asked}"

    async def come_back(self, address: str, login: str) -> dict[str, str]:
        """Sign in at the provider as that person; what the app then reads from its own address."""
        begun = await self.http.get(address)
        assert begun.status_code == 303, begun.text
        provider = begun.headers["location"]
        page = await self.http.get(provider)
        found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        form = {name: html.unescape(value) for name, value in found} | {"login": login}
        chosen = await self.http.post(provider.partition("?")[0], data=form)
        assert chosen.status_code == 303, chosen.text
        arrived = await self.http.get(chosen.headers["location"])
        assert arrived.status_code == 303, arrived.text
        address, _, query = arrived.headers["location"].partition("?")
        assert address == self.redirect
        return {name: values[0] for name, values in parse_qs(query).items()}

    async def redeem(self, code: str, verifier: str, **changes: str) -> httpx2.Response:
        asked = {
            "grant_type": "authorization_code",
            "client_id": self.app,
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": verifier,
            **changes,
        }
        return self._keep(await self.form("/oauth/token", asked))

    async def sign_in(self, login: str, **more: str) -> None:
        verifier, challenge = secret_and_challenge()
        answer = await self.come_back(await self.begin(challenge, **more), login)
        assert answer["state"] == "of-this-phone"
        assert answer["iss"] == ORIGIN
        redeemed = await self.redeem(answer["code"], verifier)
        assert redeemed.status_code == 200, redeemed.text

    async def refresh(self, token: str | None = None) -> httpx2.Response:
        asked = {"grant_type": "refresh_token", "client_id": self.app}
        asked["refresh_token"] = token if token is not None else self.tokens["refresh_token"]
        return self._keep(await self.form("/oauth/token", asked))

    async def revoke(self, token: str) -> httpx2.Response:
        return await self.form("/oauth/revoke", {"client_id": self.app, "token": token}, proven=False)

    def headers(self, method: str, url: str, **changes: Any) -> dict[str, str]:
        token = self.tokens["access_token"]
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, url, token, **changes)}

    async def send(self, query: str, variables: Mapping[str, Any] | None = None) -> httpx2.Response:
        """One operation, once more with the nonce when one is asked for."""
        url = f"{ORIGIN}/graphql"
        for _ in range(2):
            body = {"query": query, "variables": dict(variables or {})}
            headers = {**self.headers("POST", url), "Accept-Language": "en"}
            answer = await self.http.post(url, json=body, headers=headers)
            self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break
        return answer

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that has no error."""
        said = (await self.send(query, variables)).json()
        assert "errors" not in said, said["errors"]
        data: dict[str, Any] = said["data"]
        return data

    def _keep(self, answer: httpx2.Response) -> httpx2.Response:
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


def phone(stage: Stage, **about: Any) -> Phone:
    """A phone nobody has signed in with. Its browser and its app share one client: neither holds a session cookie."""
    return Phone(stage.anybody().browser, clock_of(stage), **about)


def clock_of(stage: Stage) -> Callable[[], datetime]:
    """The clock a phone beside this stage would have."""
    return stage.platform.loops._tools.now
