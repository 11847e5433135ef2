"""Media from anywhere become evidence or a row that says why not, and no file makes the run open anything else."""

import io
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from extracting import H264, PICTURES, TONE, Extracted, extracted, make, settings, write_items
from PIL import Image

from umui.files.digests import digest_file
from umui.files.parquet import read_rows
from umui.media.extraction import extract_shard
from umui.processes import ffmpeg as ffmpeg_process
from umui.tables import EVIDENCE, MEDIA, Modality

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n"


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A port that nobody must call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Path:
    """One file of each kind that a crawl brings."""
    directory = tmp_path_factory.mktemp("files")
    make(directory / "both.mp4", *PICTURES, *TONE, *H264, "-c:a", "aac")
    make(directory / "silent.mp4", *PICTURES, *H264)
    make(directory / "tone.wav", *TONE, "-ac", "2")
    cover = ("-f", "lavfi", "-i", "color=red:size=64x64:duration=0.04", "-map", "0", "-map", "1")
    make(directory / "cover.mp3", *TONE, *cover, "-c:v", "png", "-frames:v", "1", "-disposition:v", "attached_pic")
    make(directory / "long.mp4", "-f", "lavfi", "-i", "color=size=32x32:rate=5:duration=12", *H264)
    make(directory / "long-unclaimed.mkv", "-f", "lavfi", "-i", "color=size=32x32:rate=5:duration=12", *H264,
         "-live", "1")  # fmt: skip
    make(directory / "large.mp4", "-f", "lavfi", "-i", "color=size=200x200:rate=5:duration=1", *H264)
    make(directory / "crowded.mkv", *PICTURES, *TONE, *("-map", "0", "-map", "1") * 2, *H264)
    plain = "color={}:size=64x64:duration={}:rate=10,format=rgb24[{}];"
    graph = plain.format("0xe61e1e", 0.7, "r") + plain.format("0x1ec81e", 1.2, "g") + plain.format("0x1e1ee6", 1.1, "b")
    graph += "[r][g][b]concat=n=3,scale=out_color_matrix=bt709,"
    graph += r"select='eq(n\,0)+eq(n\,7)+eq(n\,19)+eq(n\,29)'"
    make(directory / "colours.mp4", "-filter_complex", graph, "-fps_mode", "vfr", *H264)
    whole = make(
        directory / "whole.mp4", *PICTURES, *TONE, *H264, "-c:a", "aac", "-movflags", "+faststart"
    ).read_bytes()
    (directory / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (directory / "headless.mp4").write_bytes((directory / "both.mp4").read_bytes()[:30_000])
    (directory / "empty.mp4").touch()
    (directory / "text.mp4").write_text("Not a film.\n" * 50)
    port = listener.getsockname()[1]
    (directory / "remote.mp4").write_text(PLAYLIST.format(address=f"http://127.0.0.1:{port}/film.ts"))
    (directory / "local.m3u8").write_text(PLAYLIST.format(address="file:///etc/passwd"))
    (directory / "script.mp4").write_text("ffconcat version 1.0\nfile '/etc/passwd'\n")
    return directory


@pytest.fixture(scope="module")
def found(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Extracted:
    uses: list[tuple[Path, Modality]] = [
        (path, "audio" if path.suffix in (".wav", ".mp3") else "video")
        for path in sorted(files.iterdir()) if path.name not in ("both.mp4", "silent.mp4")
    ]  # fmt: skip
    uses += [(files / "both.mp4", "audiovisual"), (files / "both.mp4", "video"), (files / "silent.mp4", "audiovisual")]
    return extracted(tmp_path_factory.mktemp("found"), uses, settings())


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("both.mp4", "ok", ""),
        ("tone.wav", "ok", ""),
        ("cover.mp3", "ok", ""),
        ("colours.mp4", "ok", ""),
        ("whole.mp4", "ok", ""),
        ("silent.mp4", "no_audio", "no sound"),
        ("half.mp4", "corrupt", "truncated: "),
        ("headless.mp4", "corrupt", "headers cannot be read"),
        ("empty.mp4", "corrupt", "empty"),
        ("text.mp4", "unsupported", "does not begin like any known container"),
        ("remote.mp4", "unsupported", "does not begin like any known container"),
        ("local.m3u8", "unsupported", "does not begin like any known container"),
        ("script.mp4", "unsupported", "does not begin like any known container"),
        ("long.mp4", "too_long", "12 s, the limit is 10 s"),
        ("long-unclaimed.mkv", "too_long", "over 10 s, the limit"),
        ("large.mp4", "unsupported", "40000 pixels, the limit is 20000"),
        ("crowded.mkv", "unsupported", "4 streams, the limit is 3"),
    ],
)
def test_status(found: Extracted, name: str, status: str, reason: str) -> None:
    row = found.media[name]
    assert row["status"] == status, row["reason"]
    assert reason in row["reason"] if reason else row["reason"] == ""
    assert (name in found.evidence) == (status in ("ok", "no_audio"))


