"""Run a command once a rank: on this machine, or by srun on the machines of a SLURM allocation.

    python ranks.py RANKS COMMAND ARGUMENT...

Each rank finds its place in RANK, LOCAL_RANK and WORLD_SIZE, or, under srun, in SLURM's variables, and there where to
meet the others in ``UMUI_MEETING``.  When one fails, the others are ended, and its exit code is this program's.  At
SIGTERM the ranks, which get it as well, decide.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

POLL_S = 0.1
GRACE_S = 10.0
SRUN_GRACE_S = 120  # counts from the first rank that ends, even well: rank 0 then still writes the result


def main() -> int:
    """Start the ranks and wait for them; a single one takes this process' place."""
    ranks, command = int(sys.argv[1]), sys.argv[2:]
    if ranks == 1:
        os.execvp(command[0], command)
    if "SLURM_JOB_ID" in os.environ and "SLURM_STEP_ID" not in os.environ:
        return by_srun(ranks, command)
    return here(ranks, command)


def by_srun(ranks: int, command: Sequence[str]) -> int:
    """Run the ranks on the machines of this job's allocation; return the highest of their exit codes.

    At SIGTERM srun would kill them: so it is kept out of this process group, and they are told by way of SLURM.  All
    of them then end with an exit code that is not 0, which is why none of these ends the others at once.
    """
    told = ["scancel", "--signal=TERM", os.environ["SLURM_JOB_ID"]]  # the job's steps, but not its batch script
    signal.signal(signal.SIGTERM, lambda number, frame: subprocess.run(told, check=False))
    # This runs on the allocation's first machine, and so does rank 0.
    os.environ["UMUI_MEETING"] = f"tcp://{socket.gethostname()}:{_free_port()}"
    ends = ["--kill-on-bad-exit=0", f"--wait={SRUN_GRACE_S}"]
    srun = ["srun", "--ntasks", str(ranks), *ends, "--cpu-bind=none", "--mpi=none"]
    return subprocess.Popen([*srun, *command], process_group=0).wait()


def here(ranks: int, command: Sequence[str]) -> int:
    """Run the ranks on this machine; return 0, or the exit code of the first that failed."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)  # the whole process group gets them, ranks too: they decide
    processes = [
        subprocess.Popen(command, env={**os.environ, "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": str(ranks)})
        for rank in map(str, range(ranks))
    ]
    while all(process.poll() in (None, 0) for process in processes):
        if all(process.poll() == 0 for process in processes):
            return 0
        time.sleep(POLL_S)
    failed = next(process.returncode for process in processes if process.poll() not in (None, 0))
    deadline = time.monotonic() + GRACE_S  # for ranks that end for the same reason
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return failed if failed >= 0 else 128 - failed


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _ignore(number: int, frame: object) -> None:
    """Leave the end to the ranks; a handler, unlike SIG_IGN, is not inherited by them."""


if __name__ == "__main__":
    sys.exit(main())
