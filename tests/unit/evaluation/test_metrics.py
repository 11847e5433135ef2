"""Metrics agree with scikit-learn and with numbers worked by hand; what is undefined is null."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    precision_score,
    recall_score,
)

from umui.evaluation.intervals import replicates
from umui.evaluation.metrics.agreement import KRIPPENDORFF_ALPHA, KRIPPENDORFF_ALPHA_ANNOTATORS
from umui.evaluation.metrics.calibration import bin_of, ece, nll
from umui.evaluation.metrics.errors import BRIER, MAE, MSE_X100, MSE_X100_GRADED, SQUARED_DIFFERENCE_OF_MEANS
from umui.evaluation.metrics.lists import all_metrics
from umui.evaluation.metrics.yes_no import ACCURACY, F1, PRECISION, RECALL

PAIRS = arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(0, 1))
LABELLED = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)
EVERY = tuple(metric for metric in all_metrics(10, 1e-10) if metric.reference != "annotations")


@given(PAIRS)
def test_errors_agree_with_scikit_learn(pairs: np.ndarray) -> None:
    predicted, truth = pairs.T
    assert MSE_X100.of(predicted, truth) == pytest.approx(100 * mean_squared_error(truth, predicted))
    assert MAE.of(predicted, truth) == pytest.approx(mean_absolute_error(truth, predicted))


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_items_is_nothing(pairs: np.ndarray, random: object) -> None:
    shuffled = pairs[random.sample(range(len(pairs)), len(pairs))]  # type: ignore[attr-defined]
    for metric in EVERY:
        assert metric.of(*pairs.T) == pytest.approx(metric.of(*shuffled.T), abs=1e-12)


@given(PAIRS)
def test_the_truth_itself_has_no_error(pairs: np.ndarray) -> None:
    truth = pairs[:, 0]
    for metric in (MSE_X100, MAE, ece(10), SQUARED_DIFFERENCE_OF_MEANS):
        assert metric.of(truth, truth) == 0


@given(PAIRS)
def test_calibration_error_is_at_most_the_mean_absolute_error(pairs: np.ndarray) -> None:
    error, largest = ece(10).of(*pairs.T), MAE.of(*pairs.T)
    assert error is not None
    assert largest is not None
    assert 0 <= error <= largest + 1e-12


def test_calibration_error_by_hand() -> None:
    predicted = np.array([0.05, 0.09, 0.55, 0.95, 1.0])
    truth = np.array([0.0, 0.2, 0.55, 0.8, 0.9])
    # Bins [0, .1): |.14 - .2| = .06; [.5, .6): 0; [.9, 1]: |1.95 - 1.7| = .25.
    assert ece(10).of(predicted, truth) == pytest.approx((0.06 + 0 + 0.25) / 5)


@given(PAIRS, st.integers(1, 12))
def test_figures_of_probabilities_agree_with_their_definitions_item_by_item(pairs: np.ndarray, bins: int) -> None:
    items = [(float(p), float(t)) for p, t in pairs]
    in_bins: dict[int, list[tuple[float, float]]] = {}
    for p, t in items:
        in_bins.setdefault(next((b for b in range(bins - 1) if p * bins < b + 1), bins - 1), []).append((p, t))
    calibration = sum(abs(sum(p - t for p, t in held)) for held in in_bins.values()) / len(items)
    assert ece(bins).of(*pairs.T) == pytest.approx(calibration, abs=1e-12)
    clipped = [(min(max(p, 0.01), 0.99), t) for p, t in items]
    cross_entropy = -sum(t * math.log(p) + (1 - t) * math.log(1 - p) for p, t in clipped) / len(items)
    assert nll("truth", 0.01).of(*pairs.T) == pytest.approx(cross_entropy)
    bias = sum(p for p, _ in items) / len(items) - sum(t for _, t in items) / len(items)
    assert SQUARED_DIFFERENCE_OF_MEANS.of(*pairs.T) == pytest.approx(bias**2, abs=1e-12)
    graded = [100 * (p - t) ** 2 for p, t in items if t not in (0, 1)]
    assert MSE_X100_GRADED.of(*pairs.T) == (pytest.approx(sum(graded) / len(graded)) if graded else None)


def test_a_prediction_of_one_counts_in_the_last_bin() -> None:
    assert bin_of(np.array([0.0, 0.0999, 0.1, 0.5, 0.99, 1.0]), 10).tolist() == [0, 0, 1, 5, 9, 9]
    assert ece(10).of(np.ones(3), np.zeros(3)) == 1


def test_graded_items_are_neither_0_nor_1() -> None:
    truth = np.array([0.0, 1.0, 0.5, 0.25])
    predicted = np.array([1.0, 0.0, 0.6, 0.25])
    assert MSE_X100_GRADED.of(predicted, truth) == pytest.approx(100 * 0.01 / 2)


def test_no_items_no_value() -> None:
    for metric in EVERY:
        assert metric.of(np.empty(0), np.empty(0)) is None
        assert metric.of(np.array([0.3]), np.array([np.nan])) is None, "what is not known does not count"
    assert MSE_X100_GRADED.of(np.array([0.3]), np.array([1.0])) is None


@given(LABELLED)
def test_binary_figures_agree_with_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    predicted, label = np.array(pairs, dtype=float).T
    said = predicted > 0.5
    assert ACCURACY.of(predicted, label) == pytest.approx(accuracy_score(label, said))
    assert BRIER.of(predicted, label) == pytest.approx(brier_score_loss(label, predicted, pos_label=1))
    for metric, score in ((PRECISION, precision_score), (RECALL, recall_score), (F1, f1_score)):
        expected = score(label, said, zero_division=np.nan)
        value = metric.of(predicted, label)
        assert value is None if np.isnan(expected) else value == pytest.approx(expected)


@given(LABELLED)
def test_log_likelihood_of_labels_agrees_with_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    predicted, label = np.array(pairs, dtype=float).T
    clipped = np.clip(predicted, 1e-3, 1 - 1e-3)
    expected = log_loss(label, clipped, labels=[0, 1])
    assert nll("label", 1e-3).of(predicted, label) == pytest.approx(expected)
    assert nll("truth", 1e-3).of(predicted, label) == pytest.approx(expected)


def test_log_likelihood_of_probabilities_by_hand() -> None:
    # Cross-entropies: of 1/4 under 1/2, ln 2; of 1/2 under 1/4, -(1/2 ln 1/4 + 1/2 ln 3/4) = ln 4 - 1/2 ln 3.
    value = nll("truth", 1e-10).of(np.array([0.5, 0.25]), np.array([0.25, 0.5]))
    assert value == pytest.approx((np.log(2) + np.log(4) - np.log(3) / 2) / 2)
    assert nll("truth", 1e-10).of(np.array([0.0]), np.array([1.0])) == pytest.approx(10 * np.log(10)), "clipped"


def test_a_half_is_a_no() -> None:
    assert ACCURACY.of(np.array([0.5, 0.5, 0.500001]), np.array([0.0, 1.0, 1.0])) == pytest.approx(2 / 3)


def test_what_has_no_denominator_is_undefined() -> None:
    no, false = np.array([0.1, 0.2]), np.zeros(2)
    assert (PRECISION.of(no, false), RECALL.of(no, false), F1.of(no, false)) == (None, None, None)
    assert (PRECISION.of(no, np.ones(2)), RECALL.of(no, np.ones(2)), F1.of(no, np.ones(2))) == (None, 0, 0)


def test_a_difference_of_means_is_no_error_of_items() -> None:
    predicted, truth = np.array([1.0, 0.0, 0.5]), np.array([0.0, 1.0, 0.2])
    assert SQUARED_DIFFERENCE_OF_MEANS.of(predicted, truth) == pytest.approx(0.1**2)
    assert MSE_X100.of(predicted, truth) == pytest.approx(100 * (1 + 1 + 0.09) / 3)


def alpha_of_pairs(units: list[list[float]]) -> float | None:
    """Krippendorff's alpha from its definition: each pair of values, one by one."""
    units = [unit for unit in units if len(unit) >= 2]
    values = [value for unit in units for value in unit]
    observed = sum(
        (a - b) ** 2 / (len(unit) - 1)
        for unit in units
        for i, a in enumerate(unit)
        for j, b in enumerate(unit)
        if i != j
    ) / len(values)
    expected = sum((a - b) ** 2 for i, a in enumerate(values) for j, b in enumerate(values) if i != j)
    expected /= len(values) * (len(values) - 1)
    return 1 - observed / expected if expected > 1e-12 else None


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(2, 4)), elements=st.sampled_from([0, 0.2, 0.5, 1])),
       st.randoms(use_true_random=False))  # fmt: skip
