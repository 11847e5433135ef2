"""One model against all others: paired, two-sided, and adjusted for how many there are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluation_settings import SETTINGS
from hypothesis import given
from hypothesis import strategies as st
from rows import item, prediction, write_items, write_predictions

from umui.evaluation.differences import COLUMNS, differences, holm
from umui.evaluation.intervals import percentile_interval, two_sided_p_value


def test_holm_by_hand() -> None:
    # Sorted: .01 x 4, .02 x 3, .03 x 2 -> .06 as before it, .5 x 1.
    assert holm(np.array([0.5, 0.01, 0.03, 0.02])) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm(np.array([0.6, 0.7])) == pytest.approx([1, 1])


def test_what_is_undefined_is_not_adjusted_for() -> None:
    adjusted = holm(np.array([0.01, np.nan, 0.04]))
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=12), st.floats(0.001, 1, exclude_max=True))
def test_holm_rejects_what_its_procedure_rejects(p_values: list[float], level: float) -> None:
    rejected: set[int] = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] * (len(p_values) - step) > level:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(np.array(p_values))) if p <= level} == rejected


def test_a_p_value_goes_with_the_interval() -> None:
    values = np.linspace(-0.05, 0.95, 2001)  # 101 of 2001 at or below 0
    assert two_sided_p_value(values) == pytest.approx(2 * 102 / 2002)
    assert two_sided_p_value(-values) == two_sided_p_value(values)
    low, _ = percentile_interval(values, 1 - 2 * 100 / 2001)
    assert low == pytest.approx(0, abs=1e-3)
    assert two_sided_p_value(np.ones(99)) == pytest.approx(0.02), "never 0"
    assert two_sided_p_value(np.zeros(99)) == 1
    assert two_sided_p_value(np.array([1.0, np.nan])) is None
    assert two_sided_p_value(np.empty(0)) is None


def test_worse_models_differ_and_equal_ones_do_not(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = [f"{n}#0" for n in range(60)]
    truth = random.uniform(0.3, 0.7, size=60)
    said = {
        "CLUE-D": truth + random.choice([-0.05, 0.05], 60),
        "alike": truth + random.choice([-0.05, 0.05], 60),
        "worse": truth + random.choice([-0.2, 0.2], 60),
        "constant": np.full(60, 0.5),
    }
    items = write_items(
        tmp_path / "i.parquet", *(item(name, event=name, probability=p) for name, p in zip(names, truth, strict=True))
    )
    files = {
        model: [write_predictions(tmp_path / f"{model}.parquet", *map(prediction, names, values.tolist()))]
        for model, values in said.items()
    }
    differences(SETTINGS, "CLUE-D", [items], files, tmp_path / "d.csv")
    rows = pd.read_csv(tmp_path / "d.csv")
    assert rows.columns.tolist() == COLUMNS
    assert set(rows["model_a"]) == {"CLUE-D"}
    of_mse = rows[rows["metric"] == "mse_x100"].set_index("model_b")
    assert of_mse.index.tolist() == ["alike", "constant", "worse"]
    assert of_mse.loc["worse", "difference"] == pytest.approx(100 * (0.05**2 - 0.2**2))
    assert of_mse.loc[["worse", "constant"], "p_holm"].max() < 0.02
    assert of_mse.loc["alike", "p_holm"] == pytest.approx(1, abs=1e-6), "every error is as large"
    assert of_mse["n_models"].tolist() == [3, 3, 3]
    assert (rows["p_holm"] >= rows["p_value"])[rows["p_value"].notna()].all()
    unlabelled = rows[rows["metric"] == "accuracy"]
    assert unlabelled[["difference", "p_value", "p_holm"]].isna().all(axis=None)
    assert unlabelled["n_models"].tolist() == [0, 0, 0]
