"""What a printed figure implies, and what it excludes: the arithmetic of `docs/paper-audit.md`.  Shares are of 1."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


def bias(squared_difference: float) -> float:
    """Return the distance of two means whose squared difference this is."""
    return math.sqrt(squared_difference)


def least_mse_of_classes(accuracy: float) -> float:
    """Return the least mean squared error, against labels 0 and 1, of probabilities with this accuracy.

    A probability on the wrong side of 0.5 is at least 0.5 away from its label.
    """
    return (1 - accuracy) * 0.25


def farthest_from_half(accuracy: float, mse: float) -> float:
    """Return how far from 0.5, at most, people's probabilities are on the misjudged items: a root mean square.

    Where a model is on the other side of 0.5 than people, its error is at least people's own distance from 0.5.  Were
    all error on these items, their mean square would be mse / (1 - accuracy).
    """
    return min(0.5, math.sqrt(mse / (1 - accuracy)))


def alpha_with_consensus(alpha: float, raters: int) -> float:
    """Return Krippendorff's alpha (interval level) of raters and one more who always gives their mean; for many items.

    With s the share of the raters' total variation that is within items, 1 - alpha = raters / (raters - 1) * s.  The
    mean adds nothing within items, and to the variation between them as much as each of the others.
    """
    within = (1 - alpha) * (raters - 1) / raters
    between = 1 - within
    return 1 - (raters + 1) / raters * within / (within + between * (raters + 1) / raters)


def denominators(shares: Iterable[float], unit: float, largest: int) -> list[int]:
    """Return each n up to `largest` of which all shares can be k / n, printed by rounding or by cutting to `unit`."""
    printed = list(shares)
    return [
        n
        for n in range(1, largest + 1)
        if all(any(-unit / 2 <= k / n - share < unit for k in _near(share, n)) for share in printed)
    ]


def _near(share: float, n: int) -> range:
    return range(math.floor(share * n), math.floor(share * n) + 2)


class Range(NamedTuple):
    """A range of shares, ends included."""

    low: float
    high: float


def true_positives(accuracy: float, f1: float) -> float:
    """Return the share of items that are true and called true.

    F1 = 2 TP / (2 TP + FP + FN), and FP + FN = 1 - accuracy.
    """
    return f1 * (1 - accuracy) / (2 * (1 - f1))


def positives(accuracy: float, f1: float, unit: float) -> Range:
    """Return the range of the share of true items: between none and all of the errors are misses.

    Accuracy and F1 are rounded to `unit`; more of F1 and less of accuracy is more true positives.
    """
    half = unit / 2
    least = true_positives(accuracy + half, f1 - half)
    most = true_positives(accuracy - half, f1 + half) + 1 - (accuracy - half)
    return Range(least, min(most, 1.0))


def intersection(ranges: Iterable[Range]) -> Range:
    """Return what all ranges have in common; low > high where they have nothing."""
    lows, highs = zip(*ranges, strict=True)
    return Range(max(lows), min(highs))


def f1_of_always_yes(true_share: float) -> float:
    """Return the F1 of calling everything true: precision is the share of true items, recall is 1."""
    return 2 * true_share / (1 + true_share)


def greatest_mse(ece: float, bins: int) -> float:
    """Return the largest mean squared error that an expected calibration error (of probabilities) goes with.

    In a bin from l to h an error d lies in [-(1 - l), h], so that d² <= (1 - l) h + (h - (1 - l)) d.  With e the bin's
    |mean error|, the mean of d² is at most w + (1 - w) e, where w is the greatest (1 - l) h of all bins.
    """
    widest = max((1 - bin_ / bins) * (bin_ + 1) / bins for bin_ in range(bins))
    return widest + (1 - widest) * ece


def mean_of_target(label: float, bins: int, sigma: float) -> float:
    """Return the mean of the paper's target (section 3.2): a Gaussian at the bins i / (bins - 1), made to sum to 1."""
    values = np.linspace(0, 1, bins)
    masses = np.exp(-((values - label) ** 2) / (2 * sigma**2))
    return float((masses * values).sum() / masses.sum())
