"""Read the probability that an answer says; a number that was not said is never made up."""

import re
from dataclasses import dataclass
from typing import Literal

from umui.answers.thinking import ends_in_a_thought, split_reasoning
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


@dataclass(frozen=True)
class Heard:
    """An answer apart from its reasoning, which is None where there is none, and what it says."""

    text: str
    reasoning: str | None
    parsed: Parsed


def hear(text: str, reasoning: str | None, form: Form, finish_reason: str | None, *, thinks: bool) -> Heard:
    """Tell the answer from the thinking, and read it; `reasoning` is what the server has set apart already.

    A thought that is open at the end was cut off, and nothing before or within it is an answer.  So was, of a model
    that `thinks`, a text without any mark.
    """
    found, answer = split_reasoning(text)
    thoughts = [thought for thought in (reasoning, found) if thought is not None]
    if thinks and not thoughts:
        return Heard("", text, Parsed(None, "truncated"))
    parsed = Parsed(None, "truncated") if ends_in_a_thought(text) else parse(answer, form, finish_reason)
    return Heard(answer, "\n".join(thoughts) if thoughts else None, parsed)


def parse(text: str, form: Form, finish_reason: str | None) -> Parsed:
    """Read the last ``<answer>...</answer>`` of an answer without its reasoning.

    A scalar answer is one decimal number: from 0 to 1 (ok), or followed by a percent sign and from 0 to 100 (percent).
    Outside these it is out_of_range.  A binary answer is Yes (1) or No (0), in any case, with or without a full stop.
    Everything else has no probability: ranges, words, several numbers, and decimal commas, since ``0,1`` may be a list.
    It is refused when it declines instead of answering; truncated when the tokens ran out before an answer or in the
    words after one, which may then have been a thought's; else missing.
    """
    answers = _ANSWER.findall(text)
    cut_off = finish_reason == "length" and not text.rstrip().lower().endswith("</answer>")
    said = _say(answers[-1].strip(), form) if answers and not cut_off else None
    if said is not None:
        return said
    begun = "<answer>" in text.lower()
    if _REFUSAL.search(answers[-1] if answers else "" if begun else text):
        return Parsed(None, "refused")
    return Parsed(None, "truncated" if cut_off else "missing")


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
