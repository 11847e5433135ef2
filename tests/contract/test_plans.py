"""Which tables and figures a run has, and what they are made from, seen in dry runs."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from dry_runs import inputs_of, plan

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def planned(clone: Path) -> str:
    """The plan of the default configuration."""
    result = plan(clone)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_all_tables_and_figures_are_planned(planned: str) -> None:
    for name in ("1", "2", "3", "3-graded", "4", "5", "7", "8"):
        inputs_of(planned, f"results/table{name}.csv")
    inputs_of(planned, "results/table6.csv")
    assert "data/paper_results.csv" in inputs_of(planned, "results/paper_comparison.csv")
    for number in (3, 4, 6):
        inputs_of(planned, f"results/figures/figure{number}.svg")
    assert "results/figures/figure5.svg" in planned


def test_ablations_are_in_table_4_and_figures_5_and_6_alone(planned: str) -> None:
    ablation = "results/metrics/students/ratio-1.parquet"
    assert ablation in inputs_of(planned, "results/table4.csv")
    for table in ("2", "3", "7", "8"):
        assert ablation not in inputs_of(planned, f"results/table{table}.csv")
    drawn = {
        figure: {name for name in ("clue-d", "clue-t", "ratio-1", "mixed") if f"students/{name}" in inputs}
        for figure in ("figure3", "figure5", "figure6", "training", "reliability")
        for inputs in [" ".join(inputs_of(planned, f"results/figures/{figure}.csv"))]
    }
    assert drawn == {
        "figure3": {"clue-d", "clue-t"},
        "figure5": {"clue-d", "mixed"},
        "figure6": {"clue-d", "clue-t", "ratio-1"},
        "training": {"clue-d", "clue-t"},
        "reliability": {"clue-d", "clue-t"},
    }


def test_each_table_has_all_controls_and_temperatures_need_held_out_predictions(planned: str) -> None:
    for name in ("1", "2", "3", "3-graded", "4", "5", "7", "8"):
        inputs = inputs_of(planned, f"results/table{name}.csv")
        for control in ("constant", "majority", "hypothesis-only"):
            assert f"results/metrics/controls/{control}.parquet" in inputs, (name, control)
    scaled = [file for file in inputs_of(planned, "results/table7.csv") if file.startswith("results/scaled_metrics/")]
    assert "results/scaled_metrics/students/clue-d.parquet" in scaled
    assert "results/scaled_metrics/labels/tiny-base/1-vote.parquet" in scaled


def test_a_yes_or_no_is_judged_as_one_and_not_as_a_probability(planned: str) -> None:
    said = "results/metrics/labels/tiny-base-binary/1-vote.parquet"
    for table in ("2", "7"):
        assert said in inputs_of(planned, f"results/table{table}.csv")
    for table in ("3", "3-graded", "8"):
        assert said not in inputs_of(planned, f"results/table{table}.csv")


def test_two_batchings_are_drawn_and_only_taught_teachers_are_in_table_1(clone: Path, tmp_path: Path) -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    idle = copy.deepcopy(raw["teachers"]["tiny-teacher"])
    fewer = {"like": "clue-d", "title": "CLUE-D, 1:2", "training": {"negative_ratio": 2}}
    overlay = {
        "students": {"fewer": fewer},
        "teachers": {"idle": idle | {"title": "idle teacher"}},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    result = plan(clone, "--configfile", str(tmp_path / "overlay.yaml"), "--printshellcmds")
    assert result.returncode == 0, result.stdout + result.stderr
    planned = result.stdout
    (curves,) = re.findall(r"umui\.cli batching-curves (.*)", planned)
    assert "results/students/mixed/training_log.parquet" in curves
    assert "clue-t" not in curves, "its loss is another"
    assert "fewer" not in curves, "it differs in more than batching"
    idle_metrics = "results/metrics/labels/idle/5-mean.parquet"
    assert idle_metrics not in inputs_of(planned, "results/table1.csv")
    assert idle_metrics in inputs_of(planned, "results/table5.csv")
    (ratios,) = re.findall(r"umui\.cli table --table table4 .*?(--negative-ratio.*) --csv", planned)
    assert "--negative-ratio 'CLUE-D' all" in ratios
    assert "--negative-ratio 'CLUE-D, 1:2' 2" in ratios


def test_a_judges_jobs_share_the_shards(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump({"shards": 5, "teachers": {"tiny-teacher": {"jobs": 2}}}))
    result = plan(clone, "--configfile", str(tmp_path / "overlay.yaml"))
    assert result.returncode == 0, result.stdout + result.stderr
    for piece, shards in ((0, [0, 2, 4]), (1, [1, 3])):
        inputs = inputs_of(result.stdout, f"results/votes/tiny-teacher/{piece}.parquet, ")
        evidence = [file for file in inputs if file.startswith("results/evidence/")]
        assert evidence == [f"results/evidence/{shard}.parquet" for shard in shards]
    labels = inputs_of(result.stdout, "results/labels/tiny-teacher/5-mean.parquet")
    assert labels == ["results/votes/tiny-teacher/0.parquet", "results/votes/tiny-teacher/1.parquet"]


def test_a_new_teachers_impact_is_planned_with_the_student_that_differs_in_it_alone(
    clone: Path, tmp_path: Path
) -> None:
    other = {"like": "clue-d", "title": "CLUE-D, other", "sources": {"urn": {"teacher": "other"}}}
    overlay = {
        "teachers": {"other": {"like": "tiny-teacher", "title": "other teacher", "sampling": {"seed": 1}}},
        "students": {"of-other": other, "smaller": {**other, "title": "CLUE-D, smaller", "bins": 20}},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    page = "results/impact/tiny-teacher-other.md"
    result = plan(clone, page, "--printshellcmds", "--configfile", str(tmp_path / "overlay.yaml"))
    assert result.returncode == 0, result.stdout + result.stderr
    (command,) = re.findall(r"umui\.cli impact (.*)", result.stdout)
    assert re.findall("--pair '(.*?)' '(.*?)'", command) == [
        ("other teacher, 1-vote", "tiny teacher, 1-vote"), ("other teacher, 5-max", "tiny teacher, 5-max"),
        ("other teacher, 5-mean", "tiny teacher, 5-mean"), ("CLUE-D, other", "CLUE-D"),
    ]  # fmt: skip
    labels = "results/labels/{}/5-mean.parquet"
    given = inputs_of(result.stdout, "results/impact/tiny-teacher-other.moves.csv")
    assert {labels.format("tiny-teacher"), labels.format("other")} <= set(given)


def test_the_papers_run_is_planned_with_all_that_it_compares(clone: Path) -> None:
    names = ["unli/train.csv", "unli/dev.csv", "unli/test.csv", "wikivideo/annotation.json"]
    names += [f"cle/clotho_entailment_{split}.csv" for split in ("development", "validation", "evaluation")]
    for name in [*names, "wikivideo/final_data_2015-2025.json"]:
        (clone / "data" / name).parent.mkdir(exist_ok=True)
        (clone / "data" / name).touch()
    result = plan(clone, "--configfile", "configs/paper.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    graded, binary = (inputs_of(result.stdout, f"results/table{number}.csv") for number in (3, 2))
    for model in ("audio-flamingo", "qwen2-audio", "qwen2.5-vl", "qwen3-vl", "qwen2.5-omni"):
        assert f"results/metrics/labels/{model}/1-vote.parquet" in graded
        assert f"results/metrics/labels/{model}-binary/1-vote.parquet" in binary
    for model in ("qwen3", "tmto", "tmto-unscaled"):
        assert f"results/metrics/labels/{model}/1-vote.parquet" in graded
    assert not [file for file in graded if "-binary/" in file]
