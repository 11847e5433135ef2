"""The command line of the job wrapper, which the rules put before their stage's.

    python -m umui.jobs --environment DIGEST --code DIGEST --inputs FILE... --outputs FILE... -- COMMAND ARGUMENT...

It stands apart from ``umui.cli``, whose commands import the whole configuration's model: every job waits for this.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from umui.jobs.running import FORWARDED, Job, run
from umui.processes.say import say


def main(arguments: list[str] | None = None) -> int:
    """Run one job; return its exit code.  A fault of the wrapper's own is one message and exit code 1."""
    given = sys.argv[1:] if arguments is None else arguments
    if "--" not in given:
        parser().error("give the command after --")
    split = given.index("--")
    job = Job(command=given[split + 1 :], **vars(parser().parse_args(given[:split])))
    for number in FORWARDED:
        signal.signal(number, _leave)
    try:
        return run(job)
    except (ValueError, OSError) as error:
        say(str(error), of="umui")
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of what stands before the command."""
    made = argparse.ArgumentParser(prog="python -m umui.jobs", description="Run one job of the workflow.")
    made.add_argument("--inputs", type=Path, nargs="*", default=[], help="files and directories that it reads")
    made.add_argument("--outputs", type=Path, nargs="+", required=True, help="files and directories that it writes")
    made.add_argument(
        "--keeps", type=Path, nargs="+", default=[], help="files beside the outputs that spare a later job work"
    )
    made.add_argument("--code", required=True, help="digest of the stage's code")
    made.add_argument("--environment", required=True, help="name and digest of the environment that the stage runs in")
    made.add_argument(
        "--private", action="store_true", help="the result is never shared: it rests on files that are no inputs"
    )
    made.add_argument("--gpus", type=int, default=0, help="that it has for itself (default: 0, whatever is there)")
    made.add_argument("--ranks", type=int, default=1, help="processes that run the command together (default: 1)")
    made.add_argument("--resumable", action="store_true", help="ends well at SIGTERM, and goes on when it is run again")
    return made


def _leave(number: int, frame: object) -> NoReturn:
    """End as if unhandled, but by way of every `finally`."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
