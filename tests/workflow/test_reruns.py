"""What a change reruns, counted in jobs and in requests; docs/reruns.md has the table.

A copy of the finished run is taken further: first what would run is counted in dry runs, then a second teacher, behind
a server that counts what it is asked, is added, asked for more votes and for fewer, and removed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from chat_server import ChatServer, chat_server
from pipeline_clone import TARGETS, Clone, jobs_by_rule

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
        # A model made on the spot is taught its prompt; who says yes or no is not in table 3.
        pytest.param(of_teacher(prompt="binary-v1"), {"make_model": 1, "evaluate": 5}, id="prompt"),
    ],
)
def test_a_change_of_a_teacher_reruns_its_chain_and_the_aggregates(
    run: Clone, change: dict[str, Any], also: dict[str, int]
) -> None:
    assert run.planned(overlays=overlay(run, change)) == {"ask": 1, **CHAIN, **also}


TITLE = {"predict_by_labels": 3, "evaluate": 3, **AGGREGATES}
CLIENT = {"timeout_s": 99, "concurrency": 3, "max_error_share": 0.5}


@pytest.mark.parametrize(
    ("change", "jobs"),
    [(of_teacher(client=CLIENT), {}), (of_teacher(server={"start_timeout_s": 99}), {}),
     (of_teacher(title="renamed teacher"), TITLE)],
    ids=["client", "start", "title"],
)  # fmt: skip
def test_what_no_answer_depends_on_asks_and_trains_nothing(
    run: Clone, change: dict[str, Any], jobs: dict[str, int]
) -> None:
    assert run.planned(overlays=overlay(run, change)) == jobs


@pytest.mark.parametrize("change", [label(aggregation="max"), label(votes=3, min_parsed=3)], ids=["kind", "votes"])
def test_another_aggregation_asks_nothing(run: Clone, change: dict[str, Any]) -> None:
    one_label = {"aggregate_votes": 1, "predict_by_labels": 1, "evaluate": 6}
    assert run.planned(overlays=overlay(run, change)) == CHAIN | one_label


def test_an_edit_reruns_its_stage_and_what_follows(run: Clone) -> None:
    module, elsewhere = (run.path / "workflow/umui" / name for name in ("votes/aggregation.py", "students/student.py"))
    texts = module.read_text(), elsewhere.read_text()
    edit(module, "lead > 0", "0 < lead")
    elsewhere.write_text(texts[1] + "\n# a comment\n")
    both_judges = {"aggregate_votes": 4, "predict_by_labels": 4, "evaluate": 9}
    assert run.planned() == CHAIN | both_judges
    module.write_text(texts[0])
    metrics = run.path / "workflow/umui/evaluation/metrics/metric.py"
    text = edit(metrics, "where=denominator != 0", "where=0 != denominator")
    assert run.planned() == {"evaluate": 10, "table": 1, "compare": 1}
    metrics.write_text(text)


def edit(file: Path, old: str, new: str) -> str:
    """Replace words that stand once in a file; return what it said before."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return text


def test_what_no_stage_reaches_reruns_nothing_and_a_page_only_its_table(run: Clone) -> None:
    package = run.path / "workflow/umui"
    module, page = package / "files/parquet.py", package / "reporting/templates/table3.jinja"
    texts = module.read_text(), page.read_text()
    module.write_text(texts[0] + "\n\ndef unused() -> None:\n    pass\n")
    shutil.copy(package / "prompts/templates/scalar-v1.jinja", package / "prompts/templates/scalar-v2.jinja")
    assert run.planned() == {}
    page.write_text(texts[1] + "More words.\n")
    assert run.planned() == {"table": 1}
    module.write_text(texts[0])
    page.write_text(texts[1])


def test_touched_files_and_comments_rerun_nothing(run: Clone) -> None:
    for module in sorted((run.path / "workflow/umui").rglob("*.py")):
        if module.name not in ("build.py", "torchvision_without_cuda.py"):  # bytes of the environments' names
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


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    """Counts what the added teacher is asked."""
    with chat_server() as counting:
        yield counting


def added(run: Clone, server: ChatServer, votes: int = 5, shared: bool = False, **endpoint: Any) -> tuple[str, ...]:
    endpoint = {"url": server.url, "model": server.model, "key_variable": None, **endpoint}
    sampling = {"votes": votes, "temperature": 0.5}
    told = {"like": "tiny-teacher", "title": "told teacher", "endpoint": endpoint, "sampling": sampling}
    return overlay(run, {"teachers": {"told": told}, "store": str(run.path.parent / "store") if shared else None})


