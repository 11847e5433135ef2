"""Keep each answer as it arrives: a file of JSON lines, one an answer, that survives the job being killed.

What was said is kept as it came; parsing and aggregation happen afterwards, so that changing them asks for nothing.
Answers are found by the digest of their full request.  Those of other requests, such as of an earlier temperature, stay
in the file and are not used.
"""

import fcntl
import json
import os
import sys
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


@dataclass(frozen=True)
class Answer:
    """One answer, or (where `error` is not None) why there is none; `text` is without the reasoning."""

    request_digest: str
    item_id: str
    vote: int
    asked_at_s: float
    latency_s: float
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None


def journal_file(directory: Path, shard: int, shards: int) -> Path:
    """Return where the answers of one shard are kept."""
    return directory / str(shard) / f"{shard:04d}-of-{shards:04d}.jsonl"


def kept_digests(path: Path) -> set[str]:
    """Return the request digests of the answers that a journal has, without taking hold of it."""
    if not path.is_file():
        return set()
    whole = (json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n"))
    return {answer["request_digest"] for answer in whole if answer["error"] is None}


class Journal:
    """A journal file that this process alone writes, as a context manager; `answers` are those without an error.

    Opening it cuts off a torn last line, the trace of a kill in the middle of a write.
    Raises ValueError when another process holds the file, or when a whole line is not an answer.
    """

    def __init__(self, path: Path, wanted: Container[str]) -> None:
        """Open `path`, made when missing; only the answers whose request digests are `wanted` are held in memory."""
        self.path = path
        self.answers: dict[str, Answer] = {}
        self.n_other = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("a+b")
        try:
            self._lock()
            self._read(wanted)
        except ValueError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, answers: Sequence[Answer]) -> None:
        """Write the answers of one request in one go, and return when they are on the disk."""
        lines = b"".join(json.dumps(asdict(answer), ensure_ascii=False).encode() + b"\n" for answer in answers)
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.answers.update((answer.request_digest, answer) for answer in answers if answer.error is None)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{self.path}: another job is writing this journal; wait for it to end, or stop it, then run again"
            ) from None

    def _read(self, wanted: Container[str]) -> None:
        self._file.seek(0)
        end = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                print(f"{self.path}: cut off a torn last line of {len(line)} bytes", file=sys.stderr, flush=True)
                self._file.truncate(end)
                break
            end += len(line)
            self._take(line, number, wanted)

    def _take(self, line: bytes, number: int, wanted: Container[str]) -> None:
        try:
            answer = Answer(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.path}: line {number} is not an answer ({error}); remove the line, and its answer is asked again"
            ) from error
        if answer.request_digest not in wanted:
            self.n_other += 1
        elif answer.error is None:
            self.answers[answer.request_digest] = answer
