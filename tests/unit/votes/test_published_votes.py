"""Votes from published files: nothing that was not said becomes a number, and no row is lost without a word."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from rows import item, write_items

from umui.config.judges import ImportedTeacher, Label
from umui.config.loading import ConfigError, load
from umui.files.digests import digest_file, digest_json
from umui.files.parquet import read_rows
from umui.tables import LABELS, VOTES
from umui.votes.aggregation import aggregate_votes
from umui.votes.published import digits, import_votes

ROOT = Path(__file__).parents[3]
ITEMS = [
    {"modality": "video", "media_path": "videos/abc.mp4", "hypothesis": "A fire broke out", "label": True},
    {"modality": "audiovisual", "media_path": "videos/abc.mp4", "hypothesis": "A fire broke out", "label": True},
    {"modality": "video", "media_path": "videos/xyz.mp4", "hypothesis": "A fire broke out", "label": False},
    {"modality": "video", "media_path": "videos/xyz.mp4", "hypothesis": "It was put out ", "label": False},
    {"modality": "video", "media_path": "videos/q1.mp4", "hypothesis": "The quake was strong", "split": "test"},
]


def items(directory: Path, rows: list[dict[str, Any]] = ITEMS) -> Path:
    named = [
        item(
            f"wikivideo/{number}#0",
            **({"dataset": "wikivideo", "split": "train", "premise_text": None, "media_id": row["media_path"]} | row),
        )
        for number, row in enumerate(rows)
    ]
    return write_items(directory / "items.parquet", *named)


def row(answer: Any, **given: Any) -> dict[str, Any]:
    published = {
        "claim": "A fire broke out", "type": "Notre-Dame fire", "path": "wikivideo_/combined_videos/abc.mp4",
        "label": True, "modality": "video", "answer": answer,
    }  # fmt: skip
    return published | given


def settings(*files: Path, **given: Any) -> ImportedTeacher:
    return ImportedTeacher.model_validate({
        "title": "published", "dataset": "wikivideo", "modalities": ["video", "audiovisual"], "splits": ["train"],
        "files": [str(file) for file in files], "form": "scalar", "thinking": False, "votes": 5,
    } | given)  # fmt: skip


def imported(
    directory: Path, groups: Any, **given: Any
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, str]]]:
    """The votes by item's number, and what was left out."""
    file = directory / "video.json"
    file.write_text(json.dumps(groups))
    votes = directory / "0.parquet"
    import_votes(settings(file, **given), "published", [items(directory)], votes, directory / "left_out.csv")
    by_item: dict[str, list[dict[str, Any]]] = {}
    for read in read_rows(votes, VOTES):
        by_item.setdefault(read["item_id"].removeprefix("wikivideo/").removesuffix("#0"), []).append(read)
    with (directory / "left_out.csv").open(newline="") as left_out:
        return by_item, list(csv.DictReader(left_out))


def test_each_text_is_a_vote_and_says_what_it_says(tmp_path: Path) -> None:
    answers = [
        "<think>It may be <answer>0.1</answer>.</think>\n<answer>0.9</answer>",
        "<answer>85%</answer>",
        "<answer>0.6-0.8</answer>",
        "<answer>Yes</answer>",
        "I would say 0.7",
        "<answer>85</answer>",
        0.7,
    ]
    votes, _ = imported(tmp_path, {"Notre-Dame fire": [row(answers)]})
    assert [(vote["vote"], vote["probability"], vote["parse_status"]) for vote in votes["0"]] == [
        (0, 0.9, "ok"), (1, 0.85, "percent"), (2, None, "missing"), (3, None, "missing"), (4, None, "missing"),
        (5, None, "out_of_range"), (6, None, "missing"),
    ]  # fmt: skip
    first = votes["0"][0]
    assert (first["text"], first["reasoning"]) == ("<answer>0.9</answer>", "It may be <answer>0.1</answer>.")
    assert votes["0"][2]["text"] == "<answer>0.6-0.8</answer>", "what was said stays"
    unknown = ("seed", "prompt_digest", "evidence_digest", "finish_reason", "prompt_tokens", "completion_tokens")
    assert all(vote[column] is None for vote in votes["0"] for column in unknown)
    digest = digest_file(tmp_path / "video.json")
    assert votes["0"][3]["request_digest"] == digest_json({"file": digest, "row": 1, "vote": 3})


def test_a_text_that_is_no_unicode_costs_no_other(tmp_path: Path) -> None:
    votes, _ = imported(tmp_path, {"e": [row(["half \ud83d <answer>0.2</answer>"]), row(["."], claim="\ud83d")]})
    assert (votes["0"][0]["text"], votes["0"][0]["probability"]) == ("half \\ud83d <answer>0.2</answer>", 0.2)