def ran(run: Clone, *targets: str, overlays: tuple[str, ...] = ()) -> dict[str, int]:
    result = run.snakemake(*targets, overlays=overlays)
    assert result.returncode == 0, result.stdout + result.stderr
    return jobs_by_rule(result.stdout + result.stderr)


def items_of(run: Clone) -> int:
    """How many items the added teacher can be asked about."""
    votes = pq.read_table(run.path / "results/votes/told/0.parquet").to_pandas()
    return int(votes[votes.parse_status != "no_evidence"].item_id.nunique())


def test_an_added_teacher_is_asked_and_no_other(run: Clone, server: ChatServer) -> None:
    jobs = ran(run, *TARGETS, overlays=added(run, server, shared=True))
    assert jobs == {"ask": 1, "aggregate_votes": 3, "predict_by_labels": 3, "evaluate": 3, **AGGREGATES}
    assert len(server.bodies) == items_of(run) > 300
    assert len(set(server.seeds)) == 5 * items_of(run)
    assert "told teacher, 5-mean" in (run.path / "results/table3.csv").read_text()


def test_a_server_elsewhere_reruns_nothing(run: Clone, server: ChatServer) -> None:
    assert run.planned(overlays=added(run, server, url="https://node18:8000/v1", key_variable="KEY")) == {}
    assert run.planned(overlays=added(run, server, model="another"))["ask"] == 1


def test_votes_from_the_store_come_with_their_journal(run: Clone, server: ChatServer) -> None:
    """As in another clone, whose server is elsewhere; the next test asks for more than these votes."""
    for of_teacher in ("votes", "timings", "journals"):
        shutil.rmtree(run.path / "results" / of_teacher / "told")
    server.bodies.clear()
    elsewhere = added(run, server, shared=True, url="http://127.0.0.1:9/v1")
    assert ran(run, "results/votes/told/0.parquet", overlays=elsewhere) == {"ask": 1}
    assert server.bodies == []


def test_more_votes_ask_for_the_missing_ones_as_explained_and_fewer_for_none(run: Clone, server: ChatServer) -> None:
    table = "results/votes/told/0.parquet"
    seven = added(run, server, votes=7)
    said = explained(run, *seven)
    line = re.search(r"^ask +1 +([\d,]+) .*told: sampling\.votes: 5 → 7$", said, flags=re.M)
    assert line, said
    server.bodies.clear()
    assert ran(run, table, overlays=seven) == {"ask": 1}
    assert len(server.seeds) == int(line[1].replace(",", "")) == 2 * items_of(run)
    assert {body["n"] for body in server.bodies} == {2}
    server.bodies.clear()
    assert ran(run, table, overlays=added(run, server, votes=5)) == {"ask": 1}
    assert server.bodies == []


def test_the_impact_of_another_teacher_is_told(run: Clone, server: ChatServer) -> None:
    ran(run, "results/impact/tiny-teacher-told.md", overlays=added(run, server))
    page = (run.path / "results/impact/tiny-teacher-told.md").read_text()
    assert "# told teacher in the place of tiny teacher" in page
    old, new = (
        pq.read_table(run.path / f"results/labels/{name}/5-mean.parquet").to_pandas()
        for name in ("tiny-teacher", "told")
    )
    move = (new.set_index("item_id").probability - old.set_index("item_id").probability).dropna()
    labels = pd.read_csv(run.path / "results/impact/tiny-teacher-told.labels.csv")
    mean = labels[labels.label == "5-mean"]
    assert mean.n_items.sum() == len(move)
    assert mean.n_moved.sum() == (move.abs() > 1e-9).sum() > 0
    assert move.abs().idxmax() in page
    figures = pd.read_csv(run.path / "results/impact/tiny-teacher-told.metrics.csv")
    table = pd.read_csv(run.path / "results/table3.csv").set_index(["model", "modality"]).value
    mse = figures[(figures.metric == "mse_x100") & (figures.model_new == "told teacher, 5-mean")]
    for row in mse.itertuples():
        assert row.difference == pytest.approx(row.value_new - row.value_old)
        assert row.value_old == pytest.approx(table["tiny teacher, 5-mean", row.modality])


def test_a_removed_teacher_is_in_no_table(run: Clone) -> None:
    assert ran(run, *TARGETS) == AGGREGATES
    assert (run.path / "results/votes/told/0.parquet").is_file(), "kept, for when it comes back"
    for table in ("table3.csv", "coverage.csv", "coverage.md", "comparisons.csv"):
        assert "told" not in (run.path / "results" / table).read_text(), table
