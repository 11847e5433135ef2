"""What is measured: how far predicted probabilities are from what is known about the items.

Each metric is a function of sums over items.  That is all that the cluster bootstrap needs, so that value and interval
come from one definition.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from umui.evaluation.frame import FloatArray, Reference

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Metric:
    """A figure over items, which compares predictions with a reference, nan where it is not known.

    `truth` and `label` are (N,), `annotations` are (N, A).
    keeps(reference) -> (N,) which items count: those whose reference is known, or fewer.
    terms(predicted_N, reference) -> (N, K) what is summed over items.
    value(sums) -> (...) the figure, from sums of shape (..., K); nan where it is undefined.
    """

    name: str
    keeps: Callable[[FloatArray], BoolArray]
    terms: Callable[[FloatArray, FloatArray], FloatArray]
    value: Callable[[FloatArray], FloatArray]
    reference: Reference = "truth"

    def of(self, predicted: FloatArray, reference: FloatArray) -> float | None:
        """Return the figure of probabilities in [0, 1], all given; null where it is undefined."""
        kept = self.keeps(reference)
        value = float(self.value(self.terms(predicted[kept], reference[kept]).sum(axis=0)))
        return value if np.isfinite(value) else None


def graded(truth: FloatArray) -> BoolArray:
    """Return which items are truly uncertain: neither 0 nor 1.

    Items of probability 0 or 1 can often be told from how the hypothesis is worded; these cannot.
    """
    return (truth > 0) & (truth < 1)


def _known(reference: FloatArray) -> BoolArray:
    return ~np.isnan(reference)


def _mean(sums: FloatArray) -> FloatArray:
    return divide(sums[..., 0], sums[..., 1])


def divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, nan where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def _with_count(terms: FloatArray) -> FloatArray:
    return np.stack([terms, np.ones_like(terms)], axis=1)


def _squared_errors(predicted: FloatArray, reference: FloatArray) -> FloatArray:
    return _with_count((predicted - reference) ** 2)


def _squared_errors_x100(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return _with_count(100 * (predicted - truth) ** 2)


def _absolute_errors(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return _with_count(np.abs(predicted - truth))


MSE_X100 = Metric("mse_x100", _known, _squared_errors_x100, _mean)
"""100 times the mean over items of (predicted - truth)^2 (Table 3 of the paper)."""

MSE_X100_GRADED = Metric("mse_x100_graded", graded, _squared_errors_x100, _mean)

MAE = Metric("mae", _known, _absolute_errors, _mean)

BRIER = Metric("brier", _known, _squared_errors, _mean, "label")
"""The mean over items of (predicted - label)^2 (Brier, Monthly Weather Review 78, 1950, for two outcomes, halved)."""


def _differences(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    return _with_count(predicted - truth)


SQUARED_DIFFERENCE_OF_MEANS = Metric("squared_difference_of_means", _known, _differences, lambda sums: _mean(sums) ** 2)
"""(mean predicted - mean truth)^2: a bias, to which errors of opposite sign add nothing.

