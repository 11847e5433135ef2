"""Controls learn from what the students learn from, see the hypothesis alone, and answer every item."""

from pathlib import Path
from typing import Any

import pytest
from rows import item, label, write_items, write_labels

from umui.config.evaluation import Evaluation, HypothesisOnly
from umui.evaluation.controls import control, labels_as_predictions
from umui.files.parquet import read_rows
from umui.tables import PREDICTIONS

SETTINGS = Evaluation(
    splits=["test"], confidence=0.95, replicates=100, reliability_bins=10,
    probability_clip=1e-10, calibration_split="validation",
    hypothesis_only=HypothesisOnly(ngram_max=2, l2=0.01), seed=0,
)  # fmt: skip
RED, BLUE = "The next ball is red.", "Most balls are blue."
Rows = dict[str, dict[str, Any]]


def answers(tmp_path: Path, kind: Any, items: list[dict[str, Any]], labels: list[dict[str, Any]] | None = None) -> Rows:
    tables = [] if labels is None else [write_labels(tmp_path / "labels.parquet", *labels)]
    output = tmp_path / "predictions.parquet"
    control(SETTINGS, kind, [write_items(tmp_path / "items.parquet", *items)], ["test"], output, tables)
    return {row["item_id"]: row for row in read_rows(output, PREDICTIONS)}


def world(modality: str = "text") -> list[dict[str, Any]]:
    """Four training and two test items of a modality; red is likely, blue is not."""
    training = [
        item(
            f"train/{modality}/{n}#0", split="train", modality=modality, hypothesis=hypothesis, probability=probability
        )
        for n, (hypothesis, probability) in enumerate([(RED, 0.8), (RED, 1.0), (BLUE, 0.1), (BLUE, 0.3)])
    ]
    test = [
        item(f"test/{modality}/{n}#0", modality=modality, hypothesis=hypothesis, probability=0.5)
        for n, hypothesis in enumerate((RED, BLUE))
    ]
    return training + test


def test_constant_is_the_mean_training_label(tmp_path: Path) -> None:
    labels = [label("train/text/0#0", 0.7), label("train/text/1#0", 0.5), label("train/text/2#0", None)]
    rows = answers(tmp_path, "constant", world(), labels)
    assert [row["probability"] for row in rows.values()] == pytest.approx([0.6, 0.6])
    assert sorted(rows) == ["test/text/0#0", "test/text/1#0"]


def test_majority_is_the_side_of_most_training_labels(tmp_path: Path) -> None:
    names = [f"train/text/{n}#0" for n in range(4)]
    for probabilities, expected in (([0.9, 0.6, 0.55, 0.0], 1), ([0.9, 0.5, 0.4, 0.6], 0), ([1.0, 0.4, 0.3, 0.4], 0)):
        labels = [label(name, probability) for name, probability in zip(names, probabilities, strict=True)]
        rows = answers(tmp_path, "majority", world(), labels)
        assert [row["probability"] for row in rows.values()] == [expected, expected], "0.5 is a no, and so is a tie"


def test_without_teacher_labels_the_datasets_own_probabilities_are_learned(tmp_path: Path) -> None:
    rows = answers(tmp_path, "constant", world())
    assert rows["test/text/0#0"]["probability"] == pytest.approx(0.55)


def test_test_items_teach_nothing(tmp_path: Path) -> None:
    items = world()
    labels = [label(row["item_id"], 0.25 if row["split"] == "train" else 0.99) for row in items]
    assert answers(tmp_path, "constant", items, labels)["test/text/0#0"]["probability"] == pytest.approx(0.25)


def test_controls_know_dataset_and_modality(tmp_path: Path) -> None:
    items = [*world("text"), *world("video")]
    labels = [label(row["item_id"], 0.2 if row["modality"] == "video" else 0.9) for row in items]
    for kind in ("constant", "hypothesis-only"):
        rows = answers(tmp_path, kind, items, labels)
        assert rows["test/text/0#0"]["probability"] == pytest.approx(0.9)
        assert rows["test/video/0#0"]["probability"] == pytest.approx(0.2)


