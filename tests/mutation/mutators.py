"""Small wrong changes to a module, each with a name that outlives the moving of lines. Knows no test.

Left alone, because no test should care: docstrings, annotations, the words of errors, `__repr__`, and how a dataclass
is made (`frozen`, `slots`).
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

Change = Callable[[], None]
"""Makes the change in the tree it was found in."""


@dataclass(frozen=True)
class Mutant:
    """One wrong line. `key` names it for good: file, function, kind, what was there and what is there instead.

    `in_function`: it is run when a function is called, not when its file is imported.
    """

    key: str
    path: str
    first_line: int
    last_line: int
    place: int
    in_function: bool

    def tree(self, root: Path) -> ast.Module:
        """The module with the change made."""
        tree = ast.parse((root / self.path).read_text("utf-8"))
        found = list(_sites(tree))
        found[self.place].change()
        return ast.fix_missing_locations(tree)


@dataclass(frozen=True)
class _Site:
    statement: ast.stmt
    function: str
    kind: str
    was: str
    becomes: str
    change: Change
    in_function: bool


def mutants(root: Path, path: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    seen: Counter[str] = Counter()
    made = []
    for place, site in enumerate(_sites(ast.parse((root / path).read_text("utf-8")))):
        name = f"{path}:{site.function}: {site.kind}: {site.was} -> {site.becomes}"
        seen[name] += 1
        key = name if seen[name] == 1 else f"{name} (#{seen[name]})"
        made.append(Mutant(key, path, *_lines(site.statement), place, site.in_function))
    return made


_CALLED: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SWAPS: Final[Mapping[type[ast.AST], type[ast.AST]]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _in(tree, "<module>", tree.body[0], False) if tree.body else ()


def _in(node: ast.AST, function: str, statement: ast.stmt, in_function: bool) -> Iterator[_Site]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(node, name, child):
                inner, here = _named(child, function), child if isinstance(child, ast.stmt) else statement
                called = in_function or (name == "body" and isinstance(node, _CALLED))
                for kind, after, change in _changes(node, name, child):
                    yield _Site(here, inner, kind, _short(child), after, change, called)
                yield from _in(child, inner, here, called)


def _changes(parent: ast.AST, name: str, node: ast.AST) -> Iterator[tuple[str, str, Change]]:
    put = _putting(parent, name, node)
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                new = _SWAPS[type(operator)]()
                yield "comparison", type(new).__name__, _setting(node.ops, at, new)
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _SWAPS and not _is_text(node):
            new = _SWAPS[type(node.op)]()
            yield "arithmetic", type(new).__name__, lambda: setattr(node, "op", new)
        case ast.BoolOp():
            new = _SWAPS[type(node.op)]()
            yield "logic", type(new).__name__, lambda: setattr(node, "op", new)
        case ast.UnaryOp(op=ast.Not()):
            yield "negation", _short(node.operand), lambda: put(node.operand)
        case ast.If() | ast.IfExp() | ast.While():
            yield "condition", "True", lambda: setattr(node, "test", ast.Constant(True))
            yield "condition", "False", lambda: setattr(node, "test", ast.Constant(False))
        case ast.Return() if not (node.value is None or _is_nothing(node.value)):
            yield "return", "None", lambda: setattr(node, "value", ast.Constant(None))
        case ast.Raise():
            yield "raise", "pass", lambda: put(ast.Pass())
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield "statement", "pass", lambda: put(ast.Pass())
        case ast.Call():
            for at, keyword in enumerate(node.keywords):
                if keyword.arg is not None:
                    yield "argument", f"no {keyword.arg}", _removing(node.keywords, at)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            for at, decorator in enumerate(node.decorator_list):
                if "dataclass" not in ast.unparse(decorator):
                    yield "decorator", f"no {_short(decorator)}", _removing(node.decorator_list, at)
        case ast.Constant():
            for after in _other(node.value):
                yield "constant", repr(after), lambda after=after: setattr(node, "value", after)  # type: ignore[misc]


def _other(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str) and value:
        yield value + "!"
    elif isinstance(value, bytes) and value:
        yield value + b"!"


def _is_left_alone(parent: ast.AST, name: str, node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring, of a function or under a constant
    if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
        return True
    if name == "decorator_list" and "dataclass" in ast.unparse(node):
        return True
    if isinstance(parent, ast.FormattedValue | ast.JoinedStr) and isinstance(node, ast.Constant):
        return True  # parts of a text, never a text
    return isinstance(parent, ast.Call) and name == "args" and _is_words(parent, node)


def _is_words(call: ast.Call, node: ast.AST) -> bool:
    """The words of an error, for whoever reads a log."""
    name = ast.unparse(call.func)
    is_error = name == "super().__init__" or name.endswith(("Error", "TypeError"))
    return is_error and isinstance(node, ast.Constant | ast.JoinedStr)


def _is_text(node: ast.BinOp | ast.AugAssign) -> bool:
    """Types joined by `|` in an expression are annotations by another name; `isinstance` is told elsewhere."""
    return isinstance(node.op, ast.BitOr) and all(
        isinstance(part, ast.Name | ast.Attribute | ast.Constant | ast.BinOp | ast.Subscript)
        for part in ([node.left, node.right] if isinstance(node, ast.BinOp) else [node.value])
    )


def _is_nothing(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _named(node: ast.AST, function: str) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name if function == "<module>" else f"{function}.{node.name}"
    return function


def _putting(parent: ast.AST, name: str, node: ast.AST) -> Callable[[ast.AST], None]:
    def put(new: ast.AST) -> None:
        held = getattr(parent, name)
        if isinstance(held, list):
            held[held.index(node)] = ast.copy_location(new, node)
        else:
            setattr(parent, name, ast.copy_location(new, node))

    return put


def _setting(held: list[Any], at: int, new: ast.AST) -> Change:
    def change() -> None:
        held[at] = new

    return change


def _removing(held: list[Any], at: int) -> Change:
    def change() -> None:
        del held[at]

    return change


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.If | ast.While):
        return f"if {_short(node.test)}"
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:60]} … {text[-25:]}"


def _lines(statement: ast.stmt) -> tuple[int, int]:
    """Of the statement by itself: of one with a body, of its head."""
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, last)
