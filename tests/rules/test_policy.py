"""The whole table of who may do what, written by hand from the law and the design, never from the policy.

Y allowed, D visible and refused, N not found, U sign in first.
"""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from auth.caller import ANONYMOUS, LOOP, Caller, CallerKind, Delegation, Role, Scope
from auth.errors import AccessDenied, NotFound, StepUpRequired, Unauthenticated
from auth.policy import (
    RULES,
    Action,
    ConsentFacts,
    DocumentFacts,
    DossierFacts,
    Facts,
    MandateFacts,
    Reach,
    ShareFacts,
    SubjectFacts,
    UploadFacts,
    reach,
    require,
)

OWNER, PARENT, STRANGER, PARTY = (UUID(int=n) for n in range(1, 5))
AGENCY, OTHER_AGENCY = UUID(int=11), UUID(int=12)
CLERK, APPRAISER, APPROVER, AUDITOR, ADMIN, ROLELESS, FOREIGN, INVOLVED = (UUID(int=n) for n in range(21, 29))


def officer(id_: UUID, *roles: Role, agency: UUID | None = AGENCY, person: UUID | None = None) -> Caller:
    return Caller(CallerKind.OFFICER, id_, agency, frozenset(roles), person=person)


CALLERS = {
    "anonymous": ANONYMOUS,
    "owner": Caller(CallerKind.CITIZEN, OWNER),
    "parent": Caller(CallerKind.CITIZEN, PARENT, represented={OWNER: "parent"}),
    "stranger": Caller(CallerKind.CITIZEN, STRANGER),
    "party": Caller(CallerKind.CITIZEN, PARTY),
    "receiver": officer(CLERK, Role.RECEIVE),
    "appraiser": officer(APPRAISER, Role.APPRAISE),
    "approver": officer(APPROVER, Role.APPROVE),
    "auditor": officer(AUDITOR, Role.AUDIT),
    "administrator": officer(ADMIN, Role.ADMINISTER),
    "roleless": officer(ROLELESS),
    "foreign": officer(FOREIGN, *Role, agency=OTHER_AGENCY),
    "involved": officer(INVOLVED, *Role, person=OWNER),
    "loop": LOOP,
}
LETTERS = {"Y": None, "D": AccessDenied, "N": NotFound, "U": Unauthenticated}

NOTHING = None
SUBJECT = SubjectFacts(OWNER)
NOBODY = SubjectFacts(None)
DOCUMENT = DocumentFacts(OWNER, AGENCY)
DRAFT = DossierFacts(OWNER, OWNER, AGENCY, submitted=False, parties=frozenset({OWNER, PARTY}))
FILED = DossierFacts(OWNER, OWNER, AGENCY, submitted=True, parties=frozenset({OWNER, PARTY}))
CONSENT = ConsentFacts(OWNER, AGENCY)
OPEN_SHARE = ShareFacts(OWNER)
AIMED_SHARE = ShareFacts(OWNER, OTHER_AGENCY)
CITIZENS_UPLOAD = UploadFacts(OWNER)
CLERKS_UPLOAD = UploadFacts(CLERK)
MANDATE = MandateFacts(PARENT, OWNER)

