"""An orderly end when SLURM, or a person, says SIGTERM: what is kept is gone on from when the stage is run again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = 75  # exit code (EX_TEMPFAIL) of a stage that was told to end, keeps its work, and should be run again


class StopRequest:
    """Whether the process has been asked to end."""

    def __init__(self) -> None:
        self.made = False

    def note(self, number: int, frame: object) -> None:
        """Note a signal."""
        self.made = True


@contextmanager
def noting_sigterm() -> Iterator[StopRequest]:
    """Let SIGTERM be noted instead of ending the process, for a block that looks at it where it can end well."""
    request = StopRequest()
    before = signal.signal(signal.SIGTERM, request.note)
    try:
        yield request
    finally:
        signal.signal(signal.SIGTERM, before)
