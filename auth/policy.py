"""The only place that says yes or no. Pure: use cases fill the facts from rows they already hold.

Default deny. An action absent from the table below is refused to everyone, and so is a caller or a fact the
action's rule does not name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from auth.actions import DELEGABLE, DESK, GRANTED, SCOPES, TRACKING, UNSCOPED, Action
from auth.assurance import DELEGATION, SIGNED_IN, VAULT, meets
from auth.caller import Caller, CallerKind, Role, Scope
from auth.errors import AccessDenied, NotFound, StepUpRequired, Unauthenticated
from auth.facts import (
    ConsentFacts,
    DocumentFacts,
    DossierFacts,
    Facts,
    MandateFacts,
    ShareFacts,
    SubjectFacts,
    UploadFacts,
)

__all__ = [
    "Action",
    "ConsentFacts",
    "DocumentFacts",
    "DossierFacts",
    "Facts",
    "MandateFacts",
    "Reach",
    "ShareFacts",
    "SubjectFacts",
    "UploadFacts",
    "reach",
    "require",
]


@dataclass(frozen=True, slots=True)
class Reach:
    """What lists may contain: rows of these subjects, and submitted dossiers of these agencies.

    Both empty means an empty list. Drafts are never within an agency's reach.
    """

    subjects: frozenset[UUID] = frozenset()
    agencies: frozenset[UUID] = frozenset()


def require(caller: Caller, action: Action, facts: Facts = None) -> None:
    """Return if the caller may do this to the thing the facts describe.

    Raises Unauthenticated when nobody is signed in, NotFound when the thing is out of the caller's reach,
    AccessDenied when it is in reach and still refused, StepUpRequired when only the sign-in was too weak for it.
    """
    rule = RULES.get(action)
    if rule is None:
        raise AccessDenied("no_rule")
    if rule is _everyone:
        return
    if caller.kind is CallerKind.ANONYMOUS:
        if rule is _by_address and isinstance(facts, UploadFacts):
            return
        raise Unauthenticated
    # Reach before right: answering "not you" about a thing the caller may not know of reveals that it exists.
    if not _in_sight(caller, action, facts):
        raise NotFound
    rule(caller, facts)
    _require_declared(caller, action)
    _require_delegated(caller, action)
    _require_assurance(caller, _least(action))


def reach(caller: Caller, least: str = VAULT, within: frozenset[Scope] = frozenset()) -> Reach:
    """Raises Unauthenticated, and StepUpRequired below `least`: what is listed here is the vault's unless said.

    In another's place a list holds their things alone, and only where their mandate has a word of `within`.
    """
    if caller.kind is CallerKind.ANONYMOUS:
        raise Unauthenticated
    _require_assurance(caller, least)
    if caller.kind is CallerKind.CITIZEN:
        if caller.delegation is not None:
            named = not caller.delegation.scope.isdisjoint(within)
            return Reach(subjects=frozenset({caller.delegation.grantor}) if named else frozenset())
        return Reach(subjects=caller.subjects)
    if caller.kind is CallerKind.OFFICER and caller.agency is not None and _works_the_desk(caller):
        return Reach(agencies=frozenset({caller.agency}))
    return Reach()


def _works_the_desk(caller: Caller) -> bool:
    return caller.grant is None and (caller.scope is None or DESK in caller.scope)


IN_FILINGS: frozenset[Scope] = frozenset({Scope.FILE})
OF_PAPERS: frozenset[Scope] = frozenset({Scope.READ})
OF_USABLE_PAPERS: frozenset[Scope] = frozenset({Scope.READ, Scope.FILE})
OF_CONSENTS: frozenset[Scope] = frozenset({Scope.CONSENT})
"""What of somebody else's a list shows whoever asks in their place."""

Rule = Callable[[Caller, Facts], None]


def _require_declared(caller: Caller, action: Action) -> None:
    """A system does what its registration declared, and with a grant token only what was granted."""
    if caller.grant is not None and action is not GRANTED[caller.grant.kind]:
        raise AccessDenied("grant")
    if caller.scope is None or action in UNSCOPED:
        return
    needed = SCOPES.get(action, DESK)
    if not any(word == needed or word.startswith(f"{needed}:") for word in caller.scope):
        raise AccessDenied("scope")


