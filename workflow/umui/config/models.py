"""The configuration of media, as models are shown them, and of the models."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from umui.config.base import Count, Positive, Settings, Share


class Media(Settings):
    """Extraction of evidence, and the limits that media from anywhere must keep."""

    frame_rate_hz: Positive = Field(description="frames a second of evidence")
    frame_size_px: Annotated[int, Field(ge=28, multiple_of=2)] = Field(description="width and height of a frame")
    jpeg_quality: Annotated[int, Field(ge=1, le=31)] = Field(description="ffmpeg's scale: 1 is best, 31 is worst")
    sample_rate_hz: Annotated[int, Field(ge=8000)] = Field(description="of the sound")
    max_duration_s: Positive
    max_pixels: Count = Field(description="width x height of a source's picture")
    max_streams: Count
    max_source_bytes: Count | None = Field(
        default=None, exclude_if=lambda value: value is None, description="of a source file; null takes 1e11"
    )
    max_output_bytes: Count = Field(description="of the frames and the sound of one file")
    max_memory_bytes: Count = Field(description="of addresses that the decoding of one file may take")
    max_damage_share: Share = Field(
        description="of a stream's packets that may fail to decode, and of its claimed length that may be missing"
    )
    timeout_s: Positive = Field(description="wall time of the extraction of one file")
    ffmpeg: str | None = Field(description="path of an ffmpeg binary; null takes the one from the imageio-ffmpeg wheel")


class Tiny(Settings):
    """A tiny model made on the spot, from random weights, on the lessons of the datasets' training splits."""

    curriculum: Literal["describe", "judge"] = Field(
        description="describe: questions about the premise (a student's base); judge: also judgments (a teacher)"
    )
    hidden_size: Annotated[int, Field(ge=32, multiple_of=32)]
    layers: Count
    tower_hidden_size: Annotated[int, Field(ge=32, multiple_of=32)]
    tower_layers: Count
    max_audio_s: Annotated[int, Field(ge=1)] = Field(description="longest sound that the model hears, in seconds")
    steps: Count
    premises_per_step: Count = Field(description="of each modality")
    lessons_per_premise: Count
    learning_rate: Positive
    seed: int


class Model(Settings):
    """A model: made on the spot (`tiny`), or a directory or hub name (`path`) at a commit (`revision`)."""

    family: str = Field(description="an entry of families, which says what the model may be shown")
    path: str | None = None
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = Field(
        default=None, description="40 hexadecimal digits: a branch such as main may move"
    )
    tiny: Tiny | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.tiny is None):
            raise ValueError("give either `path` (a directory or a hub name) or `tiny` (made on the spot)")
        return self
