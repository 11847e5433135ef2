"""The paper's figures: how they are stored, what they imply, and how a run's stand beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from rows import line_of, metric

from umui.evaluation.metrics.agreement import KRIPPENDORFF_ALPHA, KRIPPENDORFF_ALPHA_ANNOTATORS
from umui.evaluation.metrics.calibration import ece
from umui.files.parquet import write_table
from umui.papers.clue import audit, checks
from umui.papers.clue.comparison import ZERO_SHOT, paper_comparison
from umui.papers.clue.results import COLUMNS, read, rounded_from
from umui.tables import METRICS

ROOT = Path(__file__).parents[3]
PUBLISHED = ROOT / "data/paper_results.csv"


def test_every_printed_cell_is_there_once() -> None:
    cells = read(PUBLISHED)
    assert cells["table"].value_counts().to_dict() == {
        "table1": 12, "table2": 18, "table3": 22, "table4": 18, "table5": 36, "table6": 7, "table7": 18, "table8": 66,
        "appendix B.3": 1,
    }  # fmt: skip
    errors = cells[cells["metric"].isin(["mse", "accuracy", "f1", "ece", "krippendorff_alpha"])]
    assert (errors["value"] / errors["scale"]).between(0, 1).all()
    row = cells[(cells["table"] == "table8") & (cells["row"] == "CLUE-D") & (cells["column"] == "WV-AV MSE")].iloc[0]
    assert row[["dataset", "modality", "value", "as_printed"]].tolist() == [
        "wikivideo-av", "audiovisual", 0.0792, "7.92e-2"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (["table3,a,UNLI,m,unli,text,mse,5.7,100,5.7,"] * 2, "table3 / a / UNLI stands twice"),
        (["table3,a,UNLI,m,unli,text,mse,7.5,100,5.7,"], "has value 7.5, but prints 5.7"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, rows: list[str], named: str) -> None:
    (tmp_path / "p.csv").write_text("\n".join([",".join(COLUMNS), *rows]))
    with pytest.raises(ValueError, match=named):
        read(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("printed", "low", "high"), [("2.8", 2.75, 2.85), ("9.78e-2", 0.09775, 0.09785), ("15", 14.5, 15.5)]
)
def test_what_rounds_to_a_printed_figure(printed: str, low: float, high: float) -> None:
    assert [float(end) for end in rounded_from(printed)] == [low, high]


def test_a_small_error_and_a_low_accuracy_exclude_each_other() -> None:
    assert checks.bias(0.0225) == pytest.approx(0.15)
    # 25 of 105 on the wrong side of 0.5, each just over it: 0.25 each.
    assert checks.least_mse_of_classes(80 / 105) == pytest.approx(25 * 0.25 / 105)
    # All error on one item of four, where people say 0.6 and the teacher 0.5: 0.1 ** 2 / 4.
    assert checks.farthest_from_half(0.75, 0.0025) == pytest.approx(0.1)
    assert checks.farthest_from_half(0.5, 0.9) == 0.5


def test_one_more_rater_who_says_the_mean_raises_alpha_by_so_much() -> None:
    generator = np.random.default_rng(3)
    annotations = generator.uniform(size=(20_000, 1)) + generator.normal(0, 0.2, (20_000, 4))
    mean = annotations.mean(axis=1)

    def alpha(of: Any) -> float:
        return float(of.value(of.terms(mean, annotations).sum(axis=0)))

    expected = checks.alpha_with_consensus(alpha(KRIPPENDORFF_ALPHA_ANNOTATORS), raters=4)
    assert alpha(KRIPPENDORFF_ALPHA) == pytest.approx(expected, abs=1e-4)


def test_shares_of_how_many_items() -> None:
    # 2/3 cut, 2/3 rounded, 1/2.
    assert checks.denominators([0.6666, 0.6667, 0.5], unit=0.0001, largest=20) == [6, 12, 18]


def test_true_items_by_accuracy_and_f1() -> None:
    # 10 items: 6 true positives, 1 true negative, 1 miss, 2 false alarms: accuracy 0.7, F1 12 / 15.
    assert checks.true_positives(0.7, 0.8) == pytest.approx(0.6)
    exact = checks.positives(0.7, 0.8, unit=0.0)
    assert exact == pytest.approx((0.6, 0.9))
    rounded = checks.positives(0.7, 0.8, unit=0.01)
    assert rounded.low < exact.low
    assert rounded.high > exact.high
    assert checks.intersection([exact, checks.Range(0.5, 0.7)]) == pytest.approx((0.6, 0.7))
    # 3 of 4 true: precision 3/4, recall 1.
    assert checks.f1_of_always_yes(0.75) == pytest.approx(6 / 7)


def test_no_predictions_break_the_bounds_of_their_calibration_error() -> None:
    calibration = ece(10)
    assert checks.greatest_mse(0.5, bins=10) == pytest.approx(0.3 + 0.35)
    for seed in range(200):
        generator = np.random.default_rng(seed)
        sharpness = generator.uniform(0.02, 2)
        predicted, truth = generator.beta(sharpness, sharpness, (2, 30))
        error = float(calibration.value(calibration.terms(predicted, truth).sum(axis=0)))
        mse = float(((predicted - truth) ** 2).mean())
        assert error**2 <= mse + 1e-12
        assert mse <= checks.greatest_mse(error, bins=10) + 1e-12
    # Always wrong for certain: the bound is reached.
    assert checks.greatest_mse(1.0, bins=10) == 1


def test_the_target_of_the_paper_has_another_mean_than_its_label() -> None:
    # By hand, three bins 0, 0.5, 1 and sigma 0.5: masses 1, e^-0.5, e^-2.
    middle, end = np.exp(-0.5), np.exp(-2)
    assert checks.mean_of_target(0, 3, 0.5) == pytest.approx((0.5 * middle + end) / (1 + middle + end))
    assert checks.mean_of_target(0.5, 100, 0.05) == pytest.approx(0.5)
    assert checks.mean_of_target(0, 100, 0.05) == pytest.approx(0.0368, abs=5e-5)


def test_what_the_audit_finds_in_the_printed_tables() -> None:
    cells = read(PUBLISHED)
    found = audit.disagreements(cells).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in found] == [
        "CLUE-T, wikivideo-av, mse", "CLUE-T, wikivideo-av, mse", "CLUE-T, wikivideo-v, mse",
        "Qwen2.5-Omni 7B, wikivideo-v, mse", "TMTO 14B, unli, mse",
    ]  # fmt: skip
    assert ["not by rounding" in line for line in found] == [True, True, False, False, True]
    share = audit.shared_positives(cells)
    assert share.low > audit.value(cells, "table4", "1:1", "Acc.")
    assert checks.f1_of_always_yes(share.low) > audit.value(cells, "table4", "1:1", "F1")
    assert audit.pilot_sizes(cells) == list(range(105, 1001, 105))


def test_the_page_in_the_repository_is_that_of_its_figures(tmp_path: Path) -> None:
    audit.paper_audit(PUBLISHED, ROOT / "docs/clotho-controls.csv", tmp_path / "audit.md")
    assert (tmp_path / "audit.md").read_text() == (ROOT / "docs/paper-audit.md").read_text(), (
        "docs/paper-audit.md is stale: `umui paper-audit` writes it"
    )


def compared(tmp_path: Path, *rows: dict[str, Any]) -> tuple[pd.DataFrame, str]:
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    paper_comparison(PUBLISHED, [tmp_path / "metrics.parquet"], tmp_path / "c.csv", tmp_path / "c.md")
    return pd.read_csv(tmp_path / "c.csv"), (tmp_path / "c.md").read_text()


def test_figures_stand_side_by_side_where_data_modality_and_metric_are_the_same(tmp_path: Path) -> None:
    av = {"dataset": "wikivideo-av", "modality": "audiovisual"}
    rows, page = compared(
        tmp_path,
        metric("CLUE-D", "student", 9.0, **av),
        metric("hypothesis-only", "control", 20.0, **av),
        metric("Qwen2.5-Omni 7B, zero-shot", "baseline", 16.0, **av),
        metric("CLUE-D", "student", 0.72, metric="accuracy", ci_low=0.7, ci_high=0.74, **av),
        metric("CLUE-D", "student", None, metric="ece", **av),
        metric("CLUE-D", "student", 3.0),
    )
    assert set(rows["dataset"]) == {"wikivideo-av"}, "the urn is not the paper's"
    assert set(rows["metric"]) == {"mse_x100", "accuracy"}, "a value that is undefined stands beside nothing"
    ours = rows[(rows["model"] == "CLUE-D") & (rows["metric"] == "mse_x100")]
    assert dict(zip(ours["published_in"], ours["published"], strict=True)) == {
        "table3": 7.9, "table4": 7.9, "table8": 7.92
    }  # fmt: skip
    assert set(ours["value"]) == {9.0}
    accuracy = rows[(rows["model"] == "CLUE-D") & (rows["metric"] == "accuracy")]
    assert accuracy.set_index("published_in")["published"].to_dict() == {
        "table2": 0.701, "table4": 0.701, "table7": 0.701
    }  # fmt: skip
    baseline = rows[(rows["model"] == "Qwen2.5-Omni 7B") & (rows["metric"] == "mse_x100")]
    assert baseline["published"].tolist() == pytest.approx([15.2, 15.2])
    control = rows[rows["model"] == "hypothesis-only"]
    assert control["published"].isna().all()
    assert line_of(page, "hypothesis-only")[1:] == ["–", "–", "20.00 [19.50, 21.00]", "480 (20)"]
    assert "| CLUE-T | 2.8 ? | Table 3 | – | – |" in page, "a doubtful figure is marked"
    assert "| unli | text | mse_x100, nll_nats, ece |" in page, "what this run lacks is listed"


def test_the_papers_run_and_the_papers_figures_share_their_names() -> None:
    cells, run = read(PUBLISHED), yaml.safe_load((ROOT / "configs/paper.yaml").read_text())
    judges = [judge for judge in run["baselines"].values() if judge]
    binary = {judge["title"].removesuffix(ZERO_SHOT) for judge in judges if judge.get("prompt") == "binary-v1"}
    scalar = {judge["title"].removesuffix(ZERO_SHOT) for judge in judges} - binary
    ours = yaml.safe_load((ROOT / "config.yaml").read_text())
    students = {student["title"] for name, student in ours["students"].items() if name not in ours["ablations"]}
    assert scalar | students == set(cells[cells["table"] == "table3"]["model"]) | {"TMTO 14B, slider undone"}
    assert binary | students == set(cells[cells["table"] == "table2"]["model"])
    assert {name for name, dataset in run["datasets"].items() if dataset} == set(
        cells[cells["table"].isin(["table2", "table3"])]["dataset"]
    )


def test_without_the_papers_data_the_page_says_so_and_what_is_needed(tmp_path: Path) -> None:
    rows, page = compared(tmp_path, metric("CLUE-D", "student", 3.0))
    assert rows.empty
    assert "**Nothing in this run can be compared with the paper.** The run has figures for urn;" in page
    assert "configs/paper.yaml" in page
    for dataset in ("unli", "clotho", "wikivideo-v", "wikivideo-a", "wikivideo-av"):
        assert f"| {dataset} |" in page
