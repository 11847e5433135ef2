"""Agreement: whether a model is one more annotator among the annotators of an item."""

import numpy as np

from umui.evaluation.arrays import BoolArray, FloatArray
from umui.evaluation.metrics.metric import SumMetric, divide


def _annotated_twice(annotations: FloatArray) -> BoolArray:
    enough: BoolArray = (~np.isnan(annotations)).sum(axis=1) >= 2
    return enough


def _disagreement(values_NA: FloatArray) -> FloatArray:
    """Return (N, 4): the number m of an item's values, their sum, sum of squares, and disagreement.

    The last is the sum of the squared differences of all pairs, m * sum(v^2) - sum(v)^2, divided by m - 1.
    """
    m = (~np.isnan(values_NA)).sum(axis=1).astype(np.float64)
    first, second = np.nansum(values_NA, axis=1), np.nansum(values_NA**2, axis=1)
    return np.stack([m, first, second, (m * second - first**2) / (m - 1)], axis=1)


def _alpha(sums: FloatArray) -> FloatArray:
    n, first, second, within = np.moveaxis(sums, -1, 0)
    observed, expected = divide(within, n), divide(n * second - first**2, n * (n - 1))
    # Without any variation alpha is undefined; rounding must not make that a number.
    return 1 - divide(observed, np.where(expected > 1e-12, expected, 0))


def _of_all(predicted: FloatArray, annotations: FloatArray) -> FloatArray:
    return _disagreement(np.column_stack([annotations, predicted]))


def _of_annotators(predicted: FloatArray, annotations: FloatArray) -> FloatArray:
    return _disagreement(annotations)


KRIPPENDORFF_ALPHA = SumMetric("krippendorff_alpha", _annotated_twice, _of_all, _alpha, reference="annotations")
"""Krippendorff's alpha, at the interval level, of the model and the annotators, who all count alike.

1 - observed / expected disagreement, both being mean squared differences: of pairs of values of one item, and of pairs
of all values (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011).  Items count that have two annotations.
"""

KRIPPENDORFF_ALPHA_ANNOTATORS = SumMetric(
    "krippendorff_alpha_annotators", _annotated_twice, _of_annotators, _alpha, reference="annotations"
)
"""The same of the annotators alone, on the same items: what a model that is one more annotator would leave as it is."""
