"""What training and test have in common, counted by hand."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rows import item, write_items

from umui.evaluation.leakage import COLUMNS, leakage

RED, BLUE = "The next ball is red.", "The next ball is blue."


def counted(tmp_path: Path, *rows: dict[str, Any], splits: tuple[str, ...] = ("test",)) -> dict[str, dict[str, Any]]:
    csv = tmp_path / "leakage.csv"
    leakage([write_items(tmp_path / "items.parquet", *rows)], splits, csv)
    table = pd.read_csv(csv)
    assert list(table.columns) == COLUMNS
    assert set(table["dataset"]) == {"urn"}
    return {row["what"]: {name: row[name] for name in COLUMNS[2:]} for row in table.to_dict("records")}


def film(item_id: str, medium: str, hypothesis: str, split: str = "test") -> dict[str, Any]:
    return item(
        item_id, split=split, modality="video", premise_text=None, media_id=medium, media_path="a.mp4",
        hypothesis=hypothesis,
    )  # fmt: skip


def test_counts_worked_by_hand(tmp_path: Path) -> None:
    rows = [
        item("t1", split="train", premise_text="Red, red.", hypothesis=RED),
        item("t2", split="train", premise_text="Blue.", hypothesis=BLUE),
        film("t3", "f" * 64, RED, split="train"),
        item("a#0", premise_text="red,  RED. ", hypothesis=RED),  # the pair t1, written otherwise
        item("a#1", premise_text="Red, red.", hypothesis="All are red."),
        item("b#0", premise_text="Red.", hypothesis=BLUE),
        film("c#0", "f" * 64, BLUE),
        film("d#0", "e" * 64, "All are red."),
    ]
    found = counted(tmp_path, *rows)
    assert found["premise text"] == {
        "train_unique": 2, "test_unique": 2, "shared": 1, "test_items_affected": 2, "share": pytest.approx(2 / 3),
    }  # fmt: skip
    assert found["medium"] == {
        "train_unique": 1, "test_unique": 2, "shared": 1, "test_items_affected": 1, "share": 0.5,
    }  # fmt: skip
    assert found["hypothesis"] == {
        "train_unique": 2, "test_unique": 3, "shared": 2, "test_items_affected": 3, "share": 0.6,
    }  # fmt: skip
    assert found["pair"] == {
        "train_unique": 3, "test_unique": 5, "shared": 1, "test_items_affected": 1, "share": 0.2,
    }  # fmt: skip


def test_a_text_beside_a_medium_is_part_of_the_pair(tmp_path: Path) -> None:
    rows = [film("t", "f" * 64, RED, split="train"), film("a", "f" * 64, RED), film("b", "f" * 64, RED)]
    rows[2]["premise_text"] = "Taken in Ulm."
    found = counted(tmp_path, *rows)
    assert (found["medium"]["test_items_affected"], found["pair"]["test_items_affected"]) == (2, 1)


def test_validation_is_neither_unless_it_is_evaluated(tmp_path: Path) -> None:
    rows = [item("t", split="train"), item("v", split="validation"), item("a", premise_text="Another.")]
    assert counted(tmp_path, *rows)["pair"]["test_items_affected"] == 0
    assert counted(tmp_path, *rows, splits=("validation", "test"))["pair"]["test_items_affected"] == 1


def test_the_share_of_nothing_is_undefined(tmp_path: Path) -> None:
    found = counted(tmp_path, item("t", split="train"), item("a"))
    assert pd.isna(found["medium"]["share"])
    assert (found["medium"]["test_unique"], found["premise text"]["share"]) == (0, 1.0)
    assert pd.isna(counted(tmp_path, item("t", split="train"))["pair"]["share"])


def test_datasets_do_not_leak_into_each_other(tmp_path: Path) -> None:
    csv = tmp_path / "leakage.csv"
    rows = [item("t", split="train", dataset="one"), item("a", dataset="two")]
    leakage([write_items(tmp_path / "items.parquet", *rows)], ["test"], csv)
    table = pd.read_csv(csv)
    assert len(table) == 8
    assert not table["shared"].any()
