"""What people are asked to agree to, and the answers they give: values alone."""

from dataclasses import dataclass, field
from uuid import UUID

from vault.permission.limits import Limits
from vault.permission.notice import Item, Words
from vault.permission.receipt import Counter


@dataclass(frozen=True, slots=True)
class Decision:
    """What the caller agrees to, for themself and those they act for: one purpose, one recipient, one notice.

    `purpose` and `purpose_ref` are the caller's room's own words and id (a procedure and a dossier).
    `notice_sha256` is the hash of the notice the person was shown, in their language. `requirements`: what the items
    are for, in the caller's room's words.
    """

    recipient_agency: UUID
    purpose: str
    purpose_ref: UUID | None
    items: tuple[Item, ...]
    words: Words
    notice_sha256: str
    limits: Limits = field(default_factory=Limits)
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody else is asked to agree to, about themself: all `items` are of `subject`."""

    subject: UUID
    recipient_agency: UUID
    purpose: str
    purpose_ref: UUID | None
    items: tuple[Item, ...]
    words: Words
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The answer yes to a request, with the words it was shown in, in the caller's language."""

    request: UUID
    words: Words
    notice_sha256: str


@dataclass(frozen=True, slots=True)
class Signed:
    """In what language a person signed a sheet, and before whom."""

    language: str
    counter: Counter