def test_nobody_was_called(found: Extracted, listener: socket.socket) -> None:
    assert found.media["remote.mp4"]["status"] == "unsupported"
    with pytest.raises(TimeoutError):
        listener.accept()


def test_frames_are_square_and_timed_from_the_start(found: Extracted) -> None:
    row = found.evidence["both.mp4"]
    assert row["frame_time_s"] == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert {Image.open(io.BytesIO(frame)).size for frame in row["frames"]} == {(64, 64)}
    media = found.media["both.mp4"]
    assert (media["width_px"], media["height_px"], media["fps"], media["sample_rate_hz"]) == (160, 120, 25, 44100)
    assert media["duration_s"] == pytest.approx(4, abs=0.05)


def test_a_frame_is_what_is_on_screen_at_its_time(found: Extracted) -> None:
    """Four stored pictures: red at 0 s, green at 0.7 s, blue at 1.9 s and at 2.9 s; two frames a second."""
    row = found.evidence["colours.mp4"]
    shown = [np.asarray(Image.open(io.BytesIO(frame))).reshape(-1, 3).mean(axis=0) for frame in row["frames"]]
    red, green, blue = (230, 30, 30), (30, 200, 30), (30, 30, 230)
    np.testing.assert_allclose(shown, [red, red, green, green, blue, blue], atol=6)


def test_sound_is_mono_at_the_rate_of_the_configuration(found: Extracted) -> None:
    for name in ("tone.wav", "both.mp4"):
        samples, sample_rate_hz = soundfile.read(io.BytesIO(found.evidence[name]["audio"]))
        assert (sample_rate_hz, samples.ndim) == (16000, 1)
        assert len(samples) == pytest.approx(4 * 16000, abs=0 if name == "tone.wav" else 1024)
        loudest = np.abs(np.fft.rfft(samples[8000:56000])).argmax() / 3
        assert loudest == pytest.approx(440, abs=0.5)


def test_what_is_there_is_kept(found: Extracted) -> None:
    silent, tone = found.media["silent.mp4"], found.media["tone.wav"]
    assert (silent["has_video"], silent["has_audio"]) == (True, False)
    assert (tone["has_video"], tone["has_audio"]) == (False, True)
    assert len(found.evidence["silent.mp4"]["frames"]) == 8
    assert found.evidence["silent.mp4"]["audio"] is None
    assert found.evidence["cover.mp3"]["frames"] == []


def test_a_cover_is_no_film(files: Path, tmp_path: Path) -> None:
    uses: list[tuple[Path, Modality]] = [(files / "cover.mp3", "audiovisual"), (files / "tone.wav", "video")]
    found = extracted(tmp_path, uses, settings())
    assert {row["status"] for row in found.media.values()} == {"no_video"}
    assert all(row["audio"] for row in found.evidence.values())


def test_missing_changed_and_special_files(files: Path, tmp_path: Path) -> None:
    absent, changed, pipe = tmp_path / "absent.mp4", tmp_path / "changed.wav", tmp_path / "pipe.mp4"
    late = tmp_path / "late.wav"
    changed.write_bytes((files / "tone.wav").read_bytes())
    late.write_bytes((files / "tone.wav").read_bytes())
    os.mkfifo(pipe)
    ids = {absent: "missing-1", changed: "2" * 64, pipe: "3" * 64, late: "missing-4"}
    found = extracted(tmp_path, [(path, "audio") for path in ids], settings(), ids=ids)
    said = {name: (row["status"], row["reason"]) for name, row in found.media.items()}
    assert said["absent.mp4"] == ("missing", f"{absent}: No such file or directory")
    assert said["changed.wav"] == ("corrupt", f"{changed} has changed since its items were listed")
    assert said["pipe.mp4"] == ("unsupported", f"{pipe} is no regular file")
    assert said["late.wav"][0] == "missing"
    assert not found.evidence


def test_output_is_limited(files: Path, tmp_path: Path) -> None:
    found = extracted(tmp_path, [(files / "both.mp4", "video")], settings(max_output_bytes=20_000))
    row = found.media["both.mp4"]
    assert row["status"] == "unsupported"
    assert row["reason"].endswith("bytes of frames and sound or more, the limit is 20000")
    assert not found.evidence


def test_memory_is_limited(tmp_path: Path) -> None:
    large = make(tmp_path / "large.mp4", "-f", "lavfi", "-i", "testsrc2=size=3840x2160:rate=2:duration=1", *H264)
    limits = {"max_pixels": 10_000_000, "max_memory_bytes": 250_000_000}
    row = extracted(tmp_path, [(large, "video")], settings(**limits)).media["large.mp4"]
    assert row["status"] == "unsupported"
    assert row["reason"] == "decoding needs more than 250000000 bytes of memory, the limit"
    limits["max_memory_bytes"] = settings().max_memory_bytes
    assert extracted(tmp_path, [(large, "video")], settings(**limits)).media["large.mp4"]["status"] == "ok"


