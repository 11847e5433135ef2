"""What is measured: distances between predicted and true probabilities.

Each metric is a function of sums over items.  That is all that the cluster bootstrap needs, so that value and interval
come from one definition.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Metric:
    """A figure over items.

    keeps(truth_N) -> (N,) which items count.
    terms(predicted_N, truth_N) -> (N, K) what is summed over items.
    value(sums) -> (...) the figure, from sums of shape (..., K); nan where it is undefined.
    """

    name: str
    keeps: Callable[[FloatArray], BoolArray]
    terms: Callable[[FloatArray, FloatArray], FloatArray]
    value: Callable[[FloatArray], FloatArray]

    def of(self, predicted: FloatArray, truth: FloatArray) -> float | None:
        """Return the figure of probabilities in [0, 1], all known; null when no item counts."""
        kept = self.keeps(truth)
        value = float(self.value(self.terms(predicted[kept], truth[kept]).sum(axis=0)))
        return value if np.isfinite(value) else None


def graded(truth: FloatArray) -> BoolArray:
    """Return which items are truly uncertain: neither 0 nor 1.

    Items of probability 0 or 1 can often be told from how the hypothesis is worded; these cannot.
    """
    return (truth > 0) & (truth < 1)


def _all(truth: FloatArray) -> BoolArray:
    return np.ones(truth.shape, dtype=np.bool_)


def _mean(sums: FloatArray) -> FloatArray:
    return divide(sums[..., 0], sums[..., 1])


def divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, nan where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def _squared_errors_x100(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return np.stack([100 * (predicted - truth) ** 2, np.ones_like(truth)], axis=1)


def _absolute_errors(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return np.stack([np.abs(predicted - truth), np.ones_like(truth)], axis=1)


MSE_X100 = Metric("mse_x100", _all, _squared_errors_x100, _mean)
"""100 times the mean over items of (predicted - truth)^2 (Table 3 of the paper)."""

MSE_X100_GRADED = Metric("mse_x100_graded", graded, _squared_errors_x100, _mean)

MAE = Metric("mae", _all, _absolute_errors, _mean)


def bin_of(predicted: FloatArray, bins: int) -> npt.NDArray[np.intp]:
    """Return the bin, 0..bins-1, of each prediction in [0, 1]: equal widths, closed below; 1 is in the last."""
    return np.minimum((predicted * bins).astype(np.intp), bins - 1)


def ece(bins: int) -> Metric:
    """Return the expected calibration error over equal-width bins of the prediction.

    sum over bins b of n_b / n * |mean predicted_b - mean truth_b|, after Naeini et al. (AAAI 2015), with the true
    probability in the place of an outcome.  Being a sum of absolute values it is biased upwards, the more the fewer
    items a bin has, and its bootstrap interval more so.
    """

    def terms(predicted: FloatArray, truth: FloatArray) -> FloatArray:
        in_bin = bin_of(predicted, bins)[:, None] == np.arange(bins)
        return np.column_stack([in_bin * (predicted - truth)[:, None], np.ones_like(truth)])

    def value(sums: FloatArray) -> FloatArray:
        return divide(np.abs(sums[..., :-1]).sum(axis=-1), sums[..., -1])

    return Metric("ece", _all, terms, value)
