"""The definitions of a module: what each says, and which names it refers to.

A definition is a top-level function, class or variable.  What changes no result is left out of it: comments, layout,
bare strings, the descriptions of fields, and type hints that nothing reads.  Type hints are read in a class, whose
fields pydantic checks by them, and perhaps by a decorator.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from umui.files.digests import digest_bytes

Dotted = tuple[str, ...]
"""The parts of a dotted name; that of a module or of an import is below the package."""

STATEMENTS = "(statements)"
"""The name of a module's statements that define nothing: they run whatever is taken from the module."""

GUARDS = ("__name__ == '__main__'", "TYPE_CHECKING", "typing.TYPE_CHECKING")
"""What stands under these runs in no stage."""


def signature_of(function: str) -> str:
    """Return the name of a function's own type hints, which only the command line reads, of a stage's function."""
    return f"{function}(signature)"


@dataclass(frozen=True)
class Definition:
    """The digest of what is said, each name in it with the attributes taken from it, and its own imports."""

    digest: str
    references: frozenset[Dotted]
    imports: dict[str, list[Dotted]]


class Module:
    """A module of a package, read from its file: what its top-level statements bind, and what they import."""

    def __init__(self, file: Path, package: str, name: Dotted) -> None:
        """`name` is the module's below the package.  Raises ValueError at a star import, which names nothing."""
        self._file, self._package = file, package
        self._home = name if file.name == "__init__.py" else name[:-1]  # from where relative imports start
        self.bound: dict[str, list[ast.AST]] = {}
        self.imports: dict[str, list[Dotted]] = {}
        self._add(ast.parse(file.read_text(encoding="utf-8")).body)

    def definition(self, name: str) -> Definition:
        """Return what all statements say that bind a name."""
        nodes = [bare for node in self.bound[name] if (bare := _Bare().visit(node)) is not None]
        digest = digest_bytes("\n".join(map(ast.dump, nodes)).encode())
        references = frozenset(reference for node in nodes for reference in _references(node))
        return Definition(digest, references, self._imports_in(nodes))

    def _add(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.If) and ast.unparse(statement.test) in GUARDS:
                self._add(statement.orelse)
                continue
            if _is_text(statement):
                continue
            names = _defined(statement)
            if not names:  # none, or perhaps some, as in `try`
                for name, found in self._imports_in([statement]).items():
                    self.imports.setdefault(name, []).extend(found)
                names = [] if isinstance(statement, ast.Import | ast.ImportFrom) else [STATEMENTS, *_stored(statement)]
            for name in names:
                self.bound.setdefault(name, []).append(statement)
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                hinted = [ast.arg(argument.arg, argument.annotation) for argument in _arguments(statement.args)]
                self.bound.setdefault(signature_of(statement.name), []).extend(hinted)

    def _imports_in(self, nodes: Iterable[ast.AST]) -> dict[str, list[Dotted]]:
        found: dict[str, list[Dotted]] = {}
        for node in chain.from_iterable(map(ast.walk, nodes)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    package, *below = alias.name.split(".")
                    if package == self._package:
                        found.setdefault(alias.asname or package, []).append(tuple(below) if alias.asname else ())
            elif isinstance(node, ast.ImportFrom) and (source := self._source(node)) is not None:
                for alias in node.names:
                    if alias.name == "*":
                        raise ValueError(f"{self._file}, line {node.lineno}: import * hides what is used; name it")
                    found.setdefault(alias.asname or alias.name, []).append((*source, alias.name))
        return found

    def _source(self, node: ast.ImportFrom) -> Dotted | None:
        """Return what is imported from, or None where that is not in the package."""
        named = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            return (*self._home[: len(self._home) - node.level + 1], *named)
        return named[1:] if named[:1] == (self._package,) else None


class _Bare(ast.NodeTransformer):
    """Leaves out what changes no result, but for comments and layout, which no syntax tree has."""

    def __init__(self) -> None:
        self._in_class = False

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self._in_class:
            return self.generic_visit(node)
        return self.generic_visit(ast.Assign([node.target], node.value)) if node.value else None

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._within(node, in_class=True)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if not node.decorator_list:
            node.returns = None
            for argument in _arguments(node.args):
                argument.annotation = None
        return self._within(node, in_class=False)

    def _within(self, node: ast.AST, in_class: bool) -> ast.AST:
        outside, self._in_class = self._in_class, in_class
        node = self.generic_visit(node)
        self._in_class = outside
        return node


def _is_text(statement: ast.stmt) -> bool:
    """Say whether a statement is a bare string, as docstrings are."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines, if it does nothing else."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return []
    parts = [part for target in targets for part in ast.walk(target) if not isinstance(part, ast.expr_context)]
    if not all(isinstance(part, ast.Name | ast.Tuple | ast.List | ast.Starred) for part in parts):
        return []
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _stored(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement may bind, imports apart."""
    for part in ast.walk(statement):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield part.name
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    further = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *further]


def _references(node: ast.AST, in_hint: bool = False) -> Iterator[Dotted]:
    """Yield each name that is read, with the attributes that are taken from it; a type hint may be a string.

    Within a function its arguments are no names of the module.  Its variables are taken for such: that is on the safe
    side, and seldom matters.
    """
    attributes: list[str] = []
    whole = node
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id, *reversed(attributes)
        return
    if in_hint and isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _in_string(node.value)
    arguments: set[str] = set()
    if isinstance(whole, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        names_of_all = {name for part in ast.walk(whole) if isinstance(part, ast.Global) for name in part.names}
        arguments = {argument.arg for argument in _arguments(whole.args)} - names_of_all
    for name, value in ast.iter_fields(whole):
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                found = _references(part, in_hint or name in ("annotation", "returns"))
                yield from (path for path in found if name != "body" or path[0] not in arguments)


def _in_string(hint: str) -> Iterator[Dotted]:
    try:
        yield from _references(ast.parse(hint, mode="eval"), in_hint=False)
    except SyntaxError:  # some other string, as of a Literal
        return