# One letter per caller, in this order: anonymous; owner parent stranger party; receiver appraiser approver
# auditor administrator roleless foreign involved; loop.
TABLE: list[tuple[Action, Facts, str]] = [
    (Action.READ_PROCEDURES, NOTHING, "Y YYYY YYYYYYYY Y"),
    # Systems have a table of their own, in test_systems.
    (Action.REQUEST_ACCESS, NOTHING, "U DDDD DDDDDDDD N"),
    (Action.READ_GRANTED, NOTHING, "U DDDD DDDDDDDD N"),
    (Action.READ_GRANTED, CONSENT, "U DDNN DDDDDDND N"),
    (Action.READ_ERASURES, NOTHING, "U DDDD YYYDDDYY N"),
    (Action.ACKNOWLEDGE_ERASURE, CONSENT, "U DDNN YYYDDDND N"),
    (Action.PREPARE_ASSISTED, CONSENT, "U DDNN YDDDDDND N"),
    (Action.PREPARE_ASSISTED, NOTHING, "U DDDD YDDDDDYY N"),
    (Action.CONFIRM_ASSISTED, CONSENT, "U DDNN YDDDDDND N"),
    (Action.CONFIRM_ASSISTED, NOTHING, "U DDDD YDDDDDYY N"),
    (Action.PLAN_FILING, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.READ_DOCUMENT, DOCUMENT, "U YYNN YYYYYYNY N"),
    (Action.READ_DOCUMENT, DocumentFacts(OWNER), "U YYNN NNNNNNNN N"),
    (Action.READ_CLAIMS, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.OPEN_DOCUMENT, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.OPEN_DOCUMENT, DocumentFacts(OWNER), "U YYNN NNNNNNNN N"),
    (Action.READ_PROFILE, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.READ_DOSSIER, DRAFT, "U YYNN NNNNNNNN N"),
    (Action.READ_DOSSIER, FILED, "U YYNN YYYYYYNY N"),
    (Action.READ_WORDS, NOTHING, "U YYYY YYYDDDYY N"),
    (Action.READ_CONSENT, CONSENT, "U YYNN YYYYYYNY N"),
    (Action.READ_SHARE, OPEN_SHARE, "U YYNN NNNNNNNN N"),
    (Action.READ_ACCESS_REQUESTS, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.READ_ACCESS_REQUESTS, CONSENT, "U YYNN DDDDDDND N"),
    (Action.READ_DATA_USAGE, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.READ_NOTICES, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.MARK_NOTICES, SUBJECT, "U YYNN NNNNNNNN N"),
    # Each their own alone; the use cases name nobody else.
    (Action.REGISTER_DEVICE, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.FORGET_DEVICE, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.SET_PREFERENCES, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.EXPORT_MY_DATA, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.EXPORT_MY_DATA, NOBODY, "U DDDD DDDDDDDD N"),
    (Action.READ_MANDATE, MANDATE, "U YYNN NNNNNNNN N"),
    (Action.READ_SESSIONS, NOTHING, "U YYYY YYYYYYYY N"),
    (Action.END_SESSION, NOTHING, "U YYYY YYYYYYYY N"),
    (Action.READ_PASSKEYS, NOTHING, "U YYYY YYYYYYYY N"),
    (Action.ADD_PASSKEY, NOTHING, "U YYYY YYYYYYYY N"),
    (Action.REMOVE_PASSKEY, NOTHING, "U YYYY YYYYYYYY N"),
    (Action.READ_DESK, NOTHING, "U DDDD YYYYYDYY N"),
    (Action.CREATE_UPLOAD, SUBJECT, "U YYNN YDYDDDYD N"),
    (Action.CREATE_UPLOAD, NOBODY, "U DDDD YDYDDDYY N"),
    (Action.SEND_UPLOAD, CITIZENS_UPLOAD, "Y YNNN NNNNNNNN N"),
    (Action.SEND_UPLOAD, CLERKS_UPLOAD, "Y NNNN YNNNNNNN N"),
    (Action.USE_UPLOAD, CITIZENS_UPLOAD, "U YNNN NNNNNNNN N"),
    (Action.USE_UPLOAD, CLERKS_UPLOAD, "U NNNN YNNNNNNN N"),
    (Action.ADD_DOCUMENT, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.CORRECT_CLAIM, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.REMOVE_DOCUMENT, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.OPEN_DOSSIER, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.ANSWER_SITUATIONS, DRAFT, "U YYNN NNNNNNNN N"),
    (Action.UPDATE_DOSSIER_FORM, DRAFT, "U YYNN NNNNNNNN N"),
    (Action.DECLINE_REUSE, DRAFT, "U YYNN NNNNNNNN N"),
    (Action.SUBMIT_DOSSIER, DRAFT, "U YYNN NNNNNNNN N"),
    (Action.SUBMIT_DOSSIER, FILED, "U YYNN DDDDDDND N"),
    (Action.WITHDRAW_DOSSIER, FILED, "U YYNN DDDDDDND N"),
    (Action.OBJECT_TO_ASK, FILED, "U YYNN DDDDDDND N"),
    (Action.ANSWER_SUPPLEMENT, FILED, "U YYNN DDDDDDND N"),
    (Action.GIVE_CONSENT, CONSENT, "U YYNN DDDDDDND N"),
    (Action.WITHDRAW_CONSENT, CONSENT, "U YYNN DDDDDDND N"),
    (Action.CREATE_SHARE, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.ATTEST_DOCUMENT, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.ISSUE_CREDENTIAL, DOCUMENT, "U YYNN DDDDDDND N"),
    (Action.WITHDRAW_PROOF, SUBJECT, "U YYNN NNNNNNNN N"),
    (Action.WITHDRAW_PROOF, NOBODY, "U DDDD DDDDDDDD N"),
    (Action.REVOKE_SHARE, OPEN_SHARE, "U YYNN NNNNNNNN N"),
    (Action.REGISTER_NEWBORN, NOTHING, "U YYYY DDDDDDDD N"),
    (Action.RECOGNISE_GUARDIAN, NOTHING, "U YYYY DDDDDDDD N"),
    (Action.RECOGNISE_REPRESENTATIVE, NOTHING, "U YYYY DDDDDDDD N"),
    (Action.REVOKE_MANDATE, MANDATE, "U YYNN NNNNNNNN N"),
    (Action.GRANT_MANDATE, NOTHING, "U YYYY DDDDDDDD N"),
    (Action.ACCEPT_MANDATE, MANDATE, "U YYNN NNNNNNNN N"),
    (Action.DECLINE_MANDATE, MANDATE, "U YYNN NNNNNNNN N"),
    (Action.VERIFY_DOCUMENT, NOTHING, "U DDDD YYYDDDYY N"),
    (Action.VERIFY_DOCUMENT, OPEN_SHARE, "U DDNN YYYDDDYY N"),
    (Action.VERIFY_DOCUMENT, AIMED_SHARE, "U DDNN NNNNNNYN N"),
    (Action.RECEIVE_DOSSIER, FILED, "U DDNN YDDDDDND N"),
    (Action.RECEIVE_DOSSIER, DRAFT, "U DDNN NNNNNNNN N"),
    (Action.REFUSE_DOSSIER, FILED, "U DDNN YDDDDDND N"),
    (Action.ASSIGN_DOSSIER, FILED, "U DDNN YDDDDDND N"),
    (Action.REQUEST_SUPPLEMENT, FILED, "U DDNN YYDDDDND N"),
    (Action.OVERRIDE_ALREADY_HELD, FILED, "U DDNN YDDDDDND N"),
    (Action.OPEN_EVIDENCE, FILED, "U DDNN DYDDDDND N"),
    (Action.OPEN_EVIDENCE, DRAFT, "U DDNN NNNNNNNN N"),
    (Action.OPEN_EVIDENCE, CONSENT, "U DDNN DYDDDDND N"),
    (Action.OPEN_EVIDENCE, CONSENT, "U DDNN DYDDDDND N"),
    (Action.DIGITISE_DOCUMENT, SUBJECT, "U DDNN YDDDDDYD N"),
    (Action.DIGITISE_DOCUMENT, FILED, "U DDNN YDDDDDND N"),
    (Action.MARK_ORIGINAL_SEEN, FILED, "U DDNN YDDDDDND N"),
    (Action.MARK_ORIGINAL_SEEN, DRAFT, "U DDNN NNNNNNNN N"),
    (Action.APPROVE_DOSSIER, FILED, "U DDNN DDYDDDND N"),
    (Action.APPROVE_DOSSIER, DRAFT, "U DDNN NNNNNNNN N"),
    (Action.APPROVE_DOSSIER, DOCUMENT, "U DDNN DDYDDDND N"),
    (Action.APPROVE_DOSSIER, DOCUMENT, "U DDNN DDYDDDND N"),
    (Action.RETURN_RESULT, FILED, "U DDNN DDYDDDND N"),
    (Action.REVOKE_RESULT, DOCUMENT, "U DDNN DDYDDDND N"),
    (Action.REVOKE_RESULT, DocumentFacts(OWNER), "U DDNN NNNNNNNN N"),
]

