"""CLUE-D: the student answers with a distribution, the masses of bins over [0, 1]; the mean is its probability.

A linear layer with a row for each bin stands on the last hidden state of the prompt (paper, section 3.2).  With the
softmax taken over these rows alone, they are the rows of as many new vocabulary entries.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from umui.backbone.encoding import Encoder
from umui.backbone.forward import Features
from umui.backbone.packing import Batch, EncodedPremise, Suffix, pack
from umui.config.students import Student
from umui.students.heads.head import Answer, Head, last_states
from umui.students.targets import expectation, loss

DEVIATION = 0.02  # of the first weights: the first distribution is nearly uniform


class Distribution(Head):
    """Trains towards a distribution around the label.  It has no bias, as a vocabulary's output matrix has none."""

    def __init__(self, hidden_size: int, *, bins: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__(hidden_size)
        self.weight = nn.Parameter(torch.empty(bins, hidden_size, device=device, dtype=dtype))
        nn.init.normal_(self.weight, std=DEVIATION)

    @staticmethod
    def used_with(settings: Student) -> dict[str, Any]:
        """Return the number of bins."""
        return {"bins": settings.bins}

    def forward(self, states_NH: torch.Tensor) -> torch.Tensor:
        """Return the bins' logits, shape (N, bins)."""
        return functional.linear(states_NH, self.weight)

    def masses(self, thinker: Any, batch: Batch, features: Sequence[Features]) -> torch.Tensor:
        """Return the distribution over the bins of each item, shape (N, bins), in double precision.

        All masses are nan where a logit is not finite: infinity would give masses that look whole.
        """
        logits_NI = self(last_states(thinker, batch, features)).double()
        finite_N1 = logits_NI.isfinite().all(-1, keepdim=True)
        return logits_NI.masked_fill(~finite_N1, float("nan")).softmax(-1)

    def losses(
        self, settings: Student, thinker: Any, batch: Batch, features: Sequence[Features], labels_N: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of each item, shape (N,), as students/targets.py defines it."""
        logits_NI = self(last_states(thinker, batch, features))
        return loss(settings.loss, logits_NI, labels_N, settings.target, settings.sigma)

    def answers(
        self,
        thinker: Any,
        encoder: Encoder,
        premises: Sequence[EncodedPremise],
        features: Sequence[Features],
        suffixes: Sequence[Sequence[Suffix]],
    ) -> list[Answer]:
        """Return each distribution and its mean."""
        batch = pack(premises, suffixes, encoder.pad_token).to(thinker.device)
        masses_NI = self.masses(thinker, batch, features)
        both = zip(expectation(masses_NI).tolist(), masses_NI.tolist(), strict=True)
        return [("ok", probability, masses) for probability, masses in both]

    def summary(self) -> str:
        """Return the number of bins in words."""
        return f"a distribution over {len(self.weight)} probabilities from 0 to 1, whose mean is the answer (CLUE-D)"

    def vocabulary(self) -> Mapping[str, torch.Tensor]:
        """Return ``<CONF_0>``, ``<CONF_1>``, ..., each with its bin's row."""
        return {f"<CONF_{number}>": row_H for number, row_H in enumerate(self.weight)}

    def instructions(self, words: str) -> str:
        """Return a program that answers a prompt."""
        bins = len(self.weight)
        return INSTRUCTIONS.format(bins=bins, last=bins - 1, words=json.dumps(words))


INSTRUCTIONS = """\
Its answer to a prompt is the softmax over the logits of the tokens `<CONF_0>` to `<CONF_{last}>`
alone, at the prompt's last token.  `<CONF_i>` stands for the probability i / {last}; the mean is the answer:

```python
import torch
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration

processor = Qwen2_5OmniProcessor.from_pretrained(".")
thinker = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(".", dtype="auto")
words = {words}
messages = [{{"role": "user", "content": [{{"type": "text", "text": words}}]}}]
prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
tokens = processor.tokenizer.convert_tokens_to_ids([f"<CONF_{{i}}>" for i in range({bins})])
with torch.no_grad():
    logits = thinker(**processor(text=[prompt], return_tensors="pt")).logits[0, -1, tokens]
print(float(logits.double().softmax(-1) @ torch.linspace(0, 1, {bins}, dtype=torch.float64)))
```
"""


HEAD = Distribution
