"""Stand-ins for stages, that do what a stage does to its cluster.

python stages.py STAGE OUTPUT
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from umui.processes.signals import AGAIN, noting_sigterm

STEPS = 110
STEP_S = 1.0


def gpus(output: Path) -> None:
    """Tell which GPUs it sees, and stay until the other job of its kind has told as well."""
    _tell(output.with_suffix(".told"))
    _wait(lambda: len(list(output.parent.glob("gpus-*.told"))) == 2)
    output.touch()


def ranks(output: Path) -> None:
    """Tell which GPUs each of two ranks sees; the first stays until the other has told as well."""
    rank = os.environ["SLURM_PROCID"]
    _tell(output.with_name(f"{output.name}-{rank}.told"))
    if rank == "0":
        _wait(lambda: len(list(output.parent.glob(f"{output.name}-*.told"))) == 2)
        output.touch()


def hungry(output: Path) -> None:
    """Take 700 MB."""
    taken = bytearray(700_000_000)
    for byte in range(0, len(taken), 4096):
        taken[byte] = 1
    output.write_text("fed\n")


def long(output: Path) -> None:
    """Take more steps than the time limit allows; keep each, and go on from there."""
    journal = output.with_suffix(".journal")
    with noting_sigterm() as stop:
        while (done := len(journal.read_text().split()) if journal.exists() else 0) < STEPS:
            if stop.made:
                sys.exit(AGAIN)
            time.sleep(STEP_S)
            with journal.open("a") as steps:
                steps.write(f"{done}\n")
    output.write_text(journal.read_text())


def held(output: Path) -> None:
    """Work for as long as it takes until there is a file named `go`."""
    _wait(lambda: output.with_name("go").exists())
    output.write_text(f"{os.environ['SLURM_JOB_ID']} {os.environ['SLURMD_NODENAME']}\n")


def _tell(path: Path) -> None:
    path.write_text(f"{os.environ['SLURMD_NODENAME']} {os.environ['CUDA_VISIBLE_DEVICES']}\n")


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.2)


if __name__ == "__main__":
    stages = {"gpus": gpus, "ranks": ranks, "hungry": hungry, "long": long, "held": held}
    stages[sys.argv[1]](Path(sys.argv[2]))