CELLS = [
    pytest.param(caller, action, facts, letter, id=f"{name}-{action.value}-{type(facts).__name__}-{row}")
    for row, (action, facts, letters) in enumerate(TABLE)
    for (name, caller), letter in zip(CALLERS.items(), letters.replace(" ", ""), strict=True)
]


@pytest.mark.parametrize(("caller", "action", "facts", "letter"), CELLS)
def test_every_cell_of_the_table_holds(caller: Caller, action: Action, facts: Facts, letter: str) -> None:
    refusal = LETTERS[letter]
    if refusal is None:
        require(caller, action, facts)
    else:
        with pytest.raises(refusal):
            require(caller, action, facts)


def test_no_action_is_left_without_a_written_expectation() -> None:
    assert {action for action, _, _ in TABLE} == set(Action) == set(RULES)


ALL_FACTS: list[Facts] = [
    NOTHING,
    SUBJECT,
    NOBODY,
    DOCUMENT,
    DRAFT,
    FILED,
    CONSENT,
    OPEN_SHARE,
    AIMED_SHARE,
    CITIZENS_UPLOAD,
    CLERKS_UPLOAD,
    MANDATE,
]


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.READ_PROCEDURES])
def test_facts_of_the_wrong_kind_never_open_an_action(action: Action) -> None:
    expected = {type(facts) for row, facts, _ in TABLE if row is action}
    for facts in ALL_FACTS:
        if type(facts) in expected:
            continue
        for caller in CALLERS.values():
            with pytest.raises((AccessDenied, NotFound, Unauthenticated)):
                require(caller, action, facts)


