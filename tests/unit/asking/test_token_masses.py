"""Answers that are read: the probabilities of stated tokens, kept as they came, and their mean."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from asking_world import ask, judge, statuses
from chat_server import ChatServer, log_probability
from pydantic import ValidationError

from umui.answers.token_masses import expectation, reading
from umui.config.judges import Judge
from umui.votes.published import digits

ONCE = {"votes": 1, "temperature": 0.0, "max_tokens": 1, "answer_pattern": None}
DIGITS = {"opening": "", "tokens": list("0123456789"), "values": [digit / 10 + 0.05 for digit in range(10)]}


def reader(url: str, read: dict[str, Any], **sampling: Any) -> Judge:
    drawn = judge(url).model_dump()
    return Judge.model_validate(drawn | {"read": read, "sampling": drawn["sampling"] | ONCE | sampling})


def test_an_answer_is_the_mean_of_the_values_under_the_masses_of_the_tokens(server: ChatServer, world: Path) -> None:
    votes = ask(reader(server.url, DIGITS), world)
    assert statuses(votes) == {"ok"}
    assert len(votes) == 24
    assert {(body["logprobs"], body["max_tokens"]) for body in server.bodies} == {(True, 1)}
    for vote in votes:
        weights = {digit: math.exp(log_probability(vote["seed"], digit)) for digit in DIGITS["tokens"]}
        kept = json.loads(vote["text"])
        assert kept["share"] == pytest.approx(sum(weights.values()))
        assert kept["share"] < 1
        wanted = sum(weight * (int(digit) / 10 + 0.05) for digit, weight in weights.items()) / kept["share"]
        assert vote["probability"] == pytest.approx(wanted, abs=1e-12)
        assert sum(kept["masses"].values()) == pytest.approx(1)
        assert digits(list(kept["masses"].values())).probability == pytest.approx(wanted), "as published ones are read"


def test_other_values_ask_for_nothing_and_other_tokens_ask_anew(server: ChatServer, world: Path) -> None:
    first = ask(reader(server.url, {"opening": "", "tokens": ["y", "n"], "values": [1.0, 0.0]}), world)
    turned = ask(reader(server.url, {"opening": "", "tokens": ["y", "n"], "values": [0.0, 1.0]}), world)
    assert len(server.bodies) == 24
    for one, other in zip(first, turned, strict=True):
        assert one["probability"] + other["probability"] == pytest.approx(1)
    ask(reader(server.url, {"opening": "", "tokens": ["y", "m"], "values": [0.0, 1.0]}), world)
    assert len(server.bodies) == 48


def test_an_answer_may_be_opened(server: ChatServer, world: Path) -> None:
    plain = ask(reader(server.url, DIGITS), world)
    opened = ask(reader(server.url, DIGITS | {"opening": "<answer>0."}), world)
    assert [body["messages"][-1]["role"] for body in server.bodies] == ["user"] * 24 + ["assistant"] * 24
    last = server.bodies[-1]
    assert last["messages"][-1]["content"] == "<answer>0."
    assert (last["continue_final_message"], last["add_generation_prompt"]) == (True, False)
    assert not {vote["request_digest"] for vote in plain} & {vote["request_digest"] for vote in opened}


def test_what_is_no_token_of_the_model_is_named(server: ChatServer, world: Path) -> None:
    with pytest.raises(ValueError, match=r"read\.tokens: '10' is 2 tokens of the model"):
        ask(reader(server.url, {"opening": "", "tokens": ["9", "10"], "values": [0.0, 1.0]}), world)


def test_a_server_that_gives_no_probabilities_is_named(server: ChatServer, world: Path) -> None:
    server.reads_tokens = False
    with pytest.raises(ValueError, match=r"no probability of the token '0'.*logprob_token_ids"):
        ask(reader(server.url, DIGITS), world)


@pytest.mark.parametrize(
    ("tokens", "values", "votes", "fault"),
    [
        (["a", "b"], [1.0], 1, "1 for 2 tokens"),
        (["a", "a"], [1.0, 0.0], 1, "give each once"),
        (["a", "b"], [1.0, 2.0], 1, "less than or equal to 1"),
        (["a", "b"], [1.0, 0.0], 5, "set votes: 1, temperature: 0.0, max_tokens: 1"),
    ],
)
def test_a_faulty_section_is_refused(tokens: list[str], values: list[float], votes: int, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        reader("http://127.0.0.1:9/v1", {"opening": "", "tokens": tokens, "values": values}, votes=votes)


def test_far_tails_keep_their_masses() -> None:
    kept = json.loads(reading({"yes": -800.0, "no": -800.0 - math.log(3)}))
    assert kept["masses"] == {"yes": pytest.approx(0.75), "no": pytest.approx(0.25)}
    assert kept["share"] == 0


@pytest.mark.parametrize("masses", [[1.0], [0.5, 0.4], [1.5, -0.5], [math.nan, 1.0], "10", [True, 0]])
def test_masses_that_are_none_say_nothing(masses: Any) -> None:
    assert expectation(masses, [0.0, 1.0]).probability is None
