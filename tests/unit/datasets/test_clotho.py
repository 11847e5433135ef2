"""Clotho Entailment: on rows written in its format, and on the published files where they are."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from umui.config.datasets import Clotho
from umui.datasets.clotho import files, pairs
from umui.datasets.importing import Pair
from umui.tables import LeftOut

PUBLISHED = Path(__file__).parents[3] / "data" / "cle"
CAPTIONS = ["Rain falls.", "It's raining.", 'Someone says "hush".', "Drops, many drops.", "Water."]
SENTENCES = ("Water falls.", "A storm begins.", "A quiet, dry room.")
HEADER = "Dataset,Audio file,Caption,Entailment,Neutral,Contradiction"


def cell(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"'


def row(file: str = "rain.wav", captions: str = repr(CAPTIONS), sentences: tuple[str, ...] = SENTENCES) -> str:
    return ",".join(map(cell, ("ClothoV2", file, captions, *sentences)))


def write(directory: Path, split: str, *rows: str) -> None:
    (directory / f"clotho_entailment_{split}.csv").write_text("\n".join([HEADER, *rows]) + "\n")


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    write(tmp_path, "development", row("rain.wav"), row("bell (2).wav", sentences=("A bell.", "A church.", "A horn.")))
    write(tmp_path, "validation", row("dog.wav", sentences=("A dog.", "A guard dog.", "A cat.")))
    write(tmp_path, "evaluation", row("cow.wav", sentences=("A cow.", "A farm.", "A car.")))
    return tmp_path


def settings(annotations: Path, **changes: Any) -> Clotho:
    plain = {"premise": "caption", "caption": 0, "audio": None, "neutral": "drop", "test_split": "validation"}
    return Clotho.model_validate({"kind": "clotho", "annotations": str(annotations), **plain, **changes})


def read(annotations: Path, **changes: Any) -> tuple[list[Pair], list[LeftOut]]:
    found = list(pairs(settings(annotations, **changes)))
    return [one for one in found if isinstance(one, Pair)], [one for one in found if isinstance(one, LeftOut)]


def test_what_is_entailed_is_true_and_what_contradicts_is_false(annotations: Path) -> None:
    found, _ = read(annotations, caption=2)
    assert [(pair.split, pair.event, pair.hypothesis, pair.label, pair.probability) for pair in found] == [
        ("train", "rain.wav", "Water falls.", True, 1.0),
        ("train", "rain.wav", "A quiet, dry room.", False, 0.0),
        ("train", "bell (2).wav", "A bell.", True, 1.0),
        ("train", "bell (2).wav", "A horn.", False, 0.0),
        ("test", "dog.wav", "A dog.", True, 1.0),
        ("test", "dog.wav", "A cat.", False, 0.0),
    ]
    assert {(pair.modality, pair.premise_text, pair.media_path) for pair in found} == {("text", CAPTIONS[2], None)}
    assert [pair.row for pair in found] == [2, 2, 3, 3, 2, 2]


@pytest.mark.parametrize(("neutral", "truth"), [("false", (False, 0.0)), ("half", (None, 0.5))])
def test_neutral_sentences_are_what_the_setting_says(
    annotations: Path, neutral: str, truth: tuple[bool | None, float]
) -> None:
    found, _ = read(annotations, neutral=neutral)
    assert [(pair.label, pair.probability) for pair in found if pair.hypothesis == "A church."] == [truth]
    assert len(found) == 9


def test_what_a_setting_leaves_aside_is_one_row(annotations: Path) -> None:
    _, left_out = read(annotations)
    assert [(Path(one.source).stem.split("_")[-1], one.column, one.value, one.status, one.row) for one in left_out] == [
        ("development", "Neutral", "2 rows", "unused", 0),
        ("validation", "Neutral", "1 rows", "unused", 0),
        ("evaluation", "", "1 rows", "unused", 0),
    ]


def test_tested_on_evaluation_validation_stays_validation(annotations: Path) -> None:
    found, _ = read(annotations, test_split="evaluation")
    assert Counter(pair.split for pair in found) == {"train": 4, "validation": 2, "test": 2}


def test_sounds_lie_by_split_and_blanks_around_their_names_do_not_matter(annotations: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    for split in ("development", "validation"):
        (audio / split).mkdir(parents=True)
    (audio / "development" / " rain.wav").write_bytes(b"")
    (audio / "validation" / "dog.wav").write_bytes(b"")
    found, _ = read(annotations, premise="sound", caption=None, audio=str(audio))
    assert {(pair.modality, pair.premise_text) for pair in found} == {("audio", None)}
    assert [pair.media_path for pair in found][::2] == [
        str(audio / "development" / " rain.wav"),
        str(audio / "development" / "bell (2).wav"),  # missing: it keeps its items
        str(audio / "validation" / "dog.wav"),
    ]
    write(annotations, "validation", row("  dog.wav"))
    assert read(annotations, premise="sound", caption=None, audio=str(audio))[0][-1].event == "dog.wav"


def test_a_missing_directory_of_sounds_is_named(annotations: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"audio/development: no such directory"):
        read(annotations, premise="sound", caption=None, audio=str(tmp_path / "audio"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"premise": "sound", "caption": None}, "audio"),
        ({"caption": None}, "caption"),
        ({"caption": 5}, "caption"),
        ({"neutral": "maybe"}, "neutral"),
        ({"test_split": "test"}, "test_split"),
    ],
)
def test_settings_that_show_nothing_are_faults(annotations: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(annotations, **changes)


@pytest.mark.parametrize(
    ("bad", "column"),
    [
        (row(captions="Rain falls."), "Caption"),
        (row(captions=repr(CAPTIONS[:4])), "Caption"),
        (row(captions=repr([*CAPTIONS[:4], 5])), "Caption"),
        (row(captions="['a', 'b', 'c', 'd', open('x')]"), "Caption"),
        (row(captions="[" * 200), "Caption"),
        (row(captions="-" * 9_000 + "1"), "Caption"),
        (row(captions="[" * 200_000), ""),
        (row(file="../../secret.wav"), "Audio file"),
        (row(file="  "), "Audio file"),
        ("ClothoV2,rain.wav", ""),
    ],
)
def test_a_bad_row_costs_no_other(annotations: Path, bad: str, column: str) -> None:
    write(annotations, "validation", bad, row("dog.wav"))
    found, left_out = read(annotations)
    assert [pair.row for pair in found if pair.split == "test"] == [3, 3]
    malformed = [one for one in left_out if one.status == "malformed"]
    assert [(one.row, one.column) for one in malformed] == [(2, column)]


def test_a_missing_sentence_costs_no_other(annotations: Path) -> None:
    write(annotations, "validation", row("dog.wav", sentences=("A dog.", "A guard dog.", " ")))
    found, left_out = read(annotations)
    assert [pair.hypothesis for pair in found if pair.split == "test"] == ["A dog."]
    assert [(one.row, one.column) for one in left_out if one.status == "malformed"] == [(2, "Contradiction")]


def test_the_workflow_waits_for_the_splits_that_are_used(annotations: Path) -> None:
    (annotations / "clotho_entailment_evaluation.csv").unlink()
    (annotations / "clotho_entailment_validation.csv").unlink()
    named = [Path(file).stem.split("_")[-1] for file in files(settings(annotations))]
    assert named == ["development", "validation"]


@pytest.mark.skipif(
    not (PUBLISHED / "clotho_entailment_validation.csv").exists(),
    reason="data/cle does not hold the published annotations; data/README.md says where they are from",
)
def test_the_published_files_hold_what_they_should() -> None:
    found, left_out = read(PUBLISHED, neutral="half")
    sounds = {split: {pair.event for pair in found if pair.split == split} for split in ("train", "test")}
    assert {split: len(events) for split, events in sounds.items()} == {"train": 3839, "test": 1045}
    assert Counter((pair.split, pair.label) for pair in found) == {
        (split, label): count for split, count in (("train", 3839), ("test", 1045)) for label in (True, False, None)
    }
    assert sounds["train"] & sounds["test"] == {"City Ambience w_ Car Passing_1-2.wav"}  # with other captions
    assert not [one for one in left_out if one.status == "malformed"]
