"""The composition root: everything is built here, once, and handed to whoever needs it.

Opening a platform migrates both databases, imports the catalogue when it changed, proves the walls of row-level
security, and only then serves.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import content, exports, handover, health, verify
from api.boot import refuse_unsafe_keys, refuse_wrong_databases
from api.door import passkeys, signin
from api.door.front import FrontDoor
from api.gateway.documents import read_documents
from api.gateway.operations import OperationRefused
from api.graphql import GraphQLFace, Rules
from api.health import Clock
from api.log import addresses as log
from api.log import mine, tracking
from api.metrics import Metrics, Watched, metrics_app
from api.oauth import endpoints, logout
from api.oauth.endpoints import AuthorisationServer
from api.proofs import published
from api.rings import make_ring, open_ring
from api.settings import VERSION, Neighbours, Settings, SettingsRefused, officer_keys_of, retired_keys_of
from api.tus import uploads
from api.web import explorer
from api.web.answers import refusal
from api.web.cors import Cors
from api.web.pages import language_of
from api.web.shield import Shield
from api.work import Loops, Tools
from auth.apps.access import Gate
from auth.apps.proofs import Nonces
from auth.apps.registry import Apps
from auth.assurance import SIGNED_IN, VAULT
from auth.caller import ANONYMOUS, LOOP
from auth.provider.login import Door
from auth.provider.oidc import Client, Provider
from auth.records import Officer
from auth.signing import SigningKey, import_jwks
from auth.systems.registry import Registration, rows_of
from auth.tokens import REGISTER_ANSWER, PushSigner, Tokens, Verifier
from connectors.malware import Scanner
from connectors.outward import Outward
from connectors.push import Pushes
from connectors.registers import Clocks, Registers, open_client
from connectors.webhooks import Webhooks
from connectors.witnesses import Witnesses
from dossiers.case import Office
from procedures.catalogue import read_catalogue
from procedures.editions import CatalogueFiles, Changes
from procedures.imports import import_catalogue, read_law_book
from procedures.records import Agency
from resolvers.connections import Cursors
from resolvers.context import House
from resolvers.wording import refusal_words
from store.checkpoints import LogSigner
from store.database import Actor, Database
from store.embedded import Servers
from store.log import pulse
from store.migrate import Progress, assert_walls, refuse_unfinished, upgrade
from vault.proofs.notary import load_notary
from vault.safe import Safe
from vault.sealing.blobs import LocalBlobs
from vault.sealing.keys import Keys

CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue"
OWNER = Actor("owner")
LOOP_SECONDS = 60.0
"""How long one statement of a loop may take: it may go through every row there is, and nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A built platform. `app` serves it, `loops` does what follows from what was served."""

    app: ASGIApp
    loops: Loops
    house: House
    log_key: str
    figures: ASGIApp
    """`/metrics`, for an address of its own."""


def create_keys(settings: Settings) -> bool:
    """Make the key ring and the signing keys where they are missing; whether the ring was made now.

    Losing the ring loses every document for good: the caller says so to whoever runs it.
    """
    made = make_ring(settings)
    SigningKey.load_or_create(settings.keys / "tokens.pem")
    SigningKey.load_or_create(settings.keys / "push.pem")
    for name in ("attest.pem", "anchor.pem"):
        SigningKey.load_or_create(settings.keys / name)
    LogSigner.from_file(settings.keys / "log.key", settings.log_origin)
    return made


async def prepare(servers: Servers, now: datetime, progress: Progress) -> None:
    """Migrate both databases and bring the catalogue in them up to the one shipped. Runs as their owner."""
    await upgrade(servers.owner_url, servers.keys_owner_url, progress)
    changes = await import_law(servers, read_catalogue(CATALOGUE), now)
    if changes.added or changes.changed or changes.removed:
        progress(f"catalogue: {len(changes.added)} new, {len(changes.changed)} changed items")


async def import_law(servers: Servers, files: CatalogueFiles, now: datetime) -> Changes:
    """Raises CatalogueRefused with every fault; then nothing is written."""
    owner = Database(servers.owner_url, pool_size=1)
    try:
        async with owner.writing(OWNER) as tx:
            return await import_catalogue(tx, files, now)
    finally:
        await owner.close()


async def enter_roll(
    servers: Servers,
    agencies: Iterable[Agency],
    officers: Iterable[Officer],
    systems: Iterable[Registration] = (),
) -> None:
    """Write agencies, officers and systems, new or changed; entering them again changes nothing.

    Raises ValueError for a system's registration that would not be safe.
    """
    acting = [row for one in systems for row in rows_of(one)]
    owner = Database(servers.owner_url, pool_size=1)
    try:
        async with owner.writing(OWNER) as tx:
            for row in (*agencies, *officers, *acting):
                await tx.merge(row)
    finally:
        await owner.close()


@asynccontextmanager
async def open_platform(
    settings: Settings, servers: Servers, neighbours: Neighbours
) -> AsyncIterator[Platform]:
    """A platform over prepared databases; on leaving, every connection is closed.

    Raises WallsBroken, RestoreUnfinished, KeyRingRefused, KeyRefused, CheckpointRefused, SettingsRefused: none of
    them may be served over.
    """
    refuse_unsafe_keys(settings)
    now = _clock(settings)
    database = Database(servers.url, clock_offset=settings.clock_offset)
    work = Database(
        servers.work_url, pool_size=3, clock_offset=settings.clock_offset, answer_seconds=LOOP_SECONDS
    )
    keys = Keys(servers.keys_url, open_ring(settings))
    try:
        engines = {
            "DATABASE_URL": database.engine,
            "WORK_DATABASE_URL": work.engine,
            "KEYS_DATABASE_URL": keys.engine,
        }
        await refuse_wrong_databases(engines, now, settings.clock_offset)
        await refuse_unfinished(database)
        await assert_walls(database)
        async with database.reading(ANONYMOUS.actor) as tx:
            laws = await read_law_book(tx)
        async with work.writing(LOOP.actor) as tx:
            await pulse.expect(tx, [one.key.name for one in settings.witnesses])
        tokens = _tokens(settings)
        signer = LogSigner.from_file(settings.keys / "log.key", settings.log_origin)
        safe = _safe(settings, keys, tokens)
        async with open_client() as wire:
            registers = _registers(neighbours, wire, now)
            gate = Gate(
                tokens,
                Nonces(keys.index("nonces", "dpop")),
                audience=f"{settings.public_url}/graphql",
                secret=keys.index("pairwise", "apps"),
            )
            apps = Apps(settings.apps)
            house = House(
                database=database,
                office=Office(laws, safe),
                registers=registers,
                cursors=Cursors(keys.index("cursors", "lists")),
                public_url=settings.public_url,
                gate=gate,
                app_names=apps.name_of,
                version=VERSION,
                min_client_version=settings.min_client_version,
                pushes=_pushes(settings, wire, now),
                webhooks=Webhooks(Outward(wire, settings.push_loopback), settings.public_url),
                content_url=settings.content_url,
            )
            witnesses = Witnesses(wire, settings.witnesses) if settings.witnesses else None
            loops = Loops(Tools(house, work, signer, now, witnesses))
            door = FrontDoor(
                database, safe, _providers(settings, neighbours, wire), settings.public_url, now,
                sandbox=not settings.production, officer_keys=officer_keys_of(settings),
            )  # fmt: skip
            server = AuthorisationServer(door, apps, gate)
            metrics = Metrics()
            app = _app(_Parts(settings, house, tokens, server, loops, metrics, now))
            figures = metrics_app(metrics, loops, work, now)
            yield Platform(app, loops, house, signer.key.text, figures)
    finally:
        await database.close()
        await work.close()
        await keys.close()


def _safe(settings: Settings, keys: Keys, tokens: Tokens) -> Safe:
    scanner = Scanner(settings.scanner) if settings.scanner else None
    notary = load_notary(settings.keys, settings.public_url)
    blobs = LocalBlobs(settings.data / "blobs")
    return Safe(keys, blobs, tokens, settings.public_url, notary, scanner)


def _tokens(settings: Settings) -> Tokens:
    """Signs with the key at hand; what the retired ones signed is still believed."""
    retired = import_jwks(retired_keys_of(settings)).values()
    return Tokens(settings.public_url, SigningKey.load(settings.keys / "tokens.pem"), retired)


def _clock(settings: Settings) -> Callable[[], datetime]:
    offset = settings.clock_offset
    return lambda: datetime.now(UTC) + offset


def _registers(neighbours: Neighbours, wire: httpx2.AsyncClient, now: Callable[[], datetime]) -> Registers:
    verifier = Verifier(neighbours.registers_issuer, import_jwks(neighbours.jwks).values())
    return Registers(
        neighbours.registers_url,
        wire,
        lambda token: verifier.verify(REGISTER_ANSWER, token, audience=neighbours.audience, now=now()),
        Clocks(now=now),
    )


def _pushes(settings: Settings, wire: httpx2.AsyncClient, now: Callable[[], datetime]) -> Pushes:
    # A platform from before push has no key for it yet.
    key = SigningKey.load_or_create(settings.keys / "push.pem")
    signer = PushSigner(key, settings.push_contact or settings.public_url)
    outward = Outward(wire, settings.push_loopback)
    return Pushes(outward, lambda origin: signer.authorization(origin, now()), signer.public)


def _providers(
    settings: Settings, neighbours: Neighbours, wire: httpx2.AsyncClient
) -> Mapping[Door, Provider]:
    back = f"{settings.public_url}/sign-in/callback"
    citizens, by_key, officers = (
        Provider(Client(neighbours.issuer, client, back, least, settings.untyped_tokens), wire)
        for client, least in (
            (neighbours.citizen_client, VAULT),
            (neighbours.citizen_client, SIGNED_IN),
            (neighbours.officer_client, VAULT),
        )
    )
    return {Door.CITIZEN: citizens, Door.PASSKEY: by_key, Door.OFFICER: officers, Door.APP: citizens}


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the application is put together from."""

    settings: Settings
    house: House
    tokens: Tokens
    server: AuthorisationServer
    loops: Loops
    metrics: Metrics
    now: Callable[[], datetime]


