"""What goes wrong while votes are asked for: none is lost, and it is told."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asking_world import N_ITEMS, ask, judge, statuses
from chat_server import ChatServer, chat_server
from PIL import Image
from rows import item

from umui.asking import ask as ask_module
from umui.asking import engine
from umui.asking.ask import too_many_frames
from umui.asking.server import Address
from umui.config.judges import Judge
from umui.files.digests import digest_file
from umui.files.parquet import write_table
from umui.processes.signals import AGAIN
from umui.tables import ITEMS


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


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_becomes_error_rows_and_is_asked_again_by_the_next_run(
    server: ChatServer, world: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(number: int, body: dict[str, Any]) -> tuple[int, str] | None:
        text = body["messages"][-1]["content"][-1]["text"]
        return (status, "not for me") if text.endswith("Ball 3 is red.") else None

    server.fault = fault
    settings = judge(server.url)
    votes = ask(settings, world)
    failed = [vote for vote in votes if vote["parse_status"] == "error"]
    assert {vote["item_id"][-1] for vote in failed} == {"3"}
    assert len(failed) == 6 * 5
    assert all("not for me" in vote["text"] and vote["probability"] is None for vote in failed)
    assert len(server.bodies) == N_ITEMS  # a refusal is not retried
    assert "urn/test/text/0#3 gets no votes" in capsys.readouterr().err

    assert ask(settings, world) == votes  # asks for the same six, and ends as well
    assert len(server.bodies) == N_ITEMS + 6
    server.fault = lambda number, body: None
    assert statuses(ask(settings, world)) == {"ok"}


def test_one_text_that_is_too_long_does_not_stop_a_job_of_its_own(server: ChatServer, world: Path) -> None:
    write_table(world / "items.parquet", ITEMS, [item("urn/test/text/0#0")])
    server.fault = lambda number, body: (400, "Input length (1660) exceeds model's maximum context length (1024).")
    assert statuses(ask(judge(server.url), world)) == {"error"}


def test_too_many_errors_stop_the_run_and_keep_the_votes(server: ChatServer, world: Path) -> None:
    server.fault = lambda number, body: (403, "out of order") if number > 15 else None
    with pytest.raises(ConnectionError, match=r"requests failed, more than client\.max_error_share.*out of order"):
        ask(judge(server.url), world)
    assert not (world / "out/votes.parquet").exists()
    server.fault = lambda number, body: None
    server.bodies.clear()
    assert statuses(ask(judge(server.url), world)) == {"ok"}
    assert len(server.bodies) == N_ITEMS - 15


@pytest.mark.parametrize("n_items", [1, N_ITEMS])
def test_a_server_that_refuses_everything_is_at_fault_itself(server: ChatServer, world: Path, n_items: int) -> None:
    write_table(world / "items.parquet", ITEMS, [item(f"urn/test/text/{n}#0") for n in range(n_items)])
    server.fault = lambda number, body: (400, "no")
    with pytest.raises(ConnectionError, match=rf"{min(n_items, 20)} of \d+ requests failed: .*refuses all.*no"):
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
        "import sys; sys.path.insert(0, sys.argv[1]); import pathlib, asking_world as t;"
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


def test_a_clip_of_more_frames_than_the_model_reads_is_not_asked_about() -> None:
    picture = io.BytesIO()
    Image.new("RGB", (128, 128)).save(picture, "JPEG")
    settings = judge(None)
    assert settings.server.max_model_len == 1024
    assert too_many_frames([], settings) is None
    assert too_many_frames([picture.getvalue()] * 127, settings) is None
    assert "750 frames are at least 6000 tokens" in str(too_many_frames([picture.getvalue()] * 750, settings))


def test_an_item_that_is_known_to_be_too_long_costs_no_request(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_module, "too_many_frames", lambda frames, settings: "too long: 750 frames")
    with servers_of_ours(monkeypatch, server):
        votes = ask(judge(None), world)
    assert {(vote["parse_status"], vote["text"]) for vote in votes} == {("error", "too long: 750 frames")}
    assert server.bodies == []
