"""Every refusal has exactly one face, every code that reaches a person has words in both languages."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter

import pytest

from procedures.reasons import SENTENCES
from resolvers.wording import NOTICES, REFUSALS
from tests.house.tree import ROOMS, ROOT, Module, at, called, modules, plant

PROBLEMS = "resolvers/problems.py"
TABLES = ("PAYLOAD", "TOP_LEVEL", "FAULTS")

ELSEWHERE: Mapping[str, str] = {
    "api/settings/values.py": "stops the start: no caller is there yet",
    "api/web/answers.py": "an HTTP body that is no request: answered before GraphQL",
    "api/web/forms.py": "a body that is no form: each of its readers answers it in its own way",
    "api/web/ranges.py": "bytes asked for that are not there: a question of HTTP, answered by it",
    "api/gateway/requests.py": "an HTTP body that is no request: answered before GraphQL",
    "api/gateway/operations.py": "a text that is no operation: answered before GraphQL",
    "auth/signing.py": "a key file or key set that may not be used: stops the start or the sign-in",
    "resolvers/problems.py": "a malformed argument, the resolvers' own",
}
"""Modules besides the rooms' `errors.py` that declare an exception, each with why."""

ANSWERED_WITHOUT_A_REFUSAL = frozenset({"INTERNAL", "PASSKEY_REFUSED"})
"""Words for faults, which are no class of ours, and for a refusal told on pages alone."""


def refusals(root: Path) -> dict[str, str]:
    """`room.Class` to its code, for every refusal in a room's `errors.py`; families others derive from left out."""
    found = {}
    for module in modules(root, ROOMS):
        if not module.path.endswith("/errors.py"):
            continue
        classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef)]
        families = {base.id for one in classes for base in one.bases if isinstance(base, ast.Name)}
        for one in classes:
            if _code(one) is not None and one.name not in families:
                found[f"{module.path.split('/')[0]}.{one.name}"] = _code(one) or ""
    return found


def faces(root: Path) -> Counter[str]:
    """How often each `room.Class` stands in the three tables of `resolvers/problems.py`."""
    module = next(one for one in modules(root, ["resolvers"]) if one.path == PROBLEMS)
    rooms = _rooms(module)
    counted: Counter[str] = Counter()
    for table in TABLES:
        counted.update(
            f"{rooms[node.value.id]}.{node.attr}"
            for node in ast.walk(_table(module, table))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in rooms
        )
    return counted


def misfaced(root: Path) -> list[str]:
    """Refusals with no face or with several, and faces of nothing."""
    declared, counted = refusals(root), faces(root)
    return sorted(name for name in {*declared, *counted} if name not in declared or counted[name] != 1)


def strays(root: Path) -> list[str]:
    """Exceptions declared outside `errors.py` without a reason listed here."""
    return [
        at(module, node)
        for module in modules(root, ROOMS)
        if not module.path.endswith("/errors.py") and module.path not in ELSEWHERE
        for node in module.nodes()
        if isinstance(node, ast.ClassDef) and any(_is_exception(base) for base in node.bases)
    ]


def shared_codes(root: Path) -> list[str]:
    """Codes two refusals share: a caller could not tell them apart."""
    return sorted(code for code, times in Counter(refusals(root).values()).items() if times > 1)


def shown(root: Path) -> set[str]:
    """Codes that reach a caller: of the payload's and of the neutral top-level errors."""
    module = next(one for one in modules(root, ["resolvers"]) if one.path == PROBLEMS)
    rooms, codes = _rooms(module), refusals(root)
    own = {one.name: _code(one) for one in module.tree.body if isinstance(one, ast.ClassDef)}
    found = set()
    for table in ("PAYLOAD", "TOP_LEVEL"):
        for node in ast.walk(_table(module, table)):
            match node:
                case ast.Attribute(value=ast.Name(id=room), attr=name) if room in rooms:
                    found.add(codes.get(f"{rooms[room]}.{name}", ""))
                case ast.Name(id=name) if own.get(name):
                    found.add(own[name] or "")
    return found


def ill_worded(words: Mapping[str, tuple[str, str]]) -> list[str]:
    """Codes without words in one of the languages, with the same words in both, or with other parameters."""
    return [
        code
        for code, (vi, en) in words.items()
        if not vi.strip() or not en.strip() or vi == en or _parameters(vi) != _parameters(en)
    ]


