"""The planner's question and answer, as values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from procedures.law import Channel, ClaimNeed, ObjectKind, Procedure
from vault.holding import Holding


class Outcome(StrEnum):
    REUSE = "REUSE"
    FETCH = "FETCH"
    PENDING_FETCH = "PENDING_FETCH"
    FORM = "FORM"
    SHOW = "SHOW"
    SURRENDER = "SURRENDER"
    SUPPLY = "SUPPLY"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Probe(StrEnum):
    """What a register said when last asked, or what is known of it before asking.

    UP: healthy, not yet asked about this subject. DOWN is not missing. NOT_FOUND and MISMATCH let the agency
    ask for the paper and oblige it to have the source corrected (Resolution 66.7/2025, Article 2).
    """

    UP = "UP"
    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    MISMATCH = "MISMATCH"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True)
class RegisterQuestion:
    """One question to one State database about one subject."""

    database: str
    document_type: str
    subject: UUID


@dataclass(frozen=True, slots=True)
class Filing:
    """Everything about one filing the planner may know. No I/O hides behind any field.

    `parties` maps a subject role to the subjects filling it (`applicant` and `filer` always present).
    `askable` are subjects a register can be asked about (they have a citizen or organisation number).
    `objects`: the filing's object per kind; a kind absent here is undeclared, a kind mapped to None is a new
    object nothing held can be about.
    `probes` by question; a question without probe falls back to `health[database]`, else UP.
    `declared_absent`: requirement ids of a rank the person declared not to exist.
    `mandates`: requirement ids of authorisation papers a recorded mandate already covers.
    """

    procedure: Procedure
    on: date
    channel: Channel
    parties: Mapping[str, tuple[UUID, ...]]
    holdings: tuple[Holding, ...]
    dossier: UUID | None = None
    filer_relation: str = "self"
    answers: Mapping[str, bool] = field(default_factory=dict)
    objects: Mapping[ObjectKind, UUID | None] = field(default_factory=dict)
    askable: frozenset[UUID] = frozenset()
    health: Mapping[str, Probe] = field(default_factory=dict)
    probes: Mapping[RegisterQuestion, Probe] = field(default_factory=dict)
    declared_absent: frozenset[str] = frozenset()
    declined: frozenset[str] = frozenset()
    excluded_versions: frozenset[UUID] = frozenset()
    overridden: frozenset[str] = frozenset()
    sensitivity: Mapping[str, int] = field(default_factory=dict)
    """Concept id to 0–3 (`Law.concepts`); unknown concepts count 3."""
    mandates: frozenset[str] = frozenset()
    valid_through: date | None = None
    """Evidence must stay valid to this day (a decision deadline), where the rule names one besides `on`."""
    broader: Mapping[str, str] = field(default_factory=dict)
    """Concept id to the broader concept it is a kind of (`Law.concepts`): the narrower fact proves the wider."""
    attests: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Document type to the `concept@role` names it carries (`Law.document_types`): what a register's answer in
    place of the whole paper discloses."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a stable code and its parameters: document type, database, rule, date … never personal data.
    `procedures.reasons` puts it into words."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Used:
    """Evidence the plan discloses for a requirement: a held version or a register's answer, and its claims.

    With SHOW and SURRENDER it only names the version the paper belongs to: no claims, nothing disclosed.
    """

    subject: UUID
    claims: tuple[ClaimNeed, ...]
    whole: bool
    document: UUID | None = None
    version: UUID | None = None
    register: RegisterQuestion | None = None
    rule: str | None = None
    legal_basis: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A candidate that looked right and why it does not serve."""

    document: UUID
    version: UUID
    reason: Reason


@dataclass(frozen=True, slots=True)
class Unread:
    """A register that could have answered and why the plan does not rely on it."""

    register: RegisterQuestion
    reason: Reason


@dataclass(frozen=True, slots=True)
class Planned:
    """One requirement's single outcome. `satisfied`: nothing more is expected of anyone before submission."""

    requirement: str
    outcome: Outcome
    satisfied: bool
    reason: Reason
    used: tuple[Used, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    warnings: tuple[Reason, ...] = ()
    assumed_object: bool = False
    """The object was undeclared and one was assumed: preview only, `open_dossier` refuses to rely on it."""
    unread: tuple[Unread, ...] = ()
    instead: tuple[Used, ...] = ()
    """Until a register has answered, other questions whose answer would do as well: which one will be there nobody
    knows yet, so the person agrees to each, once, and the first answer is kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One outcome per requirement, in catalogue order. `optimal` is False when the node budget ran out;
    `lower_bound` is then what no plan can beat."""

    planned: tuple[Planned, ...]
    open_situations: tuple[str, ...]
    optimal: bool
    cost: int
    lower_bound: int

    def by_requirement(self) -> dict[str, Planned]:
        return {p.requirement: p for p in self.planned}

    @property
    def to_supply(self) -> int:
        return sum(1 for p in self.planned if p.outcome is Outcome.SUPPLY and not p.satisfied)
