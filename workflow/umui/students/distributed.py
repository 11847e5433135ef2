"""The processes of a training: how they find each other, where they compute, and that none outlives its job."""

import os
import select
import signal
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import deepspeed
import torch
from deepspeed.accelerator import get_accelerator
from torch import distributed

PARENT, STARTED = 1, 19  # fields of /proc/PID/stat after the command's name: parent, and clock ticks at the start
JOB_VARIABLE = "UMUI_JOB_PID"
MEETING_VARIABLE = "UMUI_MEETING"  # set where srun starts the ranks
SLURM_VARIABLES = {"RANK": "SLURM_PROCID", "LOCAL_RANK": "SLURM_LOCALID", "WORLD_SIZE": "SLURM_NTASKS"}
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """This process' place in the training."""

    rank: int
    ranks: int
    device: torch.device

    def sum(self, *values: float) -> list[float]:
        """Return the sums of the values over all ranks."""
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return [float(value) for value in total]

    def from_first(self, work: Callable[[], T]) -> T:
        """Return what `work` returns on the first rank; the others wait for it."""
        result = [work() if self.rank == 0 else None]
        distributed.broadcast_object_list(result, device=self.device)
        return result[0]  # type: ignore[return-value]


def join(ranks: int) -> Place:
    """Join the other ranks that ``umui.jobs`` started, here or by srun on several machines, or be the only one.

    Ranks on one machine meet at a file of their own instead of a port, so that trainings there never collide.  srun
    ends its ranks itself.
    Raises ValueError when another number of ranks was started.
    """
    by_srun = MEETING_VARIABLE in os.environ
    launched = by_srun or "RANK" in os.environ
    if by_srun:
        os.environ |= {name: os.environ[slurms] for name, slurms in SLURM_VARIABLES.items()}
    rank, started = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if started != ranks:
        raise ValueError(f"training.ranks: {ranks}, but {started} were started: `umui.jobs --ranks {ranks}`")
    if launched and not by_srun:
        die_with_the_job()
    os.environ.setdefault("LOCAL_RANK", "0")  # DeepSpeed insists on it
    accelerator = get_accelerator()
    if accelerator.device_name() == "cpu":
        deepspeed.ops.__compatible_ops__ = {}  # else a shared-memory operator is compiled, which needs a compiler
    device = torch.device(accelerator.device_name())
    if device.type == "cuda":
        # A site may show each rank its own GPU alone.
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        torch.cuda.set_device(device)
    first = os.getppid() if launched else os.getpid()
    own_file = Path(tempfile.gettempdir()) / f"umui-{os.getuid()}-{first}-{_status(first)[STARTED]}"
    meeting = os.environ.get(MEETING_VARIABLE, f"file://{own_file}")
    deepspeed.init_distributed(
        auto_mpi_discovery=False, init_method=meeting, rank=rank, world_size=started, verbose=False
    )
    return Place(rank, started, device)


def die_with_the_job() -> None:
    """Let this process be killed as soon as one of the processes dies that started it.

    These are its parent, the launcher, and the ancestors up to the one that the variable ``UMUI_JOB_PID`` names, the
    wrapper of the job (``umui.jobs``): a killed launcher, or a killed wrapper, leaves no rank behind.
    Raises ProcessLookupError when one is dead already.
    """
    job = int(os.environ.get(JOB_VARIABLE, os.getppid()))
    watched = [os.pidfd_open(os.getppid())]
    pid = os.getppid()
    while pid != job:
        pid = _parent(pid)
        watched.append(os.pidfd_open(pid))
    threading.Thread(target=_die_after, args=(watched,), daemon=True).start()


def _die_after(watched: list[int]) -> None:
    select.select(watched, [], [])  # a process' descriptor becomes readable when it ends
    os.kill(os.getpid(), signal.SIGKILL)


def _parent(pid: int) -> int:
    parent = int(_status(pid)[PARENT])
    if parent <= 1:
        raise ProcessLookupError(f"{JOB_VARIABLE} names no ancestor of this process that still runs")
    return parent


def _status(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat that follow the command's name."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
