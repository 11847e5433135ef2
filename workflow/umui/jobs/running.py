"""Run one job of the workflow: everything about running it that is not about its science."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from umui.jobs.devices import own_gpus
from umui.jobs.lease import leased
from umui.jobs.requeueing import requeue, told_in_time
from umui.processes.private_result import PRIVATE_VARIABLE
from umui.processes.say import say
from umui.processes.signals import AGAIN
from umui.store.store import key_material, key_of_material, opened

SUPERVISOR = Path(__file__).parents[1] / "processes" / "supervisor.py"
RANKS = SUPERVISOR.with_name("ranks.py")
STORE_VARIABLE, ACCESS_VARIABLE = "UMUI_STORE", "UMUI_STORE_ACCESS"  # set by the rules
SNAKEMAKE_VARIABLE = "UMUI_SNAKEMAKE_PID"
LEASE_LOST = 75  # exit code: another job has taken the outputs over
JOB_WORDS = 100  # characters of a command that tell which job it is
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Job:
    """A command, what it reads and writes, and what else its result depends on.

    `code` is the digest of the stage's code, `environment` that of the packages that run it.  Paths are relative to the
    working directory, so that the same job is the same in another clone.  What it `keeps` are files beside its outputs
    that spare a later job work, such as a journal.  A `private` job reads what its inputs do not name, so that its
    result is never shared.  Each of the `ranks` runs the command.  A `resumable` job ends well at SIGTERM, and goes on
    when it is run again.
    """

    command: Sequence[str]
    inputs: Sequence[Path]
    outputs: Sequence[Path]
    code: str
    environment: str
    keeps: Sequence[Path] = ()
    private: bool = False
    gpus: int = 0
    ranks: int = 1
    resumable: bool = False


def run(job: Job) -> int:
    """Run a job, alone on its outputs and its GPUs; return its exit code."""
    with leased(job.outputs, " ".join(job.command)[:JOB_WORDS], lost=lambda: os._exit(LEASE_LOST)):
        store = os.environ.get(STORE_VARIABLE)
        code = _computed(job, {}) if job.private or not store else _shared(job, store, os.environ[ACCESS_VARIABLE])
    if job.resumable and code == AGAIN:
        requeue()
    return code


def _computed(job: Job, variables: Mapping[str, str]) -> int:
    """Run the command, once a rank, on GPUs of its own."""
    command = [sys.executable, "-I", str(RANKS), str(job.ranks), *job.command] if job.ranks > 1 else job.command
    with told_in_time() if job.resumable else nullcontext(), own_gpus(job.gpus) as gpus:
        return supervised(command, {**variables, **gpus.variables}, gpus.descriptors)


def _shared(job: Job, name: str, access: str) -> int:
    """Take the result from the store, or run the command and store its result; a store at fault fails no job."""
    try:
        store = opened(name, access)
        material = key_material(job.command, job.code, job.environment, job.inputs)
        if store.fetch(key_of_material(material), job.outputs, job.keeps):
            return 0
    except (OSError, ValueError) as error:
        say(f"nothing is taken from it: {error}", of="store")
        return _computed(job, {})
    with tempfile.TemporaryDirectory(prefix="umui-job-") as directory:
        private = Path(directory) / "private"
        code = _computed(job, {PRIVATE_VARIABLE: str(private)})
        if private.exists():
            say(f"not stored: {private.read_text(encoding='utf-8').strip()}", of="store")
            return code
    if code == 0 and store.writable:
        try:
            store.publish(key_of_material(material), material, job.outputs, job.keeps)
        except (OSError, ValueError) as error:
            say(f"not stored: {error}", of="store")
    return code


def supervised(command: Sequence[str], variables: Mapping[str, str], descriptors: Sequence[int] = ()) -> int:
    """Run a command, with `variables` added to its environment; return its exit code, 128 + n for signal n.

    It ends when this process, the shell that started it or its Snakemake ends, even by SIGKILL, and leaves no process
    behind.  Signals go on to it and to its children.  ``UMUI_JOB_PID``, the id of this process, tells a stage with a
    tree of processes of its own what to watch (``umui.students.distributed``).  `descriptors` stay open until all of it
    has ended.
    Raises ProcessLookupError when Snakemake has ended already.
    """
    watched = _watched()
    process = subprocess.Popen(
        [sys.executable, "-I", str(SUPERVISOR), *command],
        stdin=subprocess.PIPE,  # what the supervisor watches
        env={**os.environ, "UMUI_JOB_PID": str(os.getpid()), **variables},
        start_new_session=True,
        pass_fds=descriptors,  # to the supervisor alone: the command inherits none
    )
    assert process.stdin is not None
    with _forwarding(process.pid):
        ended = os.pidfd_open(process.pid)
        ready, _, _ = select.select([*watched, ended], [], [])
        if ended not in ready:
            told = "the Snakemake or the shell of this job is gone, so it ends too; run the same command again"
            say(told, of="umui")
            process.stdin.close()
        code = process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for descriptor in (ended, *watched):
        os.close(descriptor)
    return code if code >= 0 else 128 - code


def _watched() -> list[int]:
    """Return descriptors, readable once they have ended, of the processes that this one must not outlive.

    These are its parent and, above that shell, the Snakemake that ``UMUI_SNAKEMAKE_PID`` names.
    """
    snakemake = os.environ.get(SNAKEMAKE_VARIABLE)
    return [os.pidfd_open(pid) for pid in (os.getppid(), *([int(snakemake)] if snakemake else []))]


@contextmanager
def _forwarding(group: int) -> Iterator[None]:
    """Send signals on to a process group instead of ending at them."""

    def forward(number: int, frame: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(group, number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
