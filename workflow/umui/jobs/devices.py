"""GPUs of their own for jobs that run side by side on one machine: Snakemake counts GPUs, but does not say which.

A GPU is taken by a lock on a file named after it, which the kernel lets go when the last process that holds it has
ended, in whatever way.  Under SLURM nothing is done: SLURM binds a job to its GPUs.
"""

import fcntl
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    with ExitStack() as held:
        directory = _own_directory(held)
        chosen = _take(directory, names, gpus, held)
        yield Gpus({VISIBLE: ",".join(chosen)}, tuple(chosen.values()))


def _own_directory(held: ExitStack) -> int:
    """Return a descriptor, which `held` closes, of this user's directory of locks, made where there is none.

    Raises ValueError when others may write there: anyone can make it first in a directory for temporary files.
    """
    path = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"umui-gpus-{os.getuid()}"
    remedy = "delete it, or name a directory of your own in XDG_RUNTIME_DIR"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except NotADirectoryError as error:  # a link to one, too
        raise ValueError(f"{path}: no directory, and locks of GPUs go there; {remedy}") from error
    held.callback(os.close, directory)
    status = os.fstat(directory)
    if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise ValueError(
            f"{path}: of user {status.st_uid} with the mode {stat.S_IMODE(status.st_mode):o}, but locks of GPUs are "
            f"kept in a directory of user {os.getuid()} that is closed to others (700); {remedy}"
        )
    return directory


def _take(directory: int, names: list[str], gpus: int, held: ExitStack) -> dict[str, int]:
    """Return `gpus` of the names, each with the descriptor of its lock, which `held` closes."""
    chosen: dict[str, int] = {}
    began = told = time.monotonic()
    with ExitStack() as gate:
        first_in_line = _open(directory, "gate", gate)
        while not _locked(first_in_line):
            told = _tell(f"waiting behind another job that waits for GPUs; {gpus} wanted", began, told)
        while True:
            for name in names:
                if name not in chosen and len(chosen) < gpus:
                    with ExitStack() as attempt:
                        descriptor = _open(directory, name.replace("/", "-"), attempt)
                        if _locked(descriptor):
                            chosen[name] = descriptor
                            held.push(attempt.pop_all())
            if len(chosen) == gpus:
                return chosen
            told = _tell(f"waiting for {gpus - len(chosen)} of the GPUs {','.join(names)}", began, told)


def _open(directory: int, name: str, stack: ExitStack) -> int:
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=directory)
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
        named = (name.strip() for name in os.environ[VISIBLE].split(","))
        return list(dict.fromkeys(filter(None, named)))  # one that is named twice is still one
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
