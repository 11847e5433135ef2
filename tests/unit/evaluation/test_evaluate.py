"""From prediction tables to metrics and comparisons: the right items count, and the counts are told."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation_settings import SETTINGS
from rows import item, prediction, write_items, write_predictions

from umui.evaluation.compare import COLUMNS, compare
from umui.evaluation.curves.reliability import reliability
from umui.evaluation.evaluate import evaluate
from umui.files import parquet
from umui.files.atomic import write_json
from umui.files.parquet import read_rows
from umui.tables import METRICS


def metrics_of(tmp_path: Path, items: list[dict[str, Any]], *predictions: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    output = tmp_path / "metrics.parquet"
    tables = [write_items(tmp_path / "items.parquet", *items)]
    answers = [write_predictions(tmp_path / "predictions.parquet", *predictions)]
    write_json(tmp_path / "parameters.json", {"parameters": 7})
    evaluate(SETTINGS, "model", "student", tmp_path, tables, answers, output)
    return {(row["modality"], row["metric"]): row for row in read_rows(output, METRICS)}


def test_values_and_counts_by_hand(tmp_path: Path) -> None:
    items = [
        item("a#0", event="a", probability=0.5), item("a#1", event="a", probability=1.0),
        item("b#0", event="b", probability=0.2), item("b#1", event="b", probability=None),
        item("b#2", event="b", probability=0.4), item("c#0", event="c", probability=0.9, split="train"),
    ]  # fmt: skip
    said = [prediction("a#0", 0.6), prediction("a#1", 0.7), prediction("b#0", 0.2), prediction("b#1", 0.9)]
    rows = metrics_of(tmp_path, items, *said, prediction("b#2", None), prediction("c#0", 0.1))
    mse, graded = rows["text", "mse_x100"], rows["text", "mse_x100_graded"]
    assert mse["value"] == pytest.approx(100 * (0.01 + 0.09 + 0) / 3)
    assert (mse["n_items"], mse["n_missing"], mse["n_clusters"]) == (3, 1, 2)
    assert graded["value"] == pytest.approx(100 * (0.01 + 0) / 2)
    assert (graded["n_items"], graded["n_missing"]) == (2, 1)
    assert mse["ci_low"] <= mse["value"] <= mse["ci_high"]
    assert "500 replicates" in mse["interval_method"]
    assert mse["parameters"] == 7, "as parameters.json in the model's directory says"


def test_what_is_no_probability_is_never_averaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An earlier version may have written it."""
    monkeypatch.setattr(parquet, "PROBABILITIES", ())
    items = [item(f"a#{number}", probability=0.5) for number in range(5)]
    odd = [prediction(f"a#{number}", value) for number, value in enumerate([math.nan, math.inf, -0.1, 1.1, 0.4])]
    mse = metrics_of(tmp_path, items, *odd)["text", "mse_x100"]
    assert (mse["value"], mse["n_items"], mse["n_missing"]) == (pytest.approx(1.0), 1, 4)
    assert (
        "predictions.parquet: 4 of 5 predictions are not from 0 to 1, and count as missing" in capsys.readouterr().out
    )


def test_an_item_without_a_prediction_row_is_missing_too(tmp_path: Path) -> None:
    rows = metrics_of(tmp_path, [item("a#0"), item("a#1")], prediction("a#0", 0.5))
    assert (rows["text", "mse_x100"]["n_items"], rows["text", "mse_x100"]["n_missing"]) == (1, 1)


def test_a_modality_that_was_not_asked_has_no_row(tmp_path: Path) -> None:
    rows = metrics_of(tmp_path, [item("a#0"), item("v#0", modality="video")], prediction("a#0", 0.5))
    assert {modality for modality, _ in rows} == {"text"}


def test_nothing_known_gives_null_and_one_event_gives_no_interval(tmp_path: Path) -> None:
    items = [item("a#0", probability=None), item("v#0", modality="video"), item("v#1", modality="video", event="v#0")]
    rows = metrics_of(tmp_path, items, prediction("a#0", 0.5), prediction("v#0", 0.4), prediction("v#1", 0.4))
    for metric in ("mse_x100", "mse_x100_graded", "mae", "ece"):
        unknown, single = rows["text", metric], rows["video", metric]
        assert (unknown["value"], unknown["ci_low"], unknown["n_items"]) == (None, None, 0)
        assert single["value"] is not None
        assert (single["ci_low"], single["ci_high"], single["n_clusters"]) == (None, None, 1)
        assert single["interval_method"].startswith("none")


