"""Read the probability that an answer says; a number that was not said is never made up."""

import re
from dataclasses import dataclass
from typing import Literal

from umui.tables import ParseStatus

Form = Literal["scalar", "binary"]
_ANSWER = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))\s*(%?)")
_REFUSAL = re.compile(
    r"\b(?:I\s+(?:cannot|can\s*not|can['\u2019]t|won['\u2019]t|will\s+not|am\s+(?:unable|not\s+able|sorry))"
    r"|I['\u2019]m\s+(?:sorry|unable|not\s+able)|as\s+an\s+AI)\b",
    re.IGNORECASE,
)
_BINARY = {"yes": 1.0, "no": 0.0}


@dataclass(frozen=True)
class Parsed:
    """What an answer says: a probability in [0, 1] for the statuses ok and percent, and none for all others."""

    probability: float | None
    status: ParseStatus


def parse(text: str, form: Form, finish_reason: str | None) -> Parsed:
    """Read the last ``<answer>...</answer>`` of an answer without its reasoning.

    A scalar answer is one decimal number: from 0 to 1 (ok), or followed by a percent sign and from 0 to 100 (percent).
    Outside these it is out_of_range.  A binary answer is Yes (1) or No (0), in any case, with or without a full stop.
    Everything else has no probability: ranges, words, several numbers, and decimal commas, since ``0,1`` may be a list.
    It is refused when it declines, truncated when the tokens ran out before an answer was complete, else missing.
    """
    answers = _ANSWER.findall(text)
    said = _say(answers[-1].strip(), form) if answers else None
    if said is not None:
        return said
    if _REFUSAL.search(text):
        return Parsed(None, "refused")
    if not answers and finish_reason == "length":
        return Parsed(None, "truncated")
    return Parsed(None, "missing")


def _say(answer: str, form: Form) -> Parsed | None:
    if form == "binary":
        word = answer.lower().removesuffix(".")
        return Parsed(_BINARY[word], "ok") if word in _BINARY else None
    match = _NUMBER.fullmatch(answer)
    if match is None:
        return None
    value = float(match[1]) / (100 if match[2] else 1)
    if not 0 <= value <= 1:
        return Parsed(None, "out_of_range")
    return Parsed(abs(value), "percent" if match[2] else "ok")  # abs: -0.0 is 0


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Split thinking output from the answer at the last ``</think>``; without one there is no reasoning.

    Thinking that was cut off before its end tag is all reasoning, so that a number it weighs is no answer.
    """
    reasoning, end, answer = text.rpartition("</think>")
    if not end and text.lstrip().startswith("<think>"):
        reasoning, answer = text, ""
    elif not end:
        return None, text
    return reasoning.strip().removeprefix("<think>").strip(), answer.strip()
