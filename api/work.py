"""The loops: what follows a request once it is committed. No rules of their own: each step calls the room it
belongs to, once what is due is found.

The loops' database role finds the work and sees ids alone; whatever is done to a dossier runs under the
application's role in its filer's name. Every step bears repetition, so a loop may die anywhere.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from api.journal import log_fault
from api.log.loops import (
    BEAT_SECONDS,
    COVER_SECONDS,
    WATCH_SECONDS,
    WITNESS_SECONDS,
    LogTools,
    ask_witnesses,
    beat,
    cover_heads,
    watch,
)
from api.oauth.webhooks import call_system, tell_systems
from auth.caller import ANONYMOUS, LOOP, Caller
from auth.sessions import forget_expired
from auth.tries import forget_tries
from connectors.errors import PushRefused, ScannerSilent
from connectors.push import Sent
from connectors.witnesses import Witnesses
from dossiers.desk.flags import flag_reliant, reliant_dossiers
from dossiers.duties.erasures import end_data_life, escalate_erasures
from dossiers.evidence.probes import Told, take_answer
from dossiers.evidence.retries import ask_again, put_off, waiting_dossiers
from dossiers.evidence.withdrawals import lose_basis
from dossiers.notices import tell_of_upload
from dossiers.parties import Filed, filed, in_place_of
from dossiers.phones.devices import address_of, lose_device, wake_for
from procedures.plan import RegisterQuestion
from resolvers.context import House
from store import feed, ledger, outbox, past_requests
from store.checkpoints import LogSigner
from store.database import Database
from store.log import pulse
from store.outbox import Message
from vault.intake.legs import Dock
from vault.intake.quarantine import Quarantined, examine, scan_later, take_due
from vault.keycare.shredding import shred
from vault.sweeping import drop_expired_uploads, forget_silent_uploads, forget_unanswered, sweep_blobs

SEAL_SECONDS: Final = 1.0
PLACE_SECONDS: Final = 1.0
DELIVER_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 5.0
SCAN_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 3600.0
EXPIRE_SECONDS: Final = 60.0
ESCALATE_SECONDS: Final = 600.0
AGAIN_SECONDS: Final = 2.0
LEASE_SECONDS: Final = 60
BATCH: Final = 20
CALLS: Final = 8
"""So many of each kind go out at a time: they share the connections of the rest."""
SCANS: Final = 2
"""Files of the quarantine scanned at a time: whoever sends one now finds the scanner free."""
LONGEST_DELAY: Final = timedelta(hours=1)
PUT_OFF: Final = timedelta(minutes=10)
PUSH_WORTH: Final = timedelta(hours=1)
LOOK: Final = b"look"
"""All a push says. What there is to see is read by the app, signed in."""
OUTBOX_KEPT: Final = timedelta(days=7)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the loops work with. `work` is reached as their own role."""

    house: House
    work: Database
    signer: LogSigner
    now: Callable[[], datetime]
    witnesses: Witnesses | None = None

    @property
    def log(self) -> LogTools:
        return LogTools(self.work, self.signer, self.now, self.witnesses)


