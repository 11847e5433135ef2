"""What a stored result is found by: all that it depends on, and nothing else."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from store_clone import PACKAGE, Clone, manifest_of

from umui.files.atomic import _umask
from umui.files.digests import digest_file
from umui.store import store
from umui.store.manifest import manifest_name


def test_a_second_clone_executes_nothing(two: Clone, capfd: pytest.CaptureFixture[str]) -> None:
    assert two.run() == 0
    assert "store: found, verified (3 files, 0.0 MB)" in capfd.readouterr().err
    assert (two.path / "results/table.txt").stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_what_changes_no_result_is_not_in_the_key(two: Clone) -> None:
    os.utime(two.path / "input.txt", (1, 1))
    assert two.run(workers=8) == 0
    assert two.run("--circumstances", '{"endpoint": {"url": "https://node17:8000"}}') == 0


@pytest.mark.parametrize(
    "change",
    [
        {"extra": ("--dataset", "b")},  # a wildcard, or a setting: both are words of the command
        {"code": "d"},
        {"environment": "other lock"},
    ],
)
def test_what_changes_a_result_is_in_the_key(two: Clone, change: dict[str, Any]) -> None:
    assert two.run(*change.pop("extra", ()), **change) == 1


def test_an_input_counts_by_content_whatever_its_times(two: Clone) -> None:
    times = (two.path / "input.txt").stat()
    (two.path / "input.txt").write_text("WORDS ")
    os.utime(two.path / "input.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert two.run() == 1


def test_jobs_that_differ_in_a_wildcard_alone_never_share(one: Clone) -> None:
    """Snakemake's own cache names an entry by its shell line before wildcards are filled in."""
    assert one.run("--judge", "a") == 1
    assert one.run("--judge", "b") == 1
    assert one.run("--judge", "a") == 0


def test_the_code_of_an_imported_module_is_in_the_key(two: Clone, tmp_path: Path) -> None:
    """Snakemake's own cache knows the shell line alone, and fetches what older code has made."""
    package = tmp_path / "copy" / "umui"
    shutil.copytree(PACKAGE / "umui", package, ignore=shutil.ignore_patterns("__pycache__"))
    asked = "from umui.files.code import code_digest; print(code_digest('evaluation.evaluate:evaluate'))"

    def digest() -> str:
        command = [sys.executable, "-c", asked]
        return subprocess.run(
            command, env=os.environ | {"PYTHONPATH": str(package.parent)}, capture_output=True, text=True, check=True
        ).stdout.strip()

    before = digest()
    imported = package / "evaluation" / "metrics" / "metric.py"
    imported.write_text(imported.read_text().replace("where=denominator != 0", "where=0 != denominator"))
    assert two.run(code=before) == 1
    assert two.run(code=digest()) == 1
    assert two.run(code=before) == 0


def test_directories_count_by_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_bytes(b"1" * 2_000_000)
    before = store.digest_of(tmp_path / "model", tmp_path / "known")
    (tmp_path / "model/.cache").write_text("when it was fetched")
    assert store.digest_of(tmp_path / "model", tmp_path / "known") == before
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere")
    assert store.digest_of(tmp_path / "elsewhere", tmp_path / "known") == before
    (tmp_path / "model/weights").write_bytes(b"2" * 2_000_000)
    changed = store.digest_of(tmp_path / "model", tmp_path / "known")
    assert changed != before
    (tmp_path / "model/weights").rename(tmp_path / "model/other")
    assert store.digest_of(tmp_path / "model", tmp_path / "known") not in {before, changed}


def test_a_large_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, known = tmp_path / "large", tmp_path / "known"
    file.write_bytes(b"1" * 2_000_000)
    monkeypatch.setattr("umui.store.digests.SETTLED_S", 0.0)
    time.sleep(0.01)
    first = store.digest_of(file, known)
    monkeypatch.setattr("umui.store.digests.digest_file", lambda path: "read again")
    assert store.digest_of(file, known) == first
    os.utime(file, (1, 1))
    assert store.digest_of(file, known) == "read again"


def test_a_manifest_names_what_its_key_was_made_of(one: Clone, shared: Path) -> None:
    manifest = manifest_of(shared)
    assert manifest_name(manifest.key) == f"keys/{next((shared / 'keys').iterdir()).name}"
    digest = digest_file(one.path / "input.txt")
    assert manifest.depends_on["inputs"] == [["input.txt", digest]]
    assert manifest.directories == ("results/model",)
    assert [file.path for file in manifest.files] == [
        "results/table.txt", "results/model/config.json", "results/model/inner/weights",
    ]  # fmt: skip
