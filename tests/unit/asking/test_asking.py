"""Asking for votes: each is asked once, with what decides it, and kept with what was said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking_world import MEDIA, N_ITEMS, ask, judge
from chat_server import ChatServer, said
from rows import item

from umui.asking.adaptive import confidence_interval
from umui.asking.ask import ask_shards
from umui.asking.planning import item_seeds
from umui.files.digests import digest_file, shard_of
from umui.files.parquet import read_rows, write_table
from umui.tables import EVIDENCE, ITEMS, TIMINGS, VOTES


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


def test_votes_of_two_items_never_share_a_seed_even_in_its_low_bits() -> None:
    names = [f"item-{n}" for n in range(100_000)]  # among so many, about 75 pairs hash to one place
    seeds = item_seeds(names, 0)
    assert len(set(seeds.values())) == len(names)
    assert all(0 <= seed < 2**32 and seed % 64 == 0 for seed in seeds.values())
    more = item_seeds([*names, "item-one-more"], 0)
    assert sum(more[name] != seed for name, seed in seeds.items()) <= 1
    assert item_seeds(names[:10], 1) != {name: seeds[name] for name in names[:10]}


def test_a_local_model_is_known_by_its_files(server: ChatServer, world: Path) -> None:
    settings = judge(server.url).model_dump(mode="json")
    model = world / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"hidden_size": 8}))
    (model / "model.safetensors").write_bytes(b"weights")

    def digest() -> str:
        ask_shards(
            settings, {}, "judge", str(model), None, MEDIA, [world / "items.parquet"], [0], 1,
            [world / "evidence.parquet"], world / "journal", world / "votes.parquet",
            world / "timings.parquet", world / "usage.json", world / "server.log",
        )  # fmt: skip
        return str(read_rows(world / "votes.parquet", VOTES)[0]["request_digest"])

    before = digest()
    (model / "training-log.txt").write_text("12 s")
    assert digest() == before
    (model / "model.safetensors").write_bytes(b"weights!")
    assert digest() != before
