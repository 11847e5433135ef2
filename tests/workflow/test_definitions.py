"""A stage's digest covers what the stage executes: all definitions of the package, and all templates, in all processes.

The clone of all workflow tests (conftest.py) records what its stages execute.  A copy of it runs the other rules.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline_clone import RECORD, Clone
from repository_copy import ROOT

from umui.cli import STAGES
from umui.files.code import reached

pytestmark = pytest.mark.slow
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
NOT_RUN = {"download": "it needs the network"}
COMMAND_LINE = ("cli", "arguments", "files.source:")
"""Modules that turn words into a stage's arguments, which the stage is given in whatever way."""

VALIDATION = ("config.",)
"""Checks of settings: what passes is among a rule's parameters.  What a stage calls of it is reached by name."""

HEADS = ["students.heads.distribution:HEAD", "students.heads.text:HEAD"]
ADAPTERS = {"import-items": ["datasets.manifest:pairs"], "train-student": HEADS, "predict": HEADS}
PAIRS = {"datasets": {"pairs": {"kind": "manifest", "file": "tests/faults/pairs.csv"}}}
SHARED_VOTES = {
    "title": "shared votes", "dataset": "urn", "modalities": ["text", "video"], "splits": ["train", "test"],
    "files": ["shared/manifest.json"], "form": "votes", "thinking": False, "votes": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def executed(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What each stage executed: definitions as module:name, and templates as paths below the package."""
    copy = Clone(tmp_path_factory.mktemp("recorded") / "clone")
    shutil.copytree(finished.path, copy.path, symlinks=True)
    run(copy, "all", "results/cost.csv", "results/models.lock.yaml")
    run(copy, "results/items/pairs/items.parquet", changes=PAIRS)
    call(copy, "publish-votes", "--votes", "results/votes/tiny-teacher/0.parquet", "--title", "t", "--output", "shared")
    run(copy, "results/impact/tiny-teacher-shared.md", changes={"imported_teachers": {"shared": SHARED_VOTES}})
    logs = ("CLUE-D", "results/students/clue-d/training_log.parquet")
    files = ("--csv", "curves.csv", "--svg", "curves.svg", "--png", "curves.png")
    call(copy, "batching-curves", "--logs", *logs, "--loss", "CLUE-D", "nats", *files)
    found: dict[str, set[str]] = {}
    for clone in (finished, copy):
        for line in (clone.path.parent / RECORD).read_text().splitlines():
            stage, _, what = line.partition(" ")
            found.setdefault(stage, set()).add(what)
    return found


def run(clone: Clone, *targets: str, changes: dict[str, Any] | None = None) -> None:
    (clone.path / "change.yaml").write_text(yaml.safe_dump(changes or {}))
    result = clone.snakemake(*targets, overlays=("change.yaml",))
    assert result.returncode == 0, result.stdout + result.stderr


def call(clone: Clone, *arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(clone.path / "workflow")}
    subprocess.run([sys.executable, "-m", "umui.cli", *arguments], cwd=clone.path, env=environment, check=True)


def test_every_stage_of_the_rules_was_recorded(executed: dict[str, set[str]]) -> None:
    called = set(re.findall(r"-m umui\.cli ([\w-]+)", RULES)) | {"evaluate", "evaluate-scaled"}  # of one rule
    assert called - set(NOT_RUN) <= set(executed)
    for stage, found in executed.items():
        assert STAGES[stage] in found, f"{stage}: its own function is not in the record"


def test_a_stage_executes_only_what_its_digest_covers(executed: dict[str, set[str]]) -> None:
    lines = [line for stage, found in executed.items() for line in uncovered(stage, found, ADAPTERS.get(stage, ()))]
    assert lines == []


def test_what_a_digest_does_not_cover_is_in_the_record(executed: dict[str, set[str]]) -> None:
    """The adapter is found by a string: it is covered only since the rule names it."""
    lines = list(uncovered("import-items", executed["import-items"], adapters=()))
    assert "import-items: datasets.manifest:pairs" in lines


def uncovered(stage: str, found: set[str], adapters: Sequence[str]) -> Iterator[str]:
    covered = {f"{module}:{name}" for module, name in reached(STAGES[stage], *adapters)}
    for what in sorted(found - covered):
        is_template = what.endswith(".jinja")
        if not is_template and not what.startswith(COMMAND_LINE + VALIDATION):
            yield f"{stage}: {what}"


def test_a_rule_names_the_templates_that_its_stage_reads(executed: dict[str, set[str]]) -> None:
    rooms_of = re.compile(
        r'code\(\s*"([\w-]+)",(?:\s*dispatch\.\w+\([^()]*\),)?\s*templates=(?:dispatch\.|\(f?")([\w.]+?)[:(]'
    )
    named = dict(rooms_of.findall(RULES))
    for stage, found in executed.items():
        rooms = {".".join(Path(what).parent.parent.parts) for what in found if what.endswith(".jinja")}
        assert rooms <= {named.get(stage)}, f"{stage}: {rooms}"
