"""A training that is killed and started again ends in the same bytes as one that never stopped."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from student_world import EVERYWHERE, MEDIA, contents, run, student_settings

from umui.config.students import Student
from umui.files.code import PACKAGE
from umui.files.parquet import read_rows
from umui.processes.signals import AGAIN
from umui.students.checkpoints import Checkpoints
from umui.students.train import TrainingLoop
from umui.tables import TRAINING_LOG


class Killed(Exception):
    """Stands for a kill in the tests within one process."""


@pytest.fixture(scope="module")
def uninterrupted(base: Path, world: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(student_settings(), base, world, tmp_path_factory.mktemp("uninterrupted"))


def test_resumed_training_gives_the_same_bytes(
    uninterrupted: Path, base: Path, world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Checkpoints.log

    def log_until_five(kept: Checkpoints, row: Any) -> None:
        if row["step"] == 5:
            raise Killed
        log(kept, row)

    monkeypatch.setattr(Checkpoints, "log", log_until_five)
    with pytest.raises(Killed):
        run(student_settings(), base, world, tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / "student").exists()
    assert contents(run(student_settings(), base, world, tmp_path)) == contents(uninterrupted)


def test_a_training_that_was_killed_after_its_last_step_gives_the_same_bytes(
    uninterrupted: Path, base: Path, world: dict[str, Path], tmp_path: Path
) -> None:
    shutil.rmtree(run(student_settings(), base, world, tmp_path))
    assert contents(run(student_settings(), base, world, tmp_path)) == contents(uninterrupted)


def test_a_checkpoint_that_the_disk_does_not_hold_is_told(
    uninterrupted: Path, base: Path, world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = TrainingLoop._save

    def save_on_a_full_disk(loop: TrainingLoop, step: int) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        try:
            save(loop, step)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    monkeypatch.setattr(TrainingLoop, "_save", save_on_a_full_disk)
    with pytest.raises(ValueError, match=r"step-00000002: the checkpoint could not be written .* MB free"):
        run(student_settings(), base, world, tmp_path)
    monkeypatch.undo()
    assert contents(run(student_settings(), base, world, tmp_path)) == contents(uninterrupted)


def test_a_damaged_last_checkpoint_costs_steps_but_no_bits(
    uninterrupted: Path, base: Path, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(student_settings(), base, world, tmp_path)
    (last,) = tmp_path.glob("checkpoints/run-*/step-00000008")
    next(last.glob("*optim_states.pt")).write_bytes(b"lost")
    capsys.readouterr()
    assert contents(run(student_settings(), base, world, tmp_path)) == contents(uninterrupted)
    told = capsys.readouterr().out
    assert "step-00000008" in told
    assert "resumed after step 6 of 8" in told


def test_other_settings_start_anew(
    uninterrupted: Path, base: Path, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(student_settings(steps=2), base, world, tmp_path)
    capsys.readouterr()
    assert contents(run(student_settings(), base, world, tmp_path)) == contents(uninterrupted)
    assert "of other settings, data or bases" in capsys.readouterr().out


def test_training_lowers_the_loss_and_tells_what_it_left_out(
    base: Path, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student = run(student_settings(steps=40, lora=EVERYWHERE), base, world, tmp_path)
    log = read_rows(student / "training_log.parquet", TRAINING_LOG)
    assert [row["step"] for row in log] == list(range(1, 41))
    first, last = (sum(row["loss"] for row in rows) for rows in (log[:8], log[-8:]))
    assert last < 0.8 * first
    assert "'without label': 1" in capsys.readouterr().out
    assert json.loads((student / "parameters.json").read_text())["parameters"] > 100_000


def test_answers_in_words_train(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    student = run(student_settings(read_out="text", steps=24, lora=EVERYWHERE), base, world, tmp_path)
    log = read_rows(student / "training_log.parquet", TRAINING_LOG)
    assert sum(row["loss"] for row in log[-4:]) < 0.7 * sum(row["loss"] for row in log[:4])
    assert not (student / "confidence_head.safetensors").exists()


def launch(settings: Student, base: Path, world: dict[str, Path], directory: Path) -> subprocess.Popen[bytes]:
    """Start two ranks through the wrapper of jobs, under a shell, as a rule would."""
    environment = os.environ | {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PACKAGE.parent)}
    stage = [
        "--settings", settings.as_json(), "--media-settings", MEDIA.as_json(), "--base", str(base),
        "--items", str(world["items"]), "--evidence", str(world["evidence"]), "--labels", "world", str(world["labels"]),
        "--checkpoints", str(directory / "checkpoints"), "--output", str(directory / "student"),
    ]  # fmt: skip
    given = ["--code", "c", "--environment", "e", "--outputs", "student", "--ranks", "2", "--"]
    command = [sys.executable, "-m", "umui.jobs", *given, sys.executable, "-m", "umui.cli", "train-student", *stage]
    command = ["bash", "-c", "trap '' TERM; \"$@\"; exit $?", "rule", *command]
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


def wait_for_checkpoint(directory: Path, step: int, job: subprocess.Popen[bytes]) -> None:
    while not list(directory.glob(f"checkpoints/run-*/step-{step:08d}/complete.json")):
        assert job.poll() is None, (directory / "log").read_text()
        time.sleep(0.02)


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [grand for child in children for grand in descendants(int(child))]


def runs_a_rank(pid: int) -> bool:
    try:
        return b"train-student" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_two_ranks_die_with_their_shell_end_when_told_to_and_resume_exactly(
    base: Path, world: dict[str, Path], tmp_path: Path
) -> None:
    settings = student_settings(ranks=2, accumulation=2, premises_per_batch=1, steps=20, checkpoint_every=4)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    uninterrupted = launch(settings, base, world, whole)
    shell = launch(settings, base, world, broken)  # beside the other, on the same machine
    wait_for_checkpoint(broken, 4, shell)
    ranks = descendants(shell.pid)
    assert sum(map(runs_a_rank, ranks)) >= 2
    shell.send_signal(signal.SIGKILL)
    shell.wait()
    deadline = time.monotonic() + 30  # ten seconds are theirs to save a checkpoint
    while any(map(runs_a_rank, ranks)):
        assert time.monotonic() < deadline, "ranks outlive the rule's shell"
        time.sleep(0.1)
    told = launch(settings, base, world, broken)
    wait_for_checkpoint(broken, 8, told)
    os.killpg(told.pid, signal.SIGTERM)  # as SLURM before the time limit: to all of the job
    assert told.wait() == AGAIN, (broken / "log").read_text()
    assert not (broken / "student").exists()
    assert launch(settings, base, world, broken).wait() == 0, (broken / "log").read_text()
    assert uninterrupted.wait() == 0, (whole / "log").read_text()
    assert "resumed after step" in (broken / "log").read_text()
    assert contents(broken / "student") == contents(whole / "student")


@pytest.mark.parametrize(("stage", "dtype"), [(1, "float32"), (1, "bfloat16"), (2, "bfloat16")])
def test_zero_stages_and_precisions(
    stage: int, dtype: str, base: Path, world: dict[str, Path], tmp_path: Path, uninterrupted: Path
) -> None:
    settings = student_settings(zero_stage=stage, dtype=dtype, accumulation=2, premises_per_batch=1)
    log = read_rows(run(settings, base, world, tmp_path) / "training_log.parquet", TRAINING_LOG)
    wanted = read_rows(uninterrupted / "training_log.parquet", TRAINING_LOG)
    tolerance = 0.05 if dtype == "bfloat16" else 1e-4
    assert [row["loss"] for row in log[:2]] == pytest.approx([row["loss"] for row in wanted[:2]], rel=tolerance)
    assert [row["gradient_norm"] for row in log[:2]] == pytest.approx([r["gradient_norm"] for r in wanted[:2]], rel=0.2)
