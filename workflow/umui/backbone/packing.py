"""Batches in which a premise is read once for all of its hypotheses.

A row is a prefix followed by its suffixes.  Each suffix sees the prefix and itself, but no other suffix, and takes the
positions that it would have if it stood alone after the prefix: results and gradients are those of separate sequences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from umui.tables import Modality  # which needs pyarrow; here and in reading.py torch and transformers are enough

PADDING = -1


@dataclass(frozen=True)
class EncodedPremise:
    """A prefix: its P tokens and, for what is seen and heard, the inputs of the towers."""

    premise_id: str
    modality: "Modality"
    tokens_P: torch.Tensor
    positions_3P: torch.Tensor  # time, height and width
    patches: torch.Tensor | None  # patches, values of a patch
    grid_3: torch.Tensor | None  # patches in time, height and width
    mel_FT: torch.Tensor | None  # mel bins, frames of 10 ms


@dataclass(frozen=True)
class Suffix:
    """A hypothesis or an instruction, and the answer where it is known."""

    prompt: list[int]
    answer: list[int]


@dataclass(frozen=True)
class Batch:
    """B rows of at most T tokens, holding N suffixes; suffix n is read at row `rows_N[n]`, column `ends_N[n]`."""

    premises: Sequence[EncodedPremise]
    tokens_BT: torch.Tensor
    positions_3BT: torch.Tensor
    segments_BT: torch.Tensor  # 0: prefix, 1, 2, ...: suffixes, PADDING: nothing
    rows_N: torch.Tensor
    ends_N: torch.Tensor  # the last token of each suffix' prompt
    answers: Sequence[Sequence[int]]  # the answer of each suffix, perhaps empty
    n_tokens: int  # that are not padding
    shortest_prefix: int
    most_suffixes: int  # of a row

    def attention(self, first: int = 0) -> torch.Tensor:
        """Return what the positions from column `first` on see: boolean, shape (B, 1, T - first, T)."""
        segments_BT = self.segments_BT
        columns_T = torch.arange(segments_BT.shape[1], device=segments_BT.device)
        earlier_RT = columns_T[first:, None] >= columns_T
        reader_BR1, read_B1T = segments_BT[:, first:, None], segments_BT[:, None, :]
        own_or_prefix_BRT = (read_B1T == 0) | (read_B1T == reader_BR1)
        return (earlier_RT & own_or_prefix_BRT)[:, None]

    def to(self, device: torch.device) -> "Batch":
        """Return the batch with its index tensors on `device`; the towers' inputs are moved when they are needed."""
        names = ("tokens_BT", "positions_3BT", "segments_BT", "rows_N", "ends_N")
        moved: dict[str, Any] = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return replace(self, **moved)


def pack(premises: Sequence[EncodedPremise], suffixes: Sequence[Sequence[Suffix]], pad_token: int) -> Batch:
    """Pack each premise with its suffixes, their answers included."""
    widths = [
        len(premise.tokens_P) + sum(len(suffix.prompt) + len(suffix.answer) for suffix in group)
        for premise, group in zip(premises, suffixes, strict=True)
    ]
    shape = len(premises), max(widths)
    tokens_BT = torch.full(shape, pad_token)
    positions_3BT = torch.zeros((3, *shape), dtype=torch.long)
    segments_BT = torch.full(shape, PADDING)
    rows, ends, answers = [], [], []
    for row, (premise, group) in enumerate(zip(premises, suffixes, strict=True)):
        column = len(premise.tokens_P)
        tokens_BT[row, :column] = premise.tokens_P
        positions_3BT[:, row, :column] = premise.positions_3P
        segments_BT[row, :column] = 0
        first_position = int(premise.positions_3P.max()) + 1
        for segment, suffix in enumerate(group, start=1):
            ids = torch.tensor(suffix.prompt + suffix.answer)
            here = slice(column, column + len(ids))
            tokens_BT[row, here] = ids
            positions_3BT[:, row, here] = first_position + torch.arange(len(ids))
            segments_BT[row, here] = segment
            rows.append(row)
            ends.append(column + len(suffix.prompt) - 1)
            answers.append(suffix.answer)
            column += len(ids)
    return Batch(
        premises,
        tokens_BT,
        positions_3BT,
        segments_BT,
        rows_N=torch.tensor(rows),
        ends_N=torch.tensor(ends),
        answers=answers,
        n_tokens=sum(widths),
        shortest_prefix=min(len(premise.tokens_P) for premise in premises),
        most_suffixes=max(len(group) for group in suffixes),
    )
