"""What premises of each modality show beside their words: streams of evidence, and what prompts call them.

A new modality is a line of `SHOWN` and a name in `umui.tables.Modality`: what is extracted, sent, encoded and counted
follows from its streams.  Time is in the frames' order and rate alone, so that a still image would be one frame; to
extract it, `umui.media.probing` must take pictures that do not move.
"""

from dataclasses import dataclass
from typing import Literal

from umui.tables import Modality

Stream = Literal["frames", "sound"]
RATE_SHORTFALL = 1e-6


@dataclass(frozen=True)
class Shown:
    """The streams that are shown of a premise's evidence, and the words for it in a prompt."""

    streams: frozenset[Stream]
    words: str


SHOWN: dict[Modality, Shown] = {
    "text": Shown(frozenset(), "a text"),
    "audio": Shown(frozenset({"sound"}), "a sound recording"),
    "video": Shown(frozenset({"frames"}), "a video without sound"),
    "audiovisual": Shown(frozenset({"frames", "sound"}), "a video with its sound"),
}
SEES = frozenset(modality for modality, shown in SHOWN.items() if "frames" in shown.streams)
HEARS = frozenset(modality for modality, shown in SHOWN.items() if "sound" in shown.streams)


def stated_rate_hz(frame_rate_hz: float) -> float:
    """Return the frame rate that a processor is told, so that it gives each frame its true time.

    vLLM and transformers truncate a frame pair's position in time, a product of single precision.  At 6.25 frames a
    second, vLLM's 7.9999998 (25 x 2 / rate) becomes 7 where transformers gets 8, and transformers' 39.999998 of the
    sixth pair (number x 2 / rate x 25) becomes 39.  A rate that is lower by a millionth gives both the same.
    """
    return frame_rate_hz * (1 - RATE_SHORTFALL)
