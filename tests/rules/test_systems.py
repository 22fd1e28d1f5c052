"""What an agency's system may do: what its officers may, within what it declared, or the one thing granted."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from auth.caller import Caller, CallerKind, Grant, GrantKind, Role
from auth.errors import AccessDenied, NotFound, TokenRefused
from auth.facts import ConsentFacts, DossierFacts, ShareFacts
from auth.policy import RULES, Action, Facts, reach, require
from auth.signing import SigningKey
from auth.systems.grants import DETAILS_TYPE, Terms, grant_of
from auth.systems.registry import Registration, read_registrations, rows_of
from vault.holding import Holding, Origin, Status
from vault.permission.limits import Limits
from vault.permission.requests import AccessView, item_for
from vault.permission.views import ConsentStatus

PERSON, AGENCY, OTHER = (UUID(int=n) for n in range(1, 4))
REQUEST = UUID(int=9)
DESK = frozenset({Role.RECEIVE, Role.APPRAISE, Role.APPROVE})
FILED = DossierFacts(PERSON, PERSON, AGENCY, submitted=True, parties=frozenset({PERSON}))
ELSEWHERE = DossierFacts(PERSON, PERSON, OTHER, submitted=True, parties=frozenset({PERSON}))
CONSENT = ConsentFacts(PERSON, AGENCY)


def system(*scope: str, grant: Grant | None = None) -> Caller:
    return Caller(CallerKind.OFFICER, UUID(int=21), AGENCY, DESK, scope=frozenset(scope), grant=grant)


CALLERS = {
    "desk": system("desk"),
    "verify": system("verify"),
    "access": system("access:giay-khai-sinh"),
    "all": system("desk", "verify", "access:giay-khai-sinh"),
    "reader": system("desk", "verify", "access:x", grant=Grant(GrantKind.ACCESS, REQUEST)),
    "verifier": system("desk", "verify", "access:x", grant=Grant(GrantKind.SHARE, REQUEST)),
}
# One letter per caller, in this order: desk verify access all; reader verifier.
TABLE: list[tuple[Action, Facts, str]] = [
    (Action.READ_PROCEDURES, None, "YYYY YY"),
    (Action.READ_DESK, None, "YDDY DD"),
    (Action.READ_DOSSIER, FILED, "YDDY DD"),
    (Action.READ_DOSSIER, ELSEWHERE, "NNNN NN"),
    (Action.RECEIVE_DOSSIER, FILED, "YDDY DD"),
    (Action.REQUEST_SUPPLEMENT, FILED, "YDDY DD"),
    (Action.OPEN_EVIDENCE, FILED, "YDDY DD"),
    (Action.APPROVE_DOSSIER, FILED, "YDDY DD"),
    (Action.RETURN_RESULT, FILED, "YDDY DD"),
    (Action.VERIFY_DOCUMENT, None, "DYDY DY"),
    (Action.VERIFY_DOCUMENT, ShareFacts(PERSON, AGENCY), "DYDY DY"),
    (Action.VERIFY_DOCUMENT, ShareFacts(PERSON, OTHER), "NNNN NN"),
    (Action.REQUEST_ACCESS, None, "DDYY DD"),
    (Action.READ_GRANTED, None, "DDYY YD"),
    (Action.READ_GRANTED, CONSENT, "DDYY YD"),
    (Action.READ_GRANTED, ConsentFacts(PERSON, OTHER), "NNNN NN"),
    (Action.READ_SESSIONS, None, "YYYY DD"),
    (Action.END_SESSION, None, "YYYY DD"),
    (Action.GIVE_CONSENT, CONSENT, "DDDD DD"),
    (Action.CREATE_SHARE, None, "DDDD DD"),
]


@pytest.mark.parametrize(
    ("caller", "action", "facts", "letter"),
    [
        pytest.param(caller, action, facts, letter, id=f"{name}-{action}-{place}")
        for place, (action, facts, letters) in enumerate(TABLE)
        for (name, caller), letter in zip(CALLERS.items(), letters.replace(" ", ""), strict=True)
    ],
)
def test_a_system_does_what_it_declared(caller: Caller, action: Action, facts: Facts, letter: str) -> None:
    if letter == "Y":
        require(caller, action, facts)
        return
    with pytest.raises({"D": AccessDenied, "N": NotFound}[letter]):
        require(caller, action, facts)


@pytest.mark.parametrize("action", RULES)
def test_a_grant_opens_its_one_action_and_published_law(action: Action) -> None:
    """Whatever the facts: nothing else is opened by a grant token."""
    facts: tuple[Facts, ...] = (None, FILED, CONSENT, ShareFacts(PERSON))
    for caller, own in (("reader", Action.READ_GRANTED), ("verifier", Action.VERIFY_DOCUMENT)):
        opened = 0
        for each in facts:
            try:
                require(CALLERS[caller], action, each)
                opened += 1
            except (AccessDenied, NotFound):
                continue
        assert bool(opened) == (action in (own, Action.READ_PROCEDURES)), (caller, action)


def test_only_a_system_that_works_the_desk_has_a_queue() -> None:
    reached = {name: bool(reach(caller).agencies) for name, caller in CALLERS.items()}
    assert reached == {
        "desk": True, "verify": False, "access": False, "all": True, "reader": False, "verifier": False,
    }  # fmt: skip


def jwks() -> Mapping[str, Any]:
    return {"keys": [dict(SigningKey.generate().public.jwk)]}


def registration(**changes: Any) -> Registration:
    given: dict[str, Any] = {
        "client_id": "so-tai-chinh.dkkd", "name": "Phần mềm", "agency": AGENCY, "roles": DESK,
        "scope": frozenset({"desk"}), "keys": jwks(),
    }  # fmt: skip
    return Registration(**{**given, **changes})


def test_a_registration_makes_the_same_two_rows_each_time() -> None:
    given = registration()
    (officer, system), (again, _) = rows_of(given), rows_of(given)
    assert officer.id == system.id == again.id
    assert (officer.scope, officer.active, officer.code) == (["desk"], True, "PM-so-tai-chinh.dkkd")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "a"}, {"client_id": "có dấu"}, {"client_id": "x" * 61}, {"name": ""}, {"name": "x\n"},
        {"scope": frozenset()}, {"scope": frozenset({"desk", "everything"})}, {"scope": frozenset({"access:"})},
        {"roles": frozenset()}, {"roles": frozenset({Role.AUDIT})}, {"keys": {"keys": []}}, {"keys": {}},
    ],
)  # fmt: skip
def test_an_unsafe_registration_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="system"):
        rows_of(registration(**changes))


def test_a_private_key_is_never_taken_for_a_public_one() -> None:
    published = dict(SigningKey.generate().public.jwk)
    with pytest.raises(ValueError, match="system"):
        rows_of(registration(keys={"keys": [{**published, "d": published["x"]}]}))


def test_a_file_of_registrations_is_read_whole_or_not_at_all() -> None:
    entry = {
        "clientId": "so-tai-chinh.dkkd", "name": "Phần mềm", "agency": "H26.99.11", "roles": ["tiep_nhan"],
        "scope": ["desk"], "keys": jwks(),
    }  # fmt: skip
    (read,) = read_registrations([entry], {"H26.99.11": AGENCY})
    assert (read.agency, read.roles) == (AGENCY, frozenset({Role.RECEIVE}))
    spoiled: object
    for spoiled in (
        {}, "x", [{}], [{**entry, "more": 1}], [{**entry, "agency": "H1"}], [{**entry, "roles": ["chief"]}],
        [{key: value for key, value in entry.items() if key != "keys"}],
    ):  # fmt: skip
        with pytest.raises(ValueError):
            read_registrations(spoiled, {"H26.99.11": AGENCY})


def details(**changes: Any) -> dict[str, Any]:
    terms = Terms(Grant(GrantKind.ACCESS, REQUEST), PERSON, ("a@b",), "urn:vn:tthc:1", 1, UUID(int=5))
    return {**terms.to_details("https://x.example/graphql"), **changes}


def test_a_token_names_what_its_terms_say() -> None:
    assert grant_of({"authorization_details": [details()]}) == Grant(GrantKind.ACCESS, REQUEST)
    assert details()["consent_id"] == str(UUID(int=5))


@pytest.mark.parametrize(
    "spoiled",
    [
        [details(), details()], [details(type="another")], [details(actions=["write"])], [details(actions=[])],
        [details(actions=["read_claims", "verify"])], [details(identifier="x")], [details(more=1)],
        [{"type": DETAILS_TYPE}],
    ],
)  # fmt: skip
def test_details_of_another_shape_name_nothing(spoiled: list[dict[str, Any]]) -> None:
    with pytest.raises(TokenRefused):
        grant_of({"authorization_details": spoiled})


NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
VIEW = AccessView(
    REQUEST,
    PERSON,
    AGENCY,
    "giay-khai-sinh",
    ("a@b",),
    "urn:vn:tthc:1",
    "",
    ConsentStatus.REQUESTED,
    NOW,
    NOW,
    Limits(max_uses=1),
)


def holding(number: int, **changes: Any) -> Holding:
    given: dict[str, Any] = {
        "document": UUID(int=100 + number), "version": UUID(int=200 + number), "number": 1,
        "type": "giay-khai-sinh", "subject": PERSON, "origin": Origin.ISSUED, "level": 1, "status": Status.VALID,
        "claims": frozenset({"a@b", "c@b"}), "disputed": frozenset(), "object_key": None, "bound_to": None,
        "deposited_in": None, "deposited_at": NOW, "issued_on": None, "valid_until": None, "seen": False,
    }  # fmt: skip
    return Holding(**{**given, **changes})


def test_the_best_attested_paper_that_states_it_all_is_shown_and_no_other() -> None:
    older = NOW.replace(year=2025)
    held = [
        holding(1, level=3), holding(2, deposited_at=older), holding(3), holding(4, status=Status.REVOKED),
        holding(5, claims=frozenset({"c@b"})), holding(6, subject=OTHER), holding(7, bound_to=REQUEST),
        holding(8, valid_until=date(2026, 11, 22)), holding(9, type="another"),
        holding(10, disputed=frozenset({"a@b"}), deposited_at=NOW.replace(year=2027)),
    ]  # fmt: skip
    item = item_for(VIEW, held)
    assert item is not None
    assert (item.version, item.claims, item.whole) == (UUID(int=203), ("a@b",), False)
    assert item_for(VIEW, held[3:]) is None