def test_a_modality_without_training_labels_borrows_from_the_others(tmp_path: Path) -> None:
    items = [*world("text"), item("test/audio/0#0", modality="audio", hypothesis=RED)]
    rows = answers(tmp_path, "hypothesis-only", items)
    assert rows["test/audio/0#0"]["probability"] == rows["test/text/0#0"]["probability"]


def test_a_dataset_without_training_labels_gets_no_probability(tmp_path: Path) -> None:
    items = [*world(), item("other#0", dataset="other")]
    for kind in ("constant", "hypothesis-only"):
        row = answers(tmp_path, kind, items)["other#0"]
        assert (row["probability"], row["status"]) == (None, "no_label")


def test_hypothesis_only_learns_the_words(tmp_path: Path) -> None:
    rows = answers(tmp_path, "hypothesis-only", world())
    assert rows["test/text/0#0"]["probability"] == pytest.approx(0.9, abs=0.02)
    assert rows["test/text/1#0"]["probability"] == pytest.approx(0.2, abs=0.02)


def test_hypothesis_only_cannot_tell_premises_apart(tmp_path: Path) -> None:
    items = world()
    for row in items:
        if row["hypothesis"] == RED:
            row["premise_text"] = f"A premise like no other: {row['item_id']}"
    items.append(item("test/text/9#0", hypothesis=RED, premise_text="Something else.", event="elsewhere"))
    rows = answers(tmp_path, "hypothesis-only", items)
    assert rows["test/text/9#0"]["probability"] == rows["test/text/0#0"]["probability"]


def test_hypothesis_only_stays_in_the_unit_interval(tmp_path: Path) -> None:
    training = [
        item(f"t{n}#0", split="train", hypothesis=f"red {'red ' * n}", probability=float(n > 2)) for n in range(6)
    ]
    rows = answers(
        tmp_path, "hypothesis-only", [*training, item("x#0", hypothesis="red " * 50), item("y#0", hypothesis="b")]
    )
    assert all(0 <= row["probability"] <= 1 for row in rows.values())


def test_two_labels_of_an_item_count_by_their_mean(tmp_path: Path) -> None:
    tables = [
        write_labels(tmp_path / str(n) / "0.parquet", *(label(f"train/text/{i}#0", p) for i in range(4)))
        for n, p in enumerate((0.2, 0.4))
    ]
    output = tmp_path / "predictions.parquet"
    control(SETTINGS, "constant", [write_items(tmp_path / "items.parquet", *world())], ["test"], output, tables)
    assert [row["probability"] for row in read_rows(output, PREDICTIONS)] == pytest.approx([0.3, 0.3])


def test_the_oracle_knows_what_the_dataset_knows(tmp_path: Path) -> None:
    rows = answers(tmp_path, "oracle", [item("a#0", probability=0.3), item("b#0", probability=None)])
    assert (rows["a#0"]["probability"], rows["a#0"]["status"], rows["a#0"]["model"]) == (0.3, "ok", "oracle")
    assert (rows["b#0"]["probability"], rows["b#0"]["status"]) == (None, "no_label")


def test_labels_as_predictions_keep_every_item_that_was_asked(tmp_path: Path) -> None:
    items = [
        item("a#0"), item("a#1"), item("a#2"), item("v#0", modality="video"), item("t#0", split="train"),
    ]  # fmt: skip
    labels = write_labels(tmp_path / "labels.parquet", label("a#0", 0.7), label("a#1", None), label("t#0", 0.1))
    output = tmp_path / "predictions.parquet"
    labels_as_predictions("teacher", [write_items(tmp_path / "items.parquet", *items)], [labels], ["test"], output)
    rows = {row["item_id"]: (row["probability"], row["status"]) for row in read_rows(output, PREDICTIONS)}
    assert rows == {"a#0": (0.7, "ok"), "a#1": (None, "no_label"), "a#2": (None, "no_label")}
