"""Who may import whom: stages talk through files, and only the rooms of models know torch.

Above the stages lie what people use and what plans a run (docs/decisions/0006-scoring-lies-above-the-stages.md).
"""

import ast
from pathlib import Path

import pytest

from umui.config.students import READ_OUTS

PACKAGE = Path(__file__).parents[2] / "workflow" / "umui"
FLOORS = (
    {"tables", "environments"},
    {"files", "processes"},
    {"arguments"},
    {"config", "store", "evidence"},
    {"prompts", "answers", "jobs"},
    {"backbone"},
    {"datasets", "media", "models", "asking", "votes", "students", "evaluation", "reporting"},
    {"papers", "plan", "use"},
    {"cli"},
)
"""The rooms of the package, from the ground up: each imports what is below it, and none beside it but itself."""

FORBIDDEN_CALLS = {"os.system", "os.popen", "eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib"}
HEAVY = {"torch", "transformers", "peft", "deepspeed", "safetensors", "tokenizers"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room_of(module: str) -> str:
    """The room of a dotted name below umui; a loose module is its own."""
    return module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_what_is_below_it(path: Path) -> None:
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if room == "__init__":
        return
    height = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    others = {room_of(name) for name in imported(path) if name.startswith("umui.")} - {room}
    wrong = {other for other in others if height[other] >= height[room]}
    assert not wrong, f"{path} imports {wrong}; stages talk through files, and nothing knows what is above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_rooms_of_models_import_torch(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] in {"backbone", "models", "students", "environments"}:
        return
    heavy = {name.split(".")[0] for name in imported(path)} & HEAVY
    assert not heavy, f"{path} imports {heavy}"


def test_a_head_is_found_by_its_name_alone() -> None:
    """Else its code would be that of students with another head, and an edit would train them all again."""
    folder = PACKAGE / "students" / "heads"
    heads = {path.stem for path in folder.glob("*.py")} - {"__init__", "head"}
    assert heads == READ_OUTS.keys()
    naming = {path for path in MODULES if imported(path) & {f"umui.students.heads.{name}" for name in heads}}
    assert naming == {PACKAGE / "students" / "published.py"}, "the published checkpoint has the head of CLUE-D"


def test_package_files_stay_empty() -> None:
    full = [path for path in PACKAGE.rglob("__init__.py") if path.read_text().strip()]
    assert not full, f"{full}: what stands there joins every stage's code digest"


def test_nothing_executes_shell_strings_or_loads_pickles() -> None:
    for path in MODULES:
        hidden = imported(path) & (FORBIDDEN_CALLS | FORBIDDEN_MODULES)  # under whatever name they are then called
        assert not hidden, (path, hidden)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in FORBIDDEN_CALLS, (path, name)
                for keyword in node.keywords:
                    if keyword.arg in {"shell", "trust_remote_code", "allow_pickle"}:
                        assert ast.unparse(keyword.value) == "False", (path, keyword.arg)
