"""Ask a judge for the votes of shards: plan, ask what the journals lack, and write the tables from the journals."""

import asyncio
import io
import math
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import pyarrow as pa
from PIL import Image

from umui.arguments import Items, Revision, Shards, Workers
from umui.asking.budget import Budget, judge_refusals
from umui.asking.client import Client, Reply
from umui.asking.engine import Engine
from umui.asking.journal import Answer, Journal, journal_file
from umui.asking.messages import build, check
from umui.asking.planning import Question, plan
from umui.asking.rows import timing_row, vote_row
from umui.asking.server import PROGRESS_EVERY_S, Address
from umui.asking.thinking import thinks
from umui.config.judges import Judge
from umui.config.loading import judge_of_parts
from umui.config.models import Media
from umui.evidence.shelf import EvidenceShelf
from umui.files.atomic import write_json
from umui.files.parquet import write_table
from umui.processes.say import say
from umui.processes.signals import AGAIN
from umui.tables import TIMINGS, VOTES

WATCH_EVERY_S = 0.5
NAMED_ITEMS, NAMED_CHARACTERS = 5, 300  # of refused items, told of one by one
PIXELS_A_TOKEN = 2 * 32 * 32  # at most, of two frames: server.flags rests on the same


class ServerLost(Exception):
    """Our server ended while it was being asked."""


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
    no_evidence; requests that fail for good, and those that the server refuses for what they are, such as for their
    length, get the status error, are not kept as answers, and are asked again by a rerun.  Raises ValueError for a
    wrong model, prompt or setting, or when another job writes a journal; ConnectionError when the server cannot be
    started or reached, dies too often, refuses everything, or fails too many requests.
    """
    asked = judge_of_parts(settings, circumstances)
    server_log.parent.mkdir(parents=True, exist_ok=True)
    server_log.touch()
    answered: list[tuple[pa.Table, pa.Table]] = []
    budgets: list[Budget] = []
    thinking = thinks(asked, model)
    with Engine(asked, judge, model, revision, media_settings, gpus, workers, server_log) as engine:
        for shard, table in zip(chosen, evidence, strict=True):
            shelf = EvidenceShelf(table)
            questions = plan(asked, model, revision, media_settings, items, shard, shards, shelf)
            kept = journal_file(journal, shard, shards)
            answered.append(_ask_shard(asked, judge, questions, shelf, kept, engine, thinking, budgets))
        used = engine.usage()
    judge_refusals(budgets)
    rows, times = (pa.concat_tables(tables) for tables in zip(*answered, strict=True))
    write_json(usage, {"judge": judge, "counts": used})
    write_table(timings, TIMINGS, times)
    write_table(votes, VOTES, rows)
    counts = Counter(rows["parse_status"].to_pylist()).most_common()
    say(f"{judge}: " + ", ".join(f"{n} {status}" for status, n in counts))


def _ask_shard(
    settings: Judge,
    judge: str,
    questions: list[Question],
    shelf: EvidenceShelf,
    journal: Path,
    engine: Engine,
    thinking: bool,
    budgets: list[Budget],
) -> tuple[pa.Table, pa.Table]:
    """Return a shard's votes and timings, when all has been asked that its journal lacks; add to `budgets`."""
    wanted = {digest for question in questions if question.answerable for digest in question.digests}
    with Journal(journal, wanted) as book:
        before = any(earlier.journal.answers for earlier in budgets)
        budget = Budget(questions, shelf, book, settings, len(wanted) - len(book.answers), thinking, before)
        budgets.append(budget)
        say(
            f"{judge}: {len(questions)} items, {sum(not question.answerable for question in questions)} without "
            f"evidence; {len(book.answers)} votes found in {book.path}, "
            f"{budget.n_missing} are asked now{' at most' * (settings.sampling.adaptive is not None)}"
        )
        if next(budget.open_questions(), None) is not None:
            with _stopping():
                _ask(budget, engine)
            say(budget.progress())
        if budget.failed:
            budget.judge_errors(str(next(reversed(budget.failed.values())).error))
        for item_id, error in list(budget.refused.items())[:NAMED_ITEMS]:
            say(f"{judge}: {item_id} gets no votes: {error[:NAMED_CHARACTERS]}")
        if len(budget.refused) > NAMED_ITEMS:
            say(f"{judge}: {len(budget.refused)} items get no votes; the votes table says why")
    rows = [
        vote_row(question, vote, judge, budget) for question in questions for vote in range(settings.sampling.votes)
    ]
    counts = ((question, budget.called_for.get(question.item_id, 0)) for question in questions)
    called_for = (digest for question, count in counts for digest in question.digests[:count])
    times = [timing_row(budget.answers[digest]) for digest in called_for]
    return pa.Table.from_pylist(rows, VOTES.schema), pa.Table.from_pylist(times, TIMINGS.schema)


