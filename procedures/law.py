"""What the law asks, as values: procedures, requirements, conditions and the rules of reuse on one day.

Owns the vocabulary the planner, the checker and the desk share. Never reads a database or a clock:
`procedures.catalogue` builds these values, for a given date, from the effective-dated catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Text:
    """Words shown to people, in both languages of the product. `en` falls back to `vi` when unpublished."""

    vi: str
    en: str | None = None

    def in_language(self, language: str) -> str:
        return self.en if language == "en" and self.en else self.vi


class Duty(StrEnum):
    MANDATORY = "mandatory"
    CONDITIONAL = "conditional"
    ALTERNATIVE = "alternative"
    NOT_REQUIRED = "not_required"


class OutcomeClass(StrEnum):
    """How a component may be met at all, before anyone's holdings are looked at."""

    EVIDENCE = "evidence"
    FORM = "form"
    SHOW = "show"
    SURRENDER = "surrender"
    GENERATED = "generated"
    NOT_REQUIRED = "not_required"


class ObjectKind(StrEnum):
    """What a paper is about besides its subject. Evidence must match the filing's object of that kind."""

    PERSON = "person"
    LAND_PARCEL = "land_parcel"
    BUILDING = "building"
    PREMISES = "premises"
    VEHICLE = "vehicle"
    EVENT = "event"
    CASE = "case"


class ConditionKind(StrEnum):
    """The kinds of `conditions.json`; its legend gives each its meaning."""

    SITUATION = "situation"
    CHANNEL = "channel"
    UNREADABLE = "unreadable"
    MANDATE = "mandate"
    FALLBACK = "fallback"
    NOTE = "note"


class Channel(StrEnum):
    IN_PERSON = "in_person"
    ONLINE = "online"
    POSTAL = "postal"


@dataclass(frozen=True, slots=True)
class ClaimNeed:
    """One fact a requirement needs: an information concept about a role named on the paper."""

    concept: str
    role: str

    def __str__(self) -> str:
        return f"{self.concept}@{self.role}"


@dataclass(frozen=True, slots=True)
class SituationTest:
    """Holds when the situation's answer equals `when`."""

    situation: str
    when: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """When a component is asked for at all.

    `tests` combine by `match_all` (all) or else any; an unanswered test counts as holding, so that the plan
    never hides a paper. `databases`, `channels` and `filer_is` are computed, never asked of the person.
    """

    kind: ConditionKind
    tests: tuple[SituationTest, ...] = ()
    match_all: bool = True
    databases: tuple[str, ...] = ()
    channels: frozenset[Channel] = frozenset()
    filer_is: frozenset[str] = frozenset()
    own_right_filers: frozenset[str] = frozenset()
    no_paper_relations: frozenset[str] = frozenset()
    no_certification_relations: frozenset[str] = frozenset()
    """Filers whose authorisation needs no certification: level 3 serves and `document.notarised` is not needed."""
    higher_components: tuple[str, ...] = ()
    text: Text | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of law under which something stands in for a paper, with the days on which it does."""

    id: str
    article: str
    effective_from: date | None = None
    effective_to: date | None = None

    def in_force(self, on: date) -> bool:
        return (self.effective_from is None or self.effective_from <= on) and (
            self.effective_to is None or on <= self.effective_to
        )


@dataclass(frozen=True, slots=True)
class AcceptedType:
    """A paper type that meets a requirement. `rule` is None for the named paper itself and for members of
    the group the law names; otherwise the equivalence that lets it stand in."""

    document_type: str
    rule: Rule | None = None
    object_kind: ObjectKind | None = None
    """What this paper is about, where it differs from the requirement's own kind; None means the same."""


@dataclass(frozen=True, slots=True)
class RegisterSource:
    """A State database whose answer meets a requirement on this day, and the rule that says so.

    `document_types` are the papers the database attests that the requirement accepts.
    """

    database: str
    document_types: tuple[str, ...]
    rule: Rule


