"""Bytes out: downloads by ticket or under a dossier's evidence, and thumbnails.

Bytes leave only after the transaction that logged their leaving is committed, from the very file it checked.
Always as an attachment without a name of its own: shown inline, a document of one person's making would run in
our origin, and file names name people. Where an origin of their own is configured, they leave from there alone: here
whoever asks is only sent on (`api.handover`). A thumbnail may be shown, and here: not a byte of it is anybody's but
ours.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.gateway.requests import Unreadable, refuse_foreign_origin, unreadable
from api.journal import FAULTS, log_fault
from api.oauth.credentials import NOT_TAKEN, bad_credentials, caller_from_request, step_up
from api.web.answers import HARDENED, refusal
from api.web.ranges import Range, RangeUnmet, asked_range
from auth.errors import NotFound, StepUpRequired
from dossiers.desk.opening import open_content
from resolvers.connections import read_uuid, split_id
from resolvers.context import Context, House
from resolvers.problems import BadInput, shaped, top_level
from store.database import Tx
from store.identifiers import new_id
from vault.issuing.attesting import attested_version, file_id
from vault.opening import OpenContent, open_own, reopen_own
from vault.permission.tickets import Form, Shown, hold_ticket, spend_ticket
from vault.proofs.stamping import stamped
from vault.showing import thumbnails

STATUS: Mapping[str, int] = {
    "UNAUTHENTICATED": 401,
    "STEP_UP_REQUIRED": 401,
    "ACCESS_DENIED": 403,
    "NOT_FOUND": 404,
    "BAD_INPUT": 400,
    "UPLOAD_REFUSED": 422,
    "STORAGE_FAILED": 503,
    "DISCLOSURE_BUSY": 503,
    "TEMPORARILY_UNAVAILABLE": 503,
    "LOG_UNWRITABLE": 503,
    "LOG_SILENT": 503,
    "INTERNAL": 500,
}
"""Anything else the caller can act on is a conflict with how things stand."""

ATTACHMENT: Mapping[str, str] = {
    **HARDENED,
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
}
_ENDINGS: Mapping[str, str] = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}


CONTENT: Final = "/documents/{id}/content"
ATTESTED: Final = "/documents/{id}/attested"

Identify = Callable[[House, Request, datetime], Awaitable[Context]]
"""Who asks at what moment: `context_of`, or by a pass. Raises Unreadable."""


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """`GET /documents/{id}/thumbnail`, and the originals where they have no origin of their own."""
    bytes_ = _Bytes(house, now, context_of)
    shown = Route("/documents/{id}/thumbnail", bytes_.show, methods=["GET"])
    return [shown] if house.content_url else [shown, *original_routes(house, now, context_of)]


def original_routes(house: House, now: Callable[[], datetime], identify: Identify) -> list[Route]:
    """`GET /documents/{id}/content` and `/documents/{id}/attested`, for whoever `identify` says is asking."""
    bytes_ = _Bytes(house, now, identify)
    return [
        Route(CONTENT, bytes_.give, methods=["GET"]),
        Route(ATTESTED, bytes_.give_attested, methods=["GET"]),
    ]


async def context_of(house: House, request: Request, now: datetime) -> Context:
    """Who asks at what moment. Raises Unreadable for another site's page, and for credentials that are not taken."""
    refuse_foreign_origin(request, house.public_url)
    request_id = str(new_id())
    try:
        caller = await caller_from_request(house, request, now, request_id)
    except NOT_TAKEN as given:
        raise bad_credentials(given, house, now) from given
    return Context(house, caller, now, request_id)


def refused(error: Exception, context: Context, status: int | None = None) -> Response:
    """The HTTP face of a refusal, in the words GraphQL gives it."""
    # A malformed id is an unknown one.
    known = NotFound() if isinstance(error, BadInput) else error
    face = shaped(known, context.language, context.law)
    if face is not None:
        given = status or STATUS.get(face.code, 409)
        return refusal(face.code, face.message, given, retry_after_seconds=face.retry_after_seconds)
    told = top_level(known, context.language, context.request_id)
    code = str((told.extensions or {}).get("code"))
    if code in FAULTS:
        log_fault("content", error, context.request_id)
    again = (told.extensions or {}).get("retryAfterSeconds")
    answer = refusal(code, told.message, STATUS[code], retry_after_seconds=again)
    if isinstance(known, StepUpRequired):
        answer.headers.update(step_up(known.acr))
    return answer


