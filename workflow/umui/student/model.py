"""The student: a frozen thinker with low-rank adapters in its text decoder, read out as a distribution or as text.

CLUE-D puts a linear layer of `bins` rows on the last hidden state of the prompt (paper, section 3.2).  With the softmax
taken over these rows alone, they are the rows of as many new vocabulary entries.  CLUE-T answers in words.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional

from umui import config
from umui.student.omni import Omni
from umui.student.packing import Batch
from umui.student.reading import Features, answer_positions, hidden_states

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
HEAD_DEVIATION = 0.02  # of the head's first weights: the first distribution is nearly uniform
ANSWER = re.compile(r"<answer>([01]\.\d\d)</answer>")


class Student(nn.Module):
    """A thinker whose adapters, and head where there is one, are all that trains.

    Raises ValueError when not every layer of the text decoder gets an adapter at every target.
    """

    def __init__(self, omni: Omni, settings: config.Student) -> None:
        super().__init__()
        text_config = omni.thinker.config.text_config
        targets = settings.lora.targets
        pattern = rf".*language_model\.layers\.\d+\.(self_attn|mlp)\.({'|'.join(targets)})"
        adapters = LoraConfig(
            r=settings.lora.rank,
            lora_alpha=settings.lora.alpha,
            lora_dropout=settings.lora.dropout,
            target_modules=pattern,
        )
        with stream(settings.training.seed, "initial adapters", device=torch.device("cpu")):
            self.adapted = get_peft_model(omni.thinker, adapters, autocast_adapter_dtype=False)
        n_adapters = sum(name.endswith("lora_A.default.weight") for name, _ in self.adapted.named_parameters())
        wanted = text_config.num_hidden_layers * len(targets)
        if n_adapters != wanted:
            raise ValueError(f"{n_adapters} modules match lora.targets {targets}; {wanted} were to get an adapter")
        self.head = None
        if settings.read_out == "distribution":
            weight = omni.thinker.lm_head.weight
            self.head = nn.Linear(text_config.hidden_size, settings.bins, device=weight.device, dtype=weight.dtype)
            with stream(settings.training.seed, "initial head", device=weight.device):
                nn.init.normal_(self.head.weight, std=HEAD_DEVIATION)
            nn.init.zeros_(self.head.bias)
        self.sigma = settings.sigma

    @property
    def thinker(self) -> Any:
        """The thinker inside, adapters in place."""
        return self.adapted.base_model.model

    def forward(self, batch: Batch, features: Sequence[Features], labels_N: torch.Tensor) -> torch.Tensor:
        """Return the loss of each item, shape (N,): KL(Q || P) in nats, or cross-entropy in nats a token."""
        states_BTH = hidden_states(self.thinker, batch, features)
        if self.head is not None:
            log_masses_NI = functional.log_softmax(self._logits(states_BTH, batch).float(), dim=-1)
            targets_NI = target_masses(labels_N, log_masses_NI.shape[1], self.sigma)
            return functional.kl_div(log_masses_NI, targets_NI, reduction="none").sum(-1)
        rows_A, columns_A, tokens_A, items_A = answer_positions(batch)
        logits_AV = self.thinker.lm_head(states_BTH[rows_A, columns_A]).float()
        losses_A = functional.cross_entropy(logits_AV, tokens_A, reduction="none")
        sums_N = torch.zeros(len(labels_N), device=losses_A.device).index_add(0, items_A, losses_A)
        return sums_N / torch.bincount(items_A, minlength=len(labels_N))

    def masses(self, batch: Batch, features: Sequence[Features]) -> torch.Tensor:
        """Return the distribution over the bins of each item, shape (N, bins), in double precision."""
        return self._logits(hidden_states(self.thinker, batch, features), batch).double().softmax(-1)

    def _logits(self, states_BTH: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert self.head is not None
        logits: torch.Tensor = self.head(states_BTH[batch.rows_N, batch.ends_N])
        return logits


def bins(count: int) -> torch.Tensor:
    """Return the probabilities that the bins stand for: i / (count - 1)."""
    return torch.linspace(0, 1, count, dtype=torch.float64)


def target_masses(labels_N: torch.Tensor, count: int, sigma: float) -> torch.Tensor:
    """Return Gaussians around the labels, on the bins, each summing to 1: shape (N, count) (paper, section 3.2)."""
    distances_NI = bins(count).to(labels_N.device) - labels_N.double()[:, None]
    return torch.softmax(-(distances_NI**2) / (2 * sigma**2), dim=-1).float()


def expectation(masses_NI: torch.Tensor) -> torch.Tensor:
    """Return the probability that each distribution stands for: its mean (paper, equation 1)."""
    return masses_NI @ bins(masses_NI.shape[1]).to(masses_NI.device)


def answer_text(probability: float) -> str:
    """Return what CLUE-T is to say."""
    return f"<answer>{probability:.2f}</answer>"


def parse_answer(text: str) -> float | None:
    """Return the probability that a text says, or None unless it is an answer of the trained form and nothing else."""
    match = ANSWER.fullmatch(text)
    value = float(match[1]) if match else math.inf
    return value if value <= 1 else None


@contextmanager
def stream(seed: int, *purpose: str | int, device: torch.device) -> Iterator[None]:
    """Let the code inside draw from torch's global generator as from one of (seed, purpose) alone, then put it back.

    PEFT's initialisation and dropout know no other generator.
    """
    words = [seed, *(word if isinstance(word, int) else int.from_bytes(word.encode(), "big") for word in purpose)]
    state = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0])
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(state)
        yield
