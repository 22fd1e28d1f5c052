"""A source tree as the house rules read it: the repository itself, or a small one planted with a breach."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ROOMS = ("api", "resolvers", "dossiers", "procedures", "vault", "auth", "connectors", "store")
"""In the order of import: each may import those after it, never those before it."""

PRODUCT = (*ROOMS, "sandbox", "witness")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One parsed Python file. `path` is relative to the tree, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def name(self) -> str:
        """The dotted name other modules import it by."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes() if isinstance(node, ast.Call))

    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes() if isinstance(node, Function))

    def strings(self) -> Iterator[ast.Constant]:
        return (
            node for node in self.nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )


def modules(root: Path, folders: Iterable[str] = PRODUCT) -> list[Module]:
    """Every Python file of these folders, in the order of their paths. Folders that are not there hold none."""
    return list((_of_the_repository if root == ROOT else _read)(root, tuple(folders)))


def _read(root: Path, folders: tuple[str, ...]) -> list[Module]:
    return [
        Module(path.relative_to(root).as_posix(), path.read_text("utf-8"))
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


_of_the_repository = cache(_read)
"""The repository does not change while it is judged; its modules are parsed once for all rules."""


def plant(root: Path, files: Mapping[str, str]) -> Path:
    """Write a tree; the folders between come by themselves."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def called(call: ast.Call) -> str:
    """The last word of what is called: `record` of `ledger.record(...)`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def spelled(node: ast.AST) -> str:
    """A name or a chain of attributes as written: `datetime.now`, `time.time`; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = spelled(value)
            return f"{before}.{name}" if before else ""
    return ""


def parameters(function: Function) -> list[str]:
    given = function.args
    return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def at(module: Module, node: ast.AST) -> str:
    return f"{module.path}:{getattr(node, 'lineno', 0)}"