class _Bytes:
    def __init__(self, house: House, now: Callable[[], datetime], identify: Identify) -> None:
        self._house = house
        self._now = now
        self._identify = identify

    async def give(self, request: Request) -> Response:
        """The bytes of a document of one's own, or of a piece of evidence; a range of them when asked for one."""
        return await self._answer(request, self._content)

    async def give_attested(self, request: Request) -> Response:
        """The file an attestation speaks of, its random id in it: once, whole."""
        return await self._answer(request, self._attested)

    async def show(self, request: Request) -> Response:
        """A thumbnail of a picture of one's own: drawn anew, and logged as the opening it is."""
        return await self._answer(request, self._thumbnail)

    async def _answer(
        self, request: Request, act: Callable[[Request, Context], Awaitable[Response]]
    ) -> Response:
        if request.method != "GET":  # a HEAD would spend the ticket and show nothing for it
            return refusal("METHOD_NOT_ALLOWED", "Only GET.", 405)
        try:
            context = await self._identify(self._house, request, self._now())
        except Unreadable as foreign:
            return unreadable(foreign)
        try:
            return await act(request, context)
        except RangeUnmet as unmet:
            answer = refusal("RANGE_NOT_SATISFIABLE", "There are no such bytes.", 416)
            answer.headers["Content-Range"] = f"bytes */{unmet.size_bytes}"
            return answer
        except Exception as error:
            return refused(error, context)

    async def _content(self, request: Request, context: Context) -> Response:
        given = request.path_params["id"]
        kind, _ = split_id(given)

        async def own(tx: Tx) -> OpenContent:
            document, ticket = read_uuid(given, "Document"), request.query_params.get("ticket", "")
            return await self._open_own(tx, context, Shown(document, Form.CONTENT, ticket), request)

        async def evidence(tx: Tx) -> OpenContent:
            wanted, office = read_uuid(given, "Evidence"), self._house.office
            return await open_content(tx, context.caller, wanted, office)

        content, span = await self._opened(request, context, evidence if kind == "Evidence" else own)
        return _Attachment(content, span)

    async def _attested(self, request: Request, context: Context) -> Response:
        safe, ids = self._house.office.safe, list[bytes]()

        async def own(tx: Tx) -> OpenContent:
            shown = Shown(
                read_uuid(request.path_params["id"], "Document"),
                Form.ATTESTED,
                request.query_params.get("ticket", ""),
            )
            held = await hold_ticket(tx, context.caller, shown, safe, context.now)
            if held.attestation is None:
                raise NotFound
            made_over = await attested_version(tx, held.attestation)
            content = await self._open_own(tx, context, shown, None)
            if made_over != (shown.document, content.version):
                content.close()
                raise NotFound
            ids.append(file_id(held.attestation, safe))
            return content

        content, _ = await self._opened(None, context, own)
        async with safe.bench:
            whole = b"".join([piece async for piece in content.stream()])
            body = stamped(content.media_type, whole, ids[0])
        name = f"document.{_ENDINGS.get(content.media_type, 'bin')}"
        headers = {**ATTACHMENT, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(body, headers=headers, media_type=content.media_type)

    async def _thumbnail(self, request: Request, context: Context) -> Response:
        async def own(tx: Tx) -> OpenContent:
            document = read_uuid(request.path_params["id"], "Document")
            ticket = request.query_params.get("ticket", "")
            return await self._open_own(tx, context, Shown(document, Form.THUMBNAIL, ticket), None)

        content, _ = await self._opened(None, context, own)
        try:
            if not thumbnails.can_be_shown(content.media_type, content.size_bytes):
                raise NotFound
            drawn = await thumbnails.draw_thumbnail(content.stream(), self._house.office.safe.bench)
        finally:
            content.close()
        headers = {**ATTACHMENT, "Content-Disposition": "inline"}
        return Response(drawn, headers=headers, media_type=thumbnails.MEDIA_TYPE)

    async def _opened(
        self, request: Request | None, context: Context, do: Callable[[Tx], Awaitable[OpenContent]]
    ) -> tuple[OpenContent, Range | None]:
        """What `do` opens, its transaction committed, and the range of it that is asked for."""
        opened, span = list[OpenContent](), None
        try:
            async with context.writing() as tx:
                opened.append(await do(tx))
                if request is not None:
                    # Judged here: what cannot be met spends no ticket and leaves no line in the log.
                    span = asked_range(request, opened[0].size_bytes, etag(opened[0]))
        except BaseException:
            # The transaction did not commit: nothing may leave, and the file must not stay open.
            for content in opened:
                content.close()
            raise
        return opened[0], span

    async def _open_own(self, tx: Tx, context: Context, shown: Shown, request: Request | None) -> OpenContent:
        caller, safe, now = context.caller, self._house.office.safe, context.now
        held = await hold_ticket(tx, caller, shown, safe, now)
        if held.version is not None:
            # Spent already, by this session: it may read on, and nothing from the start again.
            if request is None:
                raise NotFound
            content = await reopen_own(tx, caller, shown.document, held.version, safe)
            if not _is_continued(request, content):
                raise NotFound
            return content
        disclosed = await open_own(tx, caller, shown.document, safe, now)
        if disclosed.content is None:
            raise NotFound
        await spend_ticket(tx, held, disclosed.content.version, now)
        return disclosed.content


def _is_continued(request: Request, content: OpenContent) -> bool:
    try:
        if asked_range(request, content.size_bytes, etag(content)) is not None:
            return True
    except BaseException:
        content.close()
        raise
    content.close()
    return False


def etag(content: OpenContent) -> str:
    """Strong: one version's bytes never change."""
    return f'"{content.version.hex}"'


class _Attachment(StreamingResponse):
    """Streams authenticated bytes, and lets go of their file however the sending ends."""

    def __init__(self, content: OpenContent, span: Range | None) -> None:
        name = f"document.{_ENDINGS.get(content.media_type, 'bin')}"
        start, stop = (span.start, span.stop) if span else (0, content.size_bytes)
        headers = {
            **ATTACHMENT,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(stop - start),
            "Accept-Ranges": "bytes",
            "ETag": etag(content),
        }
        if span:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size_bytes}"
        super().__init__(
            content.stream(start, stop),
            status_code=206 if span else 200,
            headers=headers,
            media_type=content.media_type,
        )
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._content.close()
