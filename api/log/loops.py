"""The log's rounds besides sealing: its beat, the tree of everybody's heads, the witnesses, the alarm.

They come by the clock alone: nothing that happens makes one of them due.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from api.journal import log_fault
from auth.caller import LOOP
from connectors.errors import WitnessRefused
from connectors.witnesses import Behind, Witness, Witnesses
from store import ledger
from store.checkpoints import LogSigner
from store.database import Database
from store.log import pulse
from store.log.covering import cover
from store.log.rhythm import keep_time
from store.log.witnessing import keep_cosignature, last_size, publish
from store.records import Checkpoint

BEAT_SECONDS: Final = 5.0
COVER_SECONDS: Final = 600.0
WITNESS_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogTools:
    """What these rounds work with, under the loops' role. Without `witnesses` heads are published as signed."""

    work: Database
    signer: LogSigner
    now: Callable[[], datetime]
    witnesses: Witnesses | None = None

    @property
    def publishes(self) -> bool:
        return self.witnesses is None


async def beat(tools: LogTools) -> bool:
    """A head at least once a minute, whatever happens."""
    async with tools.work.writing(LOOP.actor) as tx:
        await keep_time(tx, tools.signer, tools.now(), publish=tools.publishes)
    return False


async def cover_heads(tools: LogTools) -> bool:
    """Commit to how many lines there are about everybody."""
    async with tools.work.writing(LOOP.actor) as tx:
        await cover(tx, tools.signer, tools.now(), publish=tools.publishes)
    return False


async def ask_witnesses(tools: LogTools) -> bool:
    """Have the newest head signed by every witness that has not yet, then show it to the world, signed or not.

    A witness that is down holds nothing up but its own signature: for the rest there is the alarm.
    """
    known = tools.witnesses.known if tools.witnesses is not None else ()
    async with tools.work.reading(LOOP.actor) as tx:
        head = await ledger.checkpoint(tx)
    if head is None:
        return False
    if tools.witnesses is not None:
        await asyncio.gather(*(_ask(tools, tools.witnesses, one, head) for one in known))
    async with tools.work.writing(LOOP.actor) as tx:
        await publish(tx, head.size)
    return False


async def watch(tools: LogTools) -> bool:
    """Say who has been silent for too long, every round anew."""
    async with tools.work.reading(LOOP.actor) as tx:
        found = [one for one in await pulse.silences(tx) if one.alarming]
    for one in found:
        said = {"source": one.source, "seconds": round(one.seconds)}
        log.error("log silent", extra={"said": said})
    return False


async def _ask(tools: LogTools, witnesses: Witnesses, witness: Witness, head: Checkpoint) -> None:
    name = witness.key.name
    try:
        async with tools.work.reading(LOOP.actor) as tx:
            old = await last_size(tx, name)
        if old >= head.size:
            return
        answer = await witnesses.ask(witness, old, await _proof(tools, old, head), head.note)
        if isinstance(answer, Behind) and answer.size <= head.size:
            # It has signed another head than we remember: a restored database, or an answer that got lost.
            proof = await _proof(tools, answer.size, head)
            answer = await witnesses.ask(witness, answer.size, proof, head.note)
        if isinstance(answer, Behind):
            raise WitnessRefused("ahead", answer.size)
        async with tools.work.writing(LOOP.actor) as tx:
            await keep_cosignature(tx, head.size, name, answer, tools.now())
    except Exception as error:  # one witness that fails must not keep the others from being asked
        log_fault(f"witness {name}", error)


async def _proof(tools: LogTools, old: int, head: Checkpoint) -> list[bytes]:
    if old == 0:
        return []
    async with tools.work.reading(LOOP.actor) as tx:
        return await ledger.consistency(tx, old, head.size)
