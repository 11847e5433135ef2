"""Jobs of several ranks, and jobs that SLURM runs again: with stand-ins for squeue, scontrol and srun."""

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from umui.processes.signals import AGAIN

PACKAGE = Path(__file__).parents[3] / "workflow"
RANK = """
import os, sys, time
rank = int(os.environ["RANK"])
open(f"rank-{rank}-of-{os.environ['WORLD_SIZE']}", "w").close()
if len(sys.argv) > 1 and rank == int(sys.argv[1]):
    sys.exit(7)
time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 0)
"""
ENDS_WHEN_TOLD = """
import sys, time
from umui.processes.signals import AGAIN, noting_sigterm
with noting_sigterm() as stop:
    while not stop.made:
        time.sleep(0.05)
sys.exit(AGAIN)
"""


def wrapped(directory: Path, *given: str, **variables: str) -> subprocess.Popen[str]:
    """Start the wrapper of jobs with a rule's arguments and a command."""
    rule = ["--code", "c", "--environment", "e", "--outputs", "result"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    path = f"{directory}:{environment['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "umui.jobs", *rule, *given], cwd=directory, text=True, stderr=subprocess.PIPE,
        env=environment | {"PYTHONPATH": str(PACKAGE), "PATH": path} | variables,
    )  # fmt: skip


def stand_in(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/bash\n{script}\n")
    (directory / name).chmod(0o755)


def slurm(directory: Path, state: str, left_s: float) -> None:
    """Put stand-ins beside the job that say its state and its end, and note what they are asked for."""
    end = (datetime.now() + timedelta(seconds=left_s)).isoformat(timespec="seconds")
    stand_in(directory, "squeue", f'case "${{@: -1}}" in %T) echo {state};; %e) echo {end};; esac')
    stand_in(directory, "scontrol", 'echo "$@" >> asked; exit 1')  # as where it is not allowed: it does not end us


def test_each_rank_runs_the_command_and_knows_its_place(tmp_path: Path) -> None:
    assert wrapped(tmp_path, "--ranks", "3", "--", sys.executable, "-c", RANK).wait(30) == 0
    assert sorted(path.name for path in tmp_path.glob("rank-*")) == [f"rank-{rank}-of-3" for rank in range(3)]


def test_a_rank_that_fails_ends_the_others(tmp_path: Path) -> None:
    began = time.monotonic()
    assert wrapped(tmp_path, "--ranks", "2", "--", sys.executable, "-c", RANK, "1", "600").wait(60) == 7
    assert time.monotonic() - began < 40


def test_srun_starts_the_ranks_of_a_job_of_several_tasks(tmp_path: Path) -> None:
    stand_in(tmp_path, "srun", 'echo "$@ $UMUI_MEETING" > asked; exit 7')
    slurm(tmp_path, "RUNNING", 3600)
    job = wrapped(tmp_path, "--ranks", "8", "--", "stage", "argument", SLURM_JOB_ID="5")
    assert job.wait(30) == 7
    said = (tmp_path / "asked").read_text()
    assert said.startswith("--ntasks 8 ")
    assert "stage argument tcp://" in said


def test_ranks_that_srun_started_are_told_in_time_by_slurm_and_not_by_srun(tmp_path: Path) -> None:
    stand_in(tmp_path, "srun", "trap 'exit 9' TERM; until [ -e told ]; do sleep 0.1; done; exit 75")
    stand_in(tmp_path, "scancel", 'echo "$@" > told')
    slurm(tmp_path, "RUNNING", 8)
    job = wrapped(tmp_path, "--ranks", "2", "--resumable", "--", "stage", SLURM_JOB_ID="5")
    assert job.wait(30) == AGAIN
    assert (tmp_path / "told").read_text() == "--signal=TERM 5\n"
    assert (tmp_path / "asked").read_text() == "requeue 5\n"


def test_a_resumable_job_is_told_in_time_and_queued_again(tmp_path: Path) -> None:
    slurm(tmp_path, "RUNNING", 8)  # a quarter of it is notice
    job = wrapped(tmp_path, "--resumable", "--", sys.executable, "-c", ENDS_WHEN_TOLD, SLURM_JOB_ID="5")
    assert job.wait(30) == AGAIN
    assert (tmp_path / "asked").read_text() == "requeue 5\n"


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETING"])
def test_a_cancelled_job_is_not_queued_again(tmp_path: Path, state: str) -> None:
    slurm(tmp_path, state, 4)
    job = wrapped(tmp_path, "--resumable", "--", sys.executable, "-c", ENDS_WHEN_TOLD, SLURM_JOB_ID="5")
    assert job.wait(30) == AGAIN
    assert not (tmp_path / "asked").exists()


def test_other_jobs_keep_their_time_to_the_end(tmp_path: Path) -> None:
    slurm(tmp_path, "RUNNING", 2)
    job = wrapped(tmp_path, "--", "sleep", "4", SLURM_JOB_ID="5")
    assert job.wait(30) == 0
