"""Metrics agree with scikit-learn and with numbers worked by hand; what is undefined is null."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mean_absolute_error, mean_squared_error

from umui.evaluation.metrics import MAE, MSE_X100, MSE_X100_GRADED, bin_of, ece

PAIRS = arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(0, 1))
EVERY = (MSE_X100, MSE_X100_GRADED, MAE, ece(10))


@given(PAIRS)
def test_errors_agree_with_scikit_learn(pairs: np.ndarray) -> None:
    predicted, truth = pairs.T
    assert MSE_X100.of(predicted, truth) == pytest.approx(100 * mean_squared_error(truth, predicted))
    assert MAE.of(predicted, truth) == pytest.approx(mean_absolute_error(truth, predicted))


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_items_is_nothing(pairs: np.ndarray, random: object) -> None:
    shuffled = pairs[random.sample(range(len(pairs)), len(pairs))]  # type: ignore[attr-defined]
    for metric in EVERY:
        assert metric.of(*pairs.T) == pytest.approx(metric.of(*shuffled.T))


@given(PAIRS)
def test_the_truth_itself_has_no_error(pairs: np.ndarray) -> None:
    truth = pairs[:, 0]
    for metric in (MSE_X100, MAE, ece(10)):
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
    assert MSE_X100_GRADED.of(np.array([0.3]), np.array([1.0])) is None