class Loops:
    """Runs every loop until cancelled; `once` does what is due now, but for what comes by the clock alone."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._steps: tuple[tuple[str, float, Callable[[Tools], Awaitable[bool]]], ...] = (
            ("seal", SEAL_SECONDS, seal),
            ("beat", BEAT_SECONDS, lambda tools: beat(tools.log)),
            ("cover", COVER_SECONDS, lambda tools: cover_heads(tools.log)),
            ("witness", WITNESS_SECONDS, lambda tools: ask_witnesses(tools.log)),
            ("watch", WATCH_SECONDS, lambda tools: watch(tools.log)),
            ("place", PLACE_SECONDS, place),
            ("deliver", DELIVER_SECONDS, deliver),
            ("call", DELIVER_SECONDS, call),
            ("retry", RETRY_SECONDS, retry_registers),
            ("scan", SCAN_SECONDS, scan_quarantine),
            ("sweep", SWEEP_SECONDS, sweep),
            ("expire", EXPIRE_SECONDS, expire_uploads),
            ("escalate", ESCALATE_SECONDS, escalate),
        )
        self.failing: set[str] = set()
        """Loops whose last round failed."""
        self.good_rounds = {name: 0 for name, _, _ in self._steps}
        """How many rounds of each loop went well."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, pause, step in self._steps:
                group.create_task(self._repeat(name, pause, step), name=name)

    async def once(self) -> None:
        """Everything due, and what it makes due, until nothing is left; then log and feed are put in order."""
        while (
            await scan_quarantine(self._tools)
            | await deliver(self._tools)
            | await call(self._tools)
            | await retry_registers(self._tools)
        ):
            continue
        while await seal(self._tools) | await place(self._tools):
            continue

    async def _repeat(self, name: str, pause: float, step: Callable[[Tools], Awaitable[bool]]) -> None:
        while True:
            try:
                more = await step(self._tools)
                self.failing.discard(name)
                self.good_rounds[name] += 1
            except Exception as error:
                more = False
                self.failing.add(name)
                log_fault(f"loop {name}", error)
            # A round that failed comes again soon: readiness waits for it, and some rounds are an hour apart.
            rest = min(pause, AGAIN_SECONDS) if name in self.failing else pause
            await asyncio.sleep(0 if more else rest)


async def seal(tools: Tools) -> bool:
    """Give committed lines of the access log their places; whether there were any."""
    async with tools.work.writing(LOOP.actor) as tx:
        sealed = await ledger.seal(tx, tools.signer, tools.now(), publish=tools.log.publishes)
        await pulse.beat(tx, pulse.LOG)
        return sealed > 0


async def place(tools: Tools) -> bool:
    """Give committed changes their places in the feed phones follow; whether there were any."""
    async with tools.work.writing(LOOP.actor) as tx:
        return await feed.place_changes(tx) > 0


async def deliver(tools: Tools) -> bool:
    """Act on due messages, each in a transaction of its own; whether there were any."""
    delivered = False
    for topic, act in TOPICS.items():
        if topic not in OUTWARD:
            for message in await _lease(tools, topic, BATCH):
                delivered |= await _act(tools, message, act)
    return delivered


async def call(tools: Tools) -> bool:
    """Act on due messages that go out to others; whether there were any.

    All at once, and apart from the rest: one who takes seconds to answer keeps nobody else waiting, and none is
    called a second time because those before it outlasted its lease.
    """
    due = [(message, TOPICS[topic]) for topic in OUTWARD for message in await _lease(tools, topic, CALLS)]
    return any(await asyncio.gather(*(_act(tools, message, act) for message, act in due)))


async def _lease(tools: Tools, topic: str, most: int) -> Sequence[Message]:
    async with tools.work.writing(LOOP.actor) as tx:
        return await outbox.lease(tx, topic, tools.now(), most, LEASE_SECONDS)


async def retry_registers(tools: Tools) -> bool:
    """Ask registers again for the dossiers that wait on them; whether there were any."""
    now = tools.now()
    async with tools.work.reading(LOOP.actor) as tx:
        waiting = await waiting_dossiers(tx, now, BATCH)
    house = tools.house
    for one in waiting:
        caller = await _in_place_of(tools, one)
        try:
            await ask_again(house.database, house.registers, caller, one, house.office, now)
        except Exception as error:  # one dossier that cannot go on must not keep the others waiting
            log_fault("register retry", error)
            async with house.database.writing(caller.actor) as tx:
                await put_off(tx, one, now, now + PUT_OFF)
    return bool(waiting)


async def scan_quarantine(tools: Tools) -> bool:
    """Scan again what waits in quarantine; whether any of it came out. While nobody answers nothing is taken."""
    house, safe = tools.house, tools.house.office.safe
    if safe.scanner is None or not await safe.scanner.answers():
        return False
    async with tools.work.writing(LOOP.actor) as tx:
        due = await take_due(tx, tools.now(), SCANS)
    dock = Dock(house.database, safe, tools.now)
    return any(await asyncio.gather(*(_scan(dock, one) for one in due)))