# What a sign-in by one factor may do (standards.md §6): see how things stand, and sign out.
BY_ONE_FACTOR = {
    Action.READ_PROCEDURES,
    Action.READ_DOSSIER,
    Action.READ_NOTICES,
    Action.MARK_NOTICES,
    Action.READ_PROFILE,
    Action.READ_SESSIONS,
    Action.READ_PASSKEYS,
    Action.END_SESSION,
    Action.SEND_UPLOAD,
}


def test_a_weak_sign_in_is_asked_to_step_up_for_everything_of_the_vault() -> None:
    weak, sure, surest = (
        Caller(CallerKind.CITIZEN, OWNER, acr=f"urn:vn:eid:tk2:xt{level}") for level in (1, 2, 3)
    )
    for action, facts, letters in TABLE:
        if letters.split()[1][0] != "Y":
            continue
        if action is Action.GRANT_MANDATE:
            # To let somebody else in takes a face or a finger (standards.md §6).
            require(surest, action, facts)
            for short in (weak, sure):
                with pytest.raises(StepUpRequired) as asked:
                    require(short, action, facts)
                assert asked.value.acr == "urn:vn:eid:tk2:xt3"
            continue
        require(sure, action, facts)
        if action in BY_ONE_FACTOR:
            require(weak, action, facts)
        else:
            with pytest.raises(StepUpRequired) as asked:
                require(weak, action, facts)
            assert asked.value.acr == "urn:vn:eid:tk2:xt2"


def test_a_weak_sign_in_learns_nothing_more_of_foreign_things() -> None:
    weak = Caller(CallerKind.CITIZEN, STRANGER, acr="urn:vn:eid:tk2:xt1")
    with pytest.raises(NotFound):
        require(weak, Action.OPEN_DOCUMENT, DOCUMENT)


@pytest.mark.parametrize("acr", ["urn:vn:eid:tk1:xt4", "urn:vn:eid:tk2:xt1", "nonsense"])
def test_one_axis_of_assurance_never_makes_up_for_the_other(acr: str) -> None:
    with pytest.raises(StepUpRequired):
        reach(Caller(CallerKind.CITIZEN, OWNER, acr=acr))


def test_a_stranger_cannot_tell_a_foreign_thing_from_one_that_does_not_exist() -> None:
    for action, facts, _ in TABLE:
        if facts is NOTHING or facts == NOBODY:
            continue
        with pytest.raises(NotFound) as refusal:
            require(CALLERS["stranger"], action, facts)
        assert refusal.value.args == ()


