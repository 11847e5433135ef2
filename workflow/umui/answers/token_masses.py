"""Answers that are read off the probabilities of a few tokens, instead of drawn and parsed."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from umui.answers.parsing import Parsed
from umui.config.judges import Read

SUM_TOLERANCE = 0.01  # of masses that should sum to 1: half-precision and rounded numbers, but none that is missing


def reading(log_probabilities: Mapping[str, float]) -> str:
    """Return what is kept of an answer, as JSON, from the tokens' log probabilities (nats) over the whole vocabulary.

    `masses` are the tokens' probabilities, made to sum to 1; `share` is what they sum to over the whole vocabulary: how
    far the model answered with one of them at all.
    """
    highest = max(log_probabilities.values())
    weights = {token: math.exp(value - highest) for token, value in log_probabilities.items()}
    total = math.fsum(weights.values())
    masses = {token: weight / total for token, weight in weights.items()}
    return json.dumps({"share": math.exp(highest) * total, "masses": masses}, ensure_ascii=False)


def expectation_of(text: str, read: Read) -> Parsed:
    """Return what a kept answer says, with the values that the tokens stand for now.

    What is no such answer has the status missing.
    """
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        return Parsed(None, "missing")
    masses = kept.get("masses") if isinstance(kept, dict) else None
    if not isinstance(masses, dict):
        return Parsed(None, "missing")
    return expectation([masses.get(token) for token in read.tokens], read.values)


def expectation(masses: Any, values: Sequence[float]) -> Parsed:
    """Return the mean of the values under their masses.

    What is no list of as many numbers from 0 to 1, or has another sum than 1, has the status missing.
    """
    numbers = isinstance(masses, list) and all(type(mass) in (int, float) for mass in masses)
    if not numbers or len(masses) != len(values) or not all(0 <= mass <= 1 for mass in masses):  # false for nan too
        return Parsed(None, "missing")
    if not math.isclose(math.fsum(masses), 1, abs_tol=SUM_TOLERANCE):
        return Parsed(None, "missing")
    return Parsed(math.fsum(mass * value for mass, value in zip(masses, values, strict=True)), "ok")
