"""What a demo's reader sees of the journal, and what is only kept."""

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.journal import keep_journal, start_journal


@pytest.fixture
def journal() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers = []
    yield root
    for one in root.handlers:
        one.close()
    root.handlers, root.level = before, level


def test_what_merely_happened_is_kept_and_not_shown(
    journal: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "data" / "journal.log"
    start_journal(logging.WARNING)
    keep_journal(kept)
    logging.getLogger("motlan").info("notice sent")
    logging.getLogger("motlan").error("fault")
    print("for the person", file=sys.stderr)
    shown = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["event"] for line in shown[:-1]] == ["fault"]
    assert shown[-1] == "for the person"
    lines = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [("info", "notice sent"), ("error", "fault")]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_server_shows_everything(journal: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    start_journal()
    logging.getLogger("motlan").info("notice sent")
    assert json.loads(capsys.readouterr().err)["level"] == "info"
