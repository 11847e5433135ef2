"""Let a job that keeps its work end before SLURM's time limit, and be run again.

The wrapper watches the time itself: where control groups track processes, SLURM's own signal (``sbatch --signal``)
reaches the Snakemake of a job and nothing below it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Timer

from umui.processes.say import say

NOTICE_S = 300.0
NOTICE_SHARE = 0.25  # of a job that is shorter than four notices
PATIENCE_S = 120.0


@contextmanager
def told_in_time() -> Iterator[None]:
    """Send this process SIGTERM some minutes before its SLURM job's time limit, if it is in one and the block lasts."""
    left_s = _left_s()
    if left_s is None:
        yield
        return
    timer = Timer(left_s - min(NOTICE_S, NOTICE_SHARE * left_s), os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def requeue() -> None:
    """Put this job back into SLURM's queue, and wait to be ended by it; return where that is not possible.

    A job that a person has cancelled got a SIGTERM, too; it is not running any more, and is left alone.
    """
    if _asked("%T") != "RUNNING":
        return
    with suppress(subprocess.CalledProcessError):  # the site does not allow it; scontrol has said so
        subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)
        say("the time limit is near: SLURM runs this job again, and it goes on")
        time.sleep(PATIENCE_S)


def _left_s() -> float | None:
    """Return how long this process' SLURM job may still run; None outside SLURM, or where nothing limits it."""
    try:
        return (datetime.fromisoformat(_asked("%e") or "") - datetime.now()).total_seconds()
    except ValueError:
        return None


def _asked(what: str) -> str | None:
    """Return what ``squeue`` says of this process' SLURM job; None outside SLURM."""
    if "SLURM_JOB_ID" not in os.environ:
        return None
    command = ["squeue", "--noheader", "--jobs", os.environ["SLURM_JOB_ID"], "--format", what]
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
