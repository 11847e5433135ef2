"""Confidence intervals by the cluster bootstrap: whole clusters are drawn with replacement.

Items of one event share what makes them hard, so items are not independent but events are.  A replicate draws as many
clusters as there are, with replacement, keeping all items of each; the interval is the percentile interval of the
replicates (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; for clusters: Field and Welsh,
Bootstrapping clustered data, JRSS B 69, 2007, "randomized cluster bootstrap").  With few clusters, below 20 or so, such
intervals are too short; the number of clusters is therefore always reported beside them.

A cluster enters by its sums alone (sums_CK: clusters x terms), so that a replicate costs one matrix product whatever
the number of items, and a quotient of sums is the weighted ratio estimator.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from umui.files.digests import digest_json

FloatArray = npt.NDArray[np.float64]
DRAWS_AT_A_TIME = 1_000_000
"""Bounds the memory of a bootstrap, whatever the number of clusters."""


class Interval(NamedTuple):
    """The ends of an interval; both are null where there is none."""

    low: float | None
    high: float | None


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return a generator for one purpose; another purpose gives an independent stream."""
    return np.random.default_rng([seed, int(digest_json(purpose)[:16], 16)])


def cluster_sums(terms_NK: FloatArray, cluster_N: npt.NDArray[np.intp]) -> FloatArray:
    """Return the sums of the terms over each cluster's items, (C, K); clusters are numbered 0..C-1."""
    n_clusters = int(cluster_N.max(initial=-1)) + 1
    columns = [np.bincount(cluster_N, weights=term, minlength=n_clusters) for term in terms_NK.T]
    return np.stack(columns, axis=1)


def resampled_totals(sums_CK: FloatArray, replicates: int, random: np.random.Generator) -> FloatArray:
    """Return the total of the drawn clusters' sums for each replicate, (R, K).

    Fewer than two clusters cannot be resampled: the result is then (0, K).
    """
    n_clusters, n_terms = sums_CK.shape
    totals_RK = np.empty((replicates if n_clusters > 1 else 0, n_terms))
    block = max(1, DRAWS_AT_A_TIME // max(1, n_clusters))
    for start in range(0, len(totals_RK), block):
        some_RK = totals_RK[start : start + block]
        drawn_RC = random.integers(n_clusters, size=(len(some_RK), n_clusters))
        numbered_RC = drawn_RC + n_clusters * np.arange(len(some_RK))[:, None]
        times_drawn_RC = np.bincount(numbered_RC.ravel(), minlength=numbered_RC.size).reshape(drawn_RC.shape)
        for total_K, times_drawn_C in zip(some_RK, times_drawn_RC.astype(np.float64), strict=True):
            np.matmul(times_drawn_C, sums_CK, out=total_K)
    return totals_RK


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
