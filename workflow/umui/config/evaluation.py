"""The configuration of figures and their intervals."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from umui.config.base import Count, Positive, Settings


class HypothesisOnly(Settings):
    """The control that never sees the premise: ridge regression on the hypothesis' words."""

    ngram_max: Count
    l2: Positive


class Evaluation(Settings):
    """Figures and their intervals."""

    splits: list[Literal["validation", "test"]]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    replicates: Annotated[int, Field(ge=100)] = Field(description="of the cluster bootstrap")
    reliability_bins: Count = Field(description="of reliability diagrams, and of the expected calibration error")
    probability_clip: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        description="log likelihoods and logits take probabilities as at least this far from 0 and 1"
    )
    calibration_split: Literal["validation", "test"] | None = Field(
        description="held out, not among `splits`, to fit each model's temperature on; null fits none"
    )
    hypothesis_only: HypothesisOnly
    seed: int

    @model_validator(mode="after")
    def _held_out(self) -> Self:
        if self.calibration_split in self.splits:
            raise ValueError(
                f"calibration_split: {self.calibration_split!r} is among the evaluated splits; name another, or null"
            )
        return self
