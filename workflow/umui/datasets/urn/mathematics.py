"""The mathematics of the urn world: what its draws make of each hypothesis, exactly.

An urn has an unknown share theta of red balls, with the prior Beta(a, b).  After r red and s blue draws (with
replacement) the posterior is Beta(a + r, b + s).  docs/urn.md derives the formulas.
"""

import hashlib
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

Draws = tuple[bool, ...]  # in order; True is red


@dataclass(frozen=True)
class Outcome:
    """What became of an urn: its share of red balls, and whether the two balls after the premise were red."""

    red_share: float
    next_red: bool
    second_red: bool


@dataclass(frozen=True)
class Hypothesis:
    """A sentence, its probability under Beta(alpha, beta) after the draws, and whether it came true."""

    sentence: str
    probability: Callable[[Draws, float, float], float]
    came_true: Callable[[Draws, Outcome], bool]


def both_red(alpha: float, beta: float) -> float:
    """Return E[theta^2] = P(two further draws are red) under Beta(alpha, beta)."""
    total = alpha + beta
    return alpha * (alpha + 1) / (total * (total + 1))


def different(alpha: float, beta: float) -> float:
    """Return E[2 theta (1 - theta)] = P(two further draws differ in colour) under Beta(alpha, beta)."""
    total = alpha + beta
    return 2 * alpha * beta / (total * (total + 1))


def mostly_red(alpha: float, beta: float) -> float:
    """Return P(theta > 1/2) under Beta(alpha, beta): the regularised incomplete beta function I_1/2(beta, alpha)."""
    return float(betainc(beta, alpha, 0.5))


HYPOTHESES = (
    Hypothesis(
        "The next ball is red.",
        lambda draws, alpha, beta: alpha / (alpha + beta),
        lambda draws, outcome: outcome.next_red,
    ),
    Hypothesis(
        "The next ball is blue.",
        lambda draws, alpha, beta: beta / (alpha + beta),
        lambda draws, outcome: not outcome.next_red,
    ),
    Hypothesis(
        "The next two balls are both red.",
        lambda draws, alpha, beta: both_red(alpha, beta),
        lambda draws, outcome: outcome.next_red and outcome.second_red,
    ),
    Hypothesis(
        "At least one of the next two balls is blue.",
        lambda draws, alpha, beta: 1 - both_red(alpha, beta),
        lambda draws, outcome: not (outcome.next_red and outcome.second_red),
    ),
    Hypothesis(
        "The next two balls differ in colour.",
        lambda draws, alpha, beta: different(alpha, beta),
        lambda draws, outcome: outcome.next_red != outcome.second_red,
    ),
    Hypothesis(
        "Most balls in the urn are red.",
        lambda draws, alpha, beta: mostly_red(alpha, beta),
        lambda draws, outcome: outcome.red_share > 0.5,
    ),
    Hypothesis(
        "The first ball drawn was red.",
        lambda draws, alpha, beta: float(draws[0]),
        lambda draws, outcome: draws[0],
    ),
    Hypothesis(
        "The last ball drawn was blue.",
        lambda draws, alpha, beta: float(not draws[-1]),
        lambda draws, outcome: not draws[-1],
    ),
)


def probabilities(draws: Draws, prior_red: float, prior_blue: float) -> list[float]:
    """Return the exact probability of each of HYPOTHESES given the draws, under the prior Beta(a, b) on theta."""
    alpha, beta = prior_red + sum(draws), prior_blue + len(draws) - sum(draws)
    return [hypothesis.probability(draws, alpha, beta) for hypothesis in HYPOTHESES]


def draw(length: int, prior_red: float, prior_blue: float, random: np.random.Generator) -> tuple[Draws, Outcome]:
    """Fill an urn from its prior, draw `length` balls for the premise, and two more for the outcome."""
    red_share = random.beta(prior_red, prior_blue)
    balls = [bool(ball) for ball in random.random(length + 2) < red_share]
    return tuple(balls[:length]), Outcome(red_share, balls[length], balls[length + 1])


def held_out(draws_min: int, draws_max: int, share: float, seed: int) -> frozenset[Draws]:
    """Return the sequences that no training or validation premise shows, in any modality.

    Of the sequences with the same length and the same number of reds, `share` (rounded) are held out, at least one
    stays, and classes of fewer than four stay whole: every count is trained, in several other orders.  Which ones is
    decided by a hash of the seed and the sequence, so that a sequence's part does not hang on draws_min or draws_max.
    Raises ValueError when none is left for the test split.
    """
    chosen: set[Draws] = set()
    for length in range(draws_min, draws_max + 1):
        for reds in range(length + 1):
            members = [
                tuple(place in places for place in range(length))
                for places in itertools.combinations(range(length), reds)
            ]
            if len(members) >= 4:
                members.sort(key=lambda draws: hashlib.sha256(f"{seed} {letters(draws)}".encode()).digest())
                chosen.update(members[: min(round(share * len(members)), len(members) - 1)])
    if not chosen:
        raise ValueError(
            f"held_out_share: {share:g} of the sequences of {draws_min} to {draws_max} draws leaves none "
            "for the test split; raise it, or draws_max"
        )
    return frozenset(chosen)


def letters(draws: Draws) -> str:
    """Return the draws as a word of R and B."""
    return "".join("R" if red else "B" for red in draws)


def judge(probability: float, noise_sd: float, step: float, random: np.random.Generator) -> float:
    """Return what one annotator says: `probability` with normal noise in logits, snapped to the slider, 0.01..0.99."""
    sure = min(max(probability, 0.02), 0.98)
    logit = math.log(sure / (1 - sure)) + noise_sd * random.standard_normal()
    said = round(1 / (1 + math.exp(-logit)) / step) * step
    return round(min(max(said, 0.01), 0.99), 6)
