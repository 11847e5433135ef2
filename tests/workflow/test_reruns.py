"""What a change reruns, counted in jobs; docs/reruns.md has the table.

Everything is counted in dry runs of a copy of the finished run.
"""

import os
import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml
from pipeline_clone import TARGETS, Clone

pytestmark = pytest.mark.slow
STUDENTS = {"train_student": 2, "predict": 4, "training_curves": 1}
AGGREGATES = {"table": 1, "coverage": 1, "compare": 1}
CHAIN = {"aggregate_votes": 3, "predict_by_labels": 3, "predict_control": 3, "evaluate": 8, **STUDENTS, **AGGREGATES}
"""What follows other votes of the teacher: three aggregations; all models but the baseline and the oracle."""


@pytest.fixture(scope="module")
def run(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of the finished run that this module may change."""
    assert finished.snakemake(*TARGETS).returncode == 0
    copy = tmp_path_factory.mktemp("reruns") / "clone"
    shutil.copytree(finished.path, copy, symlinks=True)
    return Clone(copy)


def overlay(run: Clone, settings: dict[str, Any]) -> tuple[str, ...]:
    (run.path / "change.yaml").write_text(yaml.safe_dump(settings))
    return ("change.yaml",)


def of_teacher(**changes: Any) -> dict[str, Any]:
    return {"teachers": {"tiny-teacher": changes}}


def label(**changes: Any) -> dict[str, Any]:
    return {"labels": {"5-mean": changes}}


@pytest.mark.parametrize(
    ("change", "also"),
    [
        pytest.param(of_teacher(sampling={"temperature": 0.7}), {}, id="temperature"),
        pytest.param(of_teacher(model="tiny-base"), {}, id="model"),
        pytest.param({"models": {"tiny-teacher": {"revision": "0" * 40}}}, {}, id="revision"),
        pytest.param(of_teacher(prompt="binary-v1"), {"make_model": 1}, id="prompt, which the tiny model is taught"),
    ],
)
def test_a_change_of_a_teacher_reruns_its_chain_and_the_aggregates(
    run: Clone, change: dict[str, Any], also: dict[str, int]
) -> None:
    assert run.planned(overlays=overlay(run, change)) == {"ask": 1, **CHAIN, **also}


@pytest.mark.parametrize("change", [label(aggregation="max"), label(votes=3, min_parsed=3)], ids=["kind", "votes"])
def test_another_aggregation_asks_nothing(run: Clone, change: dict[str, Any]) -> None:
    one_label = {"aggregate_votes": 1, "predict_by_labels": 1, "evaluate": 6}
    assert run.planned(overlays=overlay(run, change)) == CHAIN | one_label


def test_an_edit_reruns_its_stage_and_what_follows(run: Clone) -> None:
    module, elsewhere = (run.path / "workflow/umui" / name for name in ("teacher/aggregation.py", "student/model.py"))
    texts = module.read_text(), elsewhere.read_text()
    module.write_text(texts[0] + "\nEDITED = True\n")
    elsewhere.write_text(texts[1] + "\n# a comment\n")
    both_judges = {"aggregate_votes": 4, "predict_by_labels": 4, "evaluate": 9}
    assert run.planned() == CHAIN | both_judges
    module.write_text(texts[0])
    metrics = run.path / "workflow/umui/evaluation/metrics.py"
    text = metrics.read_text()
    metrics.write_text(text + "\nEDITED = True\n")
    assert run.planned() == {"evaluate": 10, "table": 1, "compare": 1}
    metrics.write_text(text)


def test_touched_files_and_comments_rerun_nothing(run: Clone) -> None:
    for module in sorted((run.path / "workflow/umui").rglob("*.py")):
        if module.name not in ("environment.py", "torchvision_without_cuda.py"):  # bytes of the environments' names
            module.write_text(module.read_text() + "\n# a comment\n")
    touched = [path for path in run.path.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert max(path.stat().st_size for path in touched) > 1_000_000
    for path in touched:
        path.touch()
    assert run.planned() == {}
    assert explained(run) == "nothing to do: all is there, made with this configuration and this code\n"


def explained(run: Clone, *overlays: str) -> str:
    command = [sys.executable, "-m", "umui.cli", "explain", *TARGETS, "--configfiles", "configs/ci.yaml", *overlays]
    environment = os.environ | {"PYTHONPATH": str(run.path / "workflow")}
    return subprocess.run(command, cwd=run.path, env=environment, capture_output=True, text=True, check=True).stdout
