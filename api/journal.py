"""What the processes say of themselves: one line of JSON an event, on standard error, with nobody's data in it.
The demo keeps its lines in a file, and shows its reader only what went wrong.

An exception is told by its type and the place in our code it came from, never by its message or arguments:
both quote what people sent. Addresses are never logged: some carry a secret.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

_ROOT = Path(__file__).resolve().parent.parent
_QUIET = (
    "httpx2",
    "httpcore2",
    "asyncio",
    "strawberry.execution",
    "sqlalchemy",
    "alembic",
    "uvicorn.error",
    "store.database",
)
_OURS = frozenset({"api", "resolvers", "dossiers", "procedures", "vault", "auth", "connectors", "store"})

FAULTS = frozenset({"INTERNAL", "TEMPORARILY_UNAVAILABLE"})
"""Codes whose cause stands in the journal alone."""

KEPT_BYTES = 10 * 1024 * 1024

log = logging.getLogger("motlan")


def start_journal(level: int = logging.INFO) -> None:
    """Everything any library logs goes through the one formatter. Once per process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def keep_journal(path: Path) -> None:
    """Keep every line from now on in this file too, at most forty megabytes of them; for its owner alone."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    path.touch(0o600)
    kept = RotatingFileHandler(path, maxBytes=KEPT_BYTES, backupCount=3, encoding="utf-8")
    kept.setFormatter(_Lines())
    journal = logging.getLogger()
    for shown in journal.handlers:
        shown.setLevel(max(shown.level, journal.level))
    journal.addHandler(kept)
    journal.setLevel(logging.INFO)


def log_fault(where: str, error: BaseException, request_id: str = "") -> None:
    """A fault of ours: found again by the request id its caller was given."""
    log.error("fault", extra={"said": {"in": where, "request": request_id, **told(error)}})


def told(error: BaseException) -> dict[str, str]:
    """An exception in the words a log may keep: its type, and the deepest place of our own it passed."""
    return {"type": type(error).__qualname__, "at": _place(error.__traceback__)}


def _place(trace: TracebackType | None) -> str:
    ours = ""
    for frame, line in traceback.walk_tb(trace):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in _OURS:
            ours = f"{path.relative_to(_ROOT)}:{line}"
    return ours


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at,
            "level": record.levelname.lower(),
            "from": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= told(record.exc_info[1])
        line |= getattr(record, "said", {})
        return json.dumps(line, ensure_ascii=False)
