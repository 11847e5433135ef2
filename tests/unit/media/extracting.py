"""Make media files and extract their evidence."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from umui.config.models import Media
from umui.files.digests import digest_file
from umui.files.parquet import read_rows, write_table
from umui.media.extraction import extract_shard
from umui.processes import ffmpeg as ffmpeg_process
from umui.tables import EVIDENCE, ITEMS, MEDIA, Modality

ROOT = Path(__file__).parents[3]
PICTURES = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=4")
TONE = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=4")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1")
Row = dict[str, Any]


def settings(**changes: Any) -> Media:
    """Two frames a second of 64 px, sound at 16 kHz, at most 10 s of at most 20,000 pixels."""
    section = yaml.safe_load((ROOT / "config.yaml").read_text())["media"]
    small = {"frame_rate_hz": 2, "frame_size_px": 64, "max_duration_s": 10, "max_pixels": 20_000, "max_streams": 3}
    return Media.model_validate(section | small | {"timeout_s": 60} | changes)


def make(path: Path, *arguments: str) -> Path:
    command = [ffmpeg_process.binary(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True)
    return path


def write_items(table: Path, uses: list[tuple[Path, Modality]], ids: dict[Path, str] | None = None) -> None:
    rows = []
    for number, (path, modality) in enumerate(uses):
        media_id = (ids or {}).get(path) or digest_file(path)
        rows.append({
            "item_id": f"t/{number}#0", "dataset": "t", "split": "test", "event": "e", "premise_id": f"t/{number}",
            "modality": modality, "premise_text": None, "media_id": media_id, "media_path": str(path),
            "hypothesis": "It rains.", "label": None, "probability": None, "annotations": None,
        })  # fmt: skip
    write_table(table, ITEMS, rows)


@dataclass
class Extracted:
    """The media rows and evidence rows by file name."""

    media: dict[str, Row]
    evidence: dict[str, Row]


def extracted(
    directory: Path,
    uses: list[tuple[Path, Modality]],
    chosen: Media,
    workers: int = 2,
    ids: dict[Path, str] | None = None,
) -> Extracted:
    items, media, evidence = (directory / f"{name}.parquet" for name in ("items", "media", "evidence"))
    write_items(items, uses, ids)
    extract_shard(chosen, [items], shard=0, shards=1, media=media, evidence=evidence, workers=workers)
    rows = read_rows(media, MEDIA)
    names = {row["media_id"]: Path(row["media_path"]).name for row in rows}
    shown = read_rows(evidence, EVIDENCE)
    return Extracted({names[row["media_id"]]: row for row in rows}, {names[row["media_id"]]: row for row in shown})