def told_codes(root: Path) -> tuple[set[str], list[str]]:
    """Notice codes the product gives, and where a code could not be read from the call."""
    return _codes_of_calls(modules(root), {"notify", "tell", "tell_filer"}, place=2)


def reason_codes(root: Path) -> tuple[set[str], list[str]]:
    """Codes the dossiers write as the reason of a requirement, and where one could not be read."""
    found, unread = _codes_of_calls(modules(root, ["dossiers", "procedures"]), {"Reason"}, place=0)
    for module in modules(root, ["dossiers"]):
        constants = _constants(module)
        for node in module.nodes():
            for target, value in _assignments(node):
                if not (isinstance(target, ast.Attribute) and target.attr == "reason"):
                    continue
                codes = _read(value, constants)
                found |= codes or set()
                if codes is None:
                    unread.append(at(module, node))
    return found, unread


def _codes_of_calls(listed: Iterable[Module], names: set[str], place: int) -> tuple[set[str], list[str]]:
    found, unread = set(), []
    for module in listed:
        constants = _constants(module)
        for call in module.calls():
            if called(call) not in names or len(call.args) <= place:
                continue
            codes = _read(call.args[place], constants)
            found |= codes or set()
            if codes is None:
                unread.append(at(module, call))
    return found, unread


def _constants(module: Module) -> dict[str, set[str]]:
    """Words a module names once at its top: single ones, and the values of its tables."""
    named = {}
    for node in module.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        held = value.values if isinstance(value, ast.Dict) else [value]
        named[name] = {
            one.value for one in held if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }
    return named


def _read(given: ast.expr, constants: Mapping[str, set[str]]) -> set[str] | None:
    """The codes an expression may be; none for a variable or an enum's member; None when it is put together."""
    match given:
        case ast.Constant(value=str(code)):
            return {code}
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            return constants.get(name, set())
        case ast.IfExp(body=body, orelse=orelse):
            either = _read(body, constants), _read(orelse, constants)
            return None if None in either else set().union(*(one or set() for one in either))
        case ast.JoinedStr() | ast.BinOp():
            return None
    return set()


def _assignments(node: ast.AST) -> Iterable[tuple[ast.expr, ast.expr]]:
    if not isinstance(node, ast.Assign):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def _code(declared: ast.ClassDef) -> str | None:
    for node in declared.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                return code
            case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
                return code
    return None


def _is_exception(base: ast.expr) -> bool:
    name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
    return name.endswith(("Exception", "Error", "Refusal", "Refused"))


def _rooms(module: Module) -> dict[str, str]:
    """`auth` to `auth`, for each `from auth import errors as auth`."""
    return {
        one.asname or one.name: node.module
        for node in module.tree.body
        if isinstance(node, ast.ImportFrom) and node.module in ROOMS
        for one in node.names
        if one.name == "errors"
    }


def _table(module: Module, name: str) -> ast.AST:
    for node in module.tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.Dict(keys=keys)) if found == name:
                return ast.Tuple(elts=[key for key in keys if key is not None])
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                return value
    raise AssertionError(f"{module.path} has no table {name}")


