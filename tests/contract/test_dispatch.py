"""What a digest of code cannot follow stands in few places, which are named here.

A digest follows names (docs/decisions/0009-digests-of-definitions.md).  Modules found by a string, files of the package
that are run as programs, and what is put into a module from outside have none.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow" / "umui"
MODULES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
FILES = {Path(module).name for module in MODULES} - {"__init__.py"}
BY_STRING = {"import_module", "__import__", "run_module", "run_path", "entry_points", "globals", "__subclasses__"}
ALLOWED = {
    "cli.py": {"import_module"},  # the stage's own function, which every rule names as its entry
    "files/source.py": {"import_module"},  # the command line's: classes that stand in a stage's signature
    "datasets/importing.py": {"import_module"},  # the adapter of a kind, which the rule import_items names
    "students/heads/head.py": {"import_module"},  # a student's head, which the rules train_student and predict name
    "asking/chat_templates.py": {"globals"},  # the functions of a template's own language
    "asking/server.py": {"supervisor.py"},  # it ends a server with its job, and changes no result
    "environments/build.py": {"torchvision_without_cuda.py"},  # its bytes are in the environment's name
    "jobs/running.py": {"supervisor.py", "ranks.py"},  # the wrapper's, which is no stage
}


def unfollowed(tree: ast.Module) -> Iterator[str]:
    """Yield what of a module a digest of code cannot follow."""
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "umui"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in BY_STRING or ast.unparse(node) == "sys.modules":
                yield name
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) in ours:
            yield ast.unparse(node)
        if isinstance(node, ast.Constant) and node.value in FILES:
            yield node.value
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield "import *"


@pytest.mark.parametrize("module", MODULES)
def test_only_the_named_places_reach_code_otherwise_than_by_its_name(module: str) -> None:
    assert set(unfollowed(MODULES[module])) == ALLOWED.get(module, set())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import importlib\nimportlib.import_module('umui.' + kind)", {"import_module"}),
        ("from umui.tables import *", {"import *"}),
        ("from umui import tables\ntables.ITEMS = None", {"tables.ITEMS"}),
        ("import sys\nsys.modules['umui.tables'].ITEMS", {"modules"}),
        ("Settings.__subclasses__()", {"__subclasses__"}),
        ("PROGRAM = Path(__file__).with_name('ranks.py')", {"ranks.py"}),
        ("from umui import tables\ngetattr(tables, name)\nself.items = tables.ITEMS", set()),
    ],
)
def test_such_places_are_found(code: str, found: set[str]) -> None:
    assert set(unfollowed(ast.parse(code))) == found