def _ask(budget: Budget, engine: Engine) -> None:
    """Ask until all is answered, of a server that is started again when it dies."""
    while True:
        with suppress(ServerLost):
            return asyncio.run(_ask_all(budget, engine.address()))


async def _ask_all(budget: Budget, address: Address) -> None:
    """Ask with a pool of workers that draw from one iterator, so that only requests under way are in memory."""
    questions = budget.open_questions()
    async with Client(address, budget.settings) as client:
        await client.check_model()
        workers = [
            asyncio.ensure_future(_worker(budget, questions, client, address))
            for _ in range(budget.settings.client.concurrency)
        ]
        try:
            await _watch(budget, address, set(workers))
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _watch(budget: Budget, address: Address, under_way: set[asyncio.Future[None]]) -> None:
    """Wait for the workers, tell how far they are, and raise what stops one of them, or ServerLost."""
    last = told = time.monotonic()
    while under_way:
        done, under_way = await asyncio.wait(under_way, timeout=WATCH_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
        for worker in done:
            worker.result()
        if under_way and not address.alive():
            raise ServerLost
        now = time.monotonic()
        budget.asking_s += now - last
        last = now
        if now - told >= PROGRESS_EVERY_S:
            told = now
            say(budget.progress())


async def _worker(budget: Budget, questions: Iterator[Question], client: Client, address: Address) -> None:
    for question in questions:
        evidence = budget.shelf.take(question.media_id, question.modality)
        messages = build(question.modality, question.words, evidence)
        try:
            check(messages, question.modality, question.hypothesis, question.premise_text, len(evidence.frames))
        except ValueError as error:
            raise ValueError(f"item {question.item_id}: {error}") from None
        too_long = too_many_frames(evidence.frames, budget.settings) if address.ours else None
        while (votes := budget.next_request(question)) is not None:
            asked_at_s, began = time.time(), time.monotonic()
            if too_long is not None:
                budget.leave_out(_answers(question, votes, Reply([], None, too_long), asked_at_s, 0.0))
                continue
            reply = await client.ask(messages, len(votes), question.seed + votes[0])
            if reply.error is not None and not address.alive():
                raise ServerLost
            answers = _answers(question, votes, reply, asked_at_s, time.monotonic() - began)
            budget.record(answers, refused=reply.refused)


def too_many_frames(frames: Sequence[bytes], settings: Judge) -> str | None:
    """Return why a server of ours cannot be asked about so many frames; None where it may be."""
    if not frames:
        return None
    pixels = math.prod(_size(frames[0])) * len(frames)
    tokens, limit = pixels // PIXELS_A_TOKEN, settings.server.max_model_len
    if tokens < limit:
        return None
    return (
        f"too long: {len(frames)} frames are at least {tokens} tokens, and server.max_model_len is {limit}; "
        "cut the clip, lower media.frame_rate_hz, or raise the limit"
    )


def _size(jpeg: bytes) -> tuple[int, int]:
    """Return the width and the height of a picture, which the extraction made."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.size


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


@contextmanager
def _stopping() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into an orderly end: the server is stopped, and the votes so far are kept."""

    def stop(number: int, frame: FrameType | None) -> None:
        say(f"stopped by {signal.Signals(number).name}; the votes so far are kept, and a rerun asks for the rest")
        raise SystemExit(AGAIN if number == signal.SIGTERM else 128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
