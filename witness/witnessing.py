"""The witness itself: compares a head with what it remembers and answers as C2SP tlog-witness v1 says. No network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from witness.growth import grew
from witness.memory import Memory, Seen
from witness.notes import Cosigner, LogKey, Malformed, read_request

SIZE = "text/x.tlog.size"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    media_type: str = TEXT


class Witness:
    """One witness of the logs it was told of. `now`: Unix seconds."""

    def __init__(
        self, logs: Sequence[LogKey], memory: Memory, cosigner: Cosigner, now: Callable[[], int]
    ) -> None:
        self._logs = logs
        self._memory = memory
        self._cosigner = cosigner
        self._now = now

    def add_checkpoint(self, body: bytes) -> Answer:
        """Its cosignature, or why not. What it answers 200 to is on disk before."""
        try:
            asked = read_request(body)
        except Malformed:
            return Answer(400, "this is no add-checkpoint request\n")
        note = asked.note
        keys = [log for log in self._logs if log.origin == note.origin]
        if not keys:
            return Answer(404, "this log is not known here\n")
        if not any(key.signs(note) for key in keys):
            return Answer(403, "not signed by a key of this log's known here\n")
        if asked.old > note.size:
            return Answer(400, "a log does not shrink\n")
        # Comparing and remembering are one step, or two heads at once could take back each other's.
        with self._memory.signing():
            seen = self._memory.seen(note.origin)
            if asked.old != seen.size:
                return Answer(409, f"{seen.size}\n", SIZE)
            if asked.old == note.size and seen.size and seen.root != note.root:
                return Answer(409, f"{seen.size}\n", SIZE)
            if not grew(asked.old, note.size, seen.root, note.root, asked.proof):
                return Answer(422, "the proof does not lead from one head to the other\n")
            self._memory.remember(note.origin, Seen(note.size, note.root))
            return Answer(200, self._cosigner.cosigned(note, self._now()))
