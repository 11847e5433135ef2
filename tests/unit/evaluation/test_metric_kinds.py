"""Both kinds of metric get their values, intervals and comparisons in one way; a rank statistic stands for its kind."""

import numpy as np
import pandas as pd
import pytest
from evaluation_settings import SETTINGS
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from umui.evaluation import intervals
from umui.evaluation.compare import paired
from umui.evaluation.evaluate import measure
from umui.evaluation.metrics.errors import MSE_X100
from umui.evaluation.metrics.lists import all_metrics
from umui.evaluation.metrics.metric import Metric, RankMetric, divide, known
from umui.evaluation.metrics.yes_no import says_yes


def confidence(predicted: np.ndarray) -> np.ndarray:
    return np.abs(predicted - 0.5)


def mistaken(predicted: np.ndarray, label: np.ndarray) -> np.ndarray:
    return (says_yes(predicted) != (label == 1)).astype(np.float64)


def weighted_auroc(score_N: np.ndarray, error_N: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """The chance that a right answer has a higher score than a wrong one; a tie counts half."""
    above_NN = (score_N[:, None] > score_N) + 0.5 * (score_N[:, None] == score_N)
    right_RN, wrong_RN = weights_RN * (1 - error_N), weights_RN * error_N
    pairs_R = (right_RN @ above_NN * wrong_RN).sum(axis=1)
    return divide(pairs_R, right_RN.sum(axis=1) * wrong_RN.sum(axis=1))


AUROC = RankMetric("auroc", known, confidence, mistaken, weighted_auroc, reference="label")
ANSWERS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.9]), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


