"""Whatever a file's headers do to the library that reads them, it is that file's status, and the others come out."""

import os
from pathlib import Path

import pytest
from extracting import H264, PICTURES, TONE, extracted, make, settings, write_items
from hostile.media import index_bomb, mangled, tagged

from umui.files.parquet import read_rows
from umui.media.extraction import extract_shard
from umui.media.probing import probe
from umui.tables import MEDIA

SHORT = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=2", "-f", "lavfi", "-i", "sine=440:duration=2")


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tone") / "tone.wav", *TONE)


@pytest.mark.parametrize("suffix", ["wav", "flac", "m4a", "mka", "avi", "aiff"])
def test_a_tag_in_another_encoding_does_not_matter(suffix: str, tmp_path: Path) -> None:
    path = make(tmp_path / f"named.{suffix}", *TONE, "-metadata", "title=CafeQQ")
    plain = path.read_bytes()
    assert b"CafeQQ" in plain
    path.write_bytes(plain.replace(b"CafeQQ", b"Caf\xe9QQ"))
    assert probe(path, settings()).status == "ok"


def test_headers_that_want_all_memory_are_unsupported_and_the_others_come_out(tone: Path, tmp_path: Path) -> None:
    bombs = [tmp_path / "one.mp4", tmp_path / "four.mp4"]
    for bomb, (samples, tracks) in zip(bombs, ((50_000_000, 1), (10_000_000, 4)), strict=True):
        bomb.write_bytes(index_bomb(samples, tracks))
        assert bomb.stat().st_size < 4096
    found = extracted(tmp_path, [*((bomb, "audio") for bomb in bombs), (tone, "audio")], settings(max_streams=16))
    assert [found.media[bomb.name]["status"] for bomb in bombs] == ["unsupported"] * 2
    assert found.media["one.mp4"]["reason"] == "the headers need more than 1000000000 bytes of memory, the limit"
    assert found.media["tone.wav"]["status"] == "ok"


def test_a_picture_over_the_limit_is_not_decoded(tmp_path: Path) -> None:
    large = make(tmp_path / "large.mp4", "-f", "lavfi", "-i", "color=size=400x400:rate=1:duration=1", "-c:v", "png")
    row = extracted(tmp_path, [(large, "video")], settings()).media["large.mp4"]
    assert (row["status"], row["reason"]) == ("unsupported", "a picture has over 40000 pixels, the limit is 20000")


def test_odd_paths_become_a_status(tone: Path, tmp_path: Path) -> None:
    fifo, sparse = tmp_path / "fifo.wav", tmp_path / "sparse.wav"
    os.mkfifo(fifo)
    sparse.write_bytes(tone.read_bytes())
    os.truncate(sparse, 10**12)
    unreadable = Path("/proc/self/mem"), Path("/proc/kmsg"), Path("/proc/self/pagemap")
    regular = "is no regular file"
    expected = {
        fifo: ("unsupported", regular), tmp_path: ("unsupported", regular), Path("/dev/zero"): ("unsupported", regular),
        sparse: ("unsupported", "1000000000000 bytes, the limit is 100000000000"),
        Path("a\0b.wav"): ("missing", "null byte"), tmp_path / ("x" * 300): ("missing", "File name too long"),
        Path("y/" * 3000): ("missing", "File name too long"), tmp_path / "none.wav": ("missing", "No such file"),
        tmp_path / "\udce9.wav": ("missing", "No such file"), **dict.fromkeys(unreadable, ("corrupt", "empty")),
    }  # fmt: skip
    uses = [(path, "audio") for path in (*expected, tone)]
    ids = {path: f"{number:064x}" for number, path in enumerate(expected)}
    ids.pop(tmp_path / "\udce9.wav")  # Parquet has no such text
    write_items(tmp_path / "items.parquet", [use for use in uses if use[0] in ids or use[0] == tone], ids)  # type: ignore[misc]
    media, evidence = tmp_path / "media.parquet", tmp_path / "evidence.parquet"
    extract_shard(settings(), [tmp_path / "items.parquet"], 0, 1, media, evidence)
    rows = {row["media_path"]: row for row in read_rows(media, MEDIA)}
    assert rows[str(tone)]["status"] == "ok"
    for path, (status, reason) in expected.items():
        found = probe(path, settings())
        assert (found.status, reason in found.reason) == (status, True), (path, found)
        assert path not in ids or rows[str(path)]["status"] == status


def test_the_limit_of_a_source_s_bytes_is_a_setting(tone: Path) -> None:
    size = tone.stat().st_size
    assert probe(tone, settings(max_source_bytes=size)).status == "ok"
    found = probe(tone, settings(max_source_bytes=size - 1))
    assert (found.status, found.reason) == ("unsupported", f"{size} bytes, the limit is {size - 1}")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("suffix", ["flac", "ogg", "aac", "mp3"])
def test_sound_behind_an_id3_tag_is_heard(suffix: str, seed: int, tmp_path: Path) -> None:
    plain = make(tmp_path / f"plain.{suffix}", *TONE)
    path = tmp_path / f"tagged.{suffix}"
    path.write_bytes(tagged(plain.read_bytes(), seed))
    found = extracted(tmp_path, [(path, "audio")], settings())
    assert found.media[path.name]["status"] == "ok", found.media
    assert found.media[path.name]["duration_s"] == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("x.gif", PICTURES), ("x.apng", PICTURES), ("x.caf", TONE), ("x.au", TONE), ("x.w64", TONE), ("x.ac3", TONE),
        ("x.m2ts", (*PICTURES, *H264, "-mpegts_m2ts_mode", "1")),
    ],
)  # fmt: skip
def test_formats_of_phones_and_cameras_are_read(name: str, arguments: tuple[str, ...], tmp_path: Path) -> None:
    path = make(tmp_path / name, *arguments)
    found = extracted(tmp_path, [(path, "audio" if "sine" in str(arguments) else "video")], settings())
    assert found.media[name]["status"] == "ok", found.media
    assert found.media[name]["duration_s"] == pytest.approx(4, abs=0.5)


def test_streams_that_begin_midway_are_read_and_single_pictures_are_not(tmp_path: Path) -> None:
    sound = make(tmp_path / "a.mp3", *TONE).read_bytes()
    pictures = make(tmp_path / "a.ts", *PICTURES, *H264).read_bytes()
    odd = {"zeros.mp3": bytes(417) + sound, "midway.mp3": sound[600:], "midway.ts": pictures[50:]}
    for name, data in odd.items():
        (tmp_path / name).write_bytes(data)
        assert probe(tmp_path / name, settings()).status == "ok", name
    still = make(tmp_path / "still.png", *PICTURES, "-frames:v", "1")
    assert probe(still, settings()).status == "unsupported"


def test_mangled_files_become_rows(tone: Path, tmp_path: Path) -> None:
    """The beginning of a fuzz suite: nothing that is done to the bytes raises, and every file has its row."""
    sources = [tone]
    for suffix in ("mp4", "mkv", "avi", "ogg", "flac", "ts"):
        sources.append(make(tmp_path / f"whole.{suffix}", *SHORT, *(H264 if suffix != "ogg" else ("-map", "1"))))
    (tmp_path / "harmed").mkdir()
    harmed = list(mangled(sources, tmp_path / "harmed", seed=14, count=24))
    uses = [(path, "audio") for path in harmed]
    found = extracted(tmp_path, uses, settings(timeout_s=20))  # type: ignore[arg-type]
    assert {row["status"] for row in found.media.values()} <= {"ok", "no_audio", "corrupt", "too_long", "unsupported"}
    assert all(row["reason"] for row in found.media.values() if row["status"] != "ok")