def _parameters(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


def test_every_refusal_has_exactly_one_face() -> None:
    assert misfaced(ROOT) == []


def test_refusals_are_declared_in_the_rooms_errors() -> None:
    assert strays(ROOT) == []
    assert all((ROOT / path).exists() for path in ELSEWHERE)


def test_no_two_refusals_share_a_code() -> None:
    assert shared_codes(ROOT) == []


def test_every_code_a_caller_sees_has_words_and_no_words_are_idle() -> None:
    assert shown(ROOT) == REFUSALS.keys() - ANSWERED_WITHOUT_A_REFUSAL


def test_words_say_the_same_in_both_languages() -> None:
    assert ill_worded(REFUSALS) == []
    assert ill_worded(NOTICES) == []
    assert ill_worded({code: (text.vi, text.en or "") for code, text in SENTENCES.items()}) == []


def test_every_notice_has_words() -> None:
    told, unread = told_codes(ROOT)
    assert unread == []
    assert told - NOTICES.keys() == set()
    assert NOTICES.keys() - told == set(), "words for notices nobody gives"


def test_every_reason_has_words() -> None:
    given, unread = reason_codes(ROOT)
    assert unread == [], "a code put together from parts cannot be looked up here"
    assert given - {str(code) for code in SENTENCES} == set()


ERRORS = """
class Refusal(Exception):
    code = "REFUSED"

class Held(Refusal):
    code = "HELD"

class Gone(Refusal):
    code = "GONE"
"""

FACES = """
from dossiers import errors as dossiers
PAYLOAD: dict[type, object] = {dossiers.Held: face}
TOP_LEVEL: frozenset[type] = frozenset({dossiers.Gone})
FAULTS: frozenset[type] = frozenset()
"""


def tree(tmp_path: Path, **files: str) -> Path:
    named = {"dossiers/errors.py": ERRORS, PROBLEMS: FACES}
    named |= {name.replace("__", "/") + ".py": text for name, text in files.items()}
    return plant(tmp_path, named)


def test_the_planted_tree_is_whole(tmp_path: Path) -> None:
    whole = tree(tmp_path)
    assert misfaced(whole) == []
    assert shared_codes(whole) == []
    assert shown(whole) == {"HELD", "GONE"}


@pytest.mark.parametrize(
    ("faces", "found"),
    [
        (FACES.replace("dossiers.Gone", ""), "dossiers.Gone"),
        (FACES.replace("frozenset()", "frozenset({dossiers.Held})"), "dossiers.Held"),
        (FACES.replace("dossiers.Gone", "dossiers.Gone, dossiers.Lost"), "dossiers.Lost"),
    ],
    ids=["none", "two", "of nothing"],
)
def test_a_refusal_without_its_one_face_is_found(faces: str, found: str, tmp_path: Path) -> None:
    assert misfaced(tree(tmp_path, resolvers__problems=faces)) == [found]


def test_a_refusal_declared_elsewhere_is_found(tmp_path: Path) -> None:
    planted = tree(tmp_path, dossiers__filing="class Late(Exception):\n    code = 'LATE'\n")
    assert strays(planted) == ["dossiers/filing.py:1"]


def test_a_shared_code_is_found(tmp_path: Path) -> None:
    planted = tree(tmp_path, vault__errors="class Kept(Exception):\n    code = 'HELD'\n")
    assert shared_codes(planted) == ["HELD"]


@pytest.mark.parametrize(
    "words",
    [("", "Held."), ("Đã có.", " "), ("Held.", "Held."), ("Thiếu {count}.", "Missing.")],
    ids=["no vi", "no en", "untranslated", "lost parameter"],
)
def test_ill_worded_codes_are_found(words: tuple[str, str]) -> None:
    assert ill_worded({"HELD": words, "GONE": ("Không còn.", "Gone.")}) == ["HELD"]


def test_codes_given_in_calls_and_assignments_are_found(tmp_path: Path) -> None:
    planted = tree(
        tmp_path,
        dossiers__desk=(
            "TOLD = 'flagged'\n"
            "WHY = {'MISSING': 'asked_missing'}\n"
            "async def f(tx, row, kind):\n"
            "    await notify(tx, row.filer, 'lost', now)\n"
            "    await notify(tx, row.filer, TOLD, now)\n"
            "    await tell(tx, row, f'asked_{kind}', now)\n"
            "    row.satisfied, row.reason = False, 'withdrawn'\n"
            "    row.reason = f'asked_{kind}'\n"
            "    row.reason = WHY[kind]\n"
            "    return Reason('bare' if kind else Code.HELD)\n"
        ),
    )
    assert told_codes(planted) == ({"lost", "flagged"}, ["dossiers/desk.py:6"])
    assert reason_codes(planted) == ({"withdrawn", "bare", "asked_missing"}, ["dossiers/desk.py:8"])


def test_every_room_is_looked_at() -> None:
    rooms = {name.split(".")[0] for name in refusals(ROOT)}
    assert rooms == {"dossiers", "procedures", "vault", "auth", "connectors", "store"}
    assert set(ROOMS) - rooms == {"api", "resolvers"}, "these two refuse nothing of their own"
