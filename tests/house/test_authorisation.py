"""Whoever takes a caller asks the policy: in the vault and the procedures directly, in the dossiers at least
through the use case the caller is handed on to."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.house.tree import ROOT, Function, Module, called, modules, parameters, plant

ASKING = frozenset({"require", "reach"})

WITHOUT: Mapping[str, str] = {
    "vault.keycare.shredding.shred_newborns": "follows what the policy has allowed; its door looks again",
    "vault.permission.receipt.frozen_terms": "writes down what consent has just decided and asked for",
    "vault.permission.receipt.sign_receipt": "signs what consent has just decided and asked for; reads nothing",
    "vault.permission.tickets.hold_ticket": "the ticket itself is the permission; it names its caller and document",
    "vault.permission.tickets.issue_attested_ticket": "within the making of an attestation that has asked",
    "dossiers.case.move_case": "the second half of use cases that have asked; the state table decides",
    "dossiers.case.record_event": "writes down what a use case did",
    "dossiers.desk.flags.flag_reliant": "a loop's, in the filer's name, after a revocation the policy allowed",
    "dossiers.evidence.originals.settle_digitised": "the second half of a digitising that has asked",
    "dossiers.evidence.papers.take_into_dossier": "the second half of a deposit that has asked",
    "dossiers.proxies.granting.act_under": "the mandate itself is the permission; the database shows it to its actor",
    "dossiers.evidence.probes.questions_of": "asks only for the caller's own subjects, each checked there",
    "dossiers.evidence.withdrawals.lose_basis": "follows a withdrawal the policy has allowed; takes rights away",
}
"""Functions that take a caller and ask nobody, each with why that is right."""


def unasking(root: Path) -> list[str]:
    """Public functions with a `caller` from whom no question reaches the policy, but for those in WITHOUT."""
    listed = modules(root, ("dossiers", "procedures", "vault", "auth"))
    asking = _asking(listed)
    return [
        name
        for module in listed
        if not module.path.startswith("auth/")
        for name, function in _functions(module)
        if "caller" in parameters(function) and not function.name.startswith("_")
        if name not in asking and name not in WITHOUT
    ]


def _asking(listed: list[Module]) -> set[str]:
    """Functions that ask the policy, or hand their caller to one that does: within its module for the vault and
    the procedures, through any import for the dossiers."""
    found: set[str] = set()
    hands: dict[str, set[str]] = {}
    for module in listed:
        imported = _imports(module)
        inner = {name for name, _ in _functions(module)}
        for name, function in _functions(module):
            if any(called(call) in ASKING for call in _calls(function)):
                found.add(name)
            targets = {_resolved(call, module, imported) for call in _calls(function) if _hands_caller(call)}
            hands[name] = targets if module.path.startswith("dossiers/") else targets & inner
    grown = True
    while grown:
        more = {name for name, targets in hands.items() if targets & found} - found
        grown = bool(more)
        found |= more
    return found


def _functions(module: Module) -> Iterator[tuple[str, Function]]:
    for node in module.tree.body:
        if isinstance(node, Function):
            yield f"{module.name}.{node.name}", node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function):
                    yield f"{module.name}.{node.name}.{inner.name}", inner


def _calls(function: Function) -> Iterable[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _hands_caller(call: ast.Call) -> bool:
    handed = (*call.args, *(one.value for one in call.keywords))
    return any(isinstance(one, ast.Name) and one.id == "caller" for one in handed)


def _imports(module: Module) -> dict[str, str]:
    return {
        one.asname or one.name: f"{node.module}.{one.name}"
        for node in module.nodes()
        if isinstance(node, ast.ImportFrom) and node.module
        for one in node.names
    }


def _resolved(call: ast.Call, module: Module, imported: Mapping[str, str]) -> str:
    match call.func:
        case ast.Name(id=name):
            return imported.get(name, f"{module.name}.{name}")
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in imported:
            return f"{imported[name]}.{attribute}"
    return ""


def test_whoever_takes_a_caller_asks_the_policy() -> None:
    assert unasking(ROOT) == []


def test_exceptions_exist_and_still_do_not_ask() -> None:
    listed = modules(ROOT, ("dossiers", "procedures", "vault"))
    names = {name for module in listed for name, _ in _functions(module)}
    assert WITHOUT.keys() <= names
    assert not WITHOUT.keys() & _asking(modules(ROOT, ("dossiers", "procedures", "vault", "auth")))


HONEST = """
async def open_it(tx, caller, command):
    require(caller, Action.OPEN, facts)

async def list_them(tx, caller):
    return policy.reach(caller)

async def change_it(tx, caller):
    await _locked(tx, caller)

async def _locked(tx, caller):
    require(caller, Action.CHANGE, facts)

def word(value):
    return value
"""


@pytest.mark.parametrize(
    ("path", "breach", "found"),
    [
        ("vault/x.py", "async def read(tx, caller):\n    return await tx.get(1)\n", "vault.x.read"),
        ("procedures/x.py", "def read(*, caller):\n    return caller.id\n", "procedures.x.read"),
        # The vault must ask itself: that another room does so is no wall.
        (
            "vault/x.py",
            "from vault.honest import open_it\nasync def read(tx, caller):\n    await open_it(tx, caller, 1)\n",
            "vault.x.read",
        ),
        # Asking somebody who does not ask in turn.
        (
            "dossiers/x.py",
            "async def read(tx, caller):\n    await _on(tx, caller)\n\nasync def _on(tx, caller):\n    pass\n",
            "dossiers.x.read",
        ),
        # Another function that happens to have the name.
        (
            "dossiers/x.py",
            "from vault.honest import word as open_it\nasync def read(tx, caller):\n    open_it(caller)\n",
            "dossiers.x.read",
        ),
        (
            "vault/x.py",
            "class Reader:\n    def read(self, caller):\n        return 1\n",
            "vault.x.Reader.read",
        ),
    ],
)
def test_a_use_case_that_asks_nobody_is_found(path: str, breach: str, found: str, tmp_path: Path) -> None:
    planted = plant(tmp_path, {"vault/honest.py": HONEST, path: breach})
    assert unasking(planted) == [found]


def test_a_dossier_use_case_may_hand_its_caller_to_the_vault(tmp_path: Path) -> None:
    through = (
        "from vault import honest\nasync def read(tx, caller):\n    await honest.open_it(tx, caller, 1)\n"
    )
    assert unasking(plant(tmp_path, {"vault/honest.py": HONEST, "dossiers/x.py": through})) == []
