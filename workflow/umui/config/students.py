"""The configuration of students: what they learn from, how, and how they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from umui.config.base import Count, Named, Positive, Settings, Title
from umui.tables import Modality


class Lora(Settings):
    """Low-rank adapters on the text decoder's linear layers."""

    rank: Count
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    targets: list[Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]]


class TrainingSource(Settings):
    """Which items of a dataset train a student, and what their labels are."""

    modalities: list[Modality]
    teacher: str | None = Field(description="whose labels; null takes the dataset's own probabilities")
    label: str | None = Field(description="an entry of `labels`; null with the dataset's own probabilities")
    agreement_filter: bool = Field(
        description="train only on labels on the same side of 0.5 as the data set's own (the published code)"
    )


class Training(Settings):
    """The optimisation of a student."""

    steps: Count | None = Field(description="optimizer steps; null: as many as `epochs` take")
    epochs: Positive | None = Field(description="passes over the premises; null where `steps` says how long")
    premises_per_batch: Count = Field(description="of a micro-batch on one rank; with tokens_per_batch, at most")
    tokens_per_batch: Count | None = Field(
        description="positions of a micro-batch, padding included, at most, unless one premise alone has more; batches "
        "then hold premises of similar lengths.  null: every batch has premises_per_batch"
    )
    hypotheses_per_premise: Count = Field(description="most hypotheses of a premise in a micro-batch")
    accumulation: Count = Field(description="micro-batches of an optimizer step")
    batching: Literal["by_modality", "mixed"] = Field(
        description="by_modality: all micro-batches of a step hold one modality (paper, section 3.3)"
    )
    negative_ratio: Positive | None = Field(
        description="items with labels below 0.5 for each one at or above, at most; null keeps all (paper, Table 4)"
    )
    learning_rate: Positive
    warmup_steps: Annotated[int, Field(ge=0)]
    schedule: Literal["constant", "cosine"]
    weight_decay: Annotated[float, Field(ge=0)]
    gradient_clip: Positive
    dtype: Literal["float32", "bfloat16"]
    zero_stage: Literal[1, 2]
    checkpoint_every: Count = Field(description="optimizer steps between checkpoints")
    ranks: Count = Field(description="processes, each with a GPU where there are GPUs")
    seed: int

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either `steps` or `epochs`, and null for the other")
        return self


class Student(Settings):
    """A student: what it learns from, how, and how its answer is read out."""

    title: Title
    base: str
    read_out: Literal["distribution", "text"]
    prompt: str
    bins: Annotated[int, Field(ge=2)] = Field(description="of the distribution over [0, 1]")
    sigma: Positive = Field(description="of the Gaussian target")
    target: Literal["gaussian", "integrated", "mean_matched"] = Field(
        description="gaussian: densities at the bins (the paper); integrated: each bin's mass; mean_matched: unbiased"
    )
    loss: Literal["kl", "mse"] = Field(description="of a distribution: divergence from the target, or squared error")
    sources: Named[TrainingSource]
    lora: Lora
    training: Training
    batch_premises: Count = Field(description="premises of a batch in prediction")


@dataclass(frozen=True)
class ReadOut:
    """What planning and tables, which are made without torch, say of a read-out."""

    keys: frozenset[str]
    """Those keys of a student that this read-out uses and that not every read-out does."""
    loss: str | Mapping[str, str]
    """The loss' name with its unit; where the student's `loss` chooses among several, that of each."""


READ_OUTS = {
    "distribution": ReadOut(
        frozenset({"bins", "sigma", "target", "loss"}), {"kl": "KL divergence (nats)", "mse": "squared error of mean"}
    ),
    "text": ReadOut(frozenset(), "cross-entropy (nats a token)"),
}


def loss_name(student: Student) -> str:
    """Return the name of a student's loss, with its unit."""
    loss = READ_OUTS[student.read_out].loss
    return loss if isinstance(loss, str) else loss[student.loss]


def unused_keys(student: Student) -> set[str]:
    """Return the keys that other read-outs use, and the student's does not."""
    every = {key for read_out in READ_OUTS.values() for key in read_out.keys}
    return every - READ_OUTS[student.read_out].keys