def _require_delegated(caller: Caller, action: Action) -> None:
    """In another's place only what their mandate says; what no word of it covers stays theirs alone."""
    if caller.delegation is None:
        return
    if not any(action in DELEGABLE[word] for word in caller.delegation.scope):
        raise AccessDenied("mandate")


def _least(action: Action) -> str:
    if action is Action.GRANT_MANDATE:
        return DELEGATION
    return SIGNED_IN if action in TRACKING else VAULT


def _require_assurance(caller: Caller, least: str) -> None:
    # Empty: the platform itself acts in somebody's name, after they asked. A session always has one.
    if caller.kind is CallerKind.CITIZEN and caller.acr and not meets(caller.acr, least):
        raise StepUpRequired(least)


def _in_sight(caller: Caller, action: Action, facts: Facts) -> bool:
    if caller.kind is CallerKind.CITIZEN:
        return _citizen_sees(caller, facts)
    if caller.kind is CallerKind.OFFICER:
        return _officer_sees(caller, action, facts)
    return False


def _citizen_sees(caller: Caller, facts: Facts) -> bool:
    match facts:
        case DossierFacts(applicant=applicant):
            # Other parties approve their own disclosures through their consents; the dossier is not theirs. Nor
            # does it stay in sight of whoever filed it in another's place and may act there no more.
            return applicant in caller.subjects
        case UploadFacts(created_by=creator):
            return creator == caller.id
        case MandateFacts(actor=actor, subject=subject):
            return not caller.subjects.isdisjoint({actor, subject})
        case SubjectFacts(subject=UUID() as subject) | DocumentFacts(subject=subject):
            return subject in caller.subjects
        case ConsentFacts(subject=subject) | ShareFacts(subject=subject):
            return subject in caller.subjects
        case SubjectFacts() | None:
            return True


def _officer_sees(caller: Caller, action: Action, facts: Facts) -> bool:
    agency = caller.agency
    if agency is None:
        return False
    match facts:
        case DossierFacts(agency=owner, submitted=submitted):
            return submitted and owner == agency
        case DocumentFacts(issuer_agency=issuer):
            return issuer == agency
        case ConsentFacts(recipient=recipient):
            return recipient == agency
        case ShareFacts(audience=audience):
            return action is Action.VERIFY_DOCUMENT and audience in (None, agency)
        case UploadFacts(created_by=creator):
            return creator == caller.id
        case MandateFacts():
            return False
        case SubjectFacts(subject=subject):
            # A person is known to an officer only by standing at the counter.
            return subject is None or action in (Action.CREATE_UPLOAD, Action.DIGITISE_DOCUMENT)
        case None:
            return True


def _everyone(caller: Caller, facts: Facts) -> None:
    """Published law needs no caller."""


def _citizen(*kinds: type[object]) -> Rule:
    """A citizen, for their own subjects: sight and right are the same. `kinds`: facts the action is about."""

    def rule(caller: Caller, facts: Facts) -> None:
        if caller.kind is not CallerKind.CITIZEN:
            raise AccessDenied("not_a_citizen")
        if type(facts) not in kinds or facts == SubjectFacts(None):
            raise AccessDenied("facts")

    return rule


def _officer(*kinds: type[object], roles: frozenset[Role] = frozenset(Role)) -> Rule:
    """An officer holding one of the roles, and never in a matter of their own."""

    def rule(caller: Caller, facts: Facts) -> None:
        if caller.kind is not CallerKind.OFFICER:
            raise AccessDenied("not_an_officer")
        if type(facts) not in kinds:
            raise AccessDenied("facts")
        if caller.roles.isdisjoint(roles):
            raise AccessDenied("role")
        if _concerns(caller, facts):
            raise AccessDenied("own_matter")

    return rule


def _clerk(*kinds: type[object]) -> Rule:
    """An officer of flesh and blood at the counter: a system sees nobody sign."""
    officer = _officer(*kinds, roles=_RECEIVE)

    def rule(caller: Caller, facts: Facts) -> None:
        officer(caller, facts)
        if caller.scope is not None:
            raise AccessDenied("not_a_person")

    return rule


