"""GPUs of their own for jobs that run side by side on one machine: Snakemake counts GPUs, but does not say which.

A GPU is taken by a lock on a file named after it, which the kernel lets go when the last process that holds it has
ended, in whatever way.  Under SLURM nothing is done: SLURM binds a job to its GPUs.
"""

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from umui.processes.say import say

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.2
TELL_EVERY_S = 60.0


@dataclass(frozen=True)
class Gpus:
    """The variables that show a job its GPUs, and the descriptors whose locks are held for as long as any is open."""

    variables: dict[str, str]
    descriptors: tuple[int, ...] = ()


@contextmanager
def own_gpus(gpus: int) -> Iterator[Gpus]:
    """Take `gpus` of this machine's GPUs, or of those in ``CUDA_VISIBLE_DEVICES``; wait until as many are free.

    Jobs are served one after the other, so that one that needs many is not overtaken for ever.
    Raises ValueError when there are never as many.
    """
    if gpus == 0 or "SLURM_JOB_ID" in os.environ:
        yield Gpus({})
        return
    names = _names()
    if len(names) < gpus:
        raise ValueError(
            f"the job needs {gpus} GPUs, there are {len(names)} ({VISIBLE}, or nvidia-smi); lower the rule's: "
            "--set-resources RULE:gpu=N"
        )
    directory = Path(os.environ.get("XDG_RUNTIME_DIR", tempfile.gettempdir())) / f"umui-gpus-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as held:
        chosen = _take(directory, names, gpus, held)
        yield Gpus({VISIBLE: ",".join(chosen)}, tuple(chosen.values()))


def _take(directory: Path, names: list[str], gpus: int, held: ExitStack) -> dict[str, int]:
    """Return `gpus` of the names, each with the descriptor of its lock, which `held` closes."""
    chosen: dict[str, int] = {}
    began = told = time.monotonic()
    with ExitStack() as gate:
        first_in_line = _open(directory / "gate", gate)
        while not _locked(first_in_line):
            told = _tell(f"waiting behind another job that waits for GPUs; {gpus} wanted", began, told)
        while True:
            for name in names:
                if name not in chosen and len(chosen) < gpus:
                    with ExitStack() as attempt:
                        descriptor = _open(directory / name.replace("/", "-"), attempt)
                        if _locked(descriptor):
                            chosen[name] = descriptor
                            held.push(attempt.pop_all())
            if len(chosen) == gpus:
                return chosen
            told = _tell(f"waiting for {gpus - len(chosen)} of the GPUs {','.join(names)}", began, told)


def _open(path: Path, stack: ExitStack) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, descriptor)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(line: str, began: float, told: float) -> float:
    """Wait a little; say at once, and then each minute, what for.  Return when it was last said."""
    now = time.monotonic()
    if told == began or now - told >= TELL_EVERY_S:
        say(f"{line} ({now - began:.0f} s so far)")
        told = now
    time.sleep(POLL_S)
    return told


def _names() -> list[str]:
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
