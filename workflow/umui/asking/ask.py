"""Ask a judge for the votes of shards: plan, ask what the journals lack, and write the tables from the journals."""

import asyncio
import signal
import sys
import time
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import pyarrow as pa

from umui.answers.parsing import Parsed, parse
from umui.answers.token_masses import expectation_of
from umui.arguments import Items, Revision, Shards, Workers
from umui.asking.adaptive import enough, first_votes
from umui.asking.client import Client, Reply
from umui.asking.engine import Engine
from umui.asking.journal import Answer, Journal, journal_file
from umui.asking.messages import build, check
from umui.asking.planning import Question, missing_runs, plan
from umui.asking.server import PROGRESS_EVERY_S, Address
from umui.config.judges import Judge
from umui.config.loading import judge_of_parts
from umui.config.models import Media
from umui.evidence.shelf import EvidenceShelf
from umui.files.atomic import write_json
from umui.files.parquet import write_table
from umui.processes.signals import AGAIN
from umui.prompts.rendering import answer_form
from umui.tables import TIMINGS, VOTES

MIN_REQUESTS = 20  # before the share of errors is judged
WATCH_EVERY_S = 0.5


class ServerLost(Exception):
    """Our server ended while it was being asked."""


@dataclass
class Work:
    """What is to be asked and how it goes; `failed` holds, by request digest, what this run could not get."""

    questions: list[Question]
    shelf: EvidenceShelf
    journal: Journal
    settings: Judge
    n_missing: int
    asking_s: float = 0.0
    n_votes: int = 0
    n_requests: int = 0
    n_failed: int = 0
    failed: dict[str, Answer] = field(default_factory=dict)
    called_for: dict[str, int] = field(default_factory=dict)  # by item: so many of its first votes, until now

    @property
    def answers(self) -> ChainMap[str, Answer]:
        """What has come, by request digest."""
        return ChainMap(self.journal.answers, self.failed)

    def open_questions(self) -> Iterator[Question]:
        """Yield the questions that still lack votes."""
        return (question for question in self.questions if self.next_request(question) is not None)

    def next_request(self, question: Question) -> range | None:
        """Return the votes that the question's next request brings, or None when it has enough.

        With adaptive votes more are called for as long as the first ones, in the order of their numbers, do not say
        enough; so the votes that count follow from the answers alone, however often the asking was stopped.
        """
        if not question.answerable:
            return None
        sampling, answers = self.settings.sampling, self.answers
        singly = sampling.temperature == 0  # a greedy request has one answer
        while True:
            due = self.called_for.setdefault(question.item_id, first_votes(sampling))
            lacking = next(missing_runs(question, due, answers, singly=singly), None)
            if lacking is not None or due == sampling.votes:
                return lacking
            assert sampling.adaptive is not None
            said = (_said(answers[digest], self.settings).probability for digest in question.digests[:due])
            if enough([probability for probability in said if probability is not None], sampling.adaptive):
                return None
            self.called_for[question.item_id] = min(due + sampling.adaptive.step, sampling.votes)

    def record(self, answers: list[Answer]) -> None:
        """Keep what a request brought.

        Raises ConnectionError when too many requests have failed.
        """
        self.journal.append(answers)
        self.n_requests += 1
        self.n_votes += len(answers)
        if answers[0].error is not None:
            self.n_failed += 1
            self.failed.update((answer.request_digest, answer) for answer in answers)
            if self.n_requests >= MIN_REQUESTS:
                self.judge_errors(answers[0].error)

    def judge_errors(self, last: str) -> None:
        """Raise ConnectionError when the share of failed requests is above the limit."""
        limit = self.settings.client.max_error_share
        if self.n_failed > limit * self.n_requests:
            raise ConnectionError(
                f"{self.n_failed} of {self.n_requests} requests failed, more than client.max_error_share: {limit:g}; "
                f"the last error: {last[:500]}; "
                f"all votes are kept in {self.journal.path}, and a rerun asks for the rest"
            )

    def progress(self) -> str:
        """Return one line on how far the work is."""
        rate = self.n_votes / self.asking_s if self.asking_s else 0.0
        most = "at most " if self.settings.sampling.adaptive else ""
        left = f"{most or 'about '}{(self.n_missing - self.n_votes) / rate / 60:.1f} min left" if rate else "waiting"
        return f"votes: {self.n_votes}/{most}{self.n_missing}, {rate:.1f}/s, {left}, {self.n_failed} failed requests"


