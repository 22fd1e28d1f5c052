"""The e-form of a filing: what is already known stands in it read-only, with where it came from.

Values known from the account, a held paper or a register never travel to the browser and back: the browser sends
only what the person declares, and anything sent for a known field is refused (prefill as an editable default
loses its authenticity). Declared values rest sealed in the vault.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller
from auth.policy import IN_FILINGS, reach
from dossiers.case import Case, Office, load_cases
from dossiers.errors import FormIncomplete
from procedures.law import Form, FormField
from store.database import Tx
from vault.documents import claims_of, holdings
from vault.holding import Holding, Origin, Status
from vault.notes import Note, read_note, read_notes, write_note
from vault.subjects import ORGANISATION, Profile, profiles_of

DECLARED = "form"
FINAL = "form.final"

_PROFILE = {
    "person.full_name": "name",
    "person.personal_id_number": "number",
    "person.identity_document_number": "number",
    "person.date_of_birth": "born",
    "organisation.name": "name",
    "organisation.enterprise_code": "number",
    "organisation.registration_number": "number",
}
"""Concept to the fact of an account that fills it in: a company's fills in nothing of a person, and the other way
round."""


@dataclass(frozen=True, slots=True)
class Known:
    """A field's value from a source the person need not repeat: `account`, `register:<id>` or `document:<id>`."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class FormState:
    """A form as it stands: what is known, what was declared, what is still missing."""

    known: Mapping[str, Known]
    declared: Mapping[str, Any]
    missing: tuple[str, ...]


async def form_state(tx: Tx, caller: Caller, case: Case, office: Office) -> FormState:
    """Of a planned case. Empty when the procedure has no form."""
    return (await _states(tx, caller, [case], office))[case.dossier.id]


async def forms_of(
    tx: Tx, caller: Caller, dossiers: Collection[UUID], office: Office
) -> dict[UUID, FormState]:
    """Of those of the dossiers that are the caller's own: for lists, as many statements for fifty as for one."""
    own = reach(caller, within=IN_FILINGS).subjects
    cases = [case for case in await load_cases(tx, dossiers, office) if case.dossier.applicant_id in own]
    held = await holdings(tx, own)
    for case in cases:
        parties = {subject for group in case.parties.values() for subject in group}
        case.holdings = {one.version: one for one in held if one.subject in parties}
    return await _states(tx, caller, cases, office)


async def write_form(
    tx: Tx, caller: Caller, case: Case, patch: Mapping[str, Any], office: Office, now: datetime
) -> None:
    """Merge the person's declarations; a None removes one. Raises FormIncomplete naming refused fields."""
    form = case.procedure.form
    if form is None or not patch:
        if patch:
            raise FormIncomplete((), tuple(sorted(patch)))
        return
    known = (await _known_values(tx, caller, [case], office))[case.dossier.id]
    refused = refused_fields(form, known, patch)
    if refused:
        raise FormIncomplete((), refused)
    declared = await read_note(tx, case.dossier.id, DECLARED, office.safe) or {}
    merged = {k: v for k, v in {**declared, **patch}.items() if v is not None}
    note = Note(case.dossier.applicant_id, case.dossier.id, DECLARED, merged)
    await write_note(tx, note, office.safe, now)


async def freeze_form(tx: Tx, caller: Caller, case: Case, office: Office, now: datetime) -> FormState:
    """Fix every value with its source at submission. Raises FormIncomplete with all missing fields."""
    state = await form_state(tx, caller, case, office)
    if state.missing:
        raise FormIncomplete(state.missing)
    final = {key: {"value": value, "source": "declared"} for key, value in state.declared.items()}
    final |= {key: {"value": one.value, "source": one.source} for key, one in state.known.items()}
    note = Note(case.dossier.applicant_id, case.dossier.id, FINAL, final)
    await write_note(tx, note, office.safe, now)
    return state


def missing_fields(form: Form, known: Mapping[str, Known], declared: Mapping[str, Any]) -> tuple[str, ...]:
    """Required fields that show and have no value, in the form's order."""
    values = {**declared, **{key: one.value for key, one in known.items()}}
    return tuple(
        one.key for one in form.fields if one.required and _shows(one, values) and values.get(one.key) is None
    )