def test_the_digest_follows_the_predictions_and_not_their_order(tmp_path: Path) -> None:
    items = [item("a#0"), item("b#0")]
    one = metrics_of(tmp_path, items, prediction("a#0", 0.1), prediction("b#0", 0.2))
    same = metrics_of(tmp_path, items[::-1], prediction("b#0", 0.2), prediction("a#0", 0.1))
    other = metrics_of(tmp_path, items, prediction("a#0", 0.1), prediction("b#0", 0.21))
    key = ("text", "mse_x100")
    assert one[key] == same[key]
    assert one[key]["predictions_digest"] != other[key]["predictions_digest"]


def test_a_prediction_of_an_unknown_item_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"predictions\.parquet: z#0 is not among the items \(1 such rows\)"):
        metrics_of(tmp_path, [item("a#0")], prediction("z#0", 0.5))


def comparison(tmp_path: Path, items: list[dict[str, Any]], a: list[Any], b: list[Any]) -> pd.DataFrame:
    files = {
        "A": [write_predictions(tmp_path / "a.parquet", *a)],
        "B": [write_predictions(tmp_path / "b.parquet", *b)],
    }
    output = tmp_path / "comparisons.csv"
    compare(SETTINGS, [write_items(tmp_path / "items.parquet", *items)], files, [("A", "B")], output)
    return pd.read_csv(output)


def test_comparisons_are_paired(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    items = [item(f"{n}#0", event=str(n // 2), probability=0.5) for n in range(60)]
    hardness = random.uniform(0.05, 0.45, size=60)
    a = [prediction(f"{n}#0", 0.5 + 0.9 * hard) for n, hard in enumerate(hardness)]
    b = [prediction(f"{n}#0", 0.5 + hard) for n, hard in enumerate(hardness)]
    rows = comparison(tmp_path, items, a, b)
    assert rows.columns.tolist() == COLUMNS
    row = rows.set_index("metric").loc["mse_x100"]
    # Every error of A is 0.9 of B's: paired resamples see that exactly, unpaired ones would not.
    assert row["ratio"] == pytest.approx(0.81)
    assert row["ratio_ci_low"] == pytest.approx(0.81)
    assert row["ratio_ci_high"] == pytest.approx(0.81)
    assert row["difference"] == pytest.approx(row["value_a"] - row["value_b"])
    assert row["difference_ci_low"] < row["difference"] < row["difference_ci_high"] < 0
    assert (row["n_items"], row["n_clusters"]) == (60, 30)


def test_only_items_that_both_predicted_count(tmp_path: Path) -> None:
    items = [item("a#0"), item("b#0"), item("c#0"), item("v#0", modality="video")]
    a = [prediction("a#0", 0.6), prediction("b#0", 0.9), prediction("c#0", 0.5), prediction("v#0", 0.5)]
    b = [prediction("a#0", 0.7), prediction("b#0", None), prediction("c#0", 0.3)]
    rows = comparison(tmp_path, items, a, b)
    assert rows["modality"].unique().tolist() == ["text"]
    assert rows["n_items"].tolist() == [2, 2]
    assert rows["value_a"][0] == pytest.approx(100 * 0.01 / 2)


def test_a_ratio_to_no_error_is_null(tmp_path: Path) -> None:
    items = [item("a#0"), item("b#0")]
    rows = comparison(
        tmp_path,
        items,
        [prediction("a#0", 0.6), prediction("b#0", 0.6)],
        [prediction("a#0", 0.5), prediction("b#0", 0.5)],
    )
    assert rows[["ratio", "ratio_ci_low", "ratio_ci_high"]].isna().all(axis=None)
    assert rows["difference"][0] == pytest.approx(1)


def test_a_pair_without_predictions_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no --predictions for C"):
        compare(SETTINGS, [], {"A": []}, [("A", "C")], tmp_path / "out.csv")


def test_reliability_bins_by_hand(tmp_path: Path) -> None:
    items = [item(f"{n}#0", probability=p) for n, p in enumerate([0.1, 0.3, 0.8, 1.0])]
    said = [prediction(f"{n}#0", p) for n, p in enumerate([0.22, 0.28, 0.75, 1.0])]
    output = tmp_path / "reliability.csv"
    files = {"model": [write_predictions(tmp_path / "p.parquet", *said)]}
    reliability(SETTINGS, [write_items(tmp_path / "i.parquet", *items)], files, output)
    rows = pd.read_csv(output).set_index("bin")
    assert rows["n_items"].tolist() == [0, 0, 2, 0, 0, 0, 0, 1, 0, 1]
    assert rows.loc[2, ["mean_predicted", "mean_true"]].tolist() == pytest.approx([0.25, 0.2])
    assert rows.loc[2, ["ci_low", "ci_high"]].tolist() == pytest.approx([0.1, 0.3])
    assert rows.loc[7, ["ci_low", "ci_high"]].isna().all(), "one event has no interval"
    assert rows.loc[0, ["mean_predicted", "mean_true"]].isna().all()
