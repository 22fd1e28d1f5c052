"""One session with a PKCS#11 token, in a thread of its own: whoever asks waits a moment, and never the event loop.

A token is a device elsewhere: it may be away, slow, or come back with every session lost. What fails is tried once
more on a new session; what stays away, or does not answer in time, is `TemporarilyUnavailable`. A wrong PIN is never
tried twice: tokens lock themselves after a few.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11.exceptions import (
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from store.errors import TemporarilyUnavailable
from vault.errors import KeyRingRefused

ANSWER_SECONDS: Final = 0.5
"""How long a request waits for the token (security.md, disclosure transaction)."""

COMMAND_SECONDS: Final = 20.0
"""How long a start or an operator's command does."""

MOST_WAITING: Final = 64
"""Beyond it nobody queues behind a token that hangs."""

Answer = TypeVar("Answer")
Work = Callable[[Any], Answer]
"""Something done with a session of the library's, which is typed as anything at all."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which token: the maker's library, the token's label, and the PIN of its user."""

    module: Path
    token: str
    pin: str = field(repr=False)


class TokenSession:
    """Takes one piece of work after the other."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._work: queue.SimpleQueue[tuple[Work[Any], Future[Any]]] = queue.SimpleQueue()
        self._session: Any = None
        self._lost = False
        self._refused: KeyRingRefused | None = None
        # A thread that hangs in the library must not keep the process from ending.
        self._thread = threading.Thread(target=self._serve, name="token", daemon=True)
        self._thread.start()

    async def ask(self, work: Work[Answer]) -> Answer:
        """Raises TemporarilyUnavailable, KeyRingRefused, and what the work does."""
        asked = self._queued(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), ANSWER_SECONDS)
        except TimeoutError:
            raise TemporarilyUnavailable from None

    def wait_for(self, work: Work[Answer], seconds: float = COMMAND_SECONDS) -> Answer:
        """The same where there is no event loop, or not yet."""
        asked = self._queued(work)
        try:
            return asked.result(seconds)
        except TimeoutError:
            asked.cancel()
            raise TemporarilyUnavailable from None

    def close(self) -> None:
        """End the session and its thread, once what was asked before is done."""
        self._work.put((self._end, Future()))
        self._thread.join(ANSWER_SECONDS)

    def _end(self, session: Any) -> None:
        session.close()
        raise SystemExit

    def _queued(self, work: Work[Answer]) -> "Future[Answer]":
        if self._work.qsize() >= MOST_WAITING:
            raise TemporarilyUnavailable
        asked: Future[Answer] = Future()
        self._work.put((work, asked))
        return asked

    def _serve(self) -> None:
        while True:
            work, asked = self._work.get()
            if not asked.set_running_or_notify_cancel():
                continue
            try:
                asked.set_result(self._done(work))
            except SystemExit:
                return
            except BaseException as failed:
                asked.set_exception(failed)

    def _done(self, work: Work[Answer]) -> Answer:
        try:
            return work(self._opened())
        except PKCS11Error:
            self._lose()
        try:
            return work(self._opened())
        except PKCS11Error as failed:
            self._lose()
            raise TemporarilyUnavailable from failed

    def _opened(self) -> Any:
        if self._refused is not None:
            raise self._refused
        if self._session is None:
            self._session = self._open()
        return self._session

    def _open(self) -> Any:
        library = pkcs11.lib(str(self._place.module))
        if self._lost:
            # A device that came back is seen by a library that begins anew; other sessions are opened again too.
            library.reinitialize()
        token = library.get_token(token_label=self._place.token)
        try:
            return token.open(rw=True, user_pin=self._place.pin)
        except UserAlreadyLoggedIn:
            return token.open(rw=True)
        except (PinIncorrect, PinInvalid, PinLocked, PinExpired, PinLenRange):
            self._refused = KeyRingRefused("pin")
            raise self._refused from None

    def _lose(self) -> None:
        self._session, self._lost = None, True
