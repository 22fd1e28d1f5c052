"""`motlan verify`: everything a verifier may have at hand, judged offline from a folder, without a database."""

import argparse
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.process import proving
from tests.proofs import CLAIMS, FILE, LIST, MEETING, NAME, NOW, Issuer
from vault.proofs.printing import square_of

ISS = Issuer()
Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """A folder as `motlan trust fetch` leaves it."""
    folder = tmp_path / "trust"
    (folder / "lists").mkdir(parents=True)
    (folder / "anchor.json").write_text(json.dumps({"keys": [dict(ISS.anchor.public.jwk)]}))
    (folder / "trust.jwt").write_text(ISS.trust_token())
    listed(folder, ISS.list_jwt())
    return folder


def listed(folder: Path, token: str, day: str = "") -> None:
    (folder / "lists" / f"{sha256(LIST.encode()).hexdigest()[:32]}{day}.jwt").write_text(token)


@pytest.fixture
def run(trust: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def verified(*arguments: str, now: datetime = NOW) -> tuple[int, dict[str, Any]]:
        parser = argparse.ArgumentParser()
        common = argparse.ArgumentParser(add_help=False)
        proving.add_proof_commands(parser.add_subparsers(), common, lambda: now)
        given = parser.parse_args(["verify", "--trust", str(trust), *arguments])
        code = given.run(given, None)
        said = capsys.readouterr().out
        return code, json.loads(said) if said else {}

    return verified


def test_a_squares_text_and_its_picture_are_judged_alike(run: Run, tmp_path: Path) -> None:
    text = ISS.attestation()
    square = square_of(text)
    assert square is not None
    (tmp_path / "scan.png").write_bytes(square.png)
    code, said = run(text)
    assert (code, said["valid"], said["claims"], said["reasons"]) == (0, True, CLAIMS, [])
    assert run(str(tmp_path / "scan.png")) == (code, said)


def test_a_file_is_judged_by_the_attestation_beside_it(run: Run, tmp_path: Path) -> None:
    paper = tmp_path / "permit.pdf"
    paper.write_bytes(FILE)
    (tmp_path / "permit.pdf.vna").write_text(ISS.attestation() + "\n")
    assert run(str(paper))[0] == 0
    assert run(str(tmp_path / "permit.pdf.vna"))[0] == 0
    paper.write_bytes(FILE + b" ")
    code, said = run(str(paper))
    assert (code, said["signature"], said["reasons"]) == (1, "INVALID", ["file_altered"])
    elsewhere = tmp_path / "elsewhere.vna"
    elsewhere.write_text(ISS.attestation(agency="H00"))
    paper.write_bytes(FILE)
    assert run(str(paper), "--attestation", str(elsewhere))[1]["reasons"] == ["agency_unknown"]


def test_a_credential_is_judged_for_its_meeting(run: Run) -> None:
    shown = ISS.credential().present(NAME)
    asked = ("--audience", MEETING.audience, "--nonce", MEETING.nonce)
    assert run(shown, *asked) == (0, run(shown, *asked)[1])
    assert run(shown, "--audience", MEETING.audience, "--nonce", "other")[1]["reasons"] == [
        "key_binding_nonce"
    ]


def test_a_revoked_proof_was_good_on_a_day_of_the_past(run: Run, trust: Path) -> None:
    listed(trust, ISS.list_jwt({4711: 1}))
    listed(trust, ISS.list_jwt(at=NOW - timedelta(hours=12)), "@then")
    text, then = ISS.attestation(), (NOW - timedelta(hours=12)).isoformat()
    assert run(text)[1]["status"] == "INVALID"
    assert run(text, "--on", then)[0] == 0


def test_an_old_folder_says_unknown_and_never_valid(run: Run, trust: Path) -> None:
    code, said = run(ISS.attestation(), now=NOW + timedelta(days=1))
    assert (code, said["status"], said["reasons"]) == (1, "UNKNOWN", ["list_stale"])
    code, said = run(ISS.attestation(), now=NOW + timedelta(days=7))
    assert (code, said["issuerAuthority"]) == (1, "UNKNOWN")
    (trust / "trust.jwt").write_text(Issuer().trust_token())
    assert run(ISS.attestation())[1]["reasons"] == ["trust_missing"]
    (trust / "trust.jwt").unlink()
    assert run(ISS.attestation())[1]["reasons"] == ["trust_missing"]


def test_where_there_is_no_proof_nothing_is_judged(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(FILE)
    assert run(str(tmp_path / "x.pdf")) == (2, {})
    assert run(str(tmp_path / "nothing")) == (2, {})
