"""The e-form of a filing: what is already known stands in it read-only, with where it came from.

Values known from the account, a held paper or a register never travel to the browser and back: the browser sends
only what the person declares, and anything sent for a known field is refused (prefill as an editable default
loses its authenticity). Declared values rest sealed in the vault.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from auth.caller import Caller
from dossiers.case import Case, Office
from dossiers.errors import FormIncomplete
from procedures.law import Form, FormField
from store.database import Tx
from vault.documents import claims_of
from vault.holding import Holding, Origin, Status
from vault.notes import Note, read_note, write_note
from vault.subjects import profile_of

DECLARED = "form"
FINAL = "form.final"

_PROFILE = {
    "person.full_name": "name",
    "person.personal_id_number": "number",
    "person.identity_document_number": "number",
    "person.date_of_birth": "born",
    "organisation.name": "name",
    "organisation.registration_number": "number",
}


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
    """Empty when the procedure has no form."""
    form = case.procedure.form
    if form is None:
        return FormState({}, {}, ())
    declared = await read_note(tx, case.dossier.id, DECLARED, office.safe) or {}
    known = await _known_values(tx, caller, case, form, office)
    return FormState(known, declared, missing_fields(form, known, declared))


async def write_form(
    tx: Tx, caller: Caller, case: Case, patch: Mapping[str, Any], office: Office, now: datetime
) -> None:
    """Merge the person's declarations; a None removes one. Raises FormIncomplete naming refused fields."""
    form = case.procedure.form
    if form is None or not patch:
        if patch:
            raise FormIncomplete((), tuple(sorted(patch)))
        return
    known = await _known_values(tx, caller, case, form, office)
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


async def _known_values(tx: Tx, caller: Caller, case: Case, form: Form, office: Office) -> dict[str, Known]:
    wanted = [one for one in form.fields if one.prefill != "declare" and one.concept is not None]
    values = await _held_values(tx, caller, case, wanted, office)
    known: dict[str, Known] = {}
    profiles: dict[UUID, Any] = {}
    for one in wanted:
        subject = case.subjects_of(one.subject_role)[0]
        if one.key in values:
            known[one.key] = values[one.key]
        elif one.concept in _PROFILE and subject in caller.subjects and _names_person(case, one):
            if subject not in profiles:
                profiles[subject] = await profile_of(tx, subject, office.safe)
            value = getattr(profiles[subject], _PROFILE[one.concept])
            if value is not None:
                known[one.key] = Known(value.isoformat() if isinstance(value, date) else value, "account")
    return known


def _names_person(case: Case, field: FormField) -> bool:
    # The fallback of an unfilled role to the applicant must not put the applicant's name into, say, the seller's.
    return field.subject_role in case.parties


async def _held_values(
    tx: Tx, caller: Caller, case: Case, wanted: Iterable[FormField], office: Office
) -> dict[str, Known]:
    """Values from the papers and register answers of the caller's own subjects, the plan's evidence first."""
    used = {row.version_id for row in case.evidence if row.version_id is not None}
    own = [
        one
        for one in case.holdings.values()
        if one.subject in caller.subjects and one.status is Status.VALID and _same_object(case, one)
    ]
    own.sort(key=lambda one: (one.version not in used, one.level, -one.deposited_at.timestamp()))
    sources: dict[str, tuple[Holding, str]] = {}
    for field in wanted:
        chosen = _source(case, field, own)
        if chosen is not None:
            sources[field.key] = chosen
    versions = sorted({holding.version for holding, _ in sources.values()})
    opened = await claims_of(tx, caller, versions, office.safe) if versions else {}
    return {
        key: Known(opened[holding.version][claim], _provenance(holding))
        for key, (holding, claim) in sources.items()
        if opened.get(holding.version, {}).get(claim) is not None
    }


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
        if len(names) == 1 and holding.subject in subjects and field.subject_role not in _OTHER_PERSON:
            return holding, names[0]
    return None


_OTHER_PERSON = frozenset({"father", "mother", "spouse", "seller", "buyer", "heir", "co_owner", "child"})
"""Roles of somebody else: their facts come only from a claim that names that role."""


def _same_object(case: Case, holding: Holding) -> bool:
    if holding.bound_to is not None and holding.bound_to != case.dossier.id:
        return False
    kind = case.law.document_types[holding.type].object_kind.value
    return holding.object_key is None or case.dossier.objects.get(kind, "") in ("", str(holding.object_key))


def _provenance(holding: Holding) -> str:
    if holding.origin is Origin.REGISTER:
        return f"register:{holding.type}"
    return f"document:{holding.document}"
