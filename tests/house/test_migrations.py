"""Migrations follow one another in one line: two with one number would leave a database with two heads."""

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, plant

CHAINS = {"store/migrations/versions": 4, "store/migrations/key_versions": 4}
"""Each folder with the digits its files begin with."""

_SAID = re.compile(r'^(revision|down_revision)(?:: [^=]+)? = (?:"([^"]*)"|None)$', re.MULTILINE)


def broken_links(root: Path, folder: str) -> list[str]:
    """Files that are not named by their revision, not numbered in a row, or do not follow the one before."""
    found, before = [], ""
    for number, path in enumerate(sorted((root / folder).glob("*.py")), 1):
        said = dict(_SAID.findall(path.read_text("utf-8")))
        if path.stem != said.get("revision") or not path.stem.startswith(f"{number:0{CHAINS[folder]}}_"):
            found.append(f"{path.name}: number or revision")
        if said.get("down_revision") != before:
            found.append(f"{path.name}: follows {said.get('down_revision') or 'none'}")
        before = path.stem
    return found


@pytest.mark.parametrize("folder", CHAINS)
def test_migrations_follow_one_another(folder: str) -> None:
    assert list((ROOT / folder).glob("*.py"))
    assert broken_links(ROOT, folder) == []


def test_two_heads_are_found(tmp_path: Path) -> None:
    folder = "store/migrations/versions"
    first = '"""A."""\n\nrevision = "0001_a"\ndown_revision = None\n'
    second = '"""B."""\n\nrevision = "0002_b"\ndown_revision = "0001_a"\n'
    third = second.replace("0002_b", "0002_c")
    planted = plant(
        tmp_path,
        {
            f"{folder}/{name}.py": text
            for name, text in {"0001_a": first, "0002_b": second, "0002_c": third}.items()
        },
    )
    assert broken_links(planted, folder) == ["0002_c.py: number or revision", "0002_c.py: follows 0001_a"]
