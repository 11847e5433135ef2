"""The table of the controls: learned from the data sets' own labels, judged on their test splits."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from rows import item, write_items

from umui.config.evaluation import Evaluation
from umui.evaluation.control_table import COLUMNS, control_table

ROOT = Path(__file__).parents[3]
RED, BLUE = "The next ball is red.", "Most balls are blue."


def table_of(tmp_path: Path, *rows: dict[str, Any]) -> pd.DataFrame:
    section = yaml.safe_load((ROOT / "config.yaml").read_text())["evaluation"]
    csv = tmp_path / "controls.csv"
    settings = Evaluation.model_validate(section | {"replicates": 200})
    control_table(settings, [write_items(tmp_path / "items.parquet", *rows)], csv)
    table = pd.read_csv(csv)
    assert list(table.columns) == COLUMNS
    return table.set_index(["dataset", "control", "metric"]).sort_index()


def told_by_words(dataset: str) -> list[dict[str, Any]]:
    """Six training and four test items; red is true and blue is false, but for one test item, without a label."""
    truths = {RED: (True, 1.0), BLUE: (False, 0.0)}
    train = [
        item(f"{dataset}/t{n}#{side}", split="train", dataset=dataset, hypothesis=hypothesis, label=truth[0],
             probability=truth[1])
        for n in range(3) for side, (hypothesis, truth) in enumerate(truths.items())
    ]  # fmt: skip
    test = [
        item(f"{dataset}/a#0", dataset=dataset, event="1", hypothesis=RED, label=True, probability=1.0),
        item(f"{dataset}/a#1", dataset=dataset, event="1", hypothesis=BLUE, label=False, probability=0.0),
        item(f"{dataset}/b#0", dataset=dataset, event="2", hypothesis=RED, label=False, probability=0.0),
        item(f"{dataset}/c#0", dataset=dataset, event="3", hypothesis=RED, label=None, probability=0.5),
    ]  # fmt: skip
    return train + test


def test_figures_worked_by_hand(tmp_path: Path) -> None:
    table = table_of(tmp_path, *told_by_words("words"))
    constant, told = table.loc[("words", "constant")], table.loc[("words", "hypothesis-only")]
    assert constant.loc["mse_x100", "value"] == pytest.approx(100 * 3 * 0.25 / 4)
    assert constant.loc["accuracy", "value"] == pytest.approx(2 / 3)  # 0.5 is no yes
    assert told.loc["accuracy", "value"] == pytest.approx(2 / 3)
    assert tuple(told.loc["accuracy", ["n_items", "n_clusters"]]) == (3, 2)
    assert tuple(told.loc["mse_x100", ["n_items", "n_clusters", "n_missing"]]) == (4, 3, 0)
    assert told.loc["accuracy", "ci_low"] == 0
    assert told.loc["accuracy", "ci_high"] == 1


def test_each_dataset_is_learned_alone_and_one_without_labels_has_no_row(tmp_path: Path) -> None:
    opposite = [
        row | {"probability": 1 - row["probability"], "label": None if row["label"] is None else not row["label"]}
        for row in told_by_words("opposite")
    ]
    table = table_of(tmp_path, *told_by_words("words"), *opposite, item("none#0", dataset="untaught"))
    assert set(table.index.get_level_values("dataset")) == {"opposite", "words"}
    values = [table.loc[(name, "hypothesis-only", "mse_x100"), "value"] for name in ("words", "opposite")]
    assert values[0] == pytest.approx(values[1])


def test_without_any_training_label_the_table_is_empty(tmp_path: Path) -> None:
    assert table_of(tmp_path, item("a#0")).empty
