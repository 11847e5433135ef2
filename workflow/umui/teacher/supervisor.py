"""Run a command that cannot outlive the process that asked for it, nor leave children behind.

    python supervisor.py COMMAND ARGUMENT...

The caller starts this in a session of its own and holds the other end of its standard input.  However the caller goes
away, even by SIGKILL, the kernel closes that end; this process reads the end of file, or sees the command end, and
kills the whole process group: the command, its children and itself.  (A parent-death signal would reach the command
alone, and vLLM's engine and workers are its children and grandchildren.)
"""

import os
import select
import signal
import subprocess
import sys

GRACE_S = 10.0


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)  # a handler, unlike SIG_IGN, is not inherited by the command
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    select.select([sys.stdin, os.pidfd_open(command.pid)], [], [])
    os.killpg(0, signal.SIGTERM)
    try:
        command.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        print(f"the command did not end within {GRACE_S:g} s of SIGTERM and is killed", file=sys.stderr, flush=True)
    os.killpg(0, signal.SIGKILL)


def _ignore(number: int, frame: object) -> None:
    """Leave the end to the pipe and to the command."""


if __name__ == "__main__":
    main()
