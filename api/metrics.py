"""What the process counts of itself, in Prometheus' text form, at an address of its own.

Never on the public port: what is busy, failing or held up is for the operator. Labels come from lists this code or
its operator wrote (route patterns, names of registered documents, codes); nothing a caller sends becomes one, so
that no label can hold anybody's data and nobody can multiply them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from time import perf_counter
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.journal import log_fault
from api.work import Loops
from auth.caller import LOOP
from dossiers.clock import local_day
from store import ledger, outbox
from store.database import Database
from store.log import pulse
from store.records import MOST_COUNTED
from vault.intake.quarantine import Waiting, quarantine_backlog
from vault.permission.erasure import count_late
from vault.sweeping import count_open_uploads

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""Addresses, methods and operations that are on no list of ours."""

_UP_TO: Final = f"counted up to {MOST_COUNTED}"
_CODE: Final = re.compile(r"[A-Z][A-Z_]{1,40}")


class Metrics:
    """The figures of one platform. Recording never fails and never waits."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "motlan_http_requests",
            "Requests answered, by pattern of the route and class of the status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "motlan_http_request_seconds",
            "From the head of a request to the last byte of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._operations = Counter(
            "motlan_graphql_operations",
            "Operations by name of the registered document, by kind, and by how they ended.",
            ("document", "kind", "outcome"),
            registry=self.registry,
        )
        self._operation_seconds = Histogram(
            "motlan_graphql_operation_seconds",
            "From the text of an operation to its answer.",
            ("document", "kind"),
            buckets=SECONDS,
            registry=self.registry,
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """`status` 0: the caller went away before there was an answer."""
        answered = f"{status // 100}xx" if status else "none"
        self._requests.labels(route, method if method in METHODS else OTHER, answered).inc()
        self._request_seconds.labels(route).observe(seconds)

    def operation(self, document: str, kind: str, codes: Iterable[str], seconds: float) -> None:
        """`document`: the name of a registered one, or empty; `codes`: of whatever was refused in it."""
        name = document or OTHER
        self._operations.labels(name, kind, outcome(codes)).inc()
        self._operation_seconds.labels(name, kind).observe(seconds)


def outcome(codes: Iterable[str]) -> str:
    """How an operation ended, in one word: OK; a fault of ours, whatever else there was; or the first refusal."""
    found = [code if _CODE.fullmatch(code) else "OTHER" for code in codes]
    if "INTERNAL" in found:
        return "INTERNAL"
    return found[0] if found else "OK"


class Watched:
    """Counts every request of the application inside, by the pattern of the route that took it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status = perf_counter(), 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            if scope["type"] == "http":
                route = getattr(scope.get("route"), "path", OTHER)
                self._metrics.request(route, scope["method"], status, perf_counter() - begun)


def metrics_app(metrics: Metrics, loops: Loops, work: Database, now: Callable[[], datetime]) -> ASGIApp:
    """`/metrics`. What waits in the database is counted when asked, under the role of the loops."""
    standing = _Standing(metrics.registry)

    async def tell(request: Request) -> Response:
        standing.loops(loops)
        try:
            async with work.reading(LOOP.actor) as tx:
                waiting = await outbox.backlog(tx, now())
                unsealed = await ledger.count_unsealed(tx)
                uploads = await count_open_uploads(tx, now())
                erasures = await count_late(tx, local_day(now()))
                silences = await pulse.silences(tx)
                held = await quarantine_backlog(tx, MOST_COUNTED)
        except Exception as error:  # whatever keeps us from the database, the other figures are told
            log_fault("metrics", error)
            standing.lost()
        else:
            standing.rows(waiting, unsealed, uploads)
            standing.erasures(erasures)
            standing.silences(silences)
            standing.quarantine(held, now())
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", tell, methods=["GET"])])


class _Standing:
    """How things stand at the moment of being asked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, told: str, labels: Sequence[str] = ()) -> Gauge:
            return Gauge(name, told, labels, registry=registry)

        self._database = gauge("motlan_database_reached", "1 when the figures of rows below are of now.")
        self._failing = gauge("motlan_loop_failing", "1 when the last round of the loop failed.", ("loop",))
        self._rounds = gauge("motlan_loop_good_rounds", "Rounds of the loop that went well.", ("loop",))
        self._waiting = gauge("motlan_outbox_due_messages", f"Messages due and not done, {_UP_TO}.")
        self._oldest = gauge("motlan_outbox_oldest_due_seconds", "How long the oldest of them has been due.")
        self._unsealed = gauge(
            "motlan_log_unsealed_lines", f"Lines of the access log without place, {_UP_TO}."
        )
        self._silent = gauge(
            "motlan_log_silent_seconds",
            "Since the sealing loop (log) or a witness was heard of.",
            ("source",),
        )
        self._erasures = gauge("motlan_erasures_late", f"Erasures whose day has passed unanswered, {_UP_TO}.")
        self._uploads = gauge("motlan_uploads_open", f"Uploads announced and not used, {_UP_TO}.")
        self._held = gauge("motlan_quarantine_uploads", f"Uploads in quarantine, {_UP_TO}.")
        self._held_for = gauge(
            "motlan_quarantine_oldest_seconds", "How long ago the first of them had arrived."
        )

    def loops(self, loops: Loops) -> None:
        for name, good in loops.good_rounds.items():
            self._failing.labels(name).set(name in loops.failing)
            self._rounds.labels(name).set(good)

    def rows(self, waiting: outbox.Backlog, unsealed: int, uploads: int) -> None:
        self._database.set(1)
        self._waiting.set(waiting.due)
        self._oldest.set(waiting.oldest_seconds)
        self._unsealed.set(unsealed)
        self._uploads.set(uploads)

    def erasures(self, late: int) -> None:
        self._erasures.set(late)

    def silences(self, found: Iterable[pulse.Silence]) -> None:
        self._silent.clear()
        for one in found:
            self._silent.labels(one.source).set(one.seconds)

    def quarantine(self, held: Waiting, now: datetime) -> None:
        self._held.set(held.uploads)
        self._held_for.set((now - held.oldest).total_seconds() if held.oldest else 0)

    def lost(self) -> None:
        self._database.set(0)
