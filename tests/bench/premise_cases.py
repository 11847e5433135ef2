"""Tiny models and premises of chosen lengths, for the benchmarks of the student."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile
from PIL import Image
from student_world import MEDIA, TINY, evidence_of

from umui.backbone.encoding import Encoder
from umui.backbone.omni import Omni
from umui.evidence.decoded import Evidence, Premise
from umui.models import tiny_architecture
from umui.tables import EVIDENCE

CLAIM = "At least {} of the next balls will be blue, whatever was drawn before."
FRAME_PX = 112  # 16 tokens a pair of frames
PICTURES = MEDIA.model_copy(update={"frame_size_px": FRAME_PX})
SOUND_TOKENS_PER_S = 25
RATE_HZ = 16000


def model_for(tokens: int, hidden_size: int = 128, layers: int = 3) -> Omni:
    """Make a model with random weights that hears sounds of so many tokens."""
    settings = TINY.model_copy(
        update={
            "max_audio_s": max(4, tokens // SOUND_TOKENS_PER_S + 1), "hidden_size": hidden_size, "layers": layers,
            "tower_hidden_size": 96,
        }
    )  # fmt: skip
    words = [CLAIM.format(number) for number in range(40)] + ["user\n", "assistant\n"]
    processor = tiny_architecture.processor(settings, PICTURES, words)
    return Omni(tiny_architecture.thinker(settings, processor.tokenizer).eval().requires_grad_(False), processor)


def encoder_for(omni: Omni, modality: str, tokens: int, count: int = 1) -> tuple[Encoder, list[Premise]]:
    """Return `count` premises of about so many tokens of random evidence each, and what encodes them."""
    names = [f"premise-{number}" for number in range(count)]
    rows = [_evidence(name, modality, tokens, np.random.default_rng(number)) for number, name in enumerate(names)]
    text = " ".join(["blue"] * tokens) if modality == "text" else None
    premises = [Premise(name, modality, text, None if modality == "text" else name) for name in names]
    return Encoder(omni, "claim-v1", PICTURES, Evidence(pa.Table.from_pylist(rows, EVIDENCE.schema))), premises


def _evidence(name: str, modality: str, tokens: int, random: np.random.Generator) -> dict[str, Any]:
    row = evidence_of(name, modality, random)
    if modality == "video":
        frames = [_picture(random) for _ in range(2 * max(1, tokens // 16))]
        row |= {"frames": frames, "frame_time_s": [number / 6.25 for number in range(len(frames))], "audio": None}
    if modality == "audio":
        file = io.BytesIO()
        samples = 0.2 * random.standard_normal(RATE_HZ * tokens // SOUND_TOKENS_PER_S)
        soundfile.write(file, samples, RATE_HZ, format="FLAC")
        row |= {"audio": file.getvalue(), "frames": [], "frame_time_s": []}
    return row


def _picture(random: np.random.Generator) -> bytes:
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (FRAME_PX, FRAME_PX, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()
