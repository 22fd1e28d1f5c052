"""Rooms import only to their right: every contract holds here, and each is broken by a planted import."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import PRODUCT, ROOT, at, modules, plant

CONTRACTS = {
    one["name"]: one
    for one in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
}

BREACHES: dict[str, dict[str, str]] = {
    "Rooms import only to their right": {"store/ledger.py": "import vault.safe\n"},
    "GraphQL and HTTP stop at the resolvers": {"dossiers/filing.py": "import strawberry\n"},
    "Resolvers neither query nor encrypt": {"resolvers/dossier.py": "import sqlalchemy\n"},
    "One module speaks jose": {"auth/provider/oidc.py": "from jose import jwt\n"},
    "One module speaks WebAuthn": {"api/door/signin.py": "import webauthn\n"},
    "Only the vault touches envelopes and its own rows": {
        "dossiers/filing.py": "import vault.sealing.envelope\n"
    },
    "Pure cores reach no database": {"store/merkle.py": "import store.database\n"},
    "The policy decides without a database": {"auth/policy.py": "import store.database\n"},
    "The sandbox and the rooms do not know each other": {"sandbox/facts.py": "import store.identifiers\n"},
    "No room imports the sandbox": {"dossiers/filing.py": "import sandbox.people\n"},
    "Who watches the log knows nothing of the platform": {"witness/growth.py": "import store.merkle\n"},
    "No room imports who watches it": {"api/health.py": "import verifier.log\n"},
    "No cycles inside a room": {
        "store/outbox.py": "import store.usage\n",
        "store/usage.py": "import store.outbox\n",
    },
}
"""One planted breach for every contract, chosen so that it breaks that contract and no other."""

_LINT = """
import json, sys
from importlinter import api
from importlinter.application import use_cases
sys.path.insert(0, sys.argv[1])
options = use_cases.read_user_options(config_filename=sys.argv[2])
use_cases._register_contract_types(options)
report = use_cases.create_report(options, cache_dir=None)
broken = [contract.name for contract, check in report.get_contracts_and_checks() if not check.kept]
print(json.dumps({"checked": len(options.contracts_options), "broken": broken}))
"""


def broken_contracts(root: Path) -> list[str]:
    """The contracts this tree breaks. In a process of its own, where the rooms of this one are not imported."""
    done = subprocess.run(
        [sys.executable, "-c", _LINT, str(root), str(ROOT / "pyproject.toml")],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["checked"] == len(CONTRACTS)
    broken: list[str] = said["broken"]
    return broken


def skeleton(folder: Path) -> Path:
    """Every module of the product by name, empty but for the imports contracts make an exception for."""
    empty = dict.fromkeys((one.path for one in modules(ROOT, (*PRODUCT, "verifier"))), "")
    excepted = {"auth/tokens.py": "import jose\n", "auth/passkeys/verification.py": "import webauthn\n"}
    return plant(folder, empty | excepted)


def imports_of_jose(root: Path) -> list[str]:
    """Where jose is imported at all: tests and scripts, which no contract covers, included."""
    found = []
    for module in modules(root, (*PRODUCT, "tests", "benchmarks")):
        for node in module.nodes():
            match node:
                case ast.Import(names=names):
                    imported = [one.name for one in names]
                case ast.ImportFrom(module=str(name), level=0):
                    imported = [name]
                case _:
                    continue
            if module.path != TOKENS and any(name.split(".")[0] == "jose" for name in imported):
                found.append(at(module, node))
    return found


TOKENS = "auth/tokens.py"


def test_every_contract_is_kept() -> None:
    assert broken_contracts(ROOT) == []


def test_every_contract_has_its_breach() -> None:
    assert BREACHES.keys() == CONTRACTS.keys()


def test_the_bare_skeleton_keeps_every_contract(tmp_path: Path) -> None:
    assert broken_contracts(skeleton(tmp_path)) == []


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_import_breaks_its_contract_and_no_other(contract: str, tmp_path: Path) -> None:
    tree = plant(skeleton(tmp_path), BREACHES[contract])
    assert broken_contracts(tree) == [contract]


def test_a_sandbox_behind_a_room_is_found_through_what_it_imports(tmp_path: Path) -> None:
    tree = plant(
        skeleton(tmp_path),
        {"vault/safe.py": "import auth.provider.oidc\n", "auth/provider/oidc.py": "import sandbox.people\n"},
    )
    assert "No room imports the sandbox" in broken_contracts(tree)


def test_only_the_token_module_imports_jose(tmp_path: Path) -> None:
    assert imports_of_jose(ROOT) == []
    planted = plant(
        tmp_path,
        {
            TOKENS: "from jose import jwt\n",
            "tests/rules/test_x.py": "def test_x() -> None:\n    from jose import jwt\n",
            "sandbox/x.py": "import jose.jws\n",
            "store/x.py": "import joserfc\n",
        },
    )
    assert imports_of_jose(planted) == ["sandbox/x.py:1", "tests/rules/test_x.py:2"]
