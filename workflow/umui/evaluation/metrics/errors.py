"""Errors: how far predicted probabilities are from what is known about the items."""

import numpy as np

from umui.evaluation.arrays import FloatArray
from umui.evaluation.metrics.metric import SumMetric, graded, known, mean, with_count


def _squared_errors(predicted: FloatArray, reference: FloatArray) -> FloatArray:
    return with_count((predicted - reference) ** 2)


def _squared_errors_x100(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return with_count(100 * (predicted - truth) ** 2)


def _absolute_errors(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return with_count(np.abs(predicted - truth))


def _differences(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return with_count(predicted - truth)


MSE_X100 = SumMetric("mse_x100", known, _squared_errors_x100, mean)
"""100 times the mean over items of (predicted - truth)^2 (Table 3 of the paper)."""

MSE_X100_GRADED = SumMetric("mse_x100_graded", graded, _squared_errors_x100, mean)

MAE = SumMetric("mae", known, _absolute_errors, mean)

BRIER = SumMetric("brier", known, _squared_errors, mean, reference="label")
"""The mean over items of (predicted - label)^2 (Brier, Monthly Weather Review 78, 1950, for two outcomes, halved)."""

SQUARED_DIFFERENCE_OF_MEANS = SumMetric(
    "squared_difference_of_means", known, _differences, lambda sums: mean(sums) ** 2
)
"""(mean predicted - mean truth)^2: a bias, to which errors of opposite sign add nothing.

The code published with the paper computes this as the MSE of its Tables 1 and 5.
"""
