"""An interval for the mean of votes that holds wherever one stops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from umui.asking.adaptive import BISECTIONS, SHARES_G, confidence_interval, enough
from umui.config.judges import Adaptive

VOTES = st.lists(st.integers(0, 100).map(lambda percent: percent / 100), min_size=1, max_size=12)
ROUNDING = 2**-BISECTIONS


def test_without_votes_anything_may_be() -> None:
    assert confidence_interval([], 0.9) == (0, 1)


def test_one_vote_worked_by_hand() -> None:
    # Of x = 1 the capital is (1 - s + s / m) / 2 + (1 - s) / 2 with the mean share s = 1/2, which is 10 at m = 1/38.
    low, high = confidence_interval([1.0], 0.9)
    assert low == pytest.approx(1 / 38, abs=ROUNDING)
    assert high == 1


@settings(max_examples=30)
@given(VOTES, st.sampled_from([0.5, 0.9, 0.99]))
def test_the_interval_is_what_no_average_gambler_gets_rich_against(votes: list[float], confidence: float) -> None:
    low, high = confidence_interval(votes, confidence)
    for mean in np.linspace(0.005, 0.995, 23):
        capital = 0.0
        for share in SHARES_G:
            above = below = 1.0
            for vote in votes:
                above *= 1 + share * (vote - mean) / mean
                below *= 1 + share * (mean - vote) / (1 - mean)
            capital += (above + below) / (2 * len(SHARES_G))
        if capital < 1 / (1 - confidence):
            assert low <= mean <= high
        else:
            assert not low + ROUNDING < mean < high - ROUNDING


@given(VOTES)
def test_a_claim_turned_round_turns_its_interval_round(votes: list[float]) -> None:
    low, high = confidence_interval(votes, 0.9)
    turned = confidence_interval([1 - vote for vote in votes], 0.9)
    assert turned == pytest.approx((1 - high, 1 - low), abs=2 * ROUNDING)


@pytest.mark.parametrize("confidence", [0.5, 0.9])
@pytest.mark.parametrize("kind", ["spread", "yes or no", "rare"])
def test_it_holds_the_mean_where_the_rule_stops(confidence: float, kind: str) -> None:
    random = np.random.default_rng(0)
    draw, mean = {
        "spread": (lambda: random.beta(0.6, 1.4), 0.3),
        "yes or no": (lambda: float(random.random() < 0.4), 0.4),
        "rare": (lambda: 0.9 * float(random.random() < 0.1), 0.09),
    }[kind]
    rule = Adaptive(width=0.5, confidence=confidence, first=2, step=1)
    missed, repeats, stops = 0, 100, set()
    for _ in range(repeats):
        votes = [draw(), draw()]
        while len(votes) < 14 and not enough(votes, rule):
            votes.append(draw())
        low, high = confidence_interval(votes, confidence)
        missed += not low <= mean <= high
        stops.add(len(votes))
    assert len(stops) > 2
    assert missed / repeats <= 1 - confidence


def test_votes_that_agree_need_fewer() -> None:
    rule = Adaptive(width=0.4, confidence=0.5, first=2, step=2)
    assert enough([0.8, 0.81, 0.79, 0.8, 0.8, 0.8], rule)
    assert not enough([0.8, 0.2, 0.9, 0.1, 0.6, 0.4], rule)
