"""A file that was cut off is never whole, and one whose writer could not go back is."""

import subprocess
from pathlib import Path

import pytest
from extracting import H264, PICTURES, TONE, extracted, make, settings

from umui.processes import ffmpeg as ffmpeg_process

FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov", "-g", "25")
CONTAINERS: dict[str, tuple[str, ...]] = {
    "pcm.wav": TONE,
    "adpcm.wav": (*TONE, "-c:a", "adpcm_ms"),
    "long.wav": (*TONE, "-rf64", "always"),
    "a.w64": TONE,
    "a.caf": TONE,
    "a.aiff": TONE,
    "a.flac": TONE,
    "a.avi": (*PICTURES, *TONE, "-c:v", "mpeg4"),
    "a.wmv": (*PICTURES, *TONE),
    "a.opus": TONE,
    "a.ogg": TONE,
    "a.mkv": (*PICTURES, *TONE, *H264),
    "a.flv": (*PICTURES, *TONE),
    "fragments.mp4": (*PICTURES, *TONE, *H264, *FRAGMENTED),
    "index.mp4": (*PICTURES, *TONE, *H264, "-movflags", "dash+global_sidx+frag_keyframe", "-g", "25"),
    "fast.mp4": (*PICTURES, *TONE, *H264, "-movflags", "+faststart"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_was_cut_off_is_corrupt(name: str, tmp_path: Path) -> None:
    whole = make(tmp_path / name, *CONTAINERS[name])
    data = whole.read_bytes()
    cut = [tmp_path / f"{percent}-{name}" for percent in (20, 35, 50, 65, 80)]
    for path in cut:
        path.write_bytes(data[: len(data) * int(path.name[:2]) // 100])
    found = extracted(tmp_path, [(path, "audio") for path in (whole, *cut)], settings(max_pixels=10**6)).media
    assert found[name]["status"] == "ok", found[name]["reason"]
    assert {path.name: found[path.name]["status"] for path in cut} == {path.name: "corrupt" for path in cut}


@pytest.mark.parametrize("container", ["wav", "avi", "asf", "ogg", "flac", "caf", "au", "matroska"])
def test_what_was_written_to_a_pipe_is_whole(container: str, tmp_path: Path) -> None:
    command = [ffmpeg_process.binary(), "-nostdin", "-loglevel", "error", *TONE, "-f", container, "-"]
    path = tmp_path / f"piped.{container}"
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    row = extracted(tmp_path, [(path, "audio")], settings(max_duration_s=3600)).media[path.name]
    assert row["status"] == "ok", row["reason"]
    assert row["duration_s"] == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_size_that_stands_for_unknown_claims_nothing(size: int, tmp_path: Path) -> None:
    path = make(tmp_path / "open.wav", *TONE)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    row = extracted(tmp_path, [(path, "audio")], settings(max_duration_s=100_000)).media["open.wav"]
    assert row["status"] == "ok", row["reason"]
