"""What a model may see and hear of a premise: the stored frames and sounds, decoded when they are needed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import soundfile
from PIL import Image

from umui.files.atomic import replacing
from umui.files.parquet import read_table
from umui.tables import EVIDENCE, Modality

View = Literal["full", "frames", "sound"]
_COLUMNS = ["media_id", "frames", "audio", "evidence_digest"]


@dataclass(frozen=True)
class Premise:
    """A premise as it is shown: its modality says which of the evidence's streams."""

    premise_id: str
    modality: Modality
    text: str | None
    media_id: str | None

    def seen_as(self, view: View) -> "Premise":
        """Return the premise with the stream withheld that the view leaves out."""
        shown: dict[View, Modality] = {"full": self.modality, "frames": "video", "sound": "audio"}
        return replace(self, modality=shown[view])


@dataclass(frozen=True)
class AskedPremise(Premise):
    """A premise with the one hypothesis that its prompt asks about, where none of the prompt can be shared."""

    hypothesis: str

    @classmethod
    def of(cls, premise: Premise, hypothesis: str) -> "AskedPremise":
        """Tie a hypothesis to a premise; the pair has an identity of its own."""
        identity = f"{premise.premise_id} {hypothesis}"
        return cls(identity, premise.modality, premise.text, premise.media_id, hypothesis)


class Evidence:
    """Frames and sounds by media_id."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._rows = {media_id: row for row, media_id in enumerate(table["media_id"].to_pylist())}
        self._n_frames = pc.list_value_length(table["frames"]).to_pylist()

    @classmethod
    def read(cls, files: Sequence[Path]) -> "Evidence":
        """Read evidence tables into memory."""
        return cls(read_table(files, EVIDENCE, _COLUMNS))

    @staticmethod
    def copy(files: Sequence[Path], copy: Path) -> None:
        """Make an uncompressed copy of evidence tables, which `mapped` opens without reading it."""
        with replacing(copy) as temporary, pa.OSFile(str(temporary), "wb") as sink:
            schema = pa.schema([EVIDENCE.schema.field(name) for name in _COLUMNS])
            with pa.ipc.new_file(sink, schema) as writer:
                for file in files:
                    writer.write_table(read_table(file, EVIDENCE, _COLUMNS), max_chunksize=64)

    @classmethod
    def mapped(cls, copy: Path) -> "Evidence":
        """Open such a copy; the processes of a machine share its memory."""
        return cls(pa.ipc.open_file(pa.memory_map(str(copy))).read_all())

    def n_frames(self, media_id: str | None) -> int:
        """Return how many frames there are; 0 without evidence."""
        row = self._rows.get(media_id or "")
        return 0 if row is None else self._n_frames[row]

    def sound_s(self, media_id: str | None) -> float:
        """Return the length of the sound in seconds; 0 without sound."""
        row = self._rows.get(media_id or "")
        data = None if row is None else self._table["audio"][row].as_py()
        return 0.0 if data is None else float(soundfile.info(io.BytesIO(data)).duration)

    def digest(self, media_id: str | None) -> str | None:
        """Return the digest of frames and sound, or None without evidence."""
        row = self._rows.get(media_id or "")
        return None if row is None else self._table["evidence_digest"][row].as_py()

    def frames(self, media_id: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Decode the frames: shape (frames, 3, height, width), values 0 to 255."""
        pictures = self._table["frames"][self._rows[media_id]].as_py()
        decoded = [np.asarray(Image.open(io.BytesIO(picture), formats=["JPEG"]).convert("RGB")) for picture in pictures]
        return np.stack(decoded).transpose(0, 3, 1, 2)

    def sound(self, media_id: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Decode the sound: shape (samples,), values -1 to 1."""
        data = self._table["audio"][self._rows[media_id]].as_py()
        samples: np.ndarray[Any, np.dtype[np.float32]] = soundfile.read(io.BytesIO(data), dtype="float32")[0]
        return samples
