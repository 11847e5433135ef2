"""Whatever a server replies: no traceback, no poisoned journal, and nothing taken that was not asked for."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from asking_world import N_ITEMS, ask, judge, statuses
from chat_server import ChatServer, Reply, chat_server
from hostile.endpoint import (
    BODIES,
    continue_for_ever,
    endless,
    every_wrong_value,
    mangled,
    packed,
    placed,
    trickle,
    trickled_headers,
)  # fmt: skip
from rows import item

from umui.asking.replies import Completion, check_completion, read
from umui.config.judges import Judge
from umui.files.parquet import write_table
from umui.tables import ITEMS

HONEST = {
    "model": "judge", "usage": {"prompt_tokens": 7},
    "choices": [{"index": 0, "message": {"content": "a", "reasoning": "b"}, "finish_reason": "stop", "token_ids": [1]}],
}  # fmt: skip
PATIENT = {"max_error_share": 1.0, "retries": 0}


def test_a_reply_of_any_shape_is_read_or_refused_in_words() -> None:
    replies = [*BODIES, *(json.dumps(placed(HONEST, *wrong)).encode() for wrong in every_wrong_value())]
    found = [completion for reply in replies if (completion := taken(reply)) is not None]
    assert len(found) < len(replies) / 4
    for completion in found:
        choice = completion.choices[0]
        assert isinstance(choice.message.content, str | None)
        assert isinstance(choice.finish_reason, str | None)
        assert completion.usage is None or completion.usage.prompt_tokens in (None, 7)


def taken(reply: bytes) -> Completion | None:
    """What is taken of a reply; any other error than one in words fails the test."""
    with suppress(ValueError):
        completion = read(reply, Completion)
        check_completion(completion, 1, "judge")
        return completion
    return None


@pytest.mark.parametrize("seed", range(3))
def test_a_hostile_run_poisons_nothing(server: ChatServer, world: Path, seed: int) -> None:
    server.mangled = mangled(seed)
    with suppress(ValueError):  # where the very first reply has another number of answers
        assert statuses(ask(judge(server.url, client=PATIENT), world)) <= {"ok", "error", "missing"}
    server.mangled = lambda number, honest: None
    assert statuses(ask(judge(server.url), world)) <= {"ok", "missing"}


def test_a_reply_of_another_shape_is_asked_for_again(server: ChatServer, world: Path) -> None:
    server.mangled = lambda number, honest: b"<html>busy</html>" if number in (2, 9) else None
    assert statuses(ask(judge(server.url), world)) == {"ok"}
    assert len(server.bodies) == N_ITEMS + 2


def test_replies_that_stay_of_another_shape_end_the_job_in_words(server: ChatServer, world: Path) -> None:
    server.mangled = lambda number, honest: b"null"
    with pytest.raises(ConnectionError, match=rf"requests failed.*{server.url}: all of it: .*begins 'null'"):
        ask(judge(server.url, client={"retries": 0}), world)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("model",), "stranger", "asked 'judge', and 'stranger' answered"),
        (("choices", 0, "index"), 0, "indices of its 5 answers are not 0 to 4"),
        (("usage", "prompt_tokens"), -7, "usage.prompt_tokens: "),
    ],
)
def test_a_reply_to_something_else_is_not_taken(
    server: ChatServer, world: Path, place: tuple[str | int, ...], value: Any, words: str
) -> None:
    server.mangled = lambda number, honest: json.dumps(placed(honest, place, value)).encode() if number > 1 else None
    votes = ask(judge(server.url, client=PATIENT), world)
    failed = [vote for vote in votes if vote["parse_status"] == "error"]
    assert len(failed) == (N_ITEMS - 1) * 5
    assert all(words in vote["text"] for vote in failed)


def test_a_dated_name_of_the_model_is_the_model(server: ChatServer, world: Path) -> None:
    server.mangled = lambda number, honest: json.dumps(honest | {"model": "judge-2026-11-27"}).encode()
    assert statuses(ask(judge(server.url), world)) == {"ok"}


def test_half_of_a_surrogate_pair_is_kept_escaped(server: ChatServer, world: Path) -> None:
    place = ("choices", 0, "message", "content")
    server.mangled = lambda number, honest: json.dumps(placed(honest, place, "\ud83d <answer>0.5</answer>")).encode()
    votes = [vote for vote in ask(judge(server.url), world) if "ud83d" in vote["text"]]
    assert {(vote["text"], vote["probability"]) for vote in votes} == {("\\ud83d <answer>0.5</answer>", 0.5)}
    assert len(votes) == N_ITEMS


@pytest.mark.parametrize("reply", [trickle, trickled_headers, continue_for_ever, endless, packed])
@pytest.mark.parametrize("where", ["models", "answers"])
def test_a_request_has_one_deadline_and_one_size(server: ChatServer, world: Path, reply: Any, where: str) -> None:
    write_table(world / "items.parquet", ITEMS, [item("urn/test/text/0#0")])
    if where == "models":
        server.models = reply
    else:
        server.mangled = lambda number, honest: reply
    began = time.monotonic()
    with pytest.raises(ConnectionError, match=r"no whole reply within 1 s|\d bytes|is packed|timed out"):
        ask(judge(server.url, client={"timeout_s": 1.0, "retries": 0}), world)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("reply", [*BODIES, b'{"data": [{"id": 7}]}', b'{"data": {}}'])
def test_a_list_of_models_of_any_shape_is_told_with_its_address(server: ChatServer, world: Path, reply: bytes) -> None:
    server.models = reply
    with pytest.raises(ConnectionError, match=f"{server.url}/models: .*mend endpoint.url"):
        ask(judge(server.url, client={"retries": 0}), world)


def test_a_redirect_is_not_followed(server: ChatServer, world: Path) -> None:
    with chat_server() as other:

        def away(connection: Any) -> None:
            to = f"{other.url}/chat/completions"
            connection.write(f"HTTP/1.1 307 Away\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())

        server.mangled = lambda number, honest: away
        with pytest.raises(ConnectionError, match=r"307.*redirects are not followed"):
            ask(judge(server.url), world)
        server.models = away
        with pytest.raises(ConnectionError, match=r"307.*redirects are not followed"):
            ask(judge(server.url), world)
    assert other.bodies == []


KEY = "s3cret-key/with+signs"


def with_key(server: ChatServer, monkeypatch: pytest.MonkeyPatch, **client: Any) -> Judge:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    settings = judge(server.url, client=client)
    assert settings.endpoint is not None
    return settings.model_copy(update={"endpoint": settings.endpoint.model_copy(update={"key_variable": "JUDGE_KEY"})})


def echoed(number: int, honest: dict[str, Any]) -> Reply:
    place = ("choices", 0, "message")
    message = {"content": f"Bearer {KEY} <answer>0.5</answer>", "reasoning": f"my key is {KEY}"}
    return json.dumps(placed(honest, place, message)).encode()


def test_the_key_is_struck_from_all_that_is_kept_or_told(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.mangled = echoed
    server.fault = lambda number, body: (
        ([400, 500][number % 2], f"no: {KEY}, s3cret-key%2Fwith%2Bsigns") if number > 9 else None
    )
    votes = ask(with_key(server, monkeypatch, **PATIENT), world)
    assert {"ok", "error"} == statuses(votes)
    assert any("[key]" in vote["text"] for vote in votes)
    kept = b"".join(path.read_bytes() for path in (world / "out").rglob("*") if path.is_file())
    told = capsys.readouterr()
    assert b"s3cret" not in kept
    assert "s3cret" not in told.out + told.err + str(votes)


@pytest.mark.parametrize("models", [b'{"data": [{"id": "%s"}]}', b"no: %s"])
def test_the_key_is_struck_from_what_ends_a_job(
    server: ChatServer, world: Path, monkeypatch: pytest.MonkeyPatch, models: bytes
) -> None:
    server.models = models % KEY.encode()
    with pytest.raises((ConnectionError, ValueError)) as caught:
        ask(with_key(server, monkeypatch, retries=0), world)
    assert "[key]" in str(caught.value)
    assert KEY not in str(caught.value)
