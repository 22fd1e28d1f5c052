"""The hand-written rows, in the shape of the oracle's table."""

import tomllib
from pathlib import Path

BY_HAND = Path(__file__).with_suffix(".toml")


def read_by_hand() -> dict[str, dict[str, dict[str, str]]]:
    """Procedure id → case label → component → outcomes; cases list only what differs from the base."""
    written = tomllib.loads(BY_HAND.read_text("utf-8"))
    return {
        body["id"]: {
            case: {component: outcomes for component, (outcomes, _why) in lines.items()}
            for case, lines in body.items()
            if case != "id"
        }
        for body in written.values()
    }


def differences(
    expected: dict[str, dict[str, dict[str, str]]], found: dict[str, dict[str, dict[str, str]]], who: str
) -> list[str]:
    """One readable line per cell in which `found` (worked out by `who`) is not what is expected."""
    lines = []
    for procedure, cases in expected.items():
        base = cases["base"]
        for case in dict.fromkeys([*cases, *found.get(procedure, {})]):
            want = base | cases.get(case, {}) if case in cases else {}
            got = found.get(procedure, {})
            have = got.get("base", {}) | got.get(case, {}) if case in got else {}
            for component in dict.fromkeys([*want, *have]):
                if want.get(component) != have.get(component):
                    lines.append(
                        f"{procedure}.{component} [{case}]: expected {want.get(component, 'no such row')}, "
                        f"{who} says {have.get(component, 'no such row')}"
                    )
    return lines