def _system(*kinds: type[object]) -> Rule:
    """An agency's system: a person at a desk works on dossiers, where the law says what is read."""
    officer = _officer(*kinds, roles=_DESK)

    def rule(caller: Caller, facts: Facts) -> None:
        officer(caller, facts)
        if caller.scope is None:
            raise AccessDenied("not_a_system")

    return rule


def _person() -> Rule:
    """A citizen or an officer of flesh and blood, for themself: a system has no key in its hand."""

    def rule(caller: Caller, facts: Facts) -> None:
        if facts is not None:
            raise AccessDenied("facts")
        if caller.scope is not None:
            raise AccessDenied("not_a_person")

    return rule


def _seen_by_both(*kinds: type[object]) -> Rule:
    """Whoever has the thing in sight, by a fact of its own kind, may read it."""

    def rule(caller: Caller, facts: Facts) -> None:
        if type(facts) not in kinds:
            raise AccessDenied("facts")

    return rule


def _either(citizen: Rule, officer: Rule) -> Rule:
    def rule(caller: Caller, facts: Facts) -> None:
        (officer if caller.kind is CallerKind.OFFICER else citizen)(caller, facts)

    return rule


def _concerns(caller: Caller, facts: Facts) -> bool:
    # The decider is never the submitter (standards.md §6); an officer is a citizen too, known by `person`.
    self_ids = {caller.id, caller.person} - {None}
    match facts:
        case DossierFacts(applicant=applicant, filer=filer, parties=parties):
            return not self_ids.isdisjoint({applicant, filer, *parties})
        case SubjectFacts(subject=subject) | DocumentFacts(subject=subject) | ConsentFacts(subject=subject):
            return subject in self_ids
        case _:
            return False


_by_address = _seen_by_both(UploadFacts)
"""Whoever holds the address, signed in or not; who is signed in must be the one it was given to."""

_NOBODY_IN_PARTICULAR = type(None)
_RECEIVE = frozenset({Role.RECEIVE})
_APPRAISE = frozenset({Role.APPRAISE})
_APPROVE = frozenset({Role.APPROVE})
_DESK = _RECEIVE | _APPRAISE | _APPROVE
"""Roles that work on filings. Auditors and administrators read no content."""