@dataclass(frozen=True, slots=True)
class Requirement:
    """One component of a procedure, as asked on one day.

    `accepts` and `registers` already carry only what is in force on that day and what `self_object` and `fresh`
    leave: a stand-in never replaces the paper that is itself the object of the procedure.
    `min_level`: 1 issued electronically or from a register, 2 certified by an officer, 3 declared by the person;
    a holding serves when its level is at most this number.
    """

    id: str
    name: Text
    document_type: str
    subject_role: str
    outcome_class: OutcomeClass
    duty: Duty
    accepts: tuple[AcceptedType, ...] = ()
    registers: tuple[RegisterSource, ...] = ()
    claims: tuple[ClaimNeed, ...] = ()
    whole: bool = False
    min_level: int = 3
    max_age_days: int | None = None
    self_object: bool = False
    fresh: bool = False
    """Made for this filing: nothing deposited before the dossier was opened can serve."""
    group: str | None = None
    rank: int = 1
    condition: Condition | None = None
    object_kind: ObjectKind = ObjectKind.PERSON
    legal_basis: str | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """A yes/no question about the filing, and who may answer it before the person is asked."""

    id: str
    question: Text
    help: Text | None
    about_role: str
    answered_by_register: str | None = None
    answered_by_holding: str | None = None


@dataclass(frozen=True, slots=True)
class Fee:
    """`amount_vnd` None means not published centrally, never free."""

    kind: str
    amount_vnd: int | None
    channel: str
    note: Text | None


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """`value` None means not published."""

    value: int | None
    unit: str | None
    note: Text | None


@dataclass(frozen=True, slots=True)
class FormField:
    """One typed field of an e-form. `prefill`: `account`, `held` (vault or register) or `declare`."""

    key: str
    label: Text
    type: str
    required: bool
    subject_role: str
    concept: str | None
    prefill: str
    options: tuple[tuple[str, Text], ...] = ()
    show_when: Mapping[str, object] | None = None
    help: Text | None = None


@dataclass(frozen=True, slots=True)
class Form:
    id: str
    title: Text
    fields: tuple[FormField, ...]


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure (thủ tục hành chính) as published on one day."""

    id: str
    code: str | None
    name: Text
    field: str
    requirements: tuple[Requirement, ...]
    situations: tuple[Situation, ...]
    fees: tuple[Fee, ...]
    time_limit: TimeLimit
    legal_basis: tuple[str, ...]
    executing_agency_types: tuple[str, ...]
    reception_agency_types: tuple[str, ...]
    result_types: tuple[str, ...]
    form: Form | None
    cutoff: str | None = None
    """`HH:MM` after which a filing counts from the next working day, where the law sets one."""
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Concept:
    id: str
    label: Text
    value_type: str
    sensitivity: int
    broader: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A paper: what it attests about whom, what it is about, and how long it stays valid."""

    id: str
    name: Text
    category: str
    holder: str
    claims: tuple[ClaimNeed, ...]
    object_kind: ObjectKind
    members: tuple[str, ...] = ()
    """Papers of which any one is this paper, when the law names a group."""
    issuing_agency_types: tuple[str, ...] = ()
    validity_kind: str = "unknown"
    validity_value: str | int | None = None
    validity_unit: str | None = None
    case_bound: bool = False
    application_form: bool = False
    identifying: tuple[ClaimNeed, ...] = ()
    """Claims that together name the object (parcel and map sheet, plate number …); empty when none do."""
    always_shown: frozenset[str] = frozenset()
    """Claims, as concept@role, that no credential over this paper hides: they are about the paper, not a person."""


@dataclass(frozen=True, slots=True)
class Law:
    """The whole catalogue as it stands on one day. Built once per day and version, shared by all requests."""

    on: date
    version: str
    procedures: Mapping[str, Procedure]
    document_types: Mapping[str, DocumentType]
    concepts: Mapping[str, Concept]
    databases: Mapping[str, Text]
    agency_types: Mapping[str, Text]
    fields: Mapping[str, Text]
    by_code: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, Form] = field(default_factory=dict)
    """Every application form by its document type; `Procedure.form` merges what one filing asks for."""
    supplement_term: TimeLimit = TimeLimit(None, None, None)
    """How long a person has to answer a supplement request."""

    def procedure(self, key: str) -> Procedure | None:
        """By id (slug) or by national code."""
        return self.procedures.get(self.by_code.get(key, key))
