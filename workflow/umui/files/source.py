"""A module of the package as its source has it: what it defines and imports, and what its names mean.

The module is not imported for it, so that its libraries need not be there.
"""

import ast
import builtins
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

WORKFLOW = Path(__file__).parents[2]
PACKAGE = "umui"


@dataclass(frozen=True)
class Source:
    """The names at the top of a module.

    `definitions` are its functions, classes and assigned names.  `imports` says of a name from which module it comes
    and what it is called there, which is None when the name is the module itself.
    """

    module: str
    definitions: Mapping[str, ast.stmt]
    imports: Mapping[str, tuple[str, str | None]]

    @classmethod
    def parsed(cls, module: str, text: str) -> Self:
        """Return the source of a module that has this text."""
        body = ast.parse(text).body
        definitions = {name: statement for statement in body for name in _defined(statement)}
        return cls(module, definitions, dict(entry for statement in body for entry in _imported(statement)))

    def function(self, name: str) -> ast.FunctionDef:
        """Return a function.  Raises ValueError when the module has none of this name."""
        found = self.definitions.get(name)
        if not isinstance(found, ast.FunctionDef):
            raise ValueError(f"{self.module}: there is no function {name}")
        return found

    def value(self, node: ast.expr) -> Any:
        """Return what a type or a constant means that stands in the module.

        Assigned names are followed to where they are assigned; classes and functions are imported with their module.
        Raises ValueError for an expression that is neither.
        """
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._named(name)
            case ast.Attribute(value=owner, attr=name):
                return getattr(self.value(owner), name)
            case ast.Tuple(elts=members):
                return tuple(self.value(member) for member in members)
            case ast.Subscript(value=generic, slice=of):
                return self.value(generic)[self.value(of)]
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return self.value(left) | self.value(right)
            case ast.Call(func=called, args=arguments, keywords=keywords):
                named = {str(keyword.arg): self.value(keyword.value) for keyword in keywords}
                return self.value(called)(*map(self.value, arguments), **named)
        raise ValueError(f"{self.module}:{node.lineno}: {ast.unparse(node)}: neither a type nor a constant")

    def _named(self, name: str) -> Any:
        match self.definitions.get(name):
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                return self.value(value)
            case ast.stmt():
                return getattr(importlib.import_module(self.module), name)
        if name not in self.imports:
            return getattr(builtins, name)
        module, original = self.imports[name]
        if original is None:
            return importlib.import_module(module)
        if module.partition(".")[0] == PACKAGE:
            return read_source(module)._named(original)
        return getattr(importlib.import_module(module), original)


@lru_cache(maxsize=8)  # a tree is large: to keep and drop those of all modules takes longer than to parse them
def read_source(module: str) -> Source:
    """Read a module of the package by its dotted name."""
    file = WORKFLOW.joinpath(*module.split(".")).with_suffix(".py")
    return Source.parsed(module, file.read_text(encoding="utf-8"))


def _defined(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def _imported(statement: ast.stmt) -> Iterator[tuple[str, tuple[str, str | None]]]:
    match statement:
        case ast.ImportFrom(module=str(module), names=names):
            yield from ((alias.asname or alias.name, (module, alias.name)) for alias in names)
        case ast.Import(names=names):
            for alias in names:
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or bound, (bound, None)