def test_an_approver_who_filed_for_somebody_else_cannot_decide_that_dossier() -> None:
    filed_by_approver = DossierFacts(OWNER, STRANGER, AGENCY, submitted=True)
    busy = officer(APPROVER, Role.APPROVE, person=STRANGER)
    with pytest.raises(AccessDenied) as refusal:
        require(busy, Action.APPROVE_DOSSIER, filed_by_approver)
    assert refusal.value.reason == "own_matter"
    require(officer(APPROVER, Role.APPROVE), Action.APPROVE_DOSSIER, filed_by_approver)


def test_an_officer_without_an_agency_reaches_nothing() -> None:
    adrift = officer(CLERK, *Role, agency=None)
    for action, facts, _ in TABLE:
        if action is Action.READ_PROCEDURES:
            continue
        with pytest.raises(NotFound):
            require(adrift, action, facts)
    assert reach(adrift) == Reach()


def test_a_mandate_that_ended_takes_the_childs_things_out_of_reach() -> None:
    former_parent = Caller(CallerKind.CITIZEN, PARENT)
    with pytest.raises(NotFound):
        require(former_parent, Action.READ_CLAIMS, DOCUMENT)


def test_lists_reach_exactly_ones_own_and_represented_subjects_or_ones_own_agency() -> None:
    assert reach(CALLERS["owner"]) == Reach(subjects=frozenset({OWNER}))
    assert reach(CALLERS["parent"]) == Reach(subjects=frozenset({OWNER, PARENT}))
    assert reach(CALLERS["receiver"]) == Reach(agencies=frozenset({AGENCY}))
    assert reach(LOOP) == Reach()
    with pytest.raises(Unauthenticated):
        reach(ANONYMOUS)


# Written by hand: what each word of a mandate lets an authorised person do, and nothing else.
BY_WORD = {
    Scope.FILE: """filingPlan openDossier dossier words profile answerSituations updateDossierForm declineReuse
        submitDossier withdrawDossier objectToAsk answerSupplement createUpload sendUpload useUpload addDocument""",
    Scope.READ: "document claims openDocument profile",
    Scope.CONSENT: "consent accessRequests giveConsent withdrawConsent profile",
}


def authorised(*words: Scope) -> Caller:
    mandate = Delegation(UUID(int=31), OWNER, frozenset(words), datetime(2026, 12, 1, tzinfo=UTC))
    return Caller(CallerKind.CITIZEN, STRANGER, represented={OWNER: "proxy"}, delegation=mandate)


@pytest.mark.parametrize("word", Scope)
def test_an_authorised_person_does_what_their_mandate_says_and_nothing_else(word: Scope) -> None:
    allowed = set(BY_WORD[word].split())
    for action, facts, letters in TABLE:
        if action is Action.READ_PROCEDURES or isinstance(facts, UploadFacts):
            continue
        if action in allowed and letters.split()[1][0] == "Y":
            require(authorised(word), action, facts)
        else:
            with pytest.raises((AccessDenied, NotFound)):
                require(authorised(word), action, facts)


def test_an_authorised_persons_lists_hold_the_grantors_things_alone_and_only_by_their_word() -> None:
    for word in Scope:
        for within in Scope:
            reached = reach(authorised(word), within=frozenset({within})).subjects
            assert reached == (frozenset({OWNER}) if word is within else frozenset())
        assert reach(authorised(word)) == Reach()


def test_whoever_filed_for_somebody_sees_the_filing_no_more_once_they_act_for_them_no_more() -> None:
    filed = DossierFacts(OWNER, STRANGER, AGENCY, submitted=True)
    require(authorised(Scope.FILE), Action.READ_DOSSIER, filed)
    with pytest.raises(NotFound):
        require(CALLERS["stranger"], Action.READ_DOSSIER, filed)


def test_whence_somebody_calls_stands_in_no_log() -> None:
    assert "203.0.113" not in repr(Caller(CallerKind.CITIZEN, UUID(int=1), address="203.0.113.7"))
