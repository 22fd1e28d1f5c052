"""Only `store.database.writing()` commits; every other transaction, and every engine, is listed here by name."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, at, called, modules, plant

COMMITTERS: Mapping[str, str] = {
    "store/database.py": "writing(): the one way to change the main database",
    "store/migrate.py": "the owner's migrations, before anybody is served",
    "store/backup/tables.py": "the owner fills an empty platform, before anybody is served",
    "vault/sealing/rotation.py": "the keys database, as its owner: one row, or one retirement, at a time",
    "vault/sealing/rounds.py": "the same, for people's keys",
}

ENGINES: Mapping[str, str] = {
    "store/database.py": "both roles that serve: the application's and the loops'",
    "store/migrate.py": "the owners of the two databases",
    "store/backup/tables.py": "the owners of the two databases: a snapshot to copy, an empty one to fill",
    "store/log_sources.py": "the offline check of the log, one read-only snapshot",
    "vault/sealing/keys.py": "the keys database, where every statement stands alone",
    "vault/sealing/rotation.py": "the keys database as its owner, for a command that changes keys",
}

_ENDING = frozenset({"commit", "begin", "begin_nested", "rollback", "begin_twophase"})
_MAKING = frozenset(
    {"create_async_engine", "create_engine", "async_sessionmaker", "sessionmaker", "open_engine"}
)
_SPOKEN = ("COMMIT", "BEGIN", "ROLLBACK", "SAVEPOINT", "START TRANSACTION")


def committers(root: Path) -> list[str]:
    """Transactions begun, committed or rolled back by hand, in Python or spelled in SQL."""
    found = []
    for module in modules(root, ROOMS):
        if module.path in COMMITTERS:
            continue
        found += [
            at(module, call)
            for call in module.calls()
            if isinstance(call.func, ast.Attribute) and called(call) in _ENDING
        ]
        for call in module.calls():
            first = call.args[0] if called(call) in ("text", "execute") and call.args else None
            if isinstance(first, ast.Constant) and str(first.value).strip().upper().startswith(_SPOKEN):
                found.append(at(module, call))
    return found


def engines(root: Path) -> list[str]:
    return [
        at(module, call)
        for module in modules(root, ROOMS)
        if module.path not in ENGINES
        for call in module.calls()
        if called(call) in _MAKING
    ]


def test_only_writing_commits() -> None:
    assert committers(ROOT) == []


@pytest.mark.parametrize(
    "breach",
    [
        "await tx.commit()",
        "async with tx.begin():\n        pass",
        "async with session() as tx, tx.begin_nested():\n        pass",
        "await tx.rollback()",
        "await tx.execute(text('commit'))",
        "await connection.execute('SAVEPOINT here')",
    ],
)
def test_a_commit_elsewhere_is_found(breach: str, tmp_path: Path) -> None:
    planted = plant(
        tmp_path,
        {
            "dossiers/filing.py": f"async def submit(tx):\n    {breach}\n",
            "store/database.py": "async def writing(tx):\n    tx.begin()\n",
            "vault/permission/consent.py": "def begin(tx):\n    return begin(tx)\n",
        },
    )
    assert committers(planted) == ["dossiers/filing.py:2"]


def test_engines_are_made_where_it_is_told() -> None:
    assert engines(ROOT) == []


def test_an_engine_of_ones_own_is_found(tmp_path: Path) -> None:
    planted = plant(
        tmp_path,
        {
            "resolvers/loaders.py": "engine = create_async_engine(URL)\n",
            "dossiers/case.py": "make = orm.sessionmaker(bind)\n",
            "vault/sealing/keys.py": "engine = create_async_engine(URL)\n",
        },
    )
    assert engines(planted) == ["resolvers/loaders.py:1", "dossiers/case.py:1"]


def test_exceptions_are_still_needed() -> None:
    """A listed module that neither commits nor makes an engine any more has lost its leave."""
    by_path = {module.path: module for module in modules(ROOT)}
    for path in COMMITTERS:
        assert any(called(call) in _ENDING for call in by_path[path].calls()), path
    for path in ENGINES:
        assert any(called(call) in _MAKING for call in by_path[path].calls()), path
