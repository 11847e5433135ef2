"""A store in S3 is as good as one in a directory."""

import os
from pathlib import Path

import pytest
from store_clone import Clone

from umui.store.backends import Bucket, Place, place


def test_a_second_clone_takes_from_s3(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UMUI_STORE", bucket)
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    one, two = (Clone(tmp_path / name, monkeypatch) for name in ("one", "two"))
    assert one.run() == 1
    assert two.run() == 0
    there = place(bucket)
    assert isinstance(there, Bucket)
    damaged = next(entry for entry in there.entries("objects") if entry.size == 30000)
    there.write(damaged.name, b"truncated")
    assert two.run() == 1
    assert "store: damaged, removed: objects/" in capfd.readouterr().err
    assert one.run() == 0


def test_s3_out_of_reach_fails_no_job(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UMUI_STORE", "s3://no-such-bucket/prefix")
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    assert Clone(tmp_path / "one", monkeypatch).run() == 1
    assert "store: not stored: " in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_both_places_behave_alike(kind: str, tmp_path: Path, bucket: str) -> None:
    there: Place = place(str(tmp_path / "store") if kind == "directory" else bucket)
    (tmp_path / "large").write_bytes(os.urandom(9_000_000))
    assert there.entry("objects/aa/b") is None
    assert list(there.entries("objects")) == []
    there.remove("objects/aa/b")
    with pytest.raises(FileNotFoundError):
        there.read("keys/a.json", 2)
    with pytest.raises(FileNotFoundError):
        there.fetch("objects/aa/b", tmp_path / "copy", 9_000_000)
    there.put(tmp_path / "large", "objects/aa/b")
    there.write("keys/a.json", b"{}")
    assert there.read("keys/a.json", 2) == b"{}"
    there.fetch("objects/aa/b", tmp_path / "copy", 9_000_000)
    with pytest.raises(ValueError, match="9000000 bytes, expected 1"):
        there.fetch("objects/aa/b", tmp_path / "copy", 1)
    with pytest.raises(ValueError, match="more than 1 bytes"):
        there.read("keys/a.json", 1)
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "large").read_bytes()
    (entry,) = there.entries("objects")
    assert (entry.name, entry.size) == ("objects/aa/b", 9_000_000)
    assert entry.age_s < 60
    there.remove("objects/aa/b")
    assert list(there.entries("objects")) == []