def ask_shards(
    settings: Annotated[Mapping[str, Any], "a judge's section of the configuration as JSON, but for its circumstances"],
    circumstances: Annotated[Mapping[str, Any], "its fields that no answer depends on, as JSON"],
    judge: Annotated[str, "its name in the configuration"],
    model: Annotated[str, "the model's directory or hub name"],
    revision: Revision,
    media_settings: Media,
    items: Items,
    chosen: Annotated[Sequence[int], "which shards, counted from 0"],
    shards: Shards,
    evidence: Annotated[Sequence[Path], "the chosen shards' evidence tables, in the same order"],
    journal: Annotated[Path, "directory where votes are kept as they arrive"],
    votes: Annotated[Path, "votes table, written"],
    timings: Annotated[Path, "timings table, written"],
    usage: Annotated[Path, "the server's counts of tokens as JSON, written; null where no server of ours was asked"],
    server_log: Annotated[Path, "the server's own output, written"],
    gpus: Annotated[int, "of the job: copies of the model are spread over them"] = 0,
    workers: Workers = 1,
) -> None:
    """Ask a teacher or a baseline for the votes of some shards.

    Asked for is what their journals lack.  The tables are written from the journals when all has been asked; killed
    before, a rerun asks for the rest.  A shard's journal does not depend on which other shards are chosen, so that jobs
    may share the shards otherwise and ask for nothing again.  Items whose evidence is missing get votes with the status
    no_evidence; requests that fail for good get the status error, are not kept as answers, and are asked again by a
    rerun.  Raises ValueError for a wrong model, prompt or setting, or when another job writes a journal;
    ConnectionError when the server cannot be started or reached, dies too often, or fails too many requests.
    """
    asked = judge_of_parts(settings, circumstances)
    server_log.parent.mkdir(parents=True, exist_ok=True)
    server_log.touch()
    answered: list[tuple[pa.Table, pa.Table]] = []
    with Engine(asked, judge, model, revision, media_settings, gpus, workers, server_log) as engine:
        for shard, table in zip(chosen, evidence, strict=True):
            shelf = EvidenceShelf(table)
            questions = plan(asked, model, revision, media_settings, items, shard, shards, shelf)
            kept = journal_file(journal, shard, shards)
            answered.append(_ask_shard(asked, judge, questions, shelf, kept, engine))
        used = engine.usage()
    rows, times = (pa.concat_tables(tables) for tables in zip(*answered, strict=True))
    write_json(usage, {"judge": judge, "counts": used})
    write_table(timings, TIMINGS, times)
    write_table(votes, VOTES, rows)
    counts = Counter(rows["parse_status"].to_pylist()).most_common()
    _say(f"{judge}: " + ", ".join(f"{n} {status}" for status, n in counts))


def _ask_shard(
    settings: Judge, judge: str, questions: list[Question], shelf: EvidenceShelf, journal: Path, engine: Engine
) -> tuple[pa.Table, pa.Table]:
    """Return a shard's votes and timings, when all has been asked that its journal lacks."""
    wanted = {digest for question in questions if question.answerable for digest in question.digests}
    with Journal(journal, wanted) as book:
        work = Work(questions, shelf, book, settings, len(wanted) - len(book.answers))
        _say(
            f"{judge}: {len(questions)} items, {sum(not question.answerable for question in questions)} without "
            f"evidence; {len(book.answers)} votes found in {book.path}, "
            f"{work.n_missing} are asked now{' at most' * (settings.sampling.adaptive is not None)}"
        )
        if next(work.open_questions(), None) is not None:
            with _stopping():
                _ask(work, engine)
            _say(work.progress())
        if work.failed:
            work.judge_errors(str(next(reversed(work.failed.values())).error))
    rows = [_row(question, vote, judge, work) for question in questions for vote in range(settings.sampling.votes)]
    counts = ((question, work.called_for.get(question.item_id, 0)) for question in questions)
    called_for = (digest for question, count in counts for digest in question.digests[:count])
    times = [_timing(work.answers[digest]) for digest in called_for]
    return pa.Table.from_pylist(rows, VOTES.schema), pa.Table.from_pylist(times, TIMINGS.schema)