def test_thinking_that_was_cut_off_is_no_answer(tmp_path: Path) -> None:
    answers = ["Perhaps <answer>0.2</answer>, but", "Hm.</think><answer>0.4</answer>"]
    votes, _ = imported(tmp_path, {"e": [row(answers)]}, thinking=True, votes=2)
    assert [(vote["probability"], vote["parse_status"]) for vote in votes["0"]] == [(None, "truncated"), (0.4, "ok")]
    assert votes["0"][0]["reasoning"] == answers[0]


def test_votes_that_the_file_lacks_are_missing_and_further_ones_stay(tmp_path: Path) -> None:
    short, long = ["<answer>0.5</answer>"] * 2, ["<answer>0.5</answer>"] * 7
    groups = {"a": [row(short)], "b": [row(long, path="xyz.mp4"), row("<answer>1</answer>", modality="omni")]}
    votes, _ = imported(tmp_path, groups)
    assert [vote["parse_status"] for vote in votes["0"]] == ["ok", "ok", "missing", "missing", "missing"]
    assert [vote["vote"] for vote in votes["2"]] == list(range(7))
    assert [vote["probability"] for vote in votes["1"]] == [1, None, None, None, None], "a single text is one vote"


def test_rows_join_by_modality_file_name_and_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["<answer>0.5</answer>"] * 5
    groups = {
        "Notre-Dame fire": [
            row(said),
            row(said, modality="omni"),
            row(said, claim="It was  put out", path="/exp/xyz.mp4"),
            row(said),
            row(said, path="other.mp4"),
            row(said, modality="audio"),
            row(said, modality="text", path="unli/train.jsonl"),
            row(said, claim=None),
            row(said, modality=["video"]),
            "no object",
            row([]),
        ],
        "Held out": [row(said, claim="The quake was strong", path="q1.mp4")],
    }
    votes, aside = imported(tmp_path, groups)
    assert sorted(votes) == ["0", "1", "3"]
    assert [(entry["row"], entry["status"]) for entry in aside if entry["source"].endswith("video.json")] == [
        ("4", "duplicate"), ("5", "unused"), ("6", "unused"), ("7", "malformed"), ("8", "malformed"),
        ("9", "malformed"), ("10", "malformed"), ("11", "malformed"), ("12", "unused"),
    ]  # fmt: skip
    assert [(entry["value"], entry["status"]) for entry in aside if entry["source"] == "wikivideo"] == [
        ("wikivideo/2#0", "no_votes")
    ]
    told = capsys.readouterr().err
    for words in ("3 of 4 items", "15 ok", "3 unused", "1 duplicate", "5 malformed", "1 labels differ"):
        assert words in told


def test_items_that_cannot_be_told_apart_get_no_votes(tmp_path: Path) -> None:
    twins = [ITEMS[0], ITEMS[0] | {"media_path": "elsewhere/abc.mp4"}, ITEMS[2]]
    file = tmp_path / "video.json"
    file.write_text(json.dumps({"e": [row("<answer>0.5</answer>"), row("<answer>0.5</answer>", path="xyz.mp4")]}))
    import_votes(settings(file), "t", [items(tmp_path, twins)], tmp_path / "0.parquet", tmp_path / "left_out.csv")
    assert {read["item_id"] for read in read_rows(tmp_path / "0.parquet", VOTES)} == {"wikivideo/2#0"}
    with (tmp_path / "left_out.csv").open(newline="") as left_out:
        aside = [(entry["value"], entry["status"]) for entry in csv.DictReader(left_out)]
    assert aside == [
        ("wikivideo/0#0", "ambiguous"), ("wikivideo/1#0", "ambiguous"), ("A fire broke out", "unused"),
    ]  # fmt: skip


def test_a_file_without_any_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"imported_teachers\.published: no row belongs.*video\.json, row 1"):
        imported(tmp_path, {"e": [row("<answer>0.5</answer>", path="elsewhere.mp4")]})
    with pytest.raises(ValueError, match=r"video\.json: not an object of lists"):
        imported(tmp_path, [row("<answer>0.5</answer>")])


UNIFORM = [0.1] * 10


@pytest.mark.parametrize(
    ("vector", "said"),
    [
        (UNIFORM, 0.5),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 0.95),
        ([0.5, 0, 0, 0.5, 0, 0, 0, 0, 0, 0], 0.2),  # (0.05 + 0.35) / 2
        ([0.996, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0498),  # rounding loses a little
        ([0.1] * 9, None),
        ([*UNIFORM, 0.0], None),
        ([0.2] * 10, None),
        ([0.5] + [0.0] * 9, None),
        ([1.1, -0.1] + [0.0] * 8, None),
        ([float("nan")] * 10, None),
        (["0.1"] * 10, None),
        ([True] + [False] * 9, None),
        ("0.5", None),
        (0.5, None),
    ],
)
def test_digits_mean_the_middles_of_their_tenths(vector: Any, said: float | None) -> None:
    parsed = digits(vector)
    assert parsed.probability == (None if said is None else pytest.approx(said))
    assert parsed.status == ("missing" if said is None else "ok")


