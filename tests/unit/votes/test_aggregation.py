"""Votes become labels by rules that can be worked by hand, and no item is lost on the way."""

from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import vote, write_votes

from umui.config.judges import Label
from umui.files.parquet import read_rows
from umui.tables import LABELS
from umui.votes.aggregation import aggregate, aggregate_votes

NAN = float("nan")
PROBABILITY = st.integers(0, 100).map(lambda percent: percent / 100)
VOTES_OF_AN_ITEM = st.lists(PROBABILITY, min_size=1, max_size=9)


def of_one(votes: list[float], aggregation: Any) -> float:
    return float(aggregate(np.array([votes]), aggregation)[0])


@pytest.mark.parametrize(
    ("votes", "mean", "majority"),
    [
        ([0.9, 0.8, 0.1], 0.6, 0.85),
        ([0.2, 0.4, 0.3, 0.9], 0.45, 0.3),
        ([0.9, 0.1], 0.5, 0.5),  # a tie: all votes
        ([0.8, 0.3], 0.55, 0.55),
        ([0.5, 0.9, 0.1, 0.7], 0.55, 0.7),  # 0.5 stands on both sides: {0.5, 0.9, 0.7} against {0.5, 0.1}
        ([0.5, 0.5], 0.5, 0.5),
        ([0.9, NAN, 0.7], 0.8, 0.8),
        ([NAN, 0.2, 0.3, 0.8], 1.3 / 3, 0.25),
    ],
)
def test_mean_and_majority_side(votes: list[float], mean: float, majority: float) -> None:
    assert of_one(votes, "mean") == pytest.approx(mean)
    assert of_one(votes, "max") == pytest.approx(majority)


def test_first_is_the_first_vote_even_when_it_says_nothing() -> None:
    assert of_one([0.3, 0.9], "first") == 0.3
    assert np.isnan(of_one([NAN, 0.9], "first"))


@given(VOTES_OF_AN_ITEM, st.randoms(use_true_random=False))
def test_the_order_of_votes_is_nothing_to_mean_and_max(votes: list[float], random: Any) -> None:
    shuffled = random.sample(votes, len(votes))
    for aggregation in ("mean", "max"):
        assert of_one(votes, aggregation) == pytest.approx(of_one(shuffled, aggregation))


@given(VOTES_OF_AN_ITEM)
def test_labels_lie_between_the_votes(votes: list[float]) -> None:
    for aggregation in ("mean", "max", "first"):
        assert min(votes) - 1e-12 <= of_one(votes, aggregation) <= max(votes) + 1e-12


@given(VOTES_OF_AN_ITEM)
def test_the_opposite_votes_give_the_opposite_label(votes: list[float]) -> None:
    for aggregation in ("mean", "max", "first"):
        assert of_one([1 - p for p in votes], aggregation) == pytest.approx(1 - of_one(votes, aggregation))


@given(VOTES_OF_AN_ITEM)
def test_the_majority_side_is_never_less_sure_than_the_mean(votes: list[float]) -> None:
    high, low = sum(p >= 0.5 for p in votes), sum(p <= 0.5 for p in votes)
    direction = np.sign(high - low)
    assert direction * (of_one(votes, "max") - of_one(votes, "mean")) >= -1e-12


def labels_of(tmp_path: Path, settings: Label, *votes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    pieces = [
        write_votes(
            tmp_path / "votes" / f"{piece}.parquet", *(vote for vote in votes if ord(vote["item_id"][0]) % 2 == piece)
        )
        for piece in range(2)
    ]
    aggregate_votes(settings, pieces, tmp_path / "labels.parquet")
    return {row["item_id"]: row for row in read_rows(tmp_path / "labels.parquet", LABELS)}


def test_every_item_has_a_label_row_with_counts_and_spread(tmp_path: Path) -> None:
    votes = [vote("b#0", n, p) for n, p in enumerate([0.2, 0.4, None])]
    votes += [vote("a#0", n, p) for n, p in enumerate([0.9, None, None])]
    votes += [vote("c#0", n, None) for n in range(3)]
    rows = labels_of(tmp_path, Label(aggregation="mean", votes=3, min_parsed=2), *votes)
    assert rows["b#0"]["probability"] == pytest.approx(0.3)
    assert rows["b#0"]["vote_std"] == pytest.approx(stdev([0.2, 0.4]))
    assert [rows[item]["n_parsed"] for item in ("a#0", "b#0", "c#0")] == [1, 2, 0]
    assert rows["a#0"]["probability"] is None
    assert rows["a#0"]["vote_std"] is None
    assert rows["c#0"]["probability"] is None


def test_fewer_votes_are_the_first_of_those_stored(tmp_path: Path) -> None:
    votes = [vote("a#0", n, p) for n, p in enumerate([0.1, 0.3, 0.9, 0.9, 0.9])]
    rows = labels_of(tmp_path, Label(aggregation="mean", votes=2, min_parsed=1), *reversed(votes))
    assert rows["a#0"]["probability"] == pytest.approx(0.2)
    assert rows["a#0"]["n_votes"] == 2
    assert rows["a#0"]["vote_std"] == pytest.approx(stdev([0.1, 0.3]))


def test_too_few_stored_votes_name_the_file_the_item_and_the_remedy(tmp_path: Path) -> None:
    votes = [vote("a#0", n, 0.5) for n in range(5)] + [vote("b#0", n, 0.5) for n in range(3)]
    with pytest.raises(ValueError, match=r"/votes: item b#0 has 3 of the votes 0 to 4; .*sampling\.votes"):
        labels_of(tmp_path, Label(aggregation="mean", votes=5, min_parsed=1), *votes)


def test_a_gap_in_the_votes_is_not_filled_by_a_later_one(tmp_path: Path) -> None:
    votes = [vote("a#0", n, 0.5) for n in (0, 2)]
    with pytest.raises(ValueError, match="item a#0 has 1 of the votes 0 to 1"):
        labels_of(tmp_path, Label(aggregation="mean", votes=2, min_parsed=1), *votes)


def test_no_votes_give_a_table_without_rows(tmp_path: Path) -> None:
    assert labels_of(tmp_path, Label(aggregation="max", votes=5, min_parsed=5)) == {}


def test_an_item_that_was_asked_less_is_labelled_by_what_it_has(tmp_path: Path) -> None:
    unasked = {"parse_status": "not_asked"}
    votes = [vote("a", number, value) for number, value in enumerate((0.2, 0.4, None, 0.6))]
    votes += [vote("b", 0, 0.9), vote("b", 1, 0.7), vote("b", 2, None, **unasked), vote("b", 3, None, **unasked)]
    votes += [vote("c", 0, 0.9), vote("c", 1, None), vote("c", 2, None, **unasked), vote("c", 3, None, **unasked)]
    table, labels = write_votes(tmp_path / "votes.parquet", *votes), tmp_path / "labels.parquet"
    aggregate_votes(Label(aggregation="mean", votes=4, min_parsed=3), [table], labels)
    rows = {row["item_id"]: row for row in read_rows(labels, LABELS)}
    assert {name: (row["n_votes"], row["n_parsed"]) for name, row in rows.items()} == {
        "a": (4, 3), "b": (2, 2), "c": (2, 1),
    }  # fmt: skip
    assert rows["a"]["probability"] == pytest.approx(0.4)
    assert rows["b"]["probability"] == pytest.approx(0.8)
    assert rows["c"]["probability"] is None  # it lacks a vote that was asked for
