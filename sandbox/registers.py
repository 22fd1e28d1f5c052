"""SANDBOX. Stands in for the State databases: one process, each database under its own settings.

Speaks the protocol of `connectors.registers` and signs what it says. Each database can be made `up`, `down`,
`slow`, `stale` or `lying` through `/control`, by whoever has the token of the settings file.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from joserfc import jws
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.establishments import find_holder
from sandbox.keys import public_jwks
from sandbox.people import PEOPLE
from sandbox.register_data import Record, answer, answerable

ISSUER: Final = "urn:motlan:sandbox:registers"
MODES: Final = ("up", "down", "slow", "lying", "stale")
LIES: Final = ("subject", "request", "document", "database", "signature", "key")
"""About somebody else, to an older question, of another paper or database, altered, by an unknown signer."""
MAX_BODY_BYTES: Final = 8 * 1024
LIFETIME: Final = timedelta(minutes=2)
VIETNAM: Final = timedelta(hours=7)
EVERY_DATABASE: Final = "all"


@dataclass(frozen=True, slots=True)
class Settings:
    """`audience`: the platform's name to the registers. `slow_seconds`: how late a slow database answers."""

    audience: str
    control_token: str
    key: ECKey
    issuer: str = ISSUER
    slow_seconds: float = 10.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def create_app(settings: Settings) -> Starlette:
    """The State databases as one application."""
    exchange = _Exchange(settings)
    return Starlette(
        routes=[
            Route("/databases", exchange.health),
            Route("/databases/{database}/evidence", exchange.evidence, methods=["POST"]),
            Route("/control/{database}", exchange.control, methods=["POST"]),
            Route("/jwks.json", exchange.keys),
            Route("/healthz", _healthy),
        ]
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    request_id: UUID
    number: str
    database: str
    document_type: str


@dataclass(frozen=True, slots=True)
class _Mode:
    name: str = "up"
    lie: str = "subject"


class _Exchange:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._modes = dict.fromkeys(answerable(), _Mode())

    async def health(self, request: Request) -> Response:
        """What monitoring sees. A database that lies or lags looks well from outside."""
        up = {name: mode.name not in ("down", "slow") for name, mode in self._modes.items()}
        return JSONResponse({"databases": up})

    async def keys(self, request: Request) -> Response:
        return JSONResponse(public_jwks(self._settings.key))

    async def control(self, request: Request) -> Response:
        offered = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(offered.encode(), self._settings.control_token.encode()):
            return PlainTextResponse("", status_code=403)
        body = await _read_json(request)
        database, mode = request.path_params["database"], body.get("mode")
        lie = body.get("lie", LIES[0])
        known = [database] if database in self._modes else list(self._modes)
        if (
            (database not in self._modes and database != EVERY_DATABASE)
            or mode not in MODES
            or lie not in LIES
        ):
            return PlainTextResponse("", status_code=400)
        self._modes.update(dict.fromkeys(known, _Mode(mode, lie)))
        return JSONResponse({"database": database, "mode": mode})

    async def evidence(self, request: Request) -> Response:
        mode = self._modes.get(request.path_params["database"])
        if mode is None:
            return PlainTextResponse("", status_code=404)
        if mode.name == "down":
            return PlainTextResponse("", status_code=503)
        asked = _asked(request.path_params["database"], await _read_json(request))
        if asked is None:
            return PlainTextResponse("", status_code=400)
        if mode.name == "slow":
            await asyncio.sleep(self._settings.slow_seconds)
        token = self._lie(asked, mode.lie) if mode.name == "lying" else self._honest(asked, mode)
        return PlainTextResponse(token, media_type="application/jwt", headers={"Cache-Control": "no-store"})

    def _honest(self, asked: _Asked, mode: _Mode) -> str:
        lag = timedelta(hours=1) if mode.name == "stale" else timedelta(0)
        return self._sign(self._claims(asked, lag))

    def _lie(self, asked: _Asked, lie: str) -> str:
        """Everything a broken or bought register might send, signed as well as it can be."""
        claims = self._claims(asked)
        match lie:
            case "subject":
                other = next(person.number for person in PEOPLE if person.number != asked.number)
                stranger = _Asked(asked.request_id, other, asked.database, asked.document_type)
                return self._sign(self._claims(stranger))
            case "request":
                return self._sign({**claims, "sub": _echo(uuid4(), asked.number)})
            case "document":
                return self._sign({**claims, "document_type": "giay-to-khong-ai-hoi"})
            case "database":
                return self._sign({**claims, "database": "csdl-khong-ai-hoi"})
            case "key":
                return _signed(claims, ECKey.generate_key("P-256", auto_kid=True))
            case _:
                header, _, signature = self._sign(claims).split(".")
                altered = json.dumps({**claims, "outcome": "FOUND"}, separators=(", ", ":")).encode()
                return ".".join((header, _base64url(altered), signature))

    def _claims(self, asked: _Asked, lag: timedelta = timedelta(0)) -> dict[str, Any]:
        now = self._settings.now()
        holder = find_holder(asked.number)
        # A register's day is Vietnam's: what it issues at one in the morning bears that day's date.
        today = (now + VIETNAM).date()
        record = answer(holder, asked.database, asked.document_type, today) if holder else None
        answer_id = str(uuid4())
        return {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": _echo(asked.request_id, asked.number),
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "jti": answer_id,
            "answer_id": answer_id,
            "database": asked.database,
            "document_type": asked.document_type,
            "as_of": (now - lag).isoformat(timespec="seconds"),
            **_said(record),
        }

    def _sign(self, claims: Mapping[str, Any]) -> str:
        return _signed(claims, self._settings.key)


_NUMBER = re.compile(r"[0-9]{10,14}")


def _said(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"outcome": "NOT_FOUND", "claims": {}, "issued_on": None, "valid_until": None}
    return {
        "outcome": record.outcome,
        "claims": dict(record.claims),
        "issued_on": record.issued_on.isoformat() if record.issued_on else None,
        "valid_until": record.valid_until.isoformat() if record.valid_until else None,
    }


def _asked(database: str, body: Mapping[str, Any]) -> _Asked | None:
    try:
        number, document_type = body["subject"]["number"], body["documentType"]
        asked = _Asked(UUID(body["id"]), number, database, document_type)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    well_formed = isinstance(document_type, str) and isinstance(number, str) and _NUMBER.fullmatch(number)
    return asked if well_formed else None


async def _read_json(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return {}
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _echo(request_id: UUID, number: str) -> str:
    return _base64url(hmac.new(str(request_id).encode(), number.encode(), hashlib.sha256).digest())


def _signed(claims: Mapping[str, Any], key: ECKey) -> str:
    header = {"alg": "ES256", "typ": "register-answer+jwt", "kid": key.kid}
    payload = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
    return jws.serialize_compact(header, payload, key, algorithms=["ES256"])


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def new_control_token() -> str:
    return secrets.token_urlsafe(32)


async def _healthy(request: Request) -> Response:
    return JSONResponse({"sandbox": True})