async def _scan(dock: Dock, one: Quarantined) -> bool:
    try:
        await examine(dock, one.upload, late=True)
    except ScannerSilent as silent:
        log.warning("scanner silent", extra={"said": {"reason": silent.reason}})
    except Exception as error:  # one file that does not open must not keep the others waiting
        log_fault("scan", error)
    else:
        return True
    await scan_later(dock, one)
    return False


async def sweep(tools: Tools) -> bool:
    """Remove what expired: sessions, old requests, delivered messages, old changes, files no row names."""
    now = tools.now()
    async with tools.work.writing(LOOP.actor) as tx:
        await forget_expired(tx, now)
        await forget_tries(tx, now)
        await forget_unanswered(tx, now)
        await past_requests.forget(tx, now)
        await outbox.forget(tx, now - OUTBOX_KEPT)
        await feed.sweep_changes(tx, now - timedelta(days=feed.KEPT_DAYS))
    async with tools.work.reading(LOOP.actor) as tx:
        await sweep_blobs(tx, tools.house.office.safe.blobs, now)
    return False


async def escalate(tools: Tools) -> bool:
    """Tell of erasures that are late; whether there were any."""
    async with tools.work.writing(LOOP.actor) as tx:
        return await escalate_erasures(tx, tools.now())


async def expire_uploads(tools: Tools) -> bool:
    """End uploads whose day is over or that fell silent, and give back their space; whether there were any."""
    blobs, now = tools.house.office.safe.blobs, tools.now()
    async with tools.work.writing(LOOP.actor) as tx:
        return await drop_expired_uploads(tx, blobs, now) + await forget_silent_uploads(tx, blobs, now) > 0


async def _act(
    tools: Tools, message: Message, act: Callable[[Tools, Mapping[str, Any]], Awaitable[None]]
) -> bool:
    """Whether the message had its effect; else it comes again, later each time."""
    try:
        await act(tools, message.payload)
    except Exception as error:
        log_fault(f"message {message.topic}", error)
        delay = min(timedelta(seconds=2 ** min(message.attempts, 12)), LONGEST_DELAY)
        async with tools.work.writing(LOOP.actor) as tx:
            await outbox.retry(tx, message.id, tools.now(), delay)
        return False
    async with tools.work.writing(LOOP.actor) as tx:
        await outbox.done(tx, message.id, tools.now())
    return True


async def _tell(tools: Tools, payload: Mapping[str, Any]) -> None:
    """Devices are woken; the sandbox's message gateway is the log: something was sent, to nobody in particular."""
    async with tools.work.writing(LOOP.actor) as tx:
        await wake_for(tx, UUID(payload["notice"]), tools.now())
    log.info("notice sent", extra={"said": {"notice": payload["notice"]}})


async def _tell_of_upload(tools: Tools, payload: Mapping[str, Any]) -> None:
    async with tools.work.writing(LOOP.actor) as tx:
        await tell_of_upload(tx, UUID(payload["person"]), payload["infected"], tools.now())


async def _wake(tools: Tools, payload: Mapping[str, Any]) -> None:
    """Say "look" to one device. After a while there is no point any more: the app asks when it is opened."""
    house, device = tools.house, UUID(payload["device"])
    if house.pushes is None or tools.now() - datetime.fromisoformat(payload["asked_at"]) > PUSH_WORTH:
        return
    async with tools.house.database.reading(ANONYMOUS.actor) as tx:
        caller = await in_place_of(tx, UUID(payload["person"]), tools.now())
    async with house.database.reading(caller.actor) as tx:
        address = await address_of(tx, device, house.office)
    if address is None:
        return
    try:
        sent = await house.pushes.send(address, LOOK)
    except PushRefused:
        # Its host leads elsewhere than when it was registered: to nowhere we go.
        sent = Sent.GONE
    if sent is Sent.GONE:
        async with tools.work.writing(LOOP.actor) as tx:
            await lose_device(tx, device)