def damaged(source: Path, target: Path, every: int) -> Path:
    """Copy an mp4 with noise in place of each so-manieth picture, the first left whole."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    noise = random.Random(0)
    for position, size in packets[every::every]:
        data[position : position + size] = noise.randbytes(size)
    target.write_bytes(data)
    return target


def test_little_damage_is_borne_and_much_is_not(files: Path, tmp_path: Path) -> None:
    few, many = (damaged(files / "silent.mp4", tmp_path / f"{every}.mp4", every) for every in (60, 3))
    found = extracted(tmp_path, [(few, "video"), (many, "video")], settings())
    assert found.media["60.mp4"]["status"] == "ok"
    assert len(found.evidence["60.mp4"]["frames"]) == 8
    assert found.media["3.mp4"]["status"] == "corrupt"
    assert "cannot be decoded" in found.media["3.mp4"]["reason"]


@pytest.mark.parametrize(
    ("harm", "said"), [("lost", "was there"), ("changed", "has changed"), ("late", "were not read in")]
)
def test_what_would_go_better_elsewhere_is_not_shared(
    harm: str, said: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone that has the file, or more time, must not get this result for its own."""
    told = tmp_path / "told"
    monkeypatch.setenv("UMUI_PRIVATE_RESULT", str(told))
    path = tmp_path / "both.mp4"
    if harm != "lost":
        path.write_bytes((files / "both.mp4").read_bytes())
    ids = {path: digest_file(path) if harm == "late" else "2" * 64}
    extracted(tmp_path, [(path, "video")], settings(timeout_s=1e-6 if harm == "late" else 60), ids=ids)
    assert said in told.read_text()
    told.unlink()
    extracted(tmp_path, [(files / "both.mp4", "video")], settings())
    assert not told.exists()


def test_the_number_of_workers_changes_no_byte(files: Path, tmp_path: Path) -> None:
    uses: list[tuple[Path, Modality]] = [
        (files / name, "video") for name in ("both.mp4", "silent.mp4", "colours.mp4", "tone.wav", "half.mp4")
    ]
    tables = []
    for workers in (1, 4):
        extracted(tmp_path, uses, settings(), workers)
        tables.append([(tmp_path / f"{name}.parquet").read_bytes() for name in ("media", "evidence")])
    assert tables[0] == tables[1]


def test_digests_follow_what_is_shown(files: Path, tmp_path: Path) -> None:
    def digests(**changes: Any) -> tuple[str, str]:
        row = extracted(tmp_path, [(files / "both.mp4", "video")], settings(**changes)).evidence["both.mp4"]
        return row["settings_digest"], row["evidence_digest"]

    usual = digests()
    assert digests(timeout_s=50, max_duration_s=9) == usual
    assert all(new != old for new, old in zip(digests(jpeg_quality=9), usual, strict=True))


def test_shards_part_the_files(files: Path, tmp_path: Path) -> None:
    names = ("both.mp4", "silent.mp4", "colours.mp4", "tone.wav")
    write_items(tmp_path / "items.parquet", [(files / name, "video") for name in names])
    media = [tmp_path / f"media-{shard}.parquet" for shard in range(8)]
    evidence = [tmp_path / f"evidence-{shard}.parquet" for shard in range(8)]
    for shard in range(8):
        extract_shard(settings(), [tmp_path / "items.parquet"], shard, 8, media[shard], evidence[shard], workers=1)
    rows = [read_rows(table, MEDIA) for table in media]
    assert sorted(Path(row["media_path"]).name for part in rows for row in part) == sorted(names)
    assert any(not part for part in rows), "eight shards of four files: some are empty, and still written"
    assert len(read_rows(evidence, EVIDENCE)) == 4


def test_a_slow_command_dies_with_its_children(tmp_path: Path) -> None:
    start = time.monotonic()
    note = tmp_path / "child"
    outcome = ffmpeg_process.run(["sh", "-c", f"sleep 60 & echo $! > {note}; wait"], timeout_s=0.5)
    assert outcome.exit_code is None
    assert time.monotonic() - start < 20
    for _ in range(50):
        state = Path(f"/proc/{note.read_text().strip()}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child lives on")


def test_an_ffmpeg_that_does_not_run_is_named(files: Path, tmp_path: Path) -> None:
    with pytest.raises(ffmpeg_process.FfmpegError, match=r"media\.ffmpeg: '/nowhere/ffmpeg'"):
        extracted(tmp_path, [(files / "tone.wav", "audio")], settings(ffmpeg="/nowhere/ffmpeg"))


@pytest.mark.parametrize("number", ["KILL", "TERM", "INT", "HUP"])
def test_an_ffmpeg_that_someone_ends_is_no_fault_of_the_file(number: str) -> None:
    """It would be a corrupt file in the tables for good."""
    endless = ["-re", "-f", "lavfi", "-i", "testsrc", "-t", "60", "-f", "null", "-"]
    command = [*ffmpeg_process.command(ffmpeg_process.binary()), *endless]
    shell = f'(sleep 1; kill -{number} $$) & exec "$@"'
    with pytest.raises(ffmpeg_process.FfmpegError, match=r"testsrc.*ended by SIG.*no fault of the file"):
        ffmpeg_process.run(["sh", "-c", shell, "sh", *command], timeout_s=30)
