"""Ask a program of our own questions that may kill it, under a limit of memory and of time.

A question and its answer are a line of JSON each, on the program's standard input and output.  A worker is kept for the
next question, since it takes half a second to start; one that dies or is late is ended, and another is started.
"""

import atexit
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

PACKAGES = Path(__file__).parents[2]
START_S = 300.0  # a machine that is busy may take long to load the libraries
# What ends a process from outside; it is asked again once, since a system without memory may have chosen badly.
FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
ANSWER_BYTES = 1 << 20
MOST_LIKELY_KILLED = 1000  # when the system lacks memory: the worker, and not the stage that asks it


class StartError(ValueError):
    """A worker cannot be started, whatever it is to be asked."""


class LateError(Exception):
    """There was no answer in time."""


class DiedError(Exception):
    """The worker ended before it answered; the message says how."""

    def __init__(self, exit_code: int) -> None:
        how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
        super().__init__(f"ended with {how}")
        self.exit_code = exit_code


class Worker:
    """One process of `python -m MODULE`, which says a first line when it is ready."""

    def __init__(self, module: str, max_memory_bytes: int) -> None:
        """Start it, and wait until it is ready; raises StartError when it never is."""
        paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        limit(self._process.pid, resource.RLIMIT_AS, max_memory_bytes)
        limit(self._process.pid, resource.RLIMIT_CORE, 0)
        try:
            self._line(START_S)
        except (DiedError, LateError) as error:
            self.end()
            raise StartError(
                f"python -m {module}: not ready with {max_memory_bytes} bytes of memory ({error!r}); "
                "look above for its words, free memory, and run again"
            ) from error

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return its answer.

        Raises LateError or DiedError when there is none; then the worker is of no more use.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died: reading says how
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._line(timeout_s))
        return answer

    def end(self) -> None:
        """Kill it, if it lives."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _line(self, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        descriptor, said = self._process.stdout.fileno(), b""
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not said.endswith(b"\n"):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not poll.poll(1000 * left_s):
                raise LateError
            if not (piece := os.read(descriptor, ANSWER_BYTES)):
                raise DiedError(self._process.wait())
            said += piece
        return said


class Workers:
    """Workers of one module, as many as are asked at the same time, from whatever threads."""

    def __init__(self, module: str, max_memory_bytes: int) -> None:
        self._module, self._max_memory_bytes = module, max_memory_bytes
        self._idle: list[Worker] = []
        atexit.register(self.end)

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Return the answer of an idle worker, or of a new one.

        An answer with a true `spent` is the worker's last.  Raises LateError and DiedError as Worker.ask does, the
        latter for an end from outside only when that came twice.
        """
        try:
            return self._ask(question, timeout_s)
        except DiedError as error:
            if error.exit_code not in FROM_OUTSIDE:
                raise
        return self._ask(question, timeout_s)

    def _ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = Worker(self._module, self._max_memory_bytes)
        kept = False
        try:
            answer = worker.ask(question, timeout_s)
            kept = not answer.get("spent")
            return answer
        finally:
            if kept:
                self._idle.append(worker)
            else:
                worker.end()

    def end(self) -> None:
        """End those that are idle."""
        while self._idle:
            self._idle.pop().end()


@cache
def workers(module: str, max_memory_bytes: int) -> Workers:
    """Return this process' workers of a module under a limit of addresses."""
    return Workers(module, max_memory_bytes)


def limit(pid: int, kind: int, most: int) -> None:
    """Limit another process for good, from outside it: no code of ours runs between its fork and its program."""
    _, hard = resource.prlimit(pid, kind)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.prlimit(pid, kind, (most, most))


def questions() -> "SimpleQueue[dict[str, Any]]":
    """Say, in a worker, that it is ready; return the queue of questions that come in.

    The process ends when whoever asks is gone, even in the midst of an answer.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(MOST_LIKELY_KILLED))
    queue: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            queue.put(json.loads(line))
        os._exit(0)

    Thread(target=read, daemon=True).start()
    say({})
    return queue


def say(answer: Mapping[str, Any]) -> None:
    """Give, in a worker, an answer."""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()
