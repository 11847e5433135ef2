"""From pairs to items: identities that other rows never change, and nothing that disappears in silence."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from umui.datasets import importing
from umui.datasets.importing import LeftOut, Pair, write_items
from umui.files.parquet import read_rows
from umui.tables import ITEMS, LEFT_OUT

Rows = list[dict[str, Any]]


def pair(row: int, hypothesis: str = "It rains.", **given: Any) -> Pair:
    plain = {"split": "test", "modality": "text", "premise_text": "A wet street.", "media_path": None}
    return Pair(source="pairs.csv", row=row, hypothesis=hypothesis, **(plain | given))


def filmed(row: int, path: Path, **given: Any) -> Pair:
    return pair(row, **({"modality": "video", "premise_text": None, "media_path": str(path)} | given))


def written(tmp_path: Path, *found: Pair | LeftOut) -> tuple[Rows, Rows]:
    items, left_out = tmp_path / "items.parquet", tmp_path / "left_out.parquet"
    write_items(found, "mine", items, left_out, workers=2)
    return read_rows(items, ITEMS), read_rows(left_out, LEFT_OUT)


def test_other_rows_change_no_identity(tmp_path: Path) -> None:
    few, _ = written(tmp_path, pair(2), pair(3, "It snows."))
    more, _ = written(tmp_path, pair(2, "It hails."), pair(3, "It snows."), pair(4, premise_text="Sun."), pair(5))
    assert {row["item_id"] for row in few} < {row["item_id"] for row in more}
    assert len({row["premise_id"] for row in more}) == 2
    assert all(row["item_id"].startswith(f"{row['premise_id']}#") for row in more)


def test_a_split_and_a_modality_make_other_items(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"moving pictures")
    rows, left_out = written(
        tmp_path, filmed(2, clip), filmed(3, clip, modality="audiovisual"), filmed(4, clip, split="train")
    )
    assert len(rows) == 3
    assert not left_out


def test_what_stands_twice_becomes_one_item_and_a_row_about_the_other(tmp_path: Path) -> None:
    rows, left_out = written(
        tmp_path, pair(2, probability=0.25), pair(3, probability=0.25), pair(4, probability=0.75),
        pair(5, probability=0.25, annotations=[0.25]),
    )  # fmt: skip
    assert [row["probability"] for row in rows] == [0.25]
    assert [(row["row"], row["status"], "otherwise" in row["reason"]) for row in left_out] == [
        (3, "duplicate", False), (4, "duplicate", True), (5, "duplicate", True),
    ]  # fmt: skip
    assert all("row 2" in row["reason"] for row in left_out)


def test_reading_in_pieces_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        pair(row, f"Claim {row % 7}.", premise_text=f"Street {row % 5}.", split=("train", "test")[row % 2])
        for row in range(2, 100)
    ]
    at_once = written(tmp_path, *found)
    monkeypatch.setattr(importing, "CHUNK_ROWS", 3)
    assert written(tmp_path, *found) == at_once
    assert len(at_once[0]) == 70
    assert [row["item_id"] for row in at_once[0]] == sorted(row["item_id"] for row in at_once[0])
    assert all(f"row {row['row'] - 70}" in row["reason"] for row in at_once[1])


def test_pairs_of_one_row_may_both_be_duplicates(tmp_path: Path) -> None:
    _, left_out = written(tmp_path, *(pair(2, column=column) for column in ("a", "b", "c")))
    assert [(row["row"], row["column"]) for row in left_out] == [(2, "b"), (2, "c")]


def test_a_medium_is_known_by_its_bytes(tmp_path: Path) -> None:
    here, there = tmp_path / "a.mp4", tmp_path / "moved" / "b.mp4"
    there.parent.mkdir()
    here.write_bytes(b"moving pictures")
    there.write_bytes(b"moving pictures")
    (first,), _ = written(tmp_path, filmed(2, here))
    (second,), _ = written(tmp_path, filmed(2, there))
    assert first["media_id"] == hashlib.sha256(b"moving pictures").hexdigest()
    assert first["item_id"] == second["item_id"]
    assert second["media_path"] == str(there)


def test_a_missing_medium_keeps_its_item(tmp_path: Path) -> None:
    rows, left_out = written(tmp_path, filmed(2, tmp_path / "no.mp4"), filmed(3, tmp_path / "neither.mp4"))
    assert len({row["media_id"] for row in rows}) == 2
    assert all(row["media_id"].startswith("missing-") for row in rows)
    assert not left_out


def test_items_of_one_medium_depend_on_each_other_whatever_is_shown_of_it(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"moving pictures")
    rows, _ = written(
        tmp_path, filmed(2, clip), filmed(3, clip, modality="audio"), filmed(4, clip, premise_text="Taken in Ulm."),
        pair(5), pair(6, "It snows."), pair(7, premise_text="Sun."), pair(8, premise_text="Sun.", event="weather"),
    )  # fmt: skip
    by_event: dict[str, int] = {}
    for row in rows:
        by_event[row["event"]] = by_event.get(row["event"], 0) + 1
    assert sorted(by_event.values()) == [1, 2, 3]  # "Sun." stands twice


def test_an_event_is_of_its_dataset(tmp_path: Path) -> None:
    (row,), _ = written(tmp_path, pair(2, event="flood"))
    assert row["event"] == "mine/flood"


def test_a_faulty_value_is_kept_short_and_writable(tmp_path: Path) -> None:
    broken = LeftOut("pairs.csv", 3, "premise", "\udce9" + "x" * 1000, "malformed", "give text")
    _, (row,) = written(tmp_path, pair(2), broken)
    assert row["value"].startswith("\\udce9x")
    assert len(row["value"]) < 250


def test_without_any_item_the_first_reasons_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"datasets\.mine.*row 7: give text"):
        written(tmp_path, LeftOut("pairs.csv", 7, "premise", "", "malformed", "give text"))
    with pytest.raises(ValueError, match="no rows"):
        written(tmp_path)


def test_annotators_rows_are_gathered(tmp_path: Path) -> None:
    items, left_out = tmp_path / "items.parquet", tmp_path / "left_out.parquet"
    found = [
        pair(2, probability=0.9, label=True), pair(3, probability=0.2, label=False), pair(4, annotations=[0.4, 0.5]),
        pair(5), pair(6, "It snows.", probability=0.25, label=True), pair(7, "It hails."), pair(8, "It hails."),
    ]  # fmt: skip
    write_items(found, "mine", items, left_out, workers=1, gather=True)
    by_hypothesis = {row["hypothesis"]: row for row in read_rows(items, ITEMS)}
    assert by_hypothesis["It rains."]["annotations"] == [0.9, 0.2, 0.4, 0.5]
    assert by_hypothesis["It rains."]["probability"] == 0.5
    assert by_hypothesis["It rains."]["label"] is None, "they do not agree"
    assert (by_hypothesis["It snows."]["annotations"], by_hypothesis["It snows."]["label"]) == ([0.25], True)
    assert by_hypothesis["It hails."]["annotations"] is None
    assert [(row["row"], row["status"]) for row in read_rows(left_out, LEFT_OUT)] == [
        (5, "duplicate"), (8, "duplicate"),
    ]  # fmt: skip
