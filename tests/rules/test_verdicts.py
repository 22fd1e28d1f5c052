"""What a finding comes to in one word, and that nobody is left without words for anything found."""

from itertools import combinations

import pytest

from resolvers.proofs.wording import REASONS, VERDICTS, reason_words, verdict_words
from tests.proofs import HERE, Issuer
from vault.errors import ProofFault as F
from vault.proofs import verdicts
from vault.proofs.judging import Finding, Shown, judge
from vault.proofs.verdicts import Verdict, verdict_of

ISS = Issuer()


def test_every_fault_falls_under_one_verdict_and_none_under_good() -> None:
    assert verdicts.VERDICTS.keys() == set(F)
    assert set(verdicts.VERDICTS.values()) == set(Verdict) - {Verdict.GOOD}


def test_of_several_faults_the_gravest_is_told_whatever_their_order() -> None:
    grave = list(Verdict)
    for one, other in combinations(F, 2):
        found = {verdict_of(Finding(faults=pair)) for pair in ((one, other), (other, one))}
        assert found == {min(verdicts.VERDICTS[one], verdicts.VERDICTS[other], key=grave.index)}


def test_good_is_told_of_what_is_valid_and_of_nothing_else() -> None:
    good = judge(Shown(ISS.attestation()), ISS.shelf(), HERE)
    assert (good.valid, verdict_of(good)) == (True, Verdict.GOOD)
    # Nothing wrong was found, and nothing was found to be right either.
    assert verdict_of(Finding()) is Verdict.UNKNOWN
    for axis in ("signature", "status", "freshness"):
        assert verdict_of(good.but(**{axis: "UNKNOWN"})) is Verdict.UNKNOWN
    assert {verdict_of(good.but(one)) for one in F} == set(Verdict) - {Verdict.GOOD}


@pytest.mark.parametrize("language", ["vi", "en"])
def test_there_are_words_for_everything_that_can_be_found(language: str) -> None:
    assert VERDICTS.keys() == set(Verdict)
    assert REASONS.keys() == set(F)
    told = [verdict_words(one, language) for one in Verdict]
    assert len(set(told)) == len(told)
    for words in (*told, *(reason_words(one, language) for one in F)):
        assert words.endswith(".")
    # Two words that look alike would send people away, or let them in, for the wrong reason.
    assert verdict_words(Verdict.GOOD, "vi") != verdict_words(Verdict.GOOD, "en")


def test_a_credential_beside_a_file_does_not_vouch_for_the_file() -> None:
    text = ISS.credential().unbound()
    assert judge(Shown(text), ISS.shelf(), HERE).valid
    found = judge(Shown(text, bytes(32)), ISS.shelf(), HERE)
    assert (found.valid, found.signature, found.faults) == (False, "INVALID", (F.NO_FILE_ATTESTED,))