async def _report_status(tools: Tools, payload: Mapping[str, Any]) -> None:
    """Whose system wants to be called is; the national portal is not connected yet."""
    await tell_systems(tools.work, payload, tools.now())


async def _call_system(tools: Tools, payload: Mapping[str, Any]) -> None:
    await call_system(tools.work, tools.house, payload, tools.now())


async def _pass_on_correction(tools: Tools, payload: Mapping[str, Any]) -> None:
    log.info("correction requested", extra={"said": {"document": payload["document"]}})


async def _flag_reliant(tools: Tools, payload: Mapping[str, Any]) -> None:
    document, house = UUID(payload["document"]), tools.house
    async with tools.work.reading(LOOP.actor) as tx:
        reliant = await reliant_dossiers(tx, document)
    for one in reliant:
        caller = await _in_place_of(tools, one)
        async with house.database.writing(caller.actor) as tx:
            await flag_reliant(tx, caller, one.dossier, document, house.office, tools.now())


async def _lose_basis(tools: Tools, payload: Mapping[str, Any]) -> None:
    house = tools.house
    async with tools.work.reading(LOOP.actor) as tx:
        one = await filed(tx, UUID(payload["dossier"]))
    if one is None:
        return
    caller = await _in_place_of(tools, one)
    async with house.database.writing(caller.actor) as tx:
        consent = UUID(payload["consent"])
        await lose_basis(tx, caller, one.dossier, consent, house.office, tools.now())


async def _end_data_life(tools: Tools, payload: Mapping[str, Any]) -> None:
    async with tools.house.database.reading(ANONYMOUS.actor) as tx:
        caller = await in_place_of(tx, UUID(payload["subject"]), tools.now())
    async with tools.house.database.writing(caller.actor) as tx:
        await end_data_life(tx, caller, UUID(payload["consent"]), tools.now())


async def _take_answer(tools: Tools, payload: Mapping[str, Any]) -> None:
    house = tools.house
    async with tools.work.reading(LOOP.actor) as tx:
        one = await filed(tx, UUID(payload["dossier"]))
    if one is None:
        return
    caller = await _in_place_of(tools, one)
    question = RegisterQuestion(payload["database"], payload["document_type"], UUID(payload["subject"]))
    told = Told(question, payload["probe"], UUID(payload["document"]) if payload["document"] else None)
    async with house.database.writing(caller.actor) as tx:
        await take_answer(tx, caller, one.dossier, told, house.office, tools.now())


async def _shred(tools: Tools, payload: Mapping[str, Any]) -> None:
    async with tools.work.writing(LOOP.actor) as tx:
        await shred(tx, UUID(payload["subject"]), tools.house.office.safe.keys, tools.now())


async def _in_place_of(tools: Tools, one: Filed) -> Caller:
    """The filer; once they may act for the applicant no more, or by their own hand alone, the applicant."""
    async with tools.house.database.reading(ANONYMOUS.actor) as tx:
        filer = await in_place_of(tx, one.filer, tools.now())
        if one.applicant in filer.subjects:
            return filer
        return await in_place_of(tx, one.applicant, tools.now())


TOPICS: Mapping[str, Callable[[Tools, Mapping[str, Any]], Awaitable[None]]] = {
    "consent.withdrawn": _lose_basis,
    "subject.shred": _shred,
    "consent.data_life": _end_data_life,
    "document.revoked": _flag_reliant,
    "register.answered": _take_answer,
    "dossier.status": _report_status,
    "notice": _tell,
    "push": _wake,
    "upload.judged": _tell_of_upload,
    "correction.requested": _pass_on_correction,
    "webhook": _call_system,
}
"""Every topic of the outbox, most urgent first. A house test compares it with what the rooms put there."""
OUTWARD: Final = ("push", "webhook")
"""Those that wait for somebody else's answer."""
