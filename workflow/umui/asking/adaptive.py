"""When an item has votes enough: a confidence sequence for the mean of all that its teacher might say.

The votes of an item are independent draws, each in [0, 1], of an unknown distribution; a label estimates its mean.  An
interval for one number of votes no longer holds where it decides itself how many there are.  Those of a confidence
sequence hold the mean at all numbers of votes at once, so that one may stop at any of them, for any reason.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from umui.config.judges import Adaptive, Sampling

FloatArray = npt.NDArray[np.float64]
SHARES_G = (np.arange(20) + 0.5) / 20  # of its capital, that each gambler bets each time
BISECTIONS = 16  # the ends of an interval lie outward by at most 2^-16


def first_votes(sampling: Sampling) -> int:
    """Return how many votes every item gets."""
    return sampling.votes if sampling.adaptive is None else sampling.adaptive.first


def enough(votes: Sequence[float], settings: Adaptive) -> bool:
    """Say whether the mean is known as well as wanted; votes that say no probability are left out before."""
    low, high = confidence_interval(votes, settings.confidence)
    return high - low <= settings.width


def confidence_interval(votes: Sequence[float], confidence: float) -> tuple[float, float]:
    """Return the ends of the confidence sequence at these votes: over all numbers of votes it misses the mean with a
    probability of at most 1 - `confidence`.

    Betting against a candidate mean m (Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
    betting", J. R. Stat. Soc. B 86(1), 2024, section 4): half of the gamblers bet that the mean is above m, half that
    it is below, each always the same share g of what it has.  Their average capital after the votes x_1, ..., x_t is

        K_t(m) = 1/2 mean_g prod_i (1 - g + g x_i / m) + 1/2 mean_g prod_i (1 - g + g (1 - x_i) / (1 - m)).

    Where m is the mean, each factor's expectation is 1; so K_t is a nonnegative martingale that starts at 1, and by
    Ville's inequality it ever reaches 1 / (1 - confidence) with a probability of at most 1 - confidence.  The interval
    is what is not thrown out, {m: K_t(m) < 1 / (1 - confidence)}: K_t is convex in m, and at most 1 at the votes' own
    mean, so that its ends are found by bisection.  Without votes the interval is [0, 1].
    """
    if not votes:
        return 0.0, 1.0
    votes_T = np.asarray(votes, np.float64)
    middle, limit = float(votes_T.mean()), 1 / (1 - confidence)
    return _end(votes_T, 0.0, middle, limit), _end(votes_T, 1.0, middle, limit)


def _end(votes_T: FloatArray, outside: float, inside: float, limit: float) -> float:
    if abs(outside - inside) < 2**-BISECTIONS:
        return outside
    for _ in range(BISECTIONS):
        between = (outside + inside) / 2
        if _capital(votes_T, between) < limit:
            inside = between
        else:
            outside = between
    return outside


def _capital(votes_T: FloatArray, mean: float) -> float:
    returns_2T = np.stack([votes_T / mean, (1 - votes_T) / (1 - mean)])
    factors_2GT = 1 + SHARES_G[:, None] * (returns_2T[:, None, :] - 1)
    return float(np.prod(factors_2GT, axis=-1).mean())
