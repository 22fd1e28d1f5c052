"""Whatever is sealed or wrapped under somebody's key is known to the rotation of keys."""

import ast
from collections.abc import Mapping
from pathlib import Path

from tests.house.tree import ROOT, modules, plant

SEALERS: Mapping[str, str] = {
    "vault/subjects.py": "profiles",
    "vault/notes.py": "notes",
    "vault/deposits.py": "version keys of papers",
    "vault/intake/legs.py": "version keys of uploads",
    "vault/intake/arrivals.py": "under a version's key, which is wrapped elsewhere",
    "vault/keycare/renewal.py": "the rotation itself",
}
"""Modules that call `seal` or `wrap` on a key, each with what it seals. One more needs its kind in the rotation."""

HOLDERS = ("dossiers", "procedures", "vault", "auth")
"""Rooms that could hold somebody's key. Resolvers seal cursors, the loops the log: neither is anybody's."""


def sealers(root: Path) -> set[str]:
    return {
        module.path
        for module in modules(root, HOLDERS)
        if not module.path.startswith("vault/sealing/")
        for node in module.nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("seal", "wrap", "rewrap")
    }


def test_who_seals_is_known_to_the_rotation() -> None:
    assert sealers(ROOT) == set(SEALERS)


def test_a_new_place_that_seals_is_found(tmp_path: Path) -> None:
    plant(tmp_path, {"vault/letters.py": "def write(key):\n    return key.seal(b'', 'letter')\n"})
    plant(tmp_path, {"resolvers/cursors.py": "def end(cursors):\n    return cursors.seal()\n"})
    assert sealers(tmp_path) == {"vault/letters.py"}
