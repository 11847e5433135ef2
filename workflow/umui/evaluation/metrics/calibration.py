"""Calibration: whether what is predicted with a probability is true as often, and how likely the truth was held."""

from typing import Literal

import numpy as np

from umui.evaluation.arrays import FloatArray, IntArray
from umui.evaluation.metrics.metric import SumMetric, divide, known, mean, with_count


def bin_of(predicted: FloatArray, bins: int) -> IntArray:
    """Return the bin, 0..bins-1, of each prediction in [0, 1]: equal widths, closed below; 1 is in the last."""
    return np.minimum((predicted * bins).astype(np.intp), bins - 1)


def ece(bins: int) -> SumMetric:
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

    return SumMetric("ece", known, terms, value)


def nll(reference: Literal["truth", "label"], clip: float) -> SumMetric:
    """Return the negative log likelihood in nats: the cross-entropy of the prediction under the reference.

    The mean of -(r ln p + (1 - r) ln(1 - p)), with p clipped to [clip, 1 - clip], since one wrong 0 or 1 would
    otherwise make it infinite.  With probabilities as the reference it is not 0 for the truth itself.
    """

    def terms(predicted: FloatArray, true: FloatArray) -> FloatArray:
        p = np.clip(predicted, clip, 1 - clip)
        return with_count(-(true * np.log(p) + (1 - true) * np.log1p(-p)))

    name = "nll_nats" if reference == "truth" else "nll_label_nats"
    return SumMetric(name, known, terms, mean, reference=reference)
