"""Run one job of the workflow: everything about running it that is not about its science."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SUPERVISOR = Path(__file__).parents[1] / "supervisor.py"
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Job:
    """A command, what it reads and writes, and what else its result depends on.

    `code` is the digest of the stage's code, `environment` that of the packages that run it.  Paths are relative to the
    working directory, so that the same job is the same in another clone.
    """

    command: Sequence[str]
    inputs: Sequence[Path]
    outputs: Sequence[Path]
    code: str
    environment: str


def run(job: Job) -> int:
    """Run a job; return its exit code."""
    return supervised(job.command, {})


def supervised(command: Sequence[str], variables: Mapping[str, str]) -> int:
    """Run a command, with `variables` added to its environment; return its exit code, 128 + n for signal n.

    It ends when this process or the one that started it ends, even by SIGKILL, and leaves no process behind.  Signals
    go on to it and to its children.  ``UMUI_JOB_PID``, the id of this process, tells a stage with a tree of processes
    of its own what to watch (``umui.student.processes``).
    """
    parent = os.pidfd_open(os.getppid())
    process = subprocess.Popen(
        [sys.executable, "-I", str(SUPERVISOR), *command],
        stdin=subprocess.PIPE,  # what the supervisor watches
        env={**os.environ, "UMUI_JOB_PID": str(os.getpid()), **variables},
        start_new_session=True,
    )
    assert process.stdin is not None
    with _forwarding(process.pid):
        ended = os.pidfd_open(process.pid)
        ready, _, _ = select.select([parent, ended], [], [])
        if ended not in ready:
            process.stdin.close()
        code = process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    os.close(ended)
    os.close(parent)
    return code if code >= 0 else 128 - code


@contextmanager
def _forwarding(group: int) -> Iterator[None]:
    """Send signals on to a process group instead of heeding them."""

    def forward(number: int, frame: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(group, number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
