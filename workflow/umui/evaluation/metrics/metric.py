"""The two kinds of metric: functions of sums over items, and statistics of how items rank.

Both say what a metric is worth when each cluster of items counts so many times.  That is all that the cluster bootstrap
needs (intervals.py), so that a value and its interval come from one definition.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from umui.evaluation.arrays import BoolArray, FloatArray, IntArray
from umui.evaluation.frame import Reference
from umui.evaluation.intervals import Clustered, of_sums, of_weights


@dataclass(frozen=True)
class Metric(ABC):
    """A figure over items, which compares predictions with a reference, nan where that is not known.

    The references `truth` and `label` are (N,), `annotations` are (N, A).
    keeps(reference) -> (N,) which items count: those whose reference is known, or fewer.
    """

    name: str
    keeps: Callable[[FloatArray], BoolArray]
    reference: Reference = field(default="truth", kw_only=True)

    def of(self, predicted: FloatArray, reference: FloatArray) -> float | None:
        """Return the figure of probabilities in [0, 1], all given; null where it is undefined."""
        kept = self.keeps(reference)
        value = self.over(predicted[kept], reference[kept])
        return value if np.isfinite(value) else None

    @abstractmethod
    def over(self, predicted: FloatArray, reference: FloatArray) -> float:
        """Return the figure over items that all count; nan where it is undefined."""

    @abstractmethod
    def clustered(self, predicted: Sequence[FloatArray], reference: FloatArray, cluster_N: IntArray) -> Clustered:
        """Return the figures of models on the same items, which all count, ready to be resampled.

        `predicted` has the (N,) probabilities of each model, which gives one figure; clusters are numbered 0..C-1.
        """


@dataclass(frozen=True)
class SumMetric(Metric):
    """A function of sums over items, such as a mean: a replicate costs one matrix product, however many the items.

    terms(predicted_N, reference) -> (N, K) what is summed over items.
    value(sums) -> (...) the figure, from sums of shape (..., K); nan where it is undefined.
    """

    terms: Callable[[FloatArray, FloatArray], FloatArray]
    value: Callable[[FloatArray], FloatArray]

    def over(self, predicted: FloatArray, reference: FloatArray) -> float:
        """Return the figure over items that all count; nan where it is undefined."""
        return float(self.value(self.terms(predicted, reference).sum(axis=0)))

    def clustered(self, predicted: Sequence[FloatArray], reference: FloatArray, cluster_N: IntArray) -> Clustered:
        """Return the figures of models on the same items, ready to be resampled."""
        terms = [self.terms(said, reference) for said in predicted]

        def value(sums: FloatArray) -> FloatArray:
            return np.stack([self.value(of_model) for of_model in np.split(sums, len(terms), axis=-1)], axis=-1)

        return of_sums(np.hstack(terms), cluster_N, value)


@dataclass(frozen=True)
class RankMetric(Metric):
    """A statistic of how a score ranks items that a model got right or wrong, such as the area under a curve.

    score(predicted_N) -> (N,) what ranks the items, such as the model's confidence; the higher, the surer.
    error(predicted_N, reference) -> (N,) what the model's answer to each item costs, such as 0 if right and 1 if wrong.
    value(score_N, error_N, weights_RN) -> (R,) the figure for each of R weightings of the items, nan where it is
    undefined.  There is an item or more.  Weights are whole numbers from 0: an item of weight 2 is two items alike.
    """

    score: Callable[[FloatArray], FloatArray]
    error: Callable[[FloatArray, FloatArray], FloatArray]
    value: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]

    def over(self, predicted: FloatArray, reference: FloatArray) -> float:
        """Return the figure over items that all count; nan where it is undefined."""
        return float(self._weighted(predicted, reference, np.ones((1, len(predicted))))[0])

    def clustered(self, predicted: Sequence[FloatArray], reference: FloatArray, cluster_N: IntArray) -> Clustered:
        """Return the figures of models on the same items, ready to be resampled."""

        def value(weights_RN: FloatArray) -> FloatArray:
            return np.stack([self._weighted(said, reference, weights_RN) for said in predicted], axis=-1)

        return of_weights(cluster_N, value)

    def _weighted(self, predicted: FloatArray, reference: FloatArray, weights_RN: FloatArray) -> FloatArray:
        if not len(predicted):
            return np.full(len(weights_RN), np.nan)
        return self.value(self.score(predicted), self.error(predicted, reference), weights_RN)


def known(reference: FloatArray) -> BoolArray:
    """Return which items' reference is known, (N,)."""
    return ~np.isnan(reference)


def graded(truth: FloatArray) -> BoolArray:
    """Return which items are truly uncertain: neither 0 nor 1.

    Items of probability 0 or 1 can often be told from how the hypothesis is worded; these cannot.
    """
    return (truth > 0) & (truth < 1)


def with_count(terms_N: FloatArray) -> FloatArray:
    """Return (N, 2): each item's term, and 1; `mean` takes their sums."""
    return np.stack([terms_N, np.ones_like(terms_N)], axis=1)


def mean(sums: FloatArray) -> FloatArray:
    """Return the means from sums and counts, (..., 2)."""
    return divide(sums[..., 0], sums[..., 1])


def divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, nan where the denominator is 0."""
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient
