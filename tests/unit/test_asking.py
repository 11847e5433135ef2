"""Asking for votes: none is lost, none is asked twice, and what went wrong is told."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from chat_server import ChatServer, chat_server, said
from rows import item

from umui.artifacts import digest_file, read_rows, shard_of, write_table
from umui.config import Judge, Media
from umui.stopping import AGAIN
from umui.tables import EVIDENCE, ITEMS, TIMINGS, VOTES
from umui.teacher import engine
from umui.teacher.asking import ask_shards
from umui.teacher.planning import item_seeds
from umui.teacher.server import Address
from umui.teacher.stopping import confidence_interval

pytest.importorskip("openai")
CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
MEDIA = Media.model_validate(CONFIG["media"])
N_ITEMS = 24


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Write 24 text items of 6 premises."""
    items = [item(f"urn/test/text/{n // 4}#{n % 4}", hypothesis=f"Ball {n % 4} is red.") for n in range(N_ITEMS)]
    write_table(tmp_path / "items.parquet", ITEMS, items)
    write_table(tmp_path / "evidence.parquet", EVIDENCE, [])
    return tmp_path


def judge(url: str | None, *, client: dict[str, Any] | None = None, **sampling: Any) -> Judge:
    settings = CONFIG["teachers"]["tiny-teacher"]
    endpoint = None if url is None else {"url": url, "model": "judge", "key_variable": None}
    return Judge.model_validate(
        settings
        | {"splits": ["test"], "endpoint": endpoint, "sampling": settings["sampling"] | sampling}
        | {"client": settings["client"] | {"concurrency": 4, "retries": 1} | (client or {})}
    )


def ask(
    settings: Judge, world: Path, out: str = "out", chosen: Sequence[int] = (0,), shards: int = 1
) -> list[dict[str, Any]]:
    directory = world / out
    ask_shards(
        settings, "judge", "model", "0" * 40, MEDIA, [world / "items.parquet"], list(chosen), shards,
        [world / "evidence.parquet"] * len(chosen), directory / "journal", directory / "votes.parquet",
        directory / "timings.parquet", directory / "usage.json", directory / "server.log", gpus=0, workers=1,
    )  # fmt: skip
    return read_rows(directory / "votes.parquet", VOTES)


def statuses(votes: list[dict[str, Any]]) -> set[str]:
    return {vote["parse_status"] for vote in votes}


def test_every_item_gets_its_votes_with_what_was_said(server: ChatServer, world: Path) -> None:
    votes = ask(judge(server.url), world)
    assert [(vote["item_id"], vote["vote"]) for vote in votes] == [
        (f"urn/test/text/{n // 4}#{n % 4}", vote) for n in range(N_ITEMS) for vote in range(5)
    ]
    assert all(vote["text"] == said(vote["seed"]) for vote in votes)  # the server gives them in another order
    assert all(vote["probability"] == float(said(vote["seed"])[8:12]) for vote in votes)
    assert len({vote["seed"] for vote in votes}) == len({vote["request_digest"] for vote in votes}) == len(votes)
    assert {(vote["prompt_tokens"], vote["completion_tokens"]) for vote in votes} == {(7, 3)}
    assert len(server.bodies) == N_ITEMS  # the votes of an item come from one request
    assert server.most_under_way <= 4
    assert len(read_rows(world / "out/timings.parquet", TIMINGS)) == len(votes)


def test_hypotheses_of_a_premise_are_asked_side_by_side(server: ChatServer, world: Path) -> None:
    ask(judge(server.url, client={"concurrency": 1}), world)
    claims = [body["messages"][-1]["content"][-1]["text"][-len("Ball 0 is red.") :] for body in server.bodies]
    assert claims == [f"Ball {n % 4} is red." for n in range(N_ITEMS)]


def test_shards_are_apart_and_together_all(server: ChatServer, world: Path) -> None:
    shards = [{vote["item_id"] for vote in ask(judge(server.url), world, f"out{n}", [n], 2)} for n in range(2)]
    assert shards[0].isdisjoint(shards[1])
    assert len(shards[0] | shards[1]) == N_ITEMS
    assert all(shard_of(None, item_id.split("#")[0], 2) == 0 for item_id in shards[0])


def test_jobs_may_share_the_shards_otherwise_and_nothing_is_asked_again(server: ChatServer, world: Path) -> None:
    settings = judge(server.url)
    one_job = ask(settings, world, chosen=range(3), shards=3)
    assert len(one_job) == N_ITEMS * 5
    server.bodies.clear()
    two_jobs = ask(settings, world, chosen=[0, 2], shards=3) + ask(settings, world, chosen=[1], shards=3)
    assert server.bodies == []
    assert sorted(two_jobs, key=lambda vote: (vote["item_id"], vote["vote"])) == one_job


@contextmanager
def servers_of_ours(monkeypatch: pytest.MonkeyPatch, *running: ChatServer) -> Iterator[list[ChatServer]]:
    """Let chat servers stand in, one after the other, for those that a job starts; yields those not yet started."""
    left = list(running)

    @contextmanager
    def serving(*_: object) -> Iterator[Address]:
        started = left.pop(0)
        yield Address(started.url, "key", "judge", ours=True, alive=lambda: not started.dead)

    monkeypatch.setattr(engine, "serving", serving)
    yield left


def test_one_server_answers_for_all_shards_and_none_is_started_for_nothing(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers_of_ours(monkeypatch, server) as left:
        ask(judge(None), world, chosen=range(3), shards=3)
        ask(judge(None), world, chosen=range(3), shards=3)
    assert left == []
    assert len(server.bodies) == N_ITEMS


def test_a_server_that_dies_is_started_again_for_what_is_left(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with chat_server() as dying, servers_of_ours(monkeypatch, dying, server):
        dying.dies_at = 10
        votes = ask(judge(None), world, chosen=range(3), shards=3)
    assert statuses(votes) == {"ok"}
    assert len(votes) == N_ITEMS * 5
    assert N_ITEMS - 10 <= len(server.bodies) <= N_ITEMS - 10 + 4


def test_a_server_that_always_dies_ends_the_job(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.dies_at = 5
    with (
        servers_of_ours(monkeypatch, server, server, server),
        pytest.raises(ConnectionError, match="the server died 2 times"),
    ):
        ask(judge(None, client={"max_restarts": 1}), world)


def test_a_second_run_asks_for_nothing_and_more_votes_only_for_those_missing(server: ChatServer, world: Path) -> None:
    five = ask(judge(server.url), world)
    digest = digest_file(world / "out/votes.parquet")
    server.bodies.clear()
    ask(judge(server.url), world)
    assert server.bodies == []
    assert digest_file(world / "out/votes.parquet") == digest

    ten = ask(judge(server.url, votes=10), world)
    assert [vote for vote in ten if vote["vote"] < 5] == five
    assert server.seeds == sorted(vote["seed"] for vote in ten if vote["vote"] >= 5)
    assert {body["n"] for body in server.bodies} == {5}


ADAPTIVE = {"width": 0.75, "confidence": 0.5, "first": 2, "step": 3}


def test_adaptive_votes_stop_where_the_rule_says_and_need_no_other_votes(server: ChatServer, world: Path) -> None:
    votes = ask(judge(server.url, votes=9, adaptive=ADAPTIVE), world)
    asked_for = set()
    for item_id in sorted({vote["item_id"] for vote in votes}):
        of_item = [vote for vote in votes if vote["item_id"] == item_id]
        said = [vote["probability"] for vote in of_item if vote["parse_status"] == "ok"]
        widths = {n: np.ptp(confidence_interval(said[:n], 0.5)) for n in (2, 5, 8) if n <= len(said)}
        assert [n for n, width in widths.items() if width <= 0.75] == ([len(said)] if len(said) < 9 else [])
        assert [vote["parse_status"] for vote in of_item[len(said) :]] == ["not_asked"] * (9 - len(said))
        asked_for.add(len(said))
    assert {2, 5} <= asked_for
    n_asked = sum(vote["parse_status"] == "ok" for vote in votes)
    assert len(server.seeds) == n_asked == len(read_rows(world / "out/timings.parquet", TIMINGS))


def test_adaptive_votes_are_a_function_of_the_answers_alone(server: ChatServer, world: Path) -> None:
    settings = judge(server.url, votes=9, adaptive=ADAPTIVE)
    ask(settings, world)
    digest = digest_file(world / "out/votes.parquet")
    server.bodies.clear()
    ask(settings, world)
    assert server.bodies == []
    five = ask(judge(server.url), world, "other")
    server.bodies.clear()
    ask(settings, world, "other")  # finds votes in the journal that the rule does not call for
    assert digest_file(world / "other/votes.parquet") == digest
    assert not set(server.seeds) & {vote["seed"] for vote in five}


@pytest.mark.parametrize("change", [{"temperature": 0.5}, {"top_p": 0.9}, {"max_tokens": 99}, {"answer_pattern": "a"}])
def test_another_way_of_sampling_is_asked_anew_and_the_old_votes_stay(
    server: ChatServer, world: Path, change: dict[str, Any]
) -> None:
    first = ask(judge(server.url), world)
    assert ask(judge(server.url, **change), world)[0]["request_digest"] != first[0]["request_digest"]
    assert len(server.bodies) == 2 * N_ITEMS
    assert ask(judge(server.url), world) == first
    assert len(server.bodies) == 2 * N_ITEMS


def test_greedy_answers_are_asked_singly_and_a_pattern_is_passed_on(server: ChatServer, world: Path) -> None:
    ask(judge(server.url, temperature=0, votes=2, answer_pattern="<answer>0</answer>"), world)
    assert {(body["n"], body["temperature"]) for body in server.bodies} == {(1, 0)}
    assert len(server.bodies) == 2 * N_ITEMS
    assert server.bodies[0]["structured_outputs"] == {"regex": "<answer>0</answer>"}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_faults_are_retried(server: ChatServer, world: Path, status: int) -> None:
    server.fault = lambda number, body: (status, "busy") if number <= 3 else None
    assert statuses(ask(judge(server.url), world)) == {"ok"}
    assert len(server.bodies) == N_ITEMS + 3


def test_an_endpoint_that_is_cut_off_midway_ends_the_job_and_a_rerun_asks_for_the_rest(
    server: ChatServer, world: Path
) -> None:
    def cut_off(number: int, body: dict[str, Any]) -> None:
        if number > 10:
            raise ConnectionAbortedError  # the connection closes without an answer

    server.fault = cut_off
    with pytest.raises(ConnectionError, match=r"requests failed.*all votes are kept in .*a rerun asks for the rest"):
        ask(judge(server.url), world)
    assert len(server.bodies) > 10, "it was tried again"
    answered = sorted(seed + child for seed in [body["seed"] for body in server.bodies[:10]] for child in range(5))
    server.fault = lambda number, body: None
    server.bodies.clear()
    assert statuses(votes := ask(judge(server.url), world)) == {"ok"}
    assert sorted(answered + server.seeds) == sorted(vote["seed"] for vote in votes)


def test_a_refused_request_becomes_error_rows_and_is_asked_again_by_the_next_run(
    server: ChatServer, world: Path
) -> None:
    def fault(number: int, body: dict[str, Any]) -> tuple[int, str] | None:
        text = body["messages"][-1]["content"][-1]["text"]
        return (400, "too long for me") if text.endswith("Ball 3 is red.") else None

    server.fault = fault
    settings = judge(server.url, client={"max_error_share": 0.3})
    votes = ask(settings, world)
    failed = [vote for vote in votes if vote["parse_status"] == "error"]
    assert {vote["item_id"][-1] for vote in failed} == {"3"}
    assert len(failed) == 6 * 5
    assert all("too long for me" in vote["text"] and vote["probability"] is None for vote in failed)
    assert len(server.bodies) == N_ITEMS  # a 400 is not retried

    server.fault = lambda number, body: None
    assert statuses(ask(settings, world)) == {"ok"}
    assert len(server.bodies) == N_ITEMS + 6


def test_too_many_errors_stop_the_run_and_keep_the_votes(server: ChatServer, world: Path) -> None:
    server.fault = lambda number, body: (400, "out of order") if number > 15 else None
    with pytest.raises(ConnectionError, match=r"requests failed, more than client\.max_error_share.*out of order"):
        ask(judge(server.url), world)
    assert not (world / "out/votes.parquet").exists()
    server.fault = lambda number, body: None
    server.bodies.clear()
    assert statuses(ask(judge(server.url), world)) == {"ok"}
    assert len(server.bodies) == N_ITEMS - 15


def test_a_few_requests_that_all_fail_are_too_many_errors(server: ChatServer, world: Path) -> None:
    write_table(world / "items.parquet", ITEMS, [item("urn/test/text/0#0")])
    server.fault = lambda number, body: (400, "no")
    with pytest.raises(ConnectionError, match="1 of 1 requests failed"):
        ask(judge(server.url), world)


def test_an_endpoint_that_is_not_there(world: Path) -> None:
    with pytest.raises(ConnectionError, match=r"http://127\.0\.0\.1:9/v1: the server cannot be reached.*endpoint\.url"):
        ask(judge("http://127.0.0.1:9/v1"), world)


def test_an_endpoint_with_a_wrong_path(server: ChatServer, world: Path) -> None:
    with pytest.raises(ConnectionError, match=r"404.*usually ends in /v1"):
        ask(judge(server.url.removesuffix("/v1")), world)


def test_an_endpoint_that_serves_another_model(server: ChatServer, world: Path) -> None:
    server.model = "stranger"
    with pytest.raises(ValueError, match=r"wanted the model 'judge', found 'stranger'"):
        ask(judge(server.url), world)
    assert server.bodies == []


def test_a_server_that_ignores_the_number_of_answers(server: ChatServer, world: Path) -> None:
    server.honours_n = False
    with pytest.raises(ValueError, match="asked for 5 answers and got 1"):
        ask(judge(server.url), world)


def test_tokens_that_the_server_does_not_count_are_null(server: ChatServer, world: Path) -> None:
    server.counts_tokens = False
    assert {vote["completion_tokens"] for vote in ask(judge(server.url), world)} == {None}


def test_missing_evidence_is_a_row_and_not_a_request(server: ChatServer, world: Path) -> None:
    evidence = {"frame_time_s": [0.0], "settings_digest": "0", "evidence_digest": "proof"}
    write_table(
        world / "evidence.parquet",
        EVIDENCE,
        [
            {"media_id": "silent", "frames": [b"\xff\xd8"], "audio": None, **evidence},
            {"media_id": "whole", "frames": [b"\xff\xd8"], "audio": b"fLaC", **evidence},
        ],
    )
    cases = [
        ("silent", "video", True), ("silent", "audio", False), ("silent", "audiovisual", False),
        ("whole", "audiovisual", True), ("gone", "video", False), (None, "text", False),
    ]  # fmt: skip
    write_table(
        world / "items.parquet",
        ITEMS,
        [
            item(f"p{n}#0", media_id=media_id, media_path=media_id, modality=modality, premise_text=None)
            for n, (media_id, modality, _) in enumerate(cases)
        ],
    )
    votes = ask(judge(server.url, votes=1), world)
    assert [vote["parse_status"] for vote in votes] == ["ok" if there else "no_evidence" for *_, there in cases]
    assert [vote["evidence_digest"] for vote in votes] == ["proof" if there else None for *_, there in cases]
    assert len(server.bodies) == 2


def test_other_evidence_is_asked_about_anew(server: ChatServer, world: Path) -> None:
    def ask_with(digest: str) -> list[str]:
        row = {
            "media_id": "clip",
            "frames": [b"\xff\xd8"],
            "frame_time_s": [0.0],
            "audio": None,
            "settings_digest": "0",
        }
        write_table(world / "evidence.parquet", EVIDENCE, [row | {"evidence_digest": digest}])
        return [vote["request_digest"] for vote in ask(judge(server.url, votes=1), world)]

    shown = item("p1#0", media_id="clip", media_path="clip", modality="video", premise_text=None)
    write_table(world / "items.parquet", ITEMS, [item("p0#0"), shown])
    text, video = ask_with("before")
    text_again, video_again = ask_with("after")
    assert text_again == text
    assert video_again != video
    assert len(server.bodies) == 3


def test_the_key_comes_from_the_named_variable(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = judge(server.url)
    assert settings.endpoint is not None
    endpoint = settings.endpoint.model_copy(update={"key_variable": "JUDGE_KEY"})
    settings = settings.model_copy(update={"endpoint": endpoint})
    with pytest.raises(ValueError, match="JUDGE_KEY is not set"):
        ask(settings, world)
    monkeypatch.setenv("JUDGE_KEY", "s3cret")
    ask(settings, world)
    assert server.keys == {"Bearer s3cret"}


def run_apart(settings: Judge, world: Path) -> subprocess.Popen[str]:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import pathlib, test_asking as t;"
        "t.ask(t.Judge.model_validate_json(sys.argv[2]), pathlib.Path(sys.argv[3]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(Path(__file__).parent), settings.model_dump_json(), str(world)],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(2400):
        if true():
            return
        time.sleep(0.05)
    raise TimeoutError


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_that_is_killed_loses_only_what_was_under_way(server: ChatServer, world: Path, number: int) -> None:
    settings = judge(server.url)
    reference = ask(settings, world, "reference")
    server.bodies.clear()
    server.delay_s = 0.2
    job = run_apart(settings, world)
    wait_until(lambda: len(server.bodies) >= 10)
    job.send_signal(number)
    errors = job.communicate()[1]
    assert job.returncode == (-number if number == signal.SIGKILL else AGAIN), errors
    assert not (world / "out/votes.parquet").exists()

    kept = (world / "out/journal/0/0000-of-0001.jsonl").read_text().splitlines()
    assert len(kept) >= 5 * (10 - 4)  # at most 4 requests are under way
    server.delay_s = 0.0
    server.bodies.clear()
    assert ask(settings, world) == reference
    assert len(server.bodies) == N_ITEMS - len(kept) // 5
    assert digest_file(world / "out/votes.parquet") == digest_file(world / "reference/votes.parquet")


def test_two_jobs_never_write_one_journal(server: ChatServer, world: Path) -> None:
    server.delay_s = 0.2
    job = run_apart(judge(server.url), world)
    wait_until(lambda: len(server.bodies) >= 1)
    with pytest.raises(ValueError, match="another job is writing this journal"):
        ask(judge(server.url), world)
    errors = job.communicate()[1]
    assert job.returncode == 0, errors


def test_votes_of_two_items_never_share_a_seed_even_in_its_low_bits() -> None:
    names = [f"item-{n}" for n in range(100_000)]  # among so many, about 75 pairs hash to one place
    seeds = item_seeds(names, 0)
    assert len(set(seeds.values())) == len(names)
    assert all(0 <= seed < 2**32 and seed % 64 == 0 for seed in seeds.values())
    more = item_seeds([*names, "item-one-more"], 0)
    assert sum(more[name] != seed for name, seed in seeds.items()) <= 1
    assert item_seeds(names[:10], 1) != {name: seeds[name] for name in names[:10]}


def test_a_local_model_is_known_by_its_files(server: ChatServer, world: Path) -> None:
    settings = judge(server.url)
    model = world / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"hidden_size": 8}))
    (model / "model.safetensors").write_bytes(b"weights")

    def digest() -> str:
        ask_shards(
            settings, "judge", str(model), None, MEDIA, [world / "items.parquet"], [0], 1, [world / "evidence.parquet"],
            world / "journal", world / "votes.parquet", world / "timings.parquet", world / "usage.json",
            world / "server.log", gpus=0, workers=1,
        )  # fmt: skip
        return str(read_rows(world / "votes.parquet", VOTES)[0]["request_digest"])

    before = digest()
    (model / "training-log.txt").write_text("12 s")
    assert digest() == before
    (model / "model.safetensors").write_bytes(b"weights!")
    assert digest() != before