def auroc_of_scikit_learn(predicted: np.ndarray, label: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    right = mistaken(predicted, label) == 0
    counts = right if weights is None else right[weights > 0]
    if counts.all() or not counts.any():
        return None
    return float(roc_auc_score(right, confidence(predicted), sample_weight=weights))


@given(ANSWERS)
def test_a_rank_metric_without_weights_is_the_plain_statistic(answers: list[tuple[float, bool, int]]) -> None:
    predicted, label, _ = np.array(answers, dtype=float).T
    expected, value = auroc_of_scikit_learn(predicted, label), AUROC.of(predicted, label)
    assert value is None if expected is None else value == pytest.approx(expected)


@given(ANSWERS)
def test_a_weight_is_so_many_items_alike(answers: list[tuple[float, bool, int]]) -> None:
    predicted, label, weights = np.array(answers, dtype=float).T
    repeated = AUROC.of(*(np.repeat(values, weights.astype(int)) for values in (predicted, label)))
    (weighted,) = weighted_auroc(confidence(predicted), mistaken(predicted, label), weights[None])
    expected = auroc_of_scikit_learn(predicted, label, weights)
    if expected is None:
        assert repeated is None
        assert np.isnan(weighted)
    else:
        assert [repeated, weighted] == pytest.approx([expected, expected])


def cell(n: int, n_events: int) -> pd.DataFrame:
    """Answers of two models to `n` items, from which some are missing."""
    random = np.random.default_rng(n)
    label = random.integers(2, size=n).astype(float)
    said = {
        f"predicted_{model}": np.round(np.clip(label * skill + random.random(n) * (1 - skill), 0, 1), 1)
        for model, skill in (("a", 0.4), ("b", 0.1))
    }
    rows = pd.DataFrame({
        "item_id": [f"{number:04}" for number in range(n)], "dataset": "urn", "modality": "text",
        "event": [str(number % n_events) for number in range(n)], "truth": label, "label": label, **said,
    })  # fmt: skip
    rows.loc[3, "predicted_a"] = np.nan
    return rows.assign(predicted=rows["predicted_a"])


def resampled_rows(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Draw whole events from the generator that the bootstrap uses."""
    random = intervals.generator(SETTINGS.seed, "urn", "text")
    members = [of_event for _, of_event in rows.groupby("event", sort=True)]
    n_events = len(members)
    draws = (random.integers(n_events, size=n_events) for _ in range(SETTINGS.replicates))
    return [pd.concat([members[event] for event in drawn]) for drawn in draws]


def auroc_of(rows: pd.DataFrame, model: str) -> float:
    value = auroc_of_scikit_learn(rows[f"predicted_{model}"].to_numpy(), rows["label"].to_numpy())
    assert value is not None
    return value


@pytest.mark.parametrize("numbers_at_a_time", [100, 1_000_000])
def test_the_interval_of_a_rank_metric_is_that_of_resampled_items(
    numbers_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "NUMBERS_AT_A_TIME", numbers_at_a_time)
    rows = cell(60, 12)
    figure = measure(AUROC, rows, SETTINGS)
    answered = rows.dropna(subset=["predicted"])
    values = [auroc_of(resample, "a") for resample in resampled_rows(answered)]
    assert figure["value"] == pytest.approx(auroc_of(answered, "a"))
    assert [figure["ci_low"], figure["ci_high"]] == pytest.approx(np.quantile(values, [0.025, 0.975]))
    assert (figure["n_items"], figure["n_missing"], figure["n_clusters"]) == (59, 1, 12)


def test_models_are_compared_by_a_rank_metric_on_the_same_resamples() -> None:
    rows = cell(60, 12)
    figures = paired(AUROC, rows, SETTINGS)
    answered = rows.dropna(subset=["predicted_a"])
    a, b = (auroc_of(answered, model) for model in "ab")
    resamples = resampled_rows(answered)
    a_R, b_R = (np.array([auroc_of(resample, model) for resample in resamples]) for model in "ab")
    names = ("value_a", "value_b", "difference", "ratio", "difference_ci_low", "difference_ci_high")
    expected = [a, b, a - b, a / b, *np.quantile(a_R - b_R, [0.025, 0.975])]
    assert [figures[name] for name in names] == pytest.approx(expected)
    assert [figures["ratio_ci_low"], figures["ratio_ci_high"]] == pytest.approx(np.quantile(a_R / b_R, [0.025, 0.975]))
    assert figures["p_value"] == intervals.two_sided_p_value(a_R - b_R)


def test_a_rank_metric_is_null_where_it_is_undefined() -> None:
    one_event = measure(AUROC, cell(60, 1), SETTINGS)
    assert one_event["value"] is not None
    assert (one_event["ci_low"], one_event["ci_high"], one_event["n_clusters"]) == (None, None, 1)
    unlabelled = measure(AUROC, cell(60, 12).assign(label=np.nan), SETTINGS)
    assert (unlabelled["value"], unlabelled["ci_low"], unlabelled["n_items"]) == (None, None, 0)
    few = cell(60, 12).assign(
        predicted=lambda rows: np.where(rows["item_id"] == "0001", 1 - rows["label"], rows["label"])
    )
    in_some_resamples = measure(AUROC, few, SETTINGS)
    assert in_some_resamples["value"] is not None
    assert in_some_resamples["ci_low"] is None, "a resample without the one mistake has no such figure"


@pytest.mark.parametrize("metric", [AUROC, *all_metrics(10, 1e-10)], ids=lambda metric: metric.name)
def test_replicates_do_not_depend_on_how_many_are_made_together(
    metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    predicted = [random.random(40), random.random(40)]
    reference = random.random((40, 3)) if metric.reference == "annotations" else random.integers(2, size=40) * 0.7
    figures = metric.clustered(predicted, reference, np.arange(40) // 5)
    together = intervals.replicates(figures, 30, np.random.default_rng(1))
    monkeypatch.setattr(intervals, "NUMBERS_AT_A_TIME", 1)
    alone = intervals.replicates(figures, 30, np.random.default_rng(1))
    assert alone.tobytes() == together.tobytes()


def test_a_replicate_of_weights_is_the_same_figure_as_one_of_sums() -> None:
    """A mean may be had either way, and the two ways draw the same resamples."""

    def weighted_mean(_: np.ndarray, error_N: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
        return weights_RN @ error_N / weights_RN.sum(axis=1)

    def squared_error_x100(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return 100 * (predicted - truth) ** 2

    ranked = RankMetric("mean", known, confidence, squared_error_x100, weighted_mean)
    rows = cell(60, 12)
    of_sums, of_weights = (measure(metric, rows, SETTINGS) for metric in (MSE_X100, ranked))
    for name in ("value", "ci_low", "ci_high"):
        assert of_weights[name] == pytest.approx(of_sums[name])
