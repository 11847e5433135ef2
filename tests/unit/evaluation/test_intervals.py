"""The cluster bootstrap agrees with scipy's where clusters are single items, and covers where they are not."""

import numpy as np
import pytest
from scipy import stats

from umui.evaluation.intervals import cluster_sums, generator, of_sums, percentile_interval, replicates
from umui.evaluation.metrics.metric import divide


def interval_of_mean(
    values: np.ndarray, clusters: np.ndarray, count: int = 2000, seed: int = 0
) -> tuple[float | None, float | None]:
    means = of_sums(
        np.stack([values, np.ones_like(values)], axis=1), clusters, lambda sums: divide(sums[..., :1], sums[..., 1:])
    )
    return percentile_interval(replicates(means, count, generator(seed, "test"))[:, 0], 0.95)


def test_cluster_sums_by_hand() -> None:
    terms = np.array([[1.0, 1.0], [2.0, 1.0], [5.0, 1.0]])
    assert cluster_sums(terms, np.array([1, 0, 1])).tolist() == [[2.0, 1.0], [6.0, 2.0]]


def test_single_items_agree_with_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=80)
    low, high = interval_of_mean(values, np.arange(80), count=20000)
    expected = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20000, rng=2).confidence_interval
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.04 * width)
    assert high == pytest.approx(expected.high, abs=0.04 * width)


def test_clusters_of_unequal_size_agree_with_drawing_their_items() -> None:
    random = np.random.default_rng(3)
    clusters = np.repeat(np.arange(12), random.integers(1, 20, size=12))
    values = random.normal(size=12)[clusters] + random.normal(size=len(clusters))
    members = [values[clusters == cluster] for cluster in range(12)]
    drawn = [np.concatenate([members[c] for c in random.integers(12, size=12)]).mean() for _ in range(10000)]
    expected_low, expected_high = np.quantile(drawn, [0.025, 0.975])
    low, high = interval_of_mean(values, clusters, count=20000)
    width = expected_high - expected_low
    assert low == pytest.approx(expected_low, abs=0.04 * width)
    assert high == pytest.approx(expected_high, abs=0.04 * width)


def test_the_interval_covers_the_truth_as_often_as_it_says_when_items_depend_on_their_cluster() -> None:
    random = np.random.default_rng(4)
    clusters = np.repeat(np.arange(40), 8)
    covered = {"clusters": 0, "items": 0}
    worlds = 100
    for world in range(worlds):
        values = random.normal(size=40)[clusters] + 0.5 * random.normal(size=len(clusters))
        for name, numbers in (("clusters", clusters), ("items", np.arange(len(values)))):
            low, high = interval_of_mean(values, numbers, count=300, seed=world)
            assert low is not None
            assert high is not None
            covered[name] += low <= 0 <= high
    assert 0.87 <= covered["clusters"] / worlds <= 0.99
    assert covered["items"] / worlds < 0.8, "resampling items as if independent must be seen to fail here"


@pytest.mark.parametrize("n_items", [0, 1, 5])
def test_fewer_than_two_clusters_have_no_interval(n_items: int) -> None:
    assert interval_of_mean(np.full(n_items, 0.3), np.zeros(n_items, dtype=np.intp)) == (None, None)


def test_an_undefined_replicate_leaves_no_interval() -> None:
    assert percentile_interval(np.array([0.1, np.nan, 0.3]), 0.95) == (None, None)


def test_streams_depend_on_seed_and_purpose_alone() -> None:
    def draw(seed: int, *purpose: str) -> list[int]:
        return generator(seed, *purpose).integers(1000, size=4).tolist()

    assert draw(0, "urn", "text") == draw(0, "urn", "text")
    assert draw(0, "urn", "text") != draw(0, "urn", "audio")
    assert draw(0, "urn", "text") != draw(1, "urn", "text")
