"""Lines in the tracker's words: what kind of use each is, and what is said of whom."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from store.log.tracker import Told, UsageKind, is_bulk, tracked, usage_kind

LAN, MINH = UUID(int=1), UUID(int=2)
AT = datetime(2026, 11, 23, 3, tzinfo=UTC)
READ = Told(
    at=AT,
    kind="vault.read",
    actor_kind="officer",
    actor=MINH,
    subject=LAN,
    agency=("H29.12.05", "UBND"),
    officer="CB-0417",
    outcome="SUCCESS",
    entry={
        "purpose": "p", "legal_basis": "CONSENT", "article": None, "reason": None,
        "claims": ["a@b", "c@d"], "documents": ["paper"],
    },
    consent="consent",
    dossier="dossier",
    query="query",
    log_index=7,
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "actor", "outcome", "expected"),
    [
        ("vault.read", "officer", "SUCCESS", UsageKind.DATA_RESPONSE),
        ("share.redeemed", "officer", "REFUSED", UsageKind.DATA_REQUEST),
        ("access.refused", "officer", "REFUSED", UsageKind.DATA_REQUEST),
        ("consent.requested", "officer", "SUCCESS", UsageKind.DATA_REQUEST),
        ("register.asked", "citizen", "FOUND", UsageKind.DATA_REQUEST),
        ("vault.deposit", "officer", "SUCCESS", UsageKind.DATA_PROCESSING),
        ("vault.read", "citizen", "SUCCESS", UsageKind.INTERNAL_PROCESSING),
        ("subject.shredded", "loop", "SUCCESS", UsageKind.INTERNAL_PROCESSING),
    ],
)
def test_each_line_is_one_kind_of_use(kind: str, actor: str, outcome: str, expected: UsageKind) -> None:
    assert usage_kind(kind, actor, outcome) is expected


def test_a_reading_says_who_for_what_on_which_ground_and_no_name() -> None:
    said = tracked(READ)
    assert said["initiatorOrg"] == {"type": "GOV", "code": "H29.12.05", "name": "UBND"}
    assert said["initiatorPerson"] == {"alternativeCode": "CB-0417"}
    assert said["entity"] == ["paper#a@b", "paper#c@d"]
    assert (said["action"], said["kind"], said["logIndex"]) == ("R", "DATA_RESPONSE", 7)
    assert (said["queryId"], said["queryGroupId"], said["consentReference"]) == (
        "query",
        "dossier",
        "consent",
    )


def test_whoever_is_no_officer_goes_by_what_they_are_to_the_person() -> None:
    own = replace(READ, actor_kind="citizen", agency=None, officer=None)
    assert tracked(replace(own, actor=LAN))["initiatorPerson"] == {"alternativeCode": "SELF"}
    assert tracked(own)["initiatorPerson"] == {"alternativeCode": "REPRESENTATIVE"}
    loop = tracked(replace(own, actor_kind="loop", actor=None))
    assert (loop["bulkProcessing"], loop["initiatorPerson"]) == (True, None)
    assert loop["initiatorOrg"]["code"] == "MOTLAN"
    assert is_bulk("loop")
    assert not is_bulk("officer")
