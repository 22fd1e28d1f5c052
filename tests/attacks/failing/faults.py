"""A disk that fails: which of our calls, how, and until when."""

import errno
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from tests.attacks.failing.calls import Call


class Fault(StrEnum):
    """How a call fails."""

    FULL = "ENOSPC, until the disk is emptied"
    BROKEN = "EIO, once"
    SHORT = "a short write"
    SHORT_AND_FULL = "a short write, then ENOSPC until the disk is emptied"

    @property
    def acts(self) -> frozenset[str]:
        """The calls that can fail so."""
        match self:
            case Fault.FULL:
                return frozenset({"open", "mkdir", "write", "fsync", "rename", "replace", "link"})
            case Fault.BROKEN:
                return _ALL
            case _:
                return frozenset({"write"})


_ALL: Final = frozenset(
    {"open", "mkdir", "write", "ftruncate", "fsync", "pread", "rename", "replace", "link", "unlink"}
)


@dataclass
class Recording:
    """Carries everything out, and keeps which calls there were, in order."""

    calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append(call)
        return do()


@dataclass
class Failing:
    """The `number`th call of those the fault concerns fails, from 0. `happened`: at which place.

    `retried`: places where a descriptor was synced, or written and then synced, after a sync of it had failed.
    """

    fault: Fault
    number: int
    happened: str | None = None
    retried: list[str] = field(default_factory=list)
    _seen: int = 0
    _over: bool = False
    _shortened: bool = False
    _doomed: set[int] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def lift(self) -> None:
        """The disk is well again."""
        self._over = True

    def __call__(self, call: Call, do: Callable[[], Any]) -> Any:
        with self._lock:
            if call.act == "fsync" and call.descriptor in self._doomed:
                self.retried.append(call.place)
            if self._fails(call):
                return self._fail(call, do)
            done = do()
            if call.act == "open" and isinstance(done, int):
                self._doomed.discard(done)
            return done

    def _fails(self, call: Call) -> bool:
        if self._over or call.act not in self.fault.acts:
            return False
        if self.happened is not None:
            return self._goes_on(call)
        if call.act == "open" and not call.creates and self.fault is not Fault.BROKEN:
            return False
        self._seen += 1
        if self._seen <= self.number:
            return False
        self.happened = call.place
        return True

    def _goes_on(self, call: Call) -> bool:
        """A full disk stays full: nothing is created or written, what is there can be read and removed."""
        if self.fault is Fault.BROKEN or self.fault is Fault.SHORT:
            return False
        return call.act != "open" or call.creates

    def _fail(self, call: Call, do: Callable[[], Any]) -> Any:
        if call.act == "fsync":
            self._doomed.add(call.descriptor)
        if self.fault is Fault.SHORT and call.buffered:
            return do()
        if self.fault in (Fault.SHORT, Fault.SHORT_AND_FULL) and not self._shortened:
            self._shortened = True
            half = os.write(call.descriptor, call.data[: (len(call.data) + 1) // 2])
            if not call.buffered:
                return half
        code = errno.EIO if self.fault is Fault.BROKEN else errno.ENOSPC
        raise OSError(code, os.strerror(code))


def failures(calls: list[Call]) -> list[tuple[Fault, int]]:
    """Every way in which one of these calls could fail."""
    counted: Counter[Fault] = Counter()
    for call in calls:
        counted.update(
            fault
            for fault in Fault
            if call.act in fault.acts and (call.act != "open" or call.creates or fault is Fault.BROKEN)
        )
    return [(fault, number) for fault in Fault for number in range(counted[fault])]
