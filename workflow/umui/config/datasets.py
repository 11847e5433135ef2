"""The configuration of data sets, by kind: where a data set's files are, and what becomes of its splits."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, field_validator, model_validator

from umui.config.base import Count, Distinct, Positive, Settings, Share


class Premises(Settings):
    """How many premises of each modality a split of the urn world has."""

    train: Count
    validation: Count
    test: Count


class Urn(Settings):
    """The urn world; its mathematics are in docs/urn.md."""

    kind: Literal["urn"]
    prior_red: Positive = Field(description="a of the Beta(a, b) prior on the share of red balls")
    prior_blue: Positive = Field(description="b of the Beta(a, b) prior on the share of red balls")
    draws_min: Count = Field(description="fewest draws that a premise shows")
    draws_max: Annotated[int, Field(ge=1, le=10)] = Field(description="most draws that a premise shows")
    held_out_share: Share = Field(description="of the draw sequences, kept for the test split in every modality")
    premises: Premises
    hypotheses_train: Annotated[int, Field(ge=1, le=8)] = Field(description="of the 8, how many a training premise has")
    annotators: Count = Field(description="simulated annotators")
    annotator_noise_sd: Positive = Field(description="standard deviation of an annotator's error, in logits")
    slider_step: Annotated[float, Field(gt=0, le=1)] = Field(
        description="annotators' sliders snap to multiples of this probability"
    )
    draw_s: Positive = Field(description="seconds that one draw is seen or heard")
    frame_rate_hz: Positive = Field(description="of the videos that are written")
    frame_size_px: Annotated[int, Field(ge=16, multiple_of=2)] = Field(description="width and height of the videos")
    pixel_noise_sd: float = Field(ge=0, description="of the pictures, in grey levels of 0 to 255")
    sound_noise_sd: float = Field(ge=0, description="of the sounds, where full scale is 1")
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.draws_min > self.draws_max:
            raise ValueError(f"draws_min: {self.draws_min} is more than draws_max, {self.draws_max}")
        if not math.isclose(frames := self.draw_s * self.frame_rate_hz, max(1, round(frames))):
            raise ValueError(f"draw_s x frame_rate_hz: {frames:g} frames a draw; make it a whole number")
        return self


class Scaled(Settings):
    """A data set with people's probabilities, which may stand on another scale in its files."""

    scale: Positive | tuple[float, float] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of probabilities in the files: their greatest value (the least is 0), or [least, greatest]",
    )

    @field_validator("scale")
    @classmethod
    def _ascends(cls, scale: float | tuple[float, float] | None) -> float | tuple[float, float] | None:
        ends = scale if isinstance(scale, tuple) else (0.0, 1.0 if scale is None else scale)
        if not (math.isfinite(ends[0]) and math.isfinite(ends[1]) and ends[0] < ends[1]):
            raise ValueError(f"{scale}: give the greatest value, such as 100, or [least, greatest], such as [1, 5]")
        return scale

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value: of what is impossible, and of what is certain."""
        return self.scale if isinstance(self.scale, tuple) else (0.0, 1.0 if self.scale is None else self.scale)


class Manifest(Scaled):
    """Pairs from one CSV, JSONL or Parquet file of the user's own; data/README.md has its columns."""

    kind: Literal["manifest"]
    file: str = Field(description="path of the manifest; media paths in it are relative to its directory")
    gather: Literal["annotators"] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="annotators: rows of one pair are single people's probabilities, and become one item with the mean",
    )


class Unli(Scaled):
    """Uncertain natural language inference: a person's probability for each SNLI pair (Chen et al., ACL 2020)."""

    kind: Literal["unli"]
    directory: str = Field(description="holds train, dev and test.csv of the release, or train, validation, test.jsonl")
    test_split: Literal["validation", "test"] = Field(
        description="which of its splits becomes our test; with validation (the paper's) its test split is unused"
    )


class Clotho(Settings):
    """Clotho Entailment: sounds with a sentence that is entailed, one that may be, and one that contradicts them."""

    kind: Literal["clotho"]
    annotations: str = Field(description="directory of the files clotho_entailment_{split}.csv")
    audio: str | None = Field(description="directory of the directories of each split's sound files; null: no sounds")
    premise: Literal["sound", "caption"] = Field(description="caption: a person's caption stands for the sound")
    caption: Annotated[int, Field(ge=0, le=4)] | None = Field(
        description="which of the five captions is shown; null with premise: sound"
    )
    neutral: Literal["drop", "false", "half"] = Field(
        description="what the neutral sentence of a sound is; half: its probability is 0.5, and it has no label"
    )
    test_split: Literal["validation", "evaluation"] = Field(
        description="which of its splits becomes our test; with validation its evaluation split is unused"
    )

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.premise == "sound" and self.audio is None:
            raise ValueError("audio: null, but premise: sound needs the sounds' directory; or say premise: caption")
        if self.premise == "caption" and self.caption is None:
            raise ValueError("caption: null, but premise: caption needs the number of one, 0 to 4")
        return self


class WikiVideo(Scaled):
    """Claims about events, and which of an event's videos support them; docs/wikivideo.md has the rules."""

    kind: Literal["wikivideo"]
    annotations: str = Field(description="path of final_data_2015-2025.json")
    videos: str = Field(description="directory of the VIDEO.mp4, with their sound")
    audios: str = Field(description="directory of the VIDEO.wav")
    judgments: str | None = Field(description="path of annotation.json, people's probabilities; null: there are none")
    modalities: Annotated[list[Literal["audio", "video", "audiovisual"]], Field(min_length=1), Distinct]
    label_rule: Literal["published", "corrected"] = Field(
        description="corrected: what is shown supports the claim; published: as in the published code"
    )
    test_events: Annotated[list[str], Distinct] = Field(
        description="titles of the events that are held out, with blanks or underscores; the others train"
    )
    negatives: Annotated[list[Literal["train", "test"]], Distinct] = Field(
        description="splits in which a claim also goes with its event's other videos, as not supported"
    )


Dataset = Annotated[Urn | Manifest | Unli | Clotho | WikiVideo, Field(discriminator="kind")]


def dataset_from_json(text: str) -> Any:
    """Read an entry of the configuration's datasets, of any kind."""
    return TypeAdapter(Dataset).validate_json(text)
