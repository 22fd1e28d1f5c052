"""Who did what with my data, in the fields of the Estonian data tracker, as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.content import context_of, refused
from api.gateway.requests import Unreadable, unreadable
from api.web.answers import json_answer, refusal
from auth.errors import AccessDenied
from auth.policy import Action, SubjectFacts, reach, require
from procedures.agencies import agencies_by_id, agency_name
from resolvers.connections import global_id
from resolvers.context import Context, House
from resolvers.problems import BadInput
from resolvers.wording import refusal_words
from store.database import Tx
from store.log.tracker import Told, UsageKind, is_bulk, tracked, usage_kind
from store.records import LedgerEntry
from store.usage import lines_about, officer_codes

PAGE: Final = 100
SCANNED: Final = 1_000
"""Lines looked at for one answer; where more would be, `next` says so."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`include_bulk`: also the platform's own rounds; shown unless left out, so that nothing hides by default."""

    kind: UsageKind | None
    start: datetime | None
    end: datetime | None
    include_bulk: bool
    after: int | None

    def takes(self, row: LedgerEntry) -> bool:
        told = usage_kind(row.kind, row.actor_kind, row.outcome)
        return (self.kind is None or told is self.kind) and (self.include_bulk or not is_bulk(row.actor_kind))


def routes(house: House, now: Callable[[], datetime]) -> list[Route]:
    """`GET /log/usage?kind=&from=&to=&includeBulk=&after=`: newest first."""

    async def usage(request: Request) -> Response:
        try:
            context = await context_of(house, request, now())
        except Unreadable as foreign:
            return unreadable(foreign)
        try:
            return json_answer(await _page(context, read_filter(request.query_params)))
        except BadInput as error:
            words = refusal_words(error.code, context.language, field=error.field)
            return refusal(error.code, words, 400)
        except Exception as error:
            return refused(error, context)

    return [Route("/log/usage", usage, methods=["GET"])]


def read_filter(given: Mapping[str, str]) -> Filter:
    """Raises BadInput for what is no filter, so that a misspelt one never shows less than all unnoticed."""
    if unknown := given.keys() - {"kind", "from", "to", "includeBulk", "after"}:
        raise BadInput(sorted(unknown)[0])
    after = given.get("after")
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise BadInput("after")
    if given.get("includeBulk", "true") not in ("true", "false"):
        raise BadInput("includeBulk")
    if (kind := given.get("kind")) is not None and kind not in UsageKind.__members__:
        raise BadInput("kind")
    return Filter(
        kind=UsageKind(kind) if kind is not None else None,
        start=_moment(given, "from"),
        end=_moment(given, "to"),
        include_bulk=given.get("includeBulk") != "false",
        after=int(after) if after is not None else None,
    )


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        found = datetime.fromisoformat(given[name])
    except ValueError:
        raise BadInput(name) from None
    if found.tzinfo is None:
        raise BadInput(name)
    return found


async def _page(context: Context, wanted: Filter) -> dict[str, Any]:
    subjects = sorted(reach(context.caller).subjects)
    if not subjects:
        raise AccessDenied("not_a_citizen")
    for subject in subjects:
        require(context.caller, Action.READ_DATA_USAGE, SubjectFacts(subject))
    async with context.reading() as tx:
        span = (wanted.start, wanted.end)
        rows = await lines_about(tx, subjects, wanted.after, span, SCANNED)
        shown = [row for row in rows if wanted.takes(row)][:PAGE]
        told = await _told(tx, shown, context.language)
    last = shown[-1].id if len(shown) == PAGE else rows[-1].id if len(rows) == SCANNED else None
    return {"usage": [tracked(one) for one in told], "next": None if last is None else str(last)}


async def _told(tx: Tx, rows: list[LedgerEntry], language: str) -> list[Told]:
    agencies = await agencies_by_id(tx, [row.agency_id for row in rows if row.agency_id is not None])
    officers = [row.actor_id for row in rows if row.actor_kind == "officer" and row.actor_id is not None]
    codes = await officer_codes(tx, officers)
    names = {key: (one.code, agency_name(one, language)) for key, one in agencies.items()}
    return [_line(row, names, codes) for row in rows]


def _line(row: LedgerEntry, names: Mapping[UUID, tuple[str, str]], codes: Mapping[UUID, str]) -> Told:
    papers = [global_id("Document", paper) for paper in row.entry["documents"]]
    return Told(
        at=row.at,
        kind=row.kind,
        actor_kind=row.actor_kind,
        actor=row.actor_id,
        subject=row.subject_id,
        agency=names.get(row.agency_id) if row.agency_id is not None else None,
        officer=codes.get(row.actor_id) if row.actor_id is not None else None,
        outcome=row.outcome,
        entry={**row.entry, "documents": papers},
        consent=global_id("Consent", row.consent_id) if row.consent_id is not None else None,
        dossier=global_id("Dossier", row.dossier_id) if row.dossier_id is not None else None,
        query=str(row.query_id) if row.query_id is not None else None,
        log_index=row.log_index,
    )
