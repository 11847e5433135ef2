"""Keep each answer as it arrives: a file of JSON lines, one an answer, that survives the job being killed.

What was said is kept as it came; parsing and aggregation happen afterwards, so that changing them asks for nothing.
Answers are found by the digest of their full request.  Those of other requests, such as of an earlier temperature, stay
in the file and are not used.
"""

import fcntl
import json
import os
from collections.abc import Container, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from umui.asking.replies import TokenCount
from umui.processes.say import say

NAMED_LINES = 5  # damaged ones that are told of one by one
_Seconds = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Answer:
    """One answer, or (where `error` is not None) why there is none; `text` is without the reasoning."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    request_digest: str
    item_id: str
    vote: TokenCount
    asked_at_s: _Seconds
    latency_s: _Seconds
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    prompt_tokens: TokenCount | None = None
    completion_tokens: TokenCount | None = None
    error: str | None = None


_ANSWER = TypeAdapter(Answer)


def answer_of(line: bytes) -> Answer:
    """Read a line of a journal.  Raises ValueError in words when it is no whole answer with values of their types."""
    if not line.endswith(b"\n"):
        raise ValueError("it does not end")
    try:
        return _ANSWER.validate_json(line)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise ValueError(": ".join([*map(str, fault["loc"]), fault["msg"]])) from None


def journal_file(directory: Path, shard: int, shards: int) -> Path:
    """Return where the answers of one shard are kept."""
    return directory / str(shard) / f"{shard:04d}-of-{shards:04d}.jsonl"


def kept_digests(path: Path) -> set[str]:
    """Return the request digests of the answers that a journal has, without taking hold of it."""
    if not path.is_file():
        return set()
    digests = set()
    for line in path.read_bytes().splitlines(keepends=True):
        with suppress(ValueError):
            answer = answer_of(line)
            digests |= {answer.request_digest} if answer.error is None else set()
    return digests


class Journal:
    """A journal file that this process alone writes, as a context manager; `answers` are those without an error.

    Opening it cuts off a damaged last line, the trace of a kill or a lost machine in the middle of a write.  A line
    before the last that is not an answer stays, is told of, and counts for nothing, so that its answer is asked again.
    Raises ValueError when another process holds the file.
    """

    def __init__(self, path: Path, wanted: Container[str]) -> None:
        """Open `path`, made when missing; only the answers whose request digests are `wanted` are held in memory."""
        self.path = path
        self.answers: dict[str, Answer] = {}
        self.n_other = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: FileIO = path.open("a+b", buffering=0)
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
        """Write the answers of one request in one go, and return when they are on the disk.

        Raises OSError when they cannot be written, as on a full disk; the file then is as it was.
        """
        lines = b"".join(json.dumps(asdict(answer), ensure_ascii=False).encode() + b"\n" for answer in answers)
        end = self._file.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(lines):
                written += self._file.write(lines[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
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
        lines = self._file.readall().splitlines(keepends=True)
        end, damaged = 0, 0
        for number, line in enumerate(lines, start=1):
            try:
                self._take(answer_of(line), wanted)
            except ValueError as error:
                if number == len(lines):
                    say(f"{self.path}: cut off a torn last line of {len(line)} bytes")
                    self._file.truncate(end)
                    break
                damaged += 1
                if damaged <= NAMED_LINES:
                    say(f"{self.path}: line {number} is not an answer ({error}); what it answered is asked again")
            end += len(line)
        if damaged > NAMED_LINES:
            say(f"{self.path}: {damaged} lines are not answers; what they answered is asked again")

    def _take(self, answer: Answer, wanted: Container[str]) -> None:
        if answer.request_digest not in wanted:
            self.n_other += 1
        elif answer.error is None:
            self.answers[answer.request_digest] = answer
