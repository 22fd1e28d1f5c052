"""Who is asking, and for whom. Read afresh for every request; nothing here outlives it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from store.database import Actor


class CallerKind(StrEnum):
    ANONYMOUS = "anonymous"
    CITIZEN = "citizen"
    OFFICER = "officer"
    LOOP = "loop"


class Role(StrEnum):
    """Officers' duties at the one-stop desk (vai trò): the decider of a dossier is never its submitter."""

    RECEIVE = "tiep_nhan"
    APPRAISE = "tham_dinh"
    APPROVE = "phe_duyet"
    AUDIT = "kiem_toan"
    ADMINISTER = "quan_tri"


class GrantKind(StrEnum):
    """What a person let a system do: the `actions` of RFC 9396."""

    ACCESS = "read_claims"
    """Read what they approved of a request."""
    SHARE = "verify"
    """Verify what a code of theirs is for."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One person's leave to one system. `id` is the request's or the share's."""

    kind: GrantKind
    id: UUID


class Scope(StrEnum):
    """What somebody may be authorised to do in another's place, each word apart."""

    FILE = "FILE"
    """Prepare, submit and follow filings."""
    READ = "READ"
    """See and open papers."""
    CONSENT = "CONSENT"
    """Agree to disclosures and end them."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """By what a request is made in another's place: an authorised person's mandate in force, and how far it goes.

    `proof`: the grantor's paper it rests on, if they named one.
    """

    id: UUID
    grantor: UUID
    scope: frozenset[Scope]
    until: datetime
    proof: UUID | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """The person or officer behind one request.

    `id` is the vault subject of a citizen or the officer's id. `represented` are the subjects a live mandate
    lets a citizen act for, besides themself, with the relation (`parent` …). `shared` are those of `subjects` for
    whom somebody else agrees as well before anything is disclosed, as for a child of seven and more. `language` is
    `vi` or `en`. `person` is the vault subject an officer is in private life, where their account is bound to one:
    nobody decides in a matter of their own. `scope`: what an agency's system declared it does; None for people.
    `grant`: the one thing a request with a grant token is for. `address`: where the request comes from, kept as a
    keyed hash in what a person agrees to and nowhere else. `delegation`: the one person an authorised person asks for
    in this request, who is then the only one of `represented`, and of `subjects`: their own vault is shut meanwhile.
    """

    kind: CallerKind
    id: UUID | None = None
    agency: UUID | None = None
    roles: frozenset[Role] = frozenset()
    represented: dict[UUID, str] = field(default_factory=dict)
    shared: frozenset[UUID] = frozenset()
    acr: str = ""
    session: UUID | None = None
    language: str = "vi"
    person: UUID | None = None
    scope: frozenset[str] | None = None
    grant: Grant | None = None
    address: str = field(default="", repr=False)
    delegation: Delegation | None = None

    @property
    def subjects(self) -> frozenset[UUID]:
        """Subjects whose vault the caller may open as their own."""
        if self.kind is not CallerKind.CITIZEN or self.id is None:
            return frozenset()
        if self.delegation is not None:
            return frozenset({self.delegation.grantor})
        return frozenset({self.id, *self.represented})

    @property
    def speaks_for(self) -> frozenset[UUID]:
        """Subjects of whom the caller's word alone is their consent."""
        return self.subjects - self.shared

    @property
    def principal(self) -> UUID | None:
        """Whose matter a request is that names nobody: the caller's, or of whoever authorised them."""
        return self.delegation.grantor if self.delegation is not None else self.id

    @property
    def actor(self) -> Actor:
        """The same caller as row-level security sees it."""
        return Actor(self.kind.value, self.id, self.agency, tuple(sorted(self.subjects)))


ANONYMOUS = Caller(CallerKind.ANONYMOUS)
LOOP = Caller(CallerKind.LOOP)
