"""A question to a State database and its answer, as values, and what makes an answer believable. No I/O.

An answer is bound to its question: `sub` is the HMAC-SHA256 of the number under the request's own id, so an
answer about somebody else, or an older one replayed, gives itself away.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, cast
from uuid import UUID

from connectors.errors import RegisterUnreliable

Probe = Literal["FOUND", "NOT_FOUND", "MISMATCH", "DOWN"]

STALE_AFTER: Final = timedelta(minutes=10)
AHEAD: Final = timedelta(seconds=60)
"""How far a register's clock may run ahead of ours; beyond it, `as_of` is a promise and not a fact."""


@dataclass(frozen=True, slots=True)
class RegisterQuery:
    """One question: what does `database` hold of `document_type` about the holder of `number`?

    `purpose` is the procedure's code or another public reference; the register keeps it in its own log.
    """

    database: str
    document_type: str
    number: str = field(repr=False)
    purpose: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one register said.

    `probe`: FOUND; NOT_FOUND; MISMATCH (the register has the record under correction and vouches for
    nothing); DOWN, with `reason` unreachable, timeout, refused, oversize, stale or lying. `lying` is a
    signature that does not verify or an answer to another question: it counts as down, never as missing, and
    is reported.
    `claims` maps `concept@role` to its value; `facts` are those that are plain text, to name an object by.
    `as_of`: when the register's data were last brought up to date.
    """

    probe: Probe
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    issued_on: date | None = None
    valid_until: date | None = None
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer_id: UUID | None = None
    as_of: datetime | None = None
    reason: str | None = None


def echo(request_id: UUID, number: str) -> str:
    """What binds an answer to its question: HMAC-SHA256 of the number keyed with the request id, base64url.

    Keyed afresh for every request, so that two answers about one person cannot be linked by it.
    """
    digest = hmac.new(str(request_id).encode("ascii"), number.encode("utf-8"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def read_answer(said: Mapping[str, Any], query: RegisterQuery, request_id: UUID, now: datetime) -> Answer:
    """The answer in a verified token's claims.

    Raises RegisterUnreliable: `lying` when it answers another question or makes no sense, `stale` when its
    data are older than ten minutes.
    """
    try:
        return _read(said, query, request_id, now)
    except (KeyError, TypeError, ValueError, AttributeError):
        # `from None`: the chained exception would carry a value of the answer into a log.
        raise RegisterUnreliable("lying") from None


_CLAIM = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+@[a-z0-9_:-]+")
_OUTCOMES = frozenset({"FOUND", "NOT_FOUND", "MISMATCH"})
_MOST_VALUES = 200


def _read(said: Mapping[str, Any], query: RegisterQuery, request_id: UUID, now: datetime) -> Answer:
    expected = {
        "sub": echo(request_id, query.number),
        "database": query.database,
        "document_type": query.document_type,
    }
    as_of = datetime.fromisoformat(said["as_of"])
    if any(said[name] != value for name, value in expected.items()) or as_of > now + AHEAD:
        raise RegisterUnreliable("lying")
    if now - as_of > STALE_AFTER:
        raise RegisterUnreliable("stale")
    outcome, values = said["outcome"], said["claims"]
    # FOUND says something and the others say nothing: anything else is neither one thing nor the other.
    if outcome not in _OUTCOMES or not _are_claims(values) or (outcome == "FOUND") != bool(values):
        raise RegisterUnreliable("lying")
    return Answer(
        probe=cast(Probe, outcome),
        claims=dict(values),
        issued_on=_day(said["issued_on"]),
        valid_until=_day(said["valid_until"]),
        facts={name: value for name, value in values.items() if isinstance(value, str)},
        answer_id=UUID(said["answer_id"]),
        as_of=as_of,
    )


def _are_claims(values: object) -> bool:
    if not isinstance(values, dict) or len(values) > _MOST_VALUES:
        return False
    return all(
        _CLAIM.fullmatch(name)
        and (_is_plain(value) or (isinstance(value, list) and all(map(_is_plain, value))))
        for name, value in values.items()
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
