"""What rules make of the plan, seen in dry runs; the plan itself is tested by configuration alone (tests/unit/plan)."""

from pathlib import Path

import pytest
import yaml
from dry_runs import ROOT, arguments_of, inputs_of, plan

from umui.config.loading import load
from umui.plan.entries import entries, models
from umui.plan.figures import distributions, figures, raters
from umui.plan.paths import files_of
from umui.plan.tables import TABLES, metrics_of

CONFIG = load(yaml.safe_load((ROOT / "config.yaml").read_text()))
IMPACT = "results/impact/tiny-teacher-other"


@pytest.fixture(scope="module")
def planned(clone: Path) -> str:
    """The plan of the default configuration."""
    result = plan(clone, "all", "--printshellcmds")
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def changed(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The plan of another teacher's impact, of a judge with two jobs, and of votes in a file with an odd name."""
    published = {
        "title": "published teacher", "dataset": "urn", "modalities": ["video"], "splits": ["train"],
        "files": ["it's here.json"], "form": "scalar", "thinking": True, "votes": 1,
    }  # fmt: skip
    overlay = tmp_path_factory.mktemp("overlay") / "overlay.yaml"
    overlay.write_text(
        yaml.safe_dump({
            "shards": 5,
            "teachers": {
                "tiny-teacher": {"jobs": 2},
                "other": {"like": "tiny-teacher", "title": "other teacher", "sampling": {"seed": 1}},
            },
            "imported_teachers": {"published": published},
        })
    )  # fmt: skip
    (clone / published["files"][0]).touch()
    targets = (f"{IMPACT}.md", "results/votes/published/0.parquet")
    result = plan(clone, *targets, "--printshellcmds", "--configfile", str(overlay))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_all_tables_and_figures_are_made_from_what_the_plan_says(planned: str) -> None:
    for table in TABLES:
        assert inputs_of(planned, f"results/{table}.csv") == metrics_of(CONFIG, table)
    inputs_of(planned, "results/table6.csv")
    assert "data/paper_results.csv" in inputs_of(planned, "results/paper_comparison.csv")
    for figure in figures(CONFIG):
        assert f"results/figures/{figure}.svg" in planned
    items = ["results/items/urn/items.parquet"]
    assert inputs_of(planned, "results/figures/figure3.csv") == items + files_of(raters(CONFIG))
    assert inputs_of(planned, "results/figures/figure6.csv") == items + files_of(distributions(CONFIG)["figure6"])


def test_every_model_is_judged_from_the_files_that_the_plan_names(planned: str) -> None:
    for entry in entries(CONFIG):
        given = arguments_of(planned, entry.metrics)
        assert given[given.index("--predictions") + 1] == entry.files[0]
        assert given[given.index("--model") + 1] == entry.title
        assert given[given.index("--role") + 1] == entry.role
    scaled = {entry.path for entry in models(CONFIG) if f"output: {entry.scaled_metrics}" in planned}
    assert {"students/clue-d", "labels/tiny-base/1-vote", "controls/constant"} < scaled
    assert arguments_of(planned, "results/scaled_metrics/students/clue-d.parquet")[0] == "evaluate-scaled"


def test_titles_reach_a_stage_whole(planned: str) -> None:
    ratios = arguments_of(planned, "results/table4.csv")
    assert ratios[ratios.index("CLUE-D, 1:0.5") - 1 :][:3] == ["--negative-ratio", "CLUE-D, 1:0.5", "0.5"]
    curves = arguments_of(planned, "results/figures/figure5.csv")
    log = "results/students/mixed/training_log.parquet"
    assert curves[curves.index(log) - 2 :][:3] == ["--logs", "CLUE-D, mixed batches", log]


def test_the_oracle_is_the_control_that_learns_from_no_labels(planned: str) -> None:
    assert inputs_of(planned, "results/predictions/controls/oracle.parquet") == ["results/items/urn/items.parquet"]
    learned = inputs_of(planned, "results/predictions/controls/constant.parquet")
    assert "results/labels/tiny-teacher/5-mean.parquet" in learned


def test_a_judges_jobs_share_the_shards(changed: str) -> None:
    for piece, shards in ((0, [0, 2, 4]), (1, [1, 3])):
        inputs = inputs_of(changed, f"results/votes/tiny-teacher/{piece}.parquet, ")
        evidence = [file for file in inputs if file.startswith("results/evidence/")]
        assert evidence == [f"results/evidence/{shard}.parquet" for shard in shards]
    labels = inputs_of(changed, "results/labels/tiny-teacher/5-mean.parquet")
    assert labels == ["results/votes/tiny-teacher/0.parquet", "results/votes/tiny-teacher/1.parquet"]


def test_a_new_teachers_impact_is_planned_with_both_teachers_labels(changed: str) -> None:
    labels = [f"results/labels/{teacher}/5-mean.parquet" for teacher in ("tiny-teacher", "other")]
    assert set(labels) <= set(inputs_of(changed, f"{IMPACT}.moves.csv"))
    given = arguments_of(changed, f"{IMPACT}.moves.csv")
    at = given.index("--pair")
    assert given[at : at + 3] == ["--pair", "other teacher, 1-vote", "tiny teacher, 1-vote"]
    assert given[given.index("--new-labels") + 1 :][:2] == ["1-vote", "results/labels/other/1-vote.parquet"]


def test_no_file_name_breaks_out_of_a_command(changed: str) -> None:
    assert "it's here.json --outputs" in " ".join(
        arguments_of(changed, "results/votes/published/0.parquet", "umui.jobs")
    )
