"""The documents keep their promises: paths exist, links lead somewhere, decisions name their threats."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.house.tree import ROOT, plant

ARCHITECTURE = "docs/architecture.md"
DECISIONS = "docs/decisions"
PICTURE = "docs/picture.svg"

PARTS = ("Context", "Decision", "Consequences", "Threats")
MOST_WORDS_OF_A_DECISION = 700
MOST_WORDS_OF_THE_ARCHITECTURE = 1_500
QUESTIONS = 15

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SVG = "{http://www.w3.org/2000/svg}"


def questions(path: Path) -> dict[str, list[str]]:
    """The table below the heading "Where is …?": each question with the paths its row names."""
    _, _, below = path.read_text("utf-8").partition("## Where is")
    rows = [
        line.strip("|").split("|") for line in below.partition("\n## ")[0].splitlines() if line[:1] == "|"
    ]
    return {
        asked.strip(): [word for word in re.findall(r"`([^`]+)`", where) if re.fullmatch(r"[\w./-]+", word)]
        for asked, where, *_ in rows[2:]
    }


def lost_paths(root: Path, document: str) -> list[str]:
    """Rows that name no path, and paths that lead nowhere."""
    found = []
    for asked, paths in questions(root / document).items():
        found += [path for path in paths if not (root / path).exists()] if paths else [asked]
    return found


def lost_links(root: Path) -> list[str]:
    """Links of the documents to files that are not there. Links out of the repository are not followed."""
    found = []
    for document in (*root.glob("*.md"), *root.glob("docs/**/*.md")):
        for target in _LINK.findall(document.read_text("utf-8")):
            path = target.partition("#")[0]
            if path and "://" not in path and not (document.parent / path).exists():
                found.append(f"{document.relative_to(root)}: {target}")
    return found


def ill_decided(root: Path) -> list[str]:
    """Decisions without one of their parts, longer than a page, misnamed, or out of number."""
    found = []
    for number, path in enumerate(sorted((root / DECISIONS).iterdir()), 1):
        text = path.read_text("utf-8")
        parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
        if not re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", path.name) or not text.startswith(
            f"# {number:04} "
        ):
            found.append(f"{path.name}: misnamed or out of number")
        found += [f"{path.name}: no {part}" for part in PARTS if len(parts.get(part, "").split()) < 10]
        if len(text.split()) > MOST_WORDS_OF_A_DECISION:
            found.append(f"{path.name}: longer than a page")
    return found


def ill_drawn(root: Path) -> list[str]:
    """What keeps the picture from those who cannot see it, or lets it fetch something."""
    picture = ElementTree.parse(root / PICTURE).getroot()
    named = {
        one.get("id"): "".join(one.itertext()).strip()
        for one in picture
        if one.tag in (f"{_SVG}title", f"{_SVG}desc")
    }
    labels = (picture.get("aria-labelledby") or "").split()
    found = []
    if picture.get("role") != "img" or len(labels) != 2 or not all(named.get(one) for one in labels):
        found.append("no accessible name and description")
    if "viewBox" not in picture.attrib:
        found.append("does not scale")
    for node in picture.iter():
        if node.tag in (f"{_SVG}script", f"{_SVG}image", f"{_SVG}foreignObject"):
            found.append(f"active content: {node.tag}")
        found += [
            f"fetches {value}" for name, value in node.attrib.items() if "href" in name and value[:1] != "#"
        ]
    return found


def test_every_path_of_the_readme_exists() -> None:
    assert len(questions(ROOT / "README.md")) >= 10
    assert lost_paths(ROOT, "README.md") == []


def test_the_architecture_answers_fifteen_questions_with_paths_that_exist() -> None:
    assert len(questions(ROOT / ARCHITECTURE)) == QUESTIONS
    assert lost_paths(ROOT, ARCHITECTURE) == []


def test_the_architecture_is_two_pages() -> None:
    assert len((ROOT / ARCHITECTURE).read_text("utf-8").split()) <= MOST_WORDS_OF_THE_ARCHITECTURE


def test_every_link_leads_somewhere() -> None:
    assert lost_links(ROOT) == []


def test_every_decision_is_one_page_and_names_its_threats() -> None:
    assert len(list((ROOT / DECISIONS).iterdir())) >= 12
    assert ill_decided(ROOT) == []


def test_the_changelog_has_something_to_say() -> None:
    log = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## \S+", log, re.MULTILINE)
    assert len(re.findall(r"^- \S+", log, re.MULTILINE)) >= 10


def test_the_licence_is_the_one_the_project_names() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_everybody_can_have_the_picture() -> None:
    assert ill_drawn(ROOT) == []
    shown = re.findall(rf"!\[([^\]]+)\]\({PICTURE}\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(shown) == 1
    assert len(shown[0].split()) >= 8, "the picture's words stand in for it"


def test_ci_runs_the_readmes_test_command() -> None:
    assert "\n./test\n" in (ROOT / "README.md").read_text("utf-8")
    commands = [line.strip() for line in (ROOT / ".ci/run").read_text("utf-8").splitlines()]
    assert any(re.fullmatch(r'(exec )?\./test( "\$@")?', command) for command in commands)


TABLE = (
    "# x\n\n## Where is …?\n\n| Question | Where |\n|---|---|\n| the law | `catalogue/a.json`, `law()` |\n"
)


def test_a_path_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    honest = plant(tmp_path / "a", {"README.md": TABLE, "catalogue/a.json": ""})
    assert lost_paths(honest, "README.md") == []
    moved = plant(tmp_path / "b", {"README.md": TABLE + "| the desk | somewhere |\n", "catalogue/b.json": ""})
    assert lost_paths(moved, "README.md") == ["catalogue/a.json", "the desk"]


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    planted = plant(
        tmp_path,
        {
            "README.md": "[a](docs/x.md#part) [b](docs/y.md) [c](https://example.vn/z)\n",
            "docs/x.md": "[back](../README.md)\n",
        },
    )
    assert lost_links(planted) == ["README.md: docs/y.md"]


WORDS = "ten words are the least a part may have here\n\n"
WHOLE = "# 0001 Rooms\n\n" + "".join(f"## {part}\n{WORDS}" for part in PARTS)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("0001-rooms.md", WHOLE, []),
        ("0001-rooms.md", WHOLE.replace("## Threats", "## Thanks"), ["0001-rooms.md: no Threats"]),
        ("0001-rooms.md", WHOLE + "word " * 700, ["0001-rooms.md: longer than a page"]),
        ("0002-rooms.md", WHOLE, ["0002-rooms.md: misnamed or out of number"]),
    ],
    ids=["whole", "no threats", "long", "out of number"],
)
def test_an_ill_made_decision_is_found(name: str, text: str, found: list[str], tmp_path: Path) -> None:
    assert ill_decided(plant(tmp_path, {f"{DECISIONS}/{name}": text})) == found


NAMED = '<title id="t">T</title><desc id="d">D</desc>'
LABELLED = 'role="img" aria-labelledby="t d"'


@pytest.mark.parametrize(
    ("inside", "attributes"),
    [
        ("", f'{LABELLED} viewBox="0 0 1 1"'),
        (NAMED, LABELLED),
        (f"{NAMED}<script/>", f'{LABELLED} viewBox="0 0 1 1"'),
        (f'{NAMED}<use href="https://x.vn/y"/>', f'{LABELLED} viewBox="0 0 1 1"'),
    ],
    ids=["nameless", "fixed size", "script", "fetches"],
)
def test_an_ill_drawn_picture_is_found(inside: str, attributes: str, tmp_path: Path) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>'
    assert len(ill_drawn(plant(tmp_path, {PICTURE: svg}))) == 1