def _app(parts: _Parts) -> ASGIApp:
    settings, house, now = parts.settings, parts.house, parts.now
    clock = Clock(now, settings.clock_offset)
    face = _face(settings, house, now, parts.metrics)
    routes = [
        *signin.routes(parts.server.door),
        *passkeys.routes(parts.server.door),
        *endpoints.routes(parts.server),
        *logout.routes(parts.server.door),
        *face.routes(),
        *([] if settings.production else explorer.routes(read_documents(settings.operations), face.schema)),
        *content.routes(house, now),
        *(handover.routes(house, now) if house.content_url else exports.routes(house, now)),
        *uploads.routes(house, now),
        *verify.routes(house, now, sandbox=not settings.production),
        *mine.routes(house, now),
        *tracking.routes(house, now),
        *log.routes(house.database),
        *published.routes(house, now),
        *health.routes(house, parts.tokens, parts.loops, clock),
    ]
    app = Starlette(
        routes=routes, exception_handlers={HTTPException: _no_such_thing, Exception: _to_the_shield}
    )
    inner: ASGIApp = Cors(app, settings.cors_origins) if settings.cors_origins else app
    if settings.content_url:
        originals = handover.originals_app(house, now)
        inner = handover.ContentOrigin(
            inner, originals, settings.content_url, open_=bool(settings.cors_origins)
        )
    # The peer's own word for where it comes from counts only when the peer is a proxy of ours.
    known = inner
    if settings.proxies:
        known = cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, inner), list(settings.proxies)))
    return Watched(Shield(known, secure=settings.is_secure), parts.metrics)


def _face(settings: Settings, house: House, now: Callable[[], datetime], metrics: Metrics) -> GraphQLFace:
    """Raises SettingsRefused for registered documents that are none of this schema's."""
    try:
        rules = Rules(
            open_book=not settings.production,
            trusted=read_documents(settings.operations),
            trusted_only=settings.trusted_documents,
        )
        return GraphQLFace(house, now, metrics, rules)
    except OSError as unread:
        raise SettingsRefused("MOTLAN_OPERATIONS names no folder that can be read") from unread
    except OperationRefused as refused:
        told = "; ".join(error.message for error in refused.errors)
        raise SettingsRefused(
            f"a document under MOTLAN_OPERATIONS does not fit the schema: {told}"
        ) from refused


async def _no_such_thing(request: Request, error: Exception) -> Response:
    """Addresses and methods nobody offers."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    code = "METHOD_NOT_ALLOWED" if status == 405 else "NOT_FOUND"
    answer = refusal(code, refusal_words("NOT_FOUND", language_of(request)), status)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


async def _to_the_shield(request: Request, error: Exception) -> Response:
    """Any fault. The library would answer it in a shape of its own before the shield could."""
    raise error