def refused_fields(form: Form, known: Mapping[str, Known], patch: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of `patch` that are unknown, read-only, or hold a value of the wrong type."""
    fields = {one.key: one for one in form.fields}
    return tuple(
        sorted(
            key
            for key, value in patch.items()
            if key not in fields or key in known or (value is not None and not _fits(fields[key], value))
        )
    )


def _shows(field: FormField, values: Mapping[str, Any]) -> bool:
    if field.show_when is None:
        return True
    return values.get(str(field.show_when["field"])) == field.show_when["equals"]


def _fits(field: FormField, value: Any) -> bool:
    if field.type == "boolean":
        return isinstance(value, bool)
    if field.type in ("integer", "vnd"):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15
    if field.type == "area_m2":
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**9
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        return False
    if field.type == "enum":
        return value in {option for option, _ in field.options}
    if field.type == "date":
        return _is_date(value)
    return len(value) <= (4_000 if field.type == "text" else 400)


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == 10


async def _states(tx: Tx, caller: Caller, cases: Sequence[Case], office: Office) -> dict[UUID, FormState]:
    declared = await read_notes(tx, [case.dossier.id for case in cases], DECLARED, office.safe)
    known = await _known_values(tx, caller, cases, office)
    return {
        case.dossier.id: _state(case, known[case.dossier.id], declared.get(case.dossier.id, {}))
        for case in cases
    }


def _state(case: Case, known: Mapping[str, Known], declared: Mapping[str, Any]) -> FormState:
    form = case.procedure.form
    if form is None:
        return FormState({}, {}, ())
    return FormState(known, declared, missing_fields(form, known, declared))


async def _known_values(
    tx: Tx, caller: Caller, cases: Sequence[Case], office: Office
) -> dict[UUID, dict[str, Known]]:
    """By dossier and field: what papers and register answers attest, else what the account says."""
    sources = {case.dossier.id: _sources(caller, case) for case in cases}
    versions = {holding.version for found in sources.values() for holding, _ in found.values()}
    opened = await claims_of(tx, caller, versions, office.safe, IN_FILINGS) if versions else {}
    named = {case.dossier.id: _named(caller, case) for case in cases}
    people = {subject for found in named.values() for subject, _ in found.values()}
    profiles = await profiles_of(tx, people, office.safe) if people else {}
    known = {}
    for dossier, fields in named.items():
        accounts = {key: _of_account(profiles.get(who), concept) for key, (who, concept) in fields.items()}
        attested = {
            key: Known(opened[holding.version][claim], _provenance(holding))
            for key, (holding, claim) in sources[dossier].items()
            if opened.get(holding.version, {}).get(claim) is not None
        }
        known[dossier] = {key: one for key, one in accounts.items() if one is not None} | attested
    return known


def _wanted(case: Case) -> list[FormField]:
    fields = case.procedure.form.fields if case.procedure.form is not None else ()
    return [one for one in fields if one.prefill != "declare" and one.concept is not None]


def _named(caller: Caller, case: Case) -> dict[str, tuple[UUID, str]]:
    """Fields the account of one of the caller's own subjects could fill, with whose it is and what they ask for."""
    found = {}
    for one in _wanted(case):
        subject = case.subjects_of(one.subject_role)[0]
        if one.concept in _PROFILE and subject in caller.subjects and _names_person(case, one):
            found[one.key] = (subject, one.concept)
    return found


def _of_account(profile: Profile | None, concept: str) -> Known | None:
    if profile is None or (profile.kind == ORGANISATION) is not concept.startswith("organisation."):
        return None
    value = getattr(profile, _PROFILE[concept])
    if value is None:
        return None
    return Known(value.isoformat() if isinstance(value, date) else value, "account")


def _names_person(case: Case, field: FormField) -> bool:
    # The fallback of an unfilled role to the applicant must not put the applicant's name into, say, the seller's.
    return field.subject_role in case.parties


def _sources(caller: Caller, case: Case) -> dict[str, tuple[Holding, str]]:
    """By field, the paper or register answer of the caller's own subjects that attests it, the plan's evidence
    first. What an officer found unfit here fills in nothing."""
    used = {row.version_id for row in case.evidence if row.version_id is not None}
    unfit = {version for row in case.requirements.values() for version in row.excluded}
    own = [
        one
        for one in case.holdings.values()
        if one.subject in caller.subjects
        and one.status is Status.VALID
        and one.version not in unfit
        and _same_object(case, one)
    ]
    own.sort(key=lambda one: (one.version not in used, one.level, -one.deposited_at.timestamp()))
    found = {field.key: _source(case, field, own) for field in _wanted(case)}
    return {key: source for key, source in found.items() if source is not None}


def _source(case: Case, field: FormField, own: Iterable[Holding]) -> tuple[Holding, str] | None:
    subjects = case.subjects_of(field.subject_role)
    for holding in own:
        names = sorted(
            name for name in holding.claims - holding.disputed if name.split("@")[0] == field.concept
        )
        # The role the form names, if the paper names it; else the paper's only bearer of the fact.
        exact = [name for name in names if name.split("@")[1] == field.subject_role]
        if exact:
            return holding, exact[0]
        if len(names) == 1 and holding.subject in subjects and _is_theirs(case, field, names[0]):
            return holding, names[0]
    return None


def _is_theirs(case: Case, field: FormField, name: str) -> bool:
    """Whether the paper's one bearer of the fact is whoever plays the field's role."""
    if field.subject_role not in _OTHER_PERSON:
        return True
    return _names_person(case, field) and name.endswith("@holder")


_OTHER_PERSON = frozenset({"father", "mother", "spouse", "seller", "heir", "co_owner", "child"})
"""Roles of somebody else: their facts come from a claim that names the role, or from their own papers when the
filing names them."""


def _same_object(case: Case, holding: Holding) -> bool:
    if holding.bound_to is not None:
        # Fetched or handed in for this very filing, it is about what the filing is about: a register names the
        # object by its own claims, long after the filing named anew what nothing held was about.
        return holding.bound_to == case.dossier.id
    kind = case.law.document_types[holding.type].object_kind.value
    return holding.object_key is None or case.dossier.objects.get(kind, "") in ("", str(holding.object_key))


def _provenance(holding: Holding) -> str:
    if holding.origin is Origin.REGISTER:
        return f"register:{holding.type}"
    return f"document:{holding.document}"