def test_a_vector_of_digits_is_one_vote(tmp_path: Path) -> None:
    groups = {
        "development": [row(UNIFORM), row([0.5, 0.5], path="xyz.mp4"), row("<answer>0.4</answer>", modality="omni")]
    }
    votes, _ = imported(tmp_path, groups, form="digits", votes=1)
    assert {name: [(v["probability"], v["text"]) for v in given] for name, given in votes.items()} == {
        "0": [(pytest.approx(0.5), json.dumps(UNIFORM))],
        "1": [(None, '"<answer>0.4</answer>"')],
        "2": [(None, "[0.5, 0.5]")],
    }


def test_labels_are_aggregated_from_them_as_from_any_votes(tmp_path: Path) -> None:
    said = ["<answer>0.2</answer>", "<answer>40%</answer>", "no", "<answer>0.6</answer>", "<answer>0.8</answer>"]
    imported(tmp_path, {"e": [row(said), row(said[:1], path="xyz.mp4")]})
    label = Label(aggregation="mean", votes=5, min_parsed=3)
    aggregate_votes(label, [tmp_path / "0.parquet"], tmp_path / "labels.parquet")
    labels = read_rows(tmp_path / "labels.parquet", LABELS)
    assert [(entry["n_parsed"], entry["probability"]) for entry in labels] == [(4, pytest.approx(0.5)), (1, None)]
    assert {entry["teacher"] for entry in labels} == {"published"}


def test_digits_are_one_vote_without_thinking() -> None:
    for given in ({"votes": 5}, {"votes": 1, "thinking": True}):
        with pytest.raises(ValidationError, match="votes: 1"):
            settings(Path("audio.json"), form="digits", **given)


@pytest.mark.parametrize(
    ("imported_teacher", "source", "words"),
    [
        ({"dataset": "nowhere"}, {}, r"imported_teachers\.published\.dataset: 'nowhere'"),
        ({"votes": 2}, {}, r"students\.clue-d\.sources\.urn\.label: 5-mean takes 5 votes.*has 2"),
        ({}, {"modalities": ["text", "video"]}, r"sources\.urn\.modalities: published has no votes on \['text'\]"),
        ({}, {"teacher": "publisht"}, r"'publisht' is not among the teachers: published, tiny-teacher"),
        ({"votes": 5}, {}, None),
    ],
)
def test_a_student_can_learn_from_them(imported_teacher: Any, source: Any, words: str | None) -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    teacher = settings(Path("video.json"), dataset="urn").model_dump() | imported_teacher
    raw["imported_teachers"] = {"published": teacher}
    raw["students"]["clue-d"]["sources"] = {
        "urn": {"modalities": ["video"], "teacher": "published", "label": "5-mean", "agreement_filter": False} | source
    }
    if words is None:
        assert load(raw).votes == {"tiny-teacher": 5, "tiny-base": 1, "tiny-base-binary": 1, "published": 5}
    else:
        with pytest.raises(ConfigError, match=words):
            load(raw)


def test_no_two_teachers_share_a_name() -> None:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["imported_teachers"] = {"tiny-base": settings(Path("video.json"), dataset="urn").model_dump()}
    with pytest.raises(ConfigError, match=r"tiny-base.*must differ"):
        load(raw)


@pytest.mark.parametrize("path", ["D:\\data\\cafe\u0301.mp4", "videos/caf\u00e9.mp4", "a/b\\cafe\u0301.mp4"])
@pytest.mark.parametrize("on_disk", ["videos/caf\u00e9.mp4", "videos/cafe\u0301.mp4"])
def test_names_join_in_either_unicode_form_and_behind_either_separator(tmp_path: Path, path: str, on_disk: str) -> None:
    of_cafe = [{"modality": "video", "media_path": on_disk, "hypothesis": "Le cafe\u0301 ferme."}]
    published = tmp_path / "votes.json"
    published.write_text(json.dumps({"a": [row("0.5", path=path, claim="Le caf\u00e9 ferme.")]}))
    import_votes(
        settings(published), "published", [items(tmp_path, of_cafe)], tmp_path / "v.parquet", tmp_path / "l.csv"
    )
    assert read_rows(tmp_path / "v.parquet", VOTES)[0]["item_id"] == "wikivideo/0#0"


def test_what_is_left_out_is_no_formula(tmp_path: Path) -> None:
    published = tmp_path / "votes.json"
    published.write_text(json.dumps({"a": [row("0.5"), row("0.5", claim="=cmd|' /C calc'!A0\x1b[2J")]}))
    import_votes(settings(published), "published", [items(tmp_path)], tmp_path / "v.parquet", tmp_path / "l.csv")
    values = [entry["value"] for entry in csv.DictReader((tmp_path / "l.csv").open())]
    assert "'=cmd|' /C calc'!A0\\x1b[2J" in values


def test_nesting_beyond_reason_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    published = tmp_path / "votes.json"
    published.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"votes\.json: not JSON"):
        import_votes(settings(published), "p", [items(tmp_path)], tmp_path / "v.parquet", tmp_path / "l.csv")
