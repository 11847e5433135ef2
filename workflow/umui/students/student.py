"""The student: a frozen thinker with low-rank adapters in its text decoder, and the head that reads its answer out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from umui.backbone.forward import Features
from umui.backbone.omni import Omni
from umui.backbone.packing import Batch
from umui.config.students import Student as StudentSettings
from umui.students.adapters import decoder_modules
from umui.students.heads.head import Head, head_of

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Reader(nn.Module):
    """A thinker, with or without adapters, and the head that reads its answer out."""

    def __init__(self, adapted: Any, head: Head) -> None:
        super().__init__()
        self.adapted, self.head = adapted, head

    @property
    def thinker(self) -> Any:
        """The thinker inside, adapters in place."""
        return self.adapted.get_base_model() if isinstance(self.adapted, PeftModel) else self.adapted


class Student(Reader):
    """A thinker and a head; its adapters and the head's weights are all that trains.

    Raises ValueError when not every layer of the text decoder gets an adapter at every target.
    """

    def __init__(self, omni: Omni, settings: StudentSettings) -> None:
        text_config, lora_targets = omni.thinker.config.text_config, settings.lora.targets
        adapters = LoraConfig(
            r=settings.lora.rank,
            lora_alpha=settings.lora.alpha,
            lora_dropout=settings.lora.dropout,
            target_modules=decoder_modules(lora_targets),
        )
        with stream(settings.training.seed, "initial adapters", device=torch.device("cpu")):
            adapted = get_peft_model(omni.thinker, adapters, autocast_adapter_dtype=False)
        n_adapters = sum(name.endswith("lora_A.default.weight") for name, _ in adapted.named_parameters())
        wanted = text_config.num_hidden_layers * len(lora_targets)
        if n_adapters != wanted:
            raise ValueError(f"{n_adapters} modules match lora.targets {lora_targets}; {wanted} were to get an adapter")
        made, weight = head_of(settings.read_out), omni.thinker.lm_head.weight
        arguments = {"device": weight.device, "dtype": weight.dtype, **made.used_with(settings)}
        with stream(settings.training.seed, "initial head", device=weight.device):
            head = made(text_config.hidden_size, **arguments)
        super().__init__(adapted, head)
        self.settings = settings

    def forward(self, batch: Batch, features: Sequence[Features], labels_N: torch.Tensor) -> torch.Tensor:
        """Return the loss of each item, shape (N,), as the head defines it."""
        return self.head.losses(self.settings, self.thinker, batch, features, labels_N)


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
