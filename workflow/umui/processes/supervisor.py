"""Run a command that cannot outlive the process that asked for it, nor leave children behind.

    python supervisor.py COMMAND ARGUMENT...

The caller starts this in a session of its own and holds the other end of its standard input.  However the caller goes
away, even by SIGKILL, the kernel closes that end; this process reads the end of file and kills the whole process group:
the command, its children and itself.  (A parent-death signal would reach the command alone, and vLLM's engine and
workers are its children and grandchildren.)  When the command ends by itself, its children are asked to end, and its
exit code is this program's, 128 + n for a command that signal n killed.
"""

import os
import select
import signal
import subprocess
import sys

GRACE_S = 10.0
NOT_FOUND = 127  # as shells have it


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)  # a handler, unlike SIG_IGN, is not inherited by the command
    try:
        command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    ended = os.pidfd_open(command.pid)
    ready, _, _ = select.select([sys.stdin, ended], [], [])
    os.killpg(0, signal.SIGTERM)
    if ended not in ready:
        try:
            command.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            print(f"the command did not end within {GRACE_S:g} s of SIGTERM and is killed", file=sys.stderr, flush=True)
        os.killpg(0, signal.SIGKILL)
    code = command.wait()
    return code if code >= 0 else 128 - code


def _ignore(number: int, frame: object) -> None:
    """Leave the end to the pipe and to the command."""


if __name__ == "__main__":
    sys.exit(main())
