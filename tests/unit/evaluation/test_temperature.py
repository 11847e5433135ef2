"""Temperature scaling finds the temperature that is there, on held-out items alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_settings import SETTINGS
from rows import item, prediction, write_items, write_predictions
from scipy.special import expit, logit

from umui.evaluation.metrics.calibration import nll
from umui.evaluation.temperature import HIGHEST, evaluate_scaled, fit, scale
from umui.files.parquet import read_rows
from umui.tables import METRICS

SAID = np.array([0.05, 0.2, 0.4, 0.5, 0.7, 0.9, 0.99])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_truth_is_found(temperature: float) -> None:
    truth = expit(logit(SAID) / temperature)
    assert fit(SAID, truth, 1e-10) == pytest.approx(temperature, rel=1e-3)


def test_the_fit_is_the_best_of_a_grid() -> None:
    random = np.random.default_rng(0)
    said, label = random.random(80), random.integers(2, size=80).astype(float)
    losses = {t: nll("label", 1e-10).of(scale(said, t, 1e-10), label) or 0 for t in np.geomspace(0.01, 100, 4001)}
    assert fit(said, label, 1e-10) == pytest.approx(min(losses, key=losses.__getitem__), rel=5e-3)


def test_logits_that_mislead_are_scaled_away() -> None:
    assert fit(SAID, 1 - SAID, 1e-10) == pytest.approx(HIGHEST, rel=1e-2)


def test_no_probability_crosses_a_half_and_certainty_stays_a_probability() -> None:
    scaled = scale(np.array([0.0, 0.3, 0.5, 0.8, 1.0, np.nan]), 3.0, 1e-10)
    assert scaled.tolist()[:5] == sorted(scaled.tolist()[:5])
    assert scaled[2] == 0.5
    assert 0 < scaled[0] < scaled[1] < 0.5 < scaled[3] < scaled[4] < 1
    assert np.isnan(scaled[5])


def scaled_metrics(tmp_path: Path, items: list[dict[str, Any]], said: dict[str, float | None]) -> dict[str, Any]:
    output = tmp_path / "scaled.parquet"
    answers = write_predictions(tmp_path / "p.parquet", *(prediction(name, value) for name, value in said.items()))
    evaluate_scaled(
        SETTINGS, "CLUE-D", "student", None, [write_items(tmp_path / "i.parquet", *items)], [answers], output
    )
    return {row["metric"]: row for row in read_rows(output, METRICS)}


def test_held_out_items_fit_and_test_items_are_measured(tmp_path: Path) -> None:
    # Held out, the truth is what was said at temperature 2, and for one item only a label is known.
    held_out = [item(f"v{n}#0", split="validation", probability=expit(logit(p) / 2)) for n, p in enumerate(SAID)]
    tests = [item("t0#0", probability=expit(logit(0.9) / 2)), item("t1#0", probability=0.5)]
    said = {f"v{n}#0": float(p) for n, p in enumerate(SAID)} | {"t0#0": 0.9, "t1#0": 0.5}
    rows = scaled_metrics(tmp_path, held_out + tests, said)
    assert rows["temperature"]["value"] == pytest.approx(2, rel=1e-3)
    assert (rows["temperature"]["n_items"], rows["temperature"]["n_clusters"]) == (7, 7)
    assert rows["mse_x100"]["value"] == pytest.approx(0, abs=1e-4)
    assert rows["mse_x100"]["n_items"] == 2, "held-out items are not measured"
    assert {row["model"] for row in rows.values()} == {"CLUE-D, scaled"}
    labelled = item("w#0", split="validation", probability=None, label=False)
    rows = scaled_metrics(tmp_path, [*held_out, labelled, *tests], said | {"w#0": 0.99})
    assert rows["temperature"]["n_items"] == 8
    assert rows["temperature"]["value"] > 2.1, "a confident mistake asks for less confidence"


def test_without_held_out_predictions_there_is_nothing(tmp_path: Path) -> None:
    items = [item("v#0", split="validation"), item("t#0")]
    assert scaled_metrics(tmp_path, items, {"t#0": 0.4}) == {}
