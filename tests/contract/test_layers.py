"""Who may import whom: stages talk through files, and only the student's stages know torch.

Above them lie scoring and explaining, which no stage knows (docs/decisions/0006-scoring-lies-above-the-stages.md).
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow" / "umui"
STAGES = {"datasets", "media", "teacher", "student", "evaluation", "reporting"}
ABOVE = {"umui.scoring", "umui.score_command", "umui.explain"}
ABOVE_FILES = {"scoring.py", "score_command.py", "explain.py"}
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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_stage_imports_no_other_stage(path: Path) -> None:
    home = path.relative_to(PACKAGE).parts[0]
    if home not in STAGES:
        return
    others = {name.split(".")[1] for name in imported(path) if name.startswith("umui.")} & (STAGES - {home})
    assert not others, f"{path} imports {others}; stages talk through files only"


def test_nothing_imports_what_lies_above() -> None:
    """The command line names it in words, and imports it when it is asked for."""
    users = {path.name for path in MODULES if imported(path) & ABOVE}
    assert users <= ABOVE_FILES, f"{users - ABOVE_FILES}: a stage that imported it would import other stages"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_student_imports_torch(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] in {"student", "torchvision_without_cuda.py"}:
        return
    heavy = {name.split(".")[0] for name in imported(path)} & HEAVY
    assert not heavy, f"{path} imports {heavy}"


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
