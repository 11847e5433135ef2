"""Answers of yes or no: how often a probability is on the right side of 0.5."""

from collections.abc import Callable

import numpy as np

from umui.evaluation.arrays import BoolArray, FloatArray
from umui.evaluation.metrics.metric import SumMetric, divide, known


def says_yes(probability: FloatArray) -> BoolArray:
    """Return whether a probability counts as a yes: above 0.5; 0.5 itself is a no, as in the published evaluation."""
    return probability > 0.5


def _confusion(predicted: FloatArray, label: FloatArray) -> FloatArray:
    """Return (N, 4): true positive, false positive, false negative, true negative."""
    yes, true = says_yes(predicted), label == 1
    return np.stack([yes & true, yes & ~true, ~yes & true, ~yes & ~true], axis=1).astype(np.float64)


def _share(*counted: int, among: tuple[int, ...]) -> Callable[[FloatArray], FloatArray]:
    return lambda sums: divide(sums[..., list(counted)].sum(axis=-1), sums[..., list(among)].sum(axis=-1))


ACCURACY = SumMetric("accuracy", known, _confusion, _share(0, 3, among=(0, 1, 2, 3)), reference="label")

PRECISION = SumMetric("precision", known, _confusion, _share(0, among=(0, 1)), reference="label")
"""True among the yeses; undefined without a yes."""

RECALL = SumMetric("recall", known, _confusion, _share(0, among=(0, 2)), reference="label")
"""Yeses among the true; undefined where nothing is true."""

F1 = SumMetric("f1", known, _confusion, _share(0, 0, among=(0, 0, 1, 2)), reference="label")
"""2 TP / (2 TP + FP + FN); undefined where nothing is true and nothing is called so."""
