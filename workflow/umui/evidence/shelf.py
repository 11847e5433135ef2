"""What of a premise's evidence is shown, and where it is kept."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from umui.evidence.shown import HEARS, SEES
from umui.files.parquet import read_table
from umui.files.quarantine import set_aside_if_damaged
from umui.tables import EVIDENCE, Modality

COLUMNS = ["media_id", "frames", "audio", "evidence_digest"]


@dataclass(frozen=True)
class Evidence:
    """The frames (JPEG, in order of time) and the sound (FLAC, or None) of a premise."""

    frames: list[bytes]
    audio: bytes | None


@dataclass(frozen=True)
class Entry:
    """Where a file's evidence stands in the table, and what there is of it."""

    group: int
    row: int
    n_frames: int
    has_audio: bool
    digest: str


class EvidenceShelf:
    """The evidence table of a shard, of which one group of rows is in memory at a time.

    It is quick when evidence is taken in the order of media_id.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raises ValueError when it is not an evidence table, or is damaged."""
        read_table(path, EVIDENCE, ["media_id"])
        self._path = path
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        self._held: tuple[int, pa.Table] | None = None
        self._entries: dict[str, Entry] = {}
        for group in range(self._file.num_row_groups):
            table = self._group(group)
            n_frames = pc.list_value_length(table["frames"]).to_pylist()
            has_audio = pc.is_valid(table["audio"]).to_pylist()
            digests = table["evidence_digest"].to_pylist()
            for row, media_id in enumerate(table["media_id"].to_pylist()):
                self._entries[media_id] = Entry(group, row, n_frames[row], has_audio[row], digests[row])

    def digest(self, media_id: str | None) -> str | None:
        """Return the digest of a file's evidence; None without evidence."""
        entry = self._entries.get(media_id or "")
        return None if entry is None else entry.digest

    def suffices(self, media_id: str | None, modality: Modality) -> bool:
        """Say whether all is there that premises of a modality show."""
        entry = self._entries.get(media_id or "")
        frames_there = entry is not None and entry.n_frames > 0
        audio_there = entry is not None and entry.has_audio
        return (frames_there or modality not in SEES) and (audio_there or modality not in HEARS)

    def take(self, media_id: str | None, modality: Modality) -> Evidence:
        """Return what a modality shows of the evidence of a file, which has to suffice."""
        if media_id is None:
            return Evidence([], None)
        entry = self._entries[media_id]
        table = self._group(entry.group)
        return Evidence(
            frames=table["frames"][entry.row].as_py() if modality in SEES else [],
            audio=table["audio"][entry.row].as_py() if modality in HEARS else None,
        )

    def _group(self, group: int) -> pa.Table:
        if self._held is None or self._held[0] != group:
            self._held = None  # before the next is read, so that never two are in memory
            with set_aside_if_damaged(self._path, "Parquet"):
                self._held = group, self._file.read_row_group(group, COLUMNS)
        return self._held[1]