RULES: Mapping[Action, Rule] = {
    Action.READ_PROCEDURES: _everyone,
    Action.PLAN_FILING: _citizen(SubjectFacts),
    Action.READ_DOCUMENT: _seen_by_both(DocumentFacts),
    Action.READ_CLAIMS: _citizen(DocumentFacts),
    Action.OPEN_DOCUMENT: _citizen(DocumentFacts),
    Action.READ_PROFILE: _citizen(SubjectFacts),
    Action.READ_DOSSIER: _seen_by_both(DossierFacts),
    Action.READ_WORDS: _either(_citizen(_NOBODY_IN_PARTICULAR), _officer(_NOBODY_IN_PARTICULAR, roles=_DESK)),
    Action.READ_CONSENT: _seen_by_both(ConsentFacts),
    Action.READ_SHARE: _citizen(ShareFacts),
    Action.READ_ACCESS_REQUESTS: _citizen(SubjectFacts, ConsentFacts),
    Action.READ_DATA_USAGE: _citizen(SubjectFacts),
    Action.READ_NOTICES: _citizen(SubjectFacts),
    Action.MARK_NOTICES: _citizen(SubjectFacts),
    Action.READ_MANDATE: _citizen(MandateFacts),
    Action.READ_SESSIONS: _seen_by_both(_NOBODY_IN_PARTICULAR),
    Action.END_SESSION: _seen_by_both(_NOBODY_IN_PARTICULAR),
    Action.READ_PASSKEYS: _seen_by_both(_NOBODY_IN_PARTICULAR),
    Action.ADD_PASSKEY: _person(),
    Action.REMOVE_PASSKEY: _person(),
    Action.READ_DESK: _officer(_NOBODY_IN_PARTICULAR),
    Action.CREATE_UPLOAD: _either(_citizen(SubjectFacts), _officer(SubjectFacts, roles=_RECEIVE | _APPROVE)),
    Action.SEND_UPLOAD: _by_address,
    Action.USE_UPLOAD: _either(_citizen(UploadFacts), _officer(UploadFacts, roles=_RECEIVE | _APPROVE)),
    Action.ADD_DOCUMENT: _citizen(SubjectFacts),
    Action.CORRECT_CLAIM: _citizen(DocumentFacts),
    Action.REMOVE_DOCUMENT: _citizen(DocumentFacts),
    Action.OPEN_DOSSIER: _citizen(SubjectFacts),
    Action.ANSWER_SITUATIONS: _citizen(DossierFacts),
    Action.UPDATE_DOSSIER_FORM: _citizen(DossierFacts),
    Action.DECLINE_REUSE: _citizen(DossierFacts),
    Action.SUBMIT_DOSSIER: _citizen(DossierFacts),
    Action.WITHDRAW_DOSSIER: _citizen(DossierFacts),
    Action.OBJECT_TO_ASK: _citizen(DossierFacts),
    Action.ANSWER_SUPPLEMENT: _citizen(DossierFacts),
    Action.GIVE_CONSENT: _citizen(ConsentFacts),
    Action.WITHDRAW_CONSENT: _citizen(ConsentFacts),
    Action.CREATE_SHARE: _citizen(DocumentFacts),
    Action.REVOKE_SHARE: _citizen(ShareFacts),
    Action.ATTEST_DOCUMENT: _citizen(DocumentFacts),
    Action.ISSUE_CREDENTIAL: _citizen(DocumentFacts),
    Action.WITHDRAW_PROOF: _citizen(SubjectFacts),
    Action.REGISTER_NEWBORN: _citizen(_NOBODY_IN_PARTICULAR),
    Action.RECOGNISE_GUARDIAN: _citizen(_NOBODY_IN_PARTICULAR),
    Action.RECOGNISE_REPRESENTATIVE: _citizen(_NOBODY_IN_PARTICULAR),
    Action.GRANT_MANDATE: _citizen(_NOBODY_IN_PARTICULAR),
    Action.ACCEPT_MANDATE: _citizen(MandateFacts),
    Action.DECLINE_MANDATE: _citizen(MandateFacts),
    Action.REVOKE_MANDATE: _citizen(MandateFacts),
    Action.REGISTER_DEVICE: _citizen(SubjectFacts),
    Action.FORGET_DEVICE: _citizen(SubjectFacts),
    Action.SET_PREFERENCES: _citizen(SubjectFacts),
    Action.EXPORT_MY_DATA: _citizen(SubjectFacts),
    Action.VERIFY_DOCUMENT: _officer(_NOBODY_IN_PARTICULAR, ShareFacts, roles=_DESK),
    Action.REQUEST_ACCESS: _system(_NOBODY_IN_PARTICULAR),
    Action.READ_GRANTED: _system(_NOBODY_IN_PARTICULAR, ConsentFacts),
    Action.READ_ERASURES: _officer(_NOBODY_IN_PARTICULAR, roles=_DESK),
    Action.ACKNOWLEDGE_ERASURE: _officer(ConsentFacts, roles=_DESK),
    Action.RECEIVE_DOSSIER: _officer(DossierFacts, roles=_RECEIVE),
    Action.REFUSE_DOSSIER: _officer(DossierFacts, roles=_RECEIVE),
    Action.ASSIGN_DOSSIER: _officer(DossierFacts, roles=_RECEIVE),
    Action.REQUEST_SUPPLEMENT: _officer(DossierFacts, roles=_RECEIVE | _APPRAISE),
    Action.OVERRIDE_ALREADY_HELD: _officer(DossierFacts, roles=_RECEIVE),
    Action.OPEN_EVIDENCE: _officer(DossierFacts, ConsentFacts, roles=_APPRAISE),
    Action.DIGITISE_DOCUMENT: _officer(SubjectFacts, DossierFacts, roles=_RECEIVE),
    Action.PREPARE_ASSISTED: _clerk(_NOBODY_IN_PARTICULAR, ConsentFacts),
    Action.CONFIRM_ASSISTED: _clerk(_NOBODY_IN_PARTICULAR, ConsentFacts),
    Action.MARK_ORIGINAL_SEEN: _officer(DossierFacts, roles=_RECEIVE),
    Action.APPROVE_DOSSIER: _officer(DossierFacts, DocumentFacts, roles=_APPROVE),
    Action.RETURN_RESULT: _officer(DossierFacts, roles=_APPROVE),
    Action.REVOKE_RESULT: _officer(DocumentFacts, roles=_APPROVE),
}