def test_alpha_agrees_with_its_definition(values: np.ndarray, random: object) -> None:
    predicted, annotations = values[:, 0], values[:, 1:].copy()
    for row in annotations:
        row[: random.randint(0, len(row))] = np.nan  # type: ignore[attr-defined]
    given_values = [[value for value in row if not np.isnan(value)] for row in annotations]
    used = [(said, row) for said, row in zip(predicted, given_values, strict=True) if len(row) >= 2]
    if not used:
        assert KRIPPENDORFF_ALPHA.of(predicted, annotations) is None
        return
    for metric, units in (
        (KRIPPENDORFF_ALPHA, [[*row, said] for said, row in used]),
        (KRIPPENDORFF_ALPHA_ANNOTATORS, [row for _, row in used]),
    ):
        expected, value = alpha_of_pairs(units), metric.of(predicted, annotations)
        assert value is None if expected is None else value == pytest.approx(expected)


def test_alpha_by_hand() -> None:
    annotations = np.array([[0.0, 0.2], [1.0, 0.8], [0.5, 0.5]])
    # Observed: 2 x .04 of each of two items, over 6 values: .16 / 6.  The values' mean is .5 and their squared
    # deviations .25, .09, .25, .09, 0, 0 sum to .68: expected 2 x 6 x .68 / 30 = .272.
    assert KRIPPENDORFF_ALPHA_ANNOTATORS.of(np.zeros(3), annotations) == pytest.approx(1 - (0.16 / 6) / 0.272)
    assert KRIPPENDORFF_ALPHA.of(np.full(3, 0.5), np.full((3, 2), 0.5)) is None, "nobody ever differs"


def test_a_resample_of_alpha_is_the_alpha_of_the_resampled_items() -> None:
    random = np.random.default_rng(3)
    predicted, annotations, cluster = random.random(12), random.random((12, 3)), np.arange(12) // 3
    figures = KRIPPENDORFF_ALPHA.clustered([predicted], annotations, cluster)
    values = replicates(figures, 5, np.random.default_rng(7))
    again = np.random.default_rng(7)
    for (value,) in values:
        rows = [row for drawn in again.integers(4, size=4) for row in np.flatnonzero(cluster == drawn)]
        expected = alpha_of_pairs([[predicted[row], *annotations[row]] for row in rows])
        assert value == pytest.approx(expected)
