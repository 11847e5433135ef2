"""Runs when Python starts, in each process of a stage: records which definitions of the package the stage executes.

It lies beside the package, where PYTHONPATH leads the Pythons of all environments.  A line of the record is the stage,
and the module and name of a function or class, or the path of a template of the package that was opened.  What runs
while a module is imported is left out: it makes the module's variables, of which a stage need not use any.
"""

import ast
import builtins
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

PACKAGE = f"{Path(__file__).parent / 'umui'}{os.sep}"
RECORD = Path(__file__).parents[2] / "executed.txt"  # beside the clone
STAGE = "UMUI_RECORDED_STAGE"  # by which a stage's own children know whose they are
EXECUTED = "__executed__"


class Recorder:
    """Writes each line once a process; a line is one call of the system, so that processes never mix theirs."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._known: set[str] = set()
        self._importing = threading.local()
        self._file = os.open(RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, what: str) -> None:
        if what not in self._known and not getattr(self._importing, "depth", 0):
            self._known.add(what)
            os.write(self._file, f"{self._stage} {what}\n".encode())

    @contextmanager
    def importing(self) -> Iterator[None]:
        self._importing.depth = getattr(self._importing, "depth", 0) + 1
        try:
            yield
        finally:
            self._importing.depth -= 1

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        file = arguments[0] if event == "open" else None
        if isinstance(file, str) and file.startswith(PACKAGE) and file.endswith(".jinja"):
            self(file.removeprefix(PACKAGE))


class Loader(SourceFileLoader):
    """Loads a module from its source alone, each of its functions with a first line that records it."""

    def exec_module(self, module: ModuleType) -> None:
        with recorder.importing():
            super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path))
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                module = fullname.partition(".")[2]
                _record_within(statement, f"{module}:{statement.name}")
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)


def _record_within(node: ast.AST, name: str) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        call = ast.Call(ast.Name(EXECUTED, ast.Load()), [ast.Constant(name)], [])
        node.body.insert(1 if ast.get_docstring(node, clean=False) is not None else 0, ast.Expr(call))
    elif isinstance(node, ast.ClassDef):
        for statement in node.body:
            _record_within(statement, name)


class Finder(MetaPathFinder):
    """Finds the package's modules before others do."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname.startswith("umui.") else None
        if spec is not None and spec.origin is not None:
            spec.loader = Loader(fullname, spec.origin)
        return spec


def stage() -> str | None:
    """Return the stage that this process runs, or works for."""
    _, _, words = " ".join(sys.orig_argv[:5]).partition(" -m umui.cli ")
    return words.split(" ")[0] or os.environ.get(STAGE)


if (found := stage()) is not None:
    os.environ[STAGE] = found
    recorder = Recorder(found)
    builtins.__executed__ = recorder
    sys.addaudithook(recorder.hear)
    sys.meta_path.insert(0, Finder())
