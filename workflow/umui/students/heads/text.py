"""CLUE-T: the student answers in words, such as `<answer>0.65</answer>`, and adds no weights to its base."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional

from umui.backbone.encoding import Encoder
from umui.backbone.forward import Features, answer_positions, hidden_states
from umui.backbone.generation import greedy
from umui.backbone.packing import Batch, EncodedPremise, Suffix
from umui.config.students import Student
from umui.students.heads.head import NOT_FINITE, Answer, Head

ANSWER = re.compile(r"<answer>([01]\.\d\d)</answer>")


class Text(Head):
    """Trains on the answer's tokens, and generates them greedily."""

    def __init__(self, hidden_size: int, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__(hidden_size)

    @staticmethod
    def used_with(settings: Student) -> dict[str, Any]:
        """Return no arguments."""
        return {}

    def words(self, label: float) -> str:
        """Return the label as an answer."""
        return answer_text(label)

    def losses(
        self, settings: Student, thinker: Any, batch: Batch, features: Sequence[Features], labels_N: torch.Tensor
    ) -> torch.Tensor:
        """Return the cross-entropy of each item's answer in nats a token, shape (N,)."""
        states_BTH = hidden_states(thinker, batch, features)
        rows_A, columns_A, tokens_A, items_A = answer_positions(batch)
        logits_AV = thinker.lm_head(states_BTH[rows_A, columns_A]).float()
        losses_A = functional.cross_entropy(logits_AV, tokens_A, reduction="none")
        sums_N = torch.zeros(len(labels_N), device=losses_A.device).index_add(0, items_A, losses_A)
        return sums_N / torch.bincount(items_A, minlength=len(labels_N))

    def answers(
        self,
        thinker: Any,
        encoder: Encoder,
        premises: Sequence[EncodedPremise],
        features: Sequence[Features],
        suffixes: Sequence[Sequence[Suffix]],
    ) -> list[Answer]:
        """Return what each generated text says; a text of another form is unparsed."""
        most_tokens = len(encoder.suffix("", answer_text(0)).answer)  # no answer of the trained form is longer
        ends = encoder.end_token, encoder.pad_token
        generated = greedy(thinker, premises, features, suffixes, most_tokens, *ends)
        return [NOT_FINITE if tokens is None else _answer(encoder.text(tokens)) for tokens in generated]

    def summary(self) -> str:
        """Return an example."""
        return "text such as `<answer>0.65</answer>` (CLUE-T)"

    def vocabulary(self) -> Mapping[str, torch.Tensor]:
        """Return nothing: the base's own tokens are enough."""
        return {}

    def instructions(self, words: str) -> str:
        """Return an example."""
        return "It answers in words, such as `<answer>0.65</answer>` (CLUE-T).\n"


def answer_text(probability: float) -> str:
    """Return what CLUE-T should say."""
    return f"<answer>{probability:.2f}</answer>"


def _answer(text: str) -> Answer:
    probability = parse_answer(text)
    return ("unparsed" if probability is None else "ok"), probability, None


def parse_answer(text: str) -> float | None:
    """Return the probability that a text says, or None unless it is an answer of the trained form and nothing else."""
    match = ANSWER.fullmatch(text)
    value = float(match[1]) if match else math.inf
    return value if value <= 1 else None


HEAD = Text
