"""How a student's answer is read out: what every head can do, and how a head is found by its name.

A head is a module of this folder.  Its file is named as `read_out` names it in the configuration, and its `HEAD` is a
subclass of `Head`.  No other module names a head, so that a new one changes the code of no student that has another.
What plans and tables say of a head stands in `config/students.py`, since they are made without torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from umui.backbone.encoding import Encoder
from umui.backbone.forward import Features, hidden_states
from umui.backbone.packing import Batch, EncodedPremise, Suffix
from umui.config.students import Student

Answer = tuple[str, float | None, list[float] | None]  # status, probability in [0, 1], distribution
NOT_FINITE: Answer = ("not_finite", None, None)


class Head(nn.Module, ABC):
    """A student's read-out: its own weights, if any, with what it learns, answers and says of itself.

    The weights are the module's parameters.  They train with the adapters, stand in checkpoints as `head.NAME`, and
    are saved in the student's directory.
    """

    @abstractmethod
    def __init__(self, hidden_size: int, *, device: Any = None, dtype: Any = None, **used_with: Any) -> None:
        """Make the weights for hidden states of `hidden_size`, drawn from torch's global generator.

        `used_with` is what the method of this name returns.
        """
        super().__init__()

    @staticmethod
    @abstractmethod
    def used_with(settings: Student) -> dict[str, Any]:
        """Return the further arguments that make the head again; the student's directory keeps them as JSON."""

    def words(self, label: float) -> str | None:
        """Return what the student should say for a label; None, unless a head says otherwise: it trains on no words.

        In training these words follow the hypothesis.
        """
        return None

    @abstractmethod
    def losses(
        self, settings: Student, thinker: Any, batch: Batch, features: Sequence[Features], labels_N: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of each item, shape (N,); the batch holds the hypotheses, and the head's words if any."""

    @abstractmethod
    def answers(
        self,
        thinker: Any,
        encoder: Encoder,
        premises: Sequence[EncodedPremise],
        features: Sequence[Features],
        suffixes: Sequence[Sequence[Suffix]],
    ) -> list[Answer]:
        """Return the answers on all hypotheses, premise by premise; `suffixes` are those of each premise.

        The status is ok, unparsed or not_finite, and only an answer that is ok has a probability.  A distribution holds
        the masses of N bins at i / (N - 1); it is None where the head gives no distribution.
        """

    @abstractmethod
    def summary(self) -> str:
        """Return the form of the answers: the model card says that the student answers "as ..."."""

    @abstractmethod
    def vocabulary(self) -> Mapping[str, torch.Tensor]:
        """Return what export adds to the base's vocabulary: tokens, each with its row of the output matrix.

        Raises ValueError when the head's weights cannot be rows of that matrix.
        """

    @abstractmethod
    def instructions(self, words: str) -> str:
        """Return how answers are read from an exported checkpoint, in Markdown; `words` are a sample prompt's."""


def head_of(read_out: str) -> type[Head]:
    """Return the head of this name.

    Raises ValueError when there is none.
    """
    name = f"umui.students.heads.{read_out}"
    there = read_out.isidentifier() and find_spec(name) is not None
    head: type[Head] | None = getattr(import_module(name), "HEAD", None) if there else None
    if head is None:
        raise ValueError(f"read_out: {read_out}: this version has no such head; use the version that trained with it")
    return head


def last_states(thinker: Any, batch: Batch, features: Sequence[Features]) -> torch.Tensor:
    """Return the last hidden state of each prompt, shape (N, hidden size)."""
    states_BTH = hidden_states(thinker, batch, features)
    return states_BTH[batch.rows_N, batch.ends_N]