def _ask(work: Work, engine: Engine) -> None:
    """Ask until all is answered, of a server that is started again when it dies."""
    while True:
        with suppress(ServerLost):
            return asyncio.run(_ask_all(work, engine.address()))


async def _ask_all(work: Work, address: Address) -> None:
    """Ask with a pool of workers that draw from one iterator, so that only requests under way are in memory."""
    questions = work.open_questions()
    async with Client(address, work.settings) as client:
        await client.check_model()
        workers = [
            asyncio.ensure_future(_worker(work, questions, client, address))
            for _ in range(work.settings.client.concurrency)
        ]
        try:
            await _watch(work, address, set(workers))
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _watch(work: Work, address: Address, under_way: set[asyncio.Future[None]]) -> None:
    """Wait for the workers, tell how far they are, and raise what stops one of them, or ServerLost."""
    last = told = time.monotonic()
    while under_way:
        done, under_way = await asyncio.wait(under_way, timeout=WATCH_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
        for worker in done:
            worker.result()
        if under_way and not address.alive():
            raise ServerLost
        now = time.monotonic()
        work.asking_s += now - last
        last = now
        if now - told >= PROGRESS_EVERY_S:
            told = now
            _say(work.progress())


async def _worker(work: Work, questions: Iterator[Question], client: Client, address: Address) -> None:
    for question in questions:
        evidence = work.shelf.take(question.media_id, question.modality)
        messages = build(question.modality, question.words, evidence)
        try:
            check(messages, question.modality, question.hypothesis, question.premise_text, len(evidence.frames))
        except ValueError as error:
            raise ValueError(f"item {question.item_id}: {error}") from None
        while (votes := work.next_request(question)) is not None:
            asked_at_s, began = time.time(), time.monotonic()
            reply = await client.ask(messages, len(votes), question.seed + votes[0])
            if reply.error is not None and not address.alive():
                raise ServerLost
            work.record(_answers(question, votes, reply, asked_at_s, time.monotonic() - began))


def _answers(question: Question, votes: range, reply: Reply, asked_at_s: float, latency_s: float) -> list[Answer]:
    answers = [Answer(question.digests[vote], question.item_id, vote, asked_at_s, latency_s) for vote in votes]
    if reply.error is not None:
        return [replace(answer, error=reply.error) for answer in answers]
    return [
        replace(
            answer,
            text=choice.text,
            reasoning=choice.reasoning,
            finish_reason=choice.finish_reason,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=choice.tokens,
        )
        for answer, choice in zip(answers, reply.choices, strict=True)
    ]


def _row(question: Question, vote: int, judge: str, work: Work) -> dict[str, Any]:
    """Return a row of the votes table; what an answer says is parsed here, so that a better parser needs no asking."""
    row: dict[str, Any] = {
        "item_id": question.item_id,
        "teacher": judge,
        "vote": vote,
        "seed": question.seed + vote,
        "text": "",
        "probability": None,
        "parse_status": "no_evidence",
        "prompt_digest": question.prompt_digest,
        "evidence_digest": question.evidence_digest,
        "request_digest": question.digests[vote],
    }
    if not question.answerable:
        return row
    if vote >= work.called_for[question.item_id]:
        return {**row, "parse_status": "not_asked"}
    answer = work.answers[question.digests[vote]]
    said = _said(answer, work.settings)
    return {
        **row,
        "text": answer.text if answer.error is None else answer.error,
        "reasoning": answer.reasoning,
        "probability": said.probability,
        "parse_status": said.status,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
    }


def _said(answer: Answer, settings: Judge) -> Parsed:
    if answer.error is not None:
        return Parsed(None, "error")
    if settings.read is not None:
        return expectation_of(answer.text, settings.read)
    return parse(answer.text, answer_form(settings.prompt), answer.finish_reason)


def _timing(answer: Answer) -> dict[str, Any]:
    return {
        "item_id": answer.item_id,
        "vote": answer.vote,
        "asked_at_s": answer.asked_at_s,
        "latency_s": answer.latency_s,
    }


@contextmanager
def _stopping() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into an orderly end: the server is stopped, and the votes so far are kept."""

    def stop(number: int, frame: FrameType | None) -> None:
        _say(f"stopped by {signal.Signals(number).name}; the votes so far are kept, and a rerun asks for the rest")
        raise SystemExit(AGAIN if number == signal.SIGTERM else 128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
