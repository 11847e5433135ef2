"""Confidence intervals by the cluster bootstrap: whole clusters are drawn with replacement.

Items of one event share what makes them hard, so items are not independent but events are.  A replicate draws as many
clusters as there are, with replacement, keeping all items of each; the interval is the percentile interval of the
replicates (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; for clusters: Field and Welsh,
Bootstrapping clustered data, JRSS B 69, 2007, "randomized cluster bootstrap").  With few clusters, below 20 or so, such
intervals are too short; the number of clusters is therefore always reported beside them.

What is resampled is a function of how often each cluster counts, a `Clustered`.  Where a figure is a function of sums
over items, a cluster enters by its sums alone (`of_sums`): a replicate costs one matrix product whatever the number of
items, and a quotient of sums is the weighted ratio estimator.  Any other figure gets the items' weights (`of_weights`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from umui.config.evaluation import Evaluation
from umui.evaluation.arrays import FloatArray, IntArray
from umui.files.digests import digest_json

NUMBERS_AT_A_TIME = 1_000_000
"""Bounds the memory of a bootstrap, whatever the number of clusters or items."""


class Interval(NamedTuple):
    """The ends of an interval; both are null where there is none."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Clustered:
    """F figures over items in C clusters, as a function of how often each cluster counts.

    counted(times_RC) -> (R, F) the figures of R replicates, from whole numbers from 0.
    once_F: the figures when each cluster counts once.
    width: how many numbers a replicate needs in memory.
    """

    n_clusters: int
    width: int
    once_F: FloatArray
    counted: Callable[[FloatArray], FloatArray]


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return a generator for one purpose; another purpose gives an independent stream."""
    return np.random.default_rng([seed, int(digest_json(purpose)[:16], 16)])


def of_sums(terms_NK: FloatArray, cluster_N: IntArray, value: Callable[[FloatArray], FloatArray]) -> Clustered:
    """Return the figures value(sums) -> (..., F), from sums over items of shape (..., K), ready to be resampled."""
    sums_CK = cluster_sums(terms_NK, cluster_N)

    def counted(times_RC: FloatArray) -> FloatArray:
        totals_RK = np.empty((len(times_RC), sums_CK.shape[1]))
        for total_K, times_C in zip(totals_RK, times_RC, strict=True):  # so that none depends on those made with it
            np.matmul(times_C, sums_CK, out=total_K)
        return value(totals_RK)

    return Clustered(len(sums_CK), len(sums_CK), value(sums_CK.sum(axis=0)), counted)


def of_weights(cluster_N: IntArray, value: Callable[[FloatArray], FloatArray]) -> Clustered:
    """Return the figures value(weights_RN) -> (R, F), from how often each item counts, ready to be resampled."""
    once_F = value(np.ones((1, len(cluster_N))))[0]
    return Clustered(_n_clusters(cluster_N), len(cluster_N), once_F, lambda times_RC: value(times_RC[:, cluster_N]))


def cluster_sums(terms_NK: FloatArray, cluster_N: IntArray) -> FloatArray:
    """Return the sums of the terms over each cluster's items, (C, K); clusters are numbered 0..C-1."""
    n_clusters = _n_clusters(cluster_N)
    columns = [np.bincount(cluster_N, weights=term, minlength=n_clusters) for term in terms_NK.T]
    return np.stack(columns, axis=1)


def _n_clusters(cluster_N: IntArray) -> int:
    return int(cluster_N.max(initial=-1)) + 1


def replicates_of(figures: Clustered, cell: pd.DataFrame, settings: Evaluation) -> FloatArray:
    """Return the figures of resamples of the events of one dataset and modality, (R, F).

    `cell` has rows with the columns dataset and modality.  The random stream follows from these alone: all models are
    judged on the same resamples of the same events.
    """
    random = generator(settings.seed, cell["dataset"].iloc[0], cell["modality"].iloc[0])
    return replicates(figures, settings.replicates, random)


def replicates(figures: Clustered, count: int, random: np.random.Generator) -> FloatArray:
    """Return the figures of `count` resamples of the clusters, (R, F).

    Fewer than two clusters cannot be resampled: the result is then (0, F).
    """
    values_RF = np.empty((count if figures.n_clusters > 1 else 0, len(figures.once_F)))
    block = max(1, NUMBERS_AT_A_TIME // max(1, figures.width))
    for start in range(0, len(values_RF), block):
        some_RF = values_RF[start : start + block]
        some_RF[:] = figures.counted(_times_drawn(figures.n_clusters, len(some_RF), random))
    return values_RF


def _times_drawn(n_clusters: int, count: int, random: np.random.Generator) -> FloatArray:
    """Return how often each of C clusters is among C draws with replacement, (R, C)."""
    drawn_RC = random.integers(n_clusters, size=(count, n_clusters))
    numbered_RC = drawn_RC + n_clusters * np.arange(count)[:, None]
    times_RC = np.bincount(numbered_RC.ravel(), minlength=numbered_RC.size).reshape(drawn_RC.shape)
    return times_RC.astype(np.float64)


def percentile_interval(values: FloatArray, confidence: float) -> Interval:
    """Return the central share `confidence` of the replicates' values, (R,).

    It is null without replicates, or when a replicate's value is undefined.
    """
    if not values.size or not np.isfinite(values).all():
        return Interval(None, None)
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def two_sided_p_value(values: FloatArray) -> float | None:
    """Return the p-value of 0, from replicates, (R,): twice the smaller share of them on either side of 0.

    Replicates at 0 count on both sides; one is added to counts and replicates.  It is null where the interval is.
    """
    if not values.size or not np.isfinite(values).all():
        return None
    smaller = min(np.count_nonzero(values <= 0), np.count_nonzero(values >= 0))
    return float(min(1, 2 * (smaller + 1) / (values.size + 1)))


def method(replicates: int, confidence: float, n_clusters: int) -> str:
    """Return the interval's method in words."""
    if n_clusters < 2:
        return "none: fewer than two events"
    return f"{100 * confidence:g} % percentile cluster bootstrap over events, {replicates} replicates"