The code published with the paper computes this as the MSE of its Tables 1 and 5.
"""


def nll(reference: Literal["truth", "label"], clip: float) -> Metric:
    """Return the negative log likelihood in nats: the cross-entropy of the prediction under the reference.

    The mean of -(r ln p + (1 - r) ln(1 - p)), with p clipped to [clip, 1 - clip], since one wrong 0 or 1 would
    otherwise make it infinite.  With probabilities as the reference it is not 0 for the truth itself.
    """

    def terms(predicted: FloatArray, known: FloatArray) -> FloatArray:
        p = np.clip(predicted, clip, 1 - clip)
        return _with_count(-(known * np.log(p) + (1 - known) * np.log1p(-p)))

    return Metric("nll_nats" if reference == "truth" else "nll_label_nats", _known, terms, _mean, reference)


def says_yes(probability: FloatArray) -> BoolArray:
    """Return whether a probability counts as a yes: above 0.5; 0.5 itself is a no, as in the published evaluation."""
    return probability > 0.5


def _confusion(predicted: FloatArray, label: FloatArray) -> FloatArray:
    """Return (N, 4): true positive, false positive, false negative, true negative."""
    yes, true = says_yes(predicted), label == 1
    return np.stack([yes & true, yes & ~true, ~yes & true, ~yes & ~true], axis=1).astype(np.float64)


def _share(*counted: int, among: tuple[int, ...]) -> Callable[[FloatArray], FloatArray]:
    return lambda sums: divide(sums[..., list(counted)].sum(axis=-1), sums[..., list(among)].sum(axis=-1))


ACCURACY = Metric("accuracy", _known, _confusion, _share(0, 3, among=(0, 1, 2, 3)), "label")

PRECISION = Metric("precision", _known, _confusion, _share(0, among=(0, 1)), "label")
"""True among the yeses; undefined without a yes."""

RECALL = Metric("recall", _known, _confusion, _share(0, among=(0, 2)), "label")
"""Yeses among the true; undefined where nothing is true."""

F1 = Metric("f1", _known, _confusion, _share(0, 0, among=(0, 0, 1, 2)), "label")
"""2 TP / (2 TP + FP + FN); undefined where nothing is true and nothing is called so."""


def _annotated_twice(annotations: FloatArray) -> BoolArray:
    enough: BoolArray = (~np.isnan(annotations)).sum(axis=1) >= 2
    return enough


def _disagreement(values_NR: FloatArray) -> FloatArray:
    """Return (N, 4): the number m of an item's values, their sum, sum of squares, and disagreement.

    The last is the sum of the squared differences of all pairs, m * sum(v^2) - sum(v)^2, divided by m - 1.
    """
    m = (~np.isnan(values_NR)).sum(axis=1).astype(np.float64)
    first, second = np.nansum(values_NR, axis=1), np.nansum(values_NR**2, axis=1)
    return np.stack([m, first, second, (m * second - first**2) / (m - 1)], axis=1)


def _alpha(sums: FloatArray) -> FloatArray:
    n, first, second, within = np.moveaxis(sums, -1, 0)
    observed, expected = divide(within, n), divide(n * second - first**2, n * (n - 1))
    # Without any variation alpha is undefined; rounding must not make that a number.
    return 1 - divide(observed, np.where(expected > 1e-12, expected, 0))


KRIPPENDORFF_ALPHA = Metric(
    "krippendorff_alpha", _annotated_twice,
    lambda predicted, annotations: _disagreement(np.column_stack([annotations, predicted])), _alpha, "annotations",
)  # fmt: skip
"""Krippendorff's alpha, at the interval level, of the model and the annotators, who all count alike.

1 - observed / expected disagreement, both being mean squared differences: of pairs of values of one item, and of pairs
of all values (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011).  Items count that have two annotations.
"""

KRIPPENDORFF_ALPHA_ANNOTATORS = Metric(
    "krippendorff_alpha_annotators", _annotated_twice, lambda _, annotations: _disagreement(annotations), _alpha,
    "annotations",
)  # fmt: skip
"""The same of the annotators alone, on the same items: what a model that is one more annotator would leave as it is."""


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

    return Metric("ece", _known, terms, value)


def every(bins: int, clip: float) -> tuple[Metric, ...]:
    """Return all metrics: `bins` of the calibration error, `clip` of the log likelihoods."""
    return (
        MSE_X100, MSE_X100_GRADED, MAE, ece(bins), nll("truth", clip), nll("label", clip), BRIER,
        ACCURACY, PRECISION, RECALL, F1, SQUARED_DIFFERENCE_OF_MEANS,
        KRIPPENDORFF_ALPHA, KRIPPENDORFF_ALPHA_ANNOTATORS,
    )  # fmt: skip
