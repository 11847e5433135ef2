"""What is damaged, half written or out of reach is reported, never used, and fails no job."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hostile import stores
from store_clone import DAMAGES, PACKAGE, STAGE, Clone, manifest_of, objects

from umui.jobs import running
from umui.jobs.__main__ import main
from umui.store import maintenance
from umui.store.backends import Directory
from umui.store.manifest import object_name


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_reported_and_made_again(
    two: Clone, shared: Path, damage: Callable[[Path], None], capfd: pytest.CaptureFixture[str]
) -> None:
    damage(shared)
    assert two.run() == 1
    assert "store: damaged, removed: " in capfd.readouterr().err
    assert not (two.path.parent / "outside").exists()
    assert two.run() == 0, "the writer has mended it"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_reader_reports_damage_and_leaves_it(
    two: Clone, shared: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("UMUI_STORE_ACCESS", "read")
    assert two.run() == 0, "a reader takes what is there"
    damage(shared)
    before = {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()}
    assert two.run() == 1
    assert "store: damaged, left for a writer to remove: " in capfd.readouterr().err
    assert {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()} == before


def test_no_store_at_fault_fails_or_hangs_a_job(
    shared: Path, one: Clone, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The wrapper itself runs each time; the stage's own part would only take time."""
    one.monkeypatch.setattr(running, "_computed", lambda job, variables: 0)
    whole = shutil.copytree(shared, tmp_path / "whole")
    for name, damage in stores.damages(seed=0).items():
        shutil.rmtree(shared)
        shutil.copytree(whole, shared)
        damage(shared)
        capfd.readouterr()
        assert one.run_as_it_is() == 0, name
        said = capfd.readouterr().err
        assert "store: damaged, removed: " in said or "store: nothing is taken from it: " in said, name
        assert not (one.path.parent / "outside").exists()
        with suppress(ValueError, OSError):  # it names the faults, or cannot be read
            maintenance.verify(str(shared))


def test_names_that_are_no_words_are_not_stored(one: Clone, shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"results/model/\xff")
    one.monkeypatch.setattr(running, "_computed", lambda job, variables: (one.path / name).touch() or 0)
    assert one.run_as_it_is("--other") == 0
    assert "store: not stored: " in capfd.readouterr().err


def test_a_store_that_cannot_be_opened_fails_no_job(one: Clone, capfd: pytest.CaptureFixture[str]) -> None:
    one.monkeypatch.setenv("UMUI_STORE", "s3://bucket/prefix")
    one.monkeypatch.setenv("AWS_ENDPOINT_URL", "http://[")
    assert one.run("--other") == 1
    assert "store: nothing is taken from it: " in capfd.readouterr().err


def test_a_reader_writes_nothing(one: Clone, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMUI_STORE_ACCESS", "read")
    before = sorted(shared.rglob("*"))
    assert one.run("--other") == 1
    assert sorted(shared.rglob("*")) == before


def test_a_writer_without_permission_keeps_its_result(
    one: Clone, shared: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "objects")

    monkeypatch.setattr(Directory, "write", refuse)
    assert one.run("--other") == 1
    assert "store: not stored: [Errno 13] Permission denied" in capfd.readouterr().err


def test_changing_an_output_in_place_leaves_the_store(two: Clone, shared: Path) -> None:
    assert two.run() == 0
    with (two.path / "results/table.txt").open("r+") as file:
        file.write("changed")
    (two.path / "results/model/config.json").write_text("changed")
    assert two.run() == 0


def test_a_file_system_without_fast_copies_is_as_good(two: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    assert two.run() == 0
    assert two.run("--other") == 1
    assert two.run("--other") == 0


def test_a_killed_writer_leaves_nothing_that_counts(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Clone(tmp_path / "one", monkeypatch)
    put = Directory.put

    def killed(self: Directory, source: Path, name: str) -> None:
        put(self, source, name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Directory, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            clone.run()
    assert len(objects(shared)) == 1
    assert not (shared / "keys").exists()
    assert clone.run() == 1
    assert clone.run() == 0


def test_a_file_killed_midway_is_never_taken_for_whole(tmp_path: Path) -> None:
    """The writer is stopped while it copies, and gets no chance to tidy."""
    (tmp_path / "large").write_bytes(b"1" * 3_000_000)
    script = (
        "import os, signal, sys; from pathlib import Path; from umui.store import backends as places\n"
        "def half(source, target): target.write_bytes(b'1' * 1000); os.kill(os.getpid(), signal.SIGKILL)\n"
        "places._copy = half\n"
        "places.Directory(Path('store')).put(Path('large'), 'objects/aa/aa')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert Directory(tmp_path / "store").entry("objects/aa/aa") is None
    assert len(list(Directory(tmp_path / "store").entries("objects"))) == 1, "its part, for store-gc"


def test_writers_side_by_side_leave_a_whole_entry(tmp_path: Path, shared: Path) -> None:
    """Their results differ in their bytes, as those of two machines may; either may win, but not a mixture."""
    job = [sys.executable, "-m", "umui.jobs", "--code", "c", "--environment", "e", "--outputs", "a", "b", "--"]
    stage = "import secrets, pathlib; [pathlib.Path(name).write_text(secrets.token_hex(50000)) for name in 'ab']"
    writers = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
        command = [*job, sys.executable, "-c", stage]
        writers.append(subprocess.Popen(command, cwd=tmp_path / str(number), env=environment))
    assert [writer.wait(60) for writer in writers] == [0] * 4
    made = {((tmp_path / str(n) / "a").read_text(), (tmp_path / str(n) / "b").read_text()) for n in range(4)}
    manifest = manifest_of(shared)
    stored = tuple((shared / object_name(file.sha256)).read_text() for file in manifest.files)
    assert stored in made


def test_a_stage_may_keep_its_result_to_itself(one: Clone, shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stage = one.path / "stage.py"
    stage.write_text(
        STAGE + "\nfrom umui.processes.private_result import keep_private\nkeep_private('a file was missing')\n"
    )
    one.monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    assert one.run("--other") == 1
    assert "store: not stored: a file was missing" in capfd.readouterr().err
    assert len(list((shared / "keys").iterdir())) == 1


def test_a_failed_job_is_not_stored(one: Clone, shared: Path) -> None:
    assert main(["--code", "c", "--environment", "e", "--outputs", "x", "--", "false"]) == 1
    assert len(list((shared / "keys").iterdir())) == 1
