"""What a file means to be seen and heard is shown, and a stream that has nothing takes no other with it."""

import errno
import io
import tempfile
import wave
from pathlib import Path

import pytest
import soundfile
from extracting import H264, TONE, extracted, make, settings
from hostile.media import one_channel

from umui.media.probing import probe
from umui.processes.ffmpeg import FfmpegError

VP8 = ("-c:v", "libvpx", "-c:a", "libopus")
SHORT = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=2", "-f", "lavfi", "-i", "sine=440:duration=2")


def peak(flac: bytes) -> float:
    samples, _ = soundfile.read(io.BytesIO(flac))
    return float(abs(samples).max())


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tone") / "tone.wav", *TONE)


@pytest.mark.parametrize(("channels", "how"), [(3, {}), (6, {}), (8, {"subtype": "FLOAT"}), (9, {}), (32, {})])
def test_channels_without_a_layout_are_heard_alike(channels: int, how: dict[str, str], tmp_path: Path) -> None:
    paths = [one_channel(tmp_path / f"{n}.wav", channels, n, **how) for n in sorted({0, 3 % channels, channels - 1})]
    found = extracted(tmp_path, [(path, "audio") for path in paths], settings())
    for path in paths:
        assert found.media[path.name]["status"] == "ok", found.media[path.name]["reason"]
        assert peak(found.evidence[path.name]["audio"]) == pytest.approx(0.5 / channels, rel=0.02, abs=1e-4)


def test_the_file_s_default_streams_are_shown(tmp_path: Path) -> None:
    two = ("-f", "lavfi", "-i", "color=red:size=64x64:rate=5:duration=2", "-f", "lavfi", "-i",
           "testsrc=size=160x120:rate=5:duration=2", "-f", "lavfi", "-i", "sine=300:duration=2:sample_rate=8000",
           "-f", "lavfi", "-i", "sine=2000:duration=2:sample_rate=16000")  # fmt: skip
    maps = ("-map", "0", "-map", "1", "-map", "2", "-map", "3", *H264, "-c:a", "aac")
    flags = ("-disposition:v:0", "0", "-disposition:v:1", "default", "-disposition:a:0", "comment",
             "-disposition:a:1", "default")  # fmt: skip
    for suffix in ("mkv", "mp4"):
        found = probe(make(tmp_path / f"two.{suffix}", *two, *maps, *flags), settings(max_streams=8))
        assert (found.width_px, found.sample_rate_hz) == (160, 16000)


def test_a_track_without_a_packet_takes_nothing_with_it(tmp_path: Path) -> None:
    live = ("-f", "webm", "-live", "1")
    dark, mute = tmp_path / "dark.webm", tmp_path / "mute.webm"
    make(dark, *SHORT, *VP8, "-bsf:v", "noise=drop=1", *live)
    make(mute, *SHORT, *VP8, "-bsf:a", "noise=drop=1", *live)
    for path, kept, lost, status in ((dark, "audio", "video", "no_video"), (mute, "video", "audio", "no_audio")):
        for modality in (kept, lost, "audiovisual"):
            row = extracted(tmp_path, [(path, modality)], settings()).media[path.name]  # type: ignore[list-item]
            assert row["status"] == ("ok" if modality == kept else status), row
            assert row["duration_s"] == pytest.approx(2, abs=0.5)


def test_pictures_before_zero_are_no_pictures(tone: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "negative.mp4", *SHORT, *H264, "-output_ts_offset", "-5")
    found = extracted(tmp_path, [(path, "video"), (tone, "audio")], settings())
    assert found.media["negative.mp4"]["status"] == "no_video"
    assert found.media["tone.wav"]["status"] == "ok"


@pytest.mark.parametrize(
    ("suffix", "codecs"),
    [("webm", VP8), ("mkv", ()), ("mp4", ()), ("ts", ()), ("flv", ()), ("wmv", ()), ("avi", ("-c:v", "mpeg4"))],
)
def test_a_clock_need_not_begin_at_zero(suffix: str, codecs: tuple[str, ...], tmp_path: Path) -> None:
    path = make(tmp_path / f"late.{suffix}", *SHORT, *codecs, "-output_ts_offset", "7")
    row = extracted(tmp_path, [(path, "audiovisual")], settings(max_pixels=10**6)).media[path.name]
    assert row["status"] == "ok", row["reason"]
    assert suffix == "avi" or row["duration_s"] == pytest.approx(2, abs=0.6)  # AVI fills up from 0


def test_no_sample_is_no_sound(tmp_path: Path) -> None:
    empty, cut = tmp_path / "empty.wav", tmp_path / "cut.m4a"
    with wave.open(str(empty), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
    whole = make(tmp_path / "whole.m4a", *TONE, "-movflags", "+faststart").read_bytes()
    cut.write_bytes(whole[: whole.index(b"mdat") + 4])
    found = extracted(tmp_path, [(empty, "audio"), (cut, "audio")], settings())
    assert found.media["empty.wav"]["status"] == "no_audio"
    assert (found.media["cut.m4a"]["status"], found.media["cut.m4a"]["reason"][:9]) == ("corrupt", "truncated")


def test_a_full_temporary_directory_is_named(tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**kind: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", "/the/place")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)
    with pytest.raises(FfmpegError, match=r"^/the/place: No space left on device; .*TMPDIR"):
        extracted(tmp_path, [(tone, "audio")], settings())
