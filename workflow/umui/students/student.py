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
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from torch.nn import functional

from umui.backbone.forward import Features, answer_positions, hidden_states
from umui.backbone.omni import Omni
from umui.backbone.packing import Batch
from umui.config.students import Student as StudentSettings
from umui.students import targets

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
HEAD_DEVIATION = 0.02  # of the head's first weights: the first distribution is nearly uniform
ANSWER = re.compile(r"<answer>([01]\.\d\d)</answer>")


class Reader(nn.Module):
    """A thinker, with or without adapters, and the head that makes a distribution; without a head it answers in words.

    The head's rows, one a bin, stand on the last hidden state of the prompt.
    """

    def __init__(self, adapted: Any, head: nn.Linear | None) -> None:
        super().__init__()
        self.adapted, self.head = adapted, head

    @property
    def thinker(self) -> Any:
        """The thinker inside, adapters in place."""
        return self.adapted.get_base_model() if isinstance(self.adapted, PeftModel) else self.adapted

    def masses(self, batch: Batch, features: Sequence[Features]) -> torch.Tensor:
        """Return the distribution over the bins of each item, shape (N, bins), in double precision."""
        return self._logits(hidden_states(self.thinker, batch, features), batch).double().softmax(-1)

    def _logits(self, states_BTH: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert self.head is not None
        logits: torch.Tensor = self.head(states_BTH[batch.rows_N, batch.ends_N])
        return logits


class Student(Reader):
    """A thinker whose adapters, and head where there is one, are all that trains.

    Raises ValueError when not every layer of the text decoder gets an adapter at every target.
    """

    def __init__(self, omni: Omni, settings: StudentSettings) -> None:
        text_config, lora_targets = omni.thinker.config.text_config, settings.lora.targets
        pattern = rf".*language_model\.layers\.\d+\.(self_attn|mlp)\.({'|'.join(lora_targets)})"
        adapters = LoraConfig(
            r=settings.lora.rank,
            lora_alpha=settings.lora.alpha,
            lora_dropout=settings.lora.dropout,
            target_modules=pattern,
        )
        with stream(settings.training.seed, "initial adapters", device=torch.device("cpu")):
            adapted = get_peft_model(omni.thinker, adapters, autocast_adapter_dtype=False)
        n_adapters = sum(name.endswith("lora_A.default.weight") for name, _ in adapted.named_parameters())
        wanted = text_config.num_hidden_layers * len(lora_targets)
        if n_adapters != wanted:
            raise ValueError(f"{n_adapters} modules match lora.targets {lora_targets}; {wanted} were to get an adapter")
        head = None
        if settings.read_out == "distribution":
            weight = omni.thinker.lm_head.weight
            # Without bias, as the rows of a vocabulary are: exporting.py makes them such.
            size = text_config.hidden_size, settings.bins
            head = nn.Linear(*size, bias=False, device=weight.device, dtype=weight.dtype)
            with stream(settings.training.seed, "initial head", device=weight.device):
                nn.init.normal_(head.weight, std=HEAD_DEVIATION)
        super().__init__(adapted, head)
        self.settings = settings

    def forward(self, batch: Batch, features: Sequence[Features], labels_N: torch.Tensor) -> torch.Tensor:
        """Return the loss of each item, shape (N,): targets.loss, or the cross-entropy in nats a token."""
        states_BTH = hidden_states(self.thinker, batch, features)
        if self.head is not None:
            logits_NI, settings = self._logits(states_BTH, batch), self.settings
            return targets.loss(settings.loss, logits_NI, labels_N, settings.target, settings.sigma)
        rows_A, columns_A, tokens_A, items_A = answer_positions(batch)
        logits_AV = self.thinker.lm_head(states_BTH[rows_A, columns_A]).float()
        losses_A = functional.cross_entropy(logits_AV, tokens_A, reduction="none")
        sums_N = torch.zeros(len(labels_N), device=losses_A.device).index_add(0, items_A, losses_A)
        return sums_N / torch.bincount(items_A, minlength=len(labels_N))


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
