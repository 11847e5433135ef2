"""Paths from anyone: what cannot be read costs its own items alone, and what is replaced is noticed."""

import hashlib
import os
import unicodedata
from pathlib import Path

import pytest

from umui.config.datasets import Manifest
from umui.datasets.importing import Pair, sources_state, write_items
from umui.datasets.sources import MAX_SOURCE_BYTES, located, media_id
from umui.files.parquet import read_rows
from umui.tables import ITEMS


def hostile_paths(directory: Path) -> list[str]:
    """Return paths that are no file to be read; each would raise, hang or never end."""
    os.mkfifo(directory / "pipe.mp4")
    (directory / "loop.mp4").symlink_to(directory / "loop.mp4")
    with (directory / "sparse.mp4").open("wb") as file:
        file.truncate(MAX_SOURCE_BYTES + 1)
    (directory / "to-a-device.mp4").symlink_to("/dev/zero")
    (directory / "a.mp4").write_bytes(b"pictures")
    names = [
        "pipe.mp4",
        "loop.mp4",
        "sparse.mp4",
        "to-a-device.mp4",
        "",
        "x" * 300,
        "y/" * 2500 + "z",
        "a\0b.mp4",
        "a.mp4/b",
    ]
    return [*(f"{directory}/{name}" for name in names), "/dev/zero", "/dev/random", "/proc/self/mem", "/proc/kcore"]


def test_what_cannot_be_read_costs_its_own_items_alone(tmp_path: Path) -> None:
    paths = [*hostile_paths(tmp_path), str(tmp_path / "a.mp4")]
    found = [
        Pair(source="p.csv", row=n, split="test", modality="video", premise_text=None, media_path=path, hypothesis="h")
        for n, path in enumerate(paths)
    ]
    write_items(found, "mine", tmp_path / "items.parquet", tmp_path / "left_out.parquet", workers=2)
    ids = {row["media_path"]: row["media_id"] for row in read_rows(tmp_path / "items.parquet", ITEMS)}
    assert len(ids) == len(paths)
    assert ids.pop(paths[-1]) == hashlib.sha256(b"pictures").hexdigest()
    assert {path for path, name in ids.items() if not name.startswith("missing-")} <= {"/proc/self/mem"}


def test_a_file_that_may_not_be_read_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read all, so that the refusal is made up."""

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert media_id(str(tmp_path / "a.mp4")).startswith("missing-")


def test_proc_gives_no_endless_bytes() -> None:
    assert media_id("/proc/kmsg")
    assert len(media_id("/proc/self/pagemap")) >= 64


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_a_name_in_the_other_unicode_form_is_found(tmp_path: Path, on_disk: str) -> None:
    directory = tmp_path / unicodedata.normalize(on_disk, "fête") / "ü"
    directory.mkdir(parents=True)
    (directory / unicodedata.normalize(on_disk, "café 한국.mp4")).write_bytes(b"pictures")
    for form in ("NFC", "NFD"):
        named = f"{tmp_path}/{unicodedata.normalize(form, 'fête/ü/café 한국.mp4')}"
        assert Path(located(named)).read_bytes() == b"pictures"
    assert located(f"{tmp_path}/fête/ö/café.mp4") == f"{tmp_path}/fête/ö/café.mp4"


def test_windows_separators_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films/a.mp4").write_bytes(b"pictures")
    assert located(f"{tmp_path}/films\\a.mp4") == f"{tmp_path}/films/a.mp4"
    (tmp_path / "films\\a.mp4").write_bytes(b"a file of that very name")
    assert located(f"{tmp_path}/films\\a.mp4") == f"{tmp_path}/films\\a.mp4"
    monkeypatch.chdir(tmp_path)
    assert located(".\\films\\a.mp4") == "films/a.mp4"


def test_what_is_replaced_is_noticed(tmp_path: Path) -> None:
    manifest, clip, other = tmp_path / "pairs.csv", tmp_path / "a.mp4", tmp_path / "unnamed.mp4"
    manifest.write_text("video,hypothesis\na.mp4,h\nb.mp4,h\n")
    clip.write_bytes(b"moving pictures")
    settings = Manifest(kind="manifest", file=str(manifest))
    states = [sources_state(settings)]
    other.write_bytes(b"not named")
    os.utime(manifest, (1, 1))
    assert sources_state(settings) == states[0], "a touched manifest says what it said"
    clip.write_bytes(b"moved pictures")
    states.append(sources_state(settings))
    os.utime(clip, (1, 1))
    states.append(sources_state(settings))
    (tmp_path / "b.mp4").write_bytes(b"it came later")
    states.append(sources_state(settings))
    manifest.write_text("video,hypothesis\na.mp4,i\nb.mp4,h\n")
    os.utime(manifest, (1, 1))
    states.append(sources_state(settings))
    clip.unlink()
    states.append(sources_state(settings))
    assert len(set(states)) == len(states)
    manifest.write_text("no manifest\n")
    assert sources_state(settings), "the import itself tells the fault"
