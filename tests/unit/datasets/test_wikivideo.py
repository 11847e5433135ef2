"""WikiVideo: which pairs there are, with which labels and judgments, and what is left out."""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from umui.config.datasets import WikiVideo
from umui.config.judges import ImportedTeacher
from umui.datasets.importing import Pair, write_items
from umui.datasets.wikivideo import Support, is_supported, pairs
from umui.files.parquet import read_rows
from umui.tables import ITEMS, LEFT_OUT, LeftOut

FIRE, QUAKE, PURPOSE = "A fire broke out", "The quake was strong", "There is a purpose"
ANNOTATIONS: dict[str, Any] = {
    "Notre-Dame fire": {
        "claims": [[FIRE, "The spire fell "], [FIRE]],
        "original_article": ["One sentence alone, though there are two lists of claims."],
        "claims_to_supporting_videos": {
            FIRE: {
                "supporting_videos": ["abc-1"],
                "videos_modalities": {"abc-1": {"audio": True, "video": False, "ocr": True}},
            },
            "The spire fell ": {"supporting_videos": [], "videos_modalities": {}},
        },
        "article": "...",
        "query_id": "q1",
        "videos": {
            "abc-1": {"anon_scale_id": "8", "language": "english", "video_type": "Raw", "relevance": 3},
            "_xyz": {"anon_scale_id": "9", "language": "english", "video_type": "Edited", "relevance": 3},
        },
    },
    "2025_Myanmar_earthquake": {
        "claims": [[QUAKE, PURPOSE]],
        "original_article": ["..."],
        "claims_to_supporting_videos": {
            QUAKE: {
                "supporting_videos": ["q1"],
                "videos_modalities": {"q1": {"audio": True, "video": False, "ocr": False}},
            },
            PURPOSE: {"supporting_videos": [], "videos_modalities": {}},
        },
        "videos": {"q1": {"language": "english"}, "q2": {"language": "english"}},
    },
}


def write(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def settings(directory: Path, annotations: Any = ANNOTATIONS, judgments: Any = None, **given: Any) -> WikiVideo:
    return WikiVideo.model_validate({
        "kind": "wikivideo",
        "annotations": write(directory / "final_data.json", annotations),
        "videos": str(directory / "combined_videos"),
        "audios": str(directory / "audios"),
        "judgments": None if judgments is None else write(directory / "annotation.json", judgments),
        "modalities": ["video", "audio", "audiovisual"],
        "label_rule": "corrected",
        "test_events": ["2025 Myanmar earthquake"],
        "negatives": ["train"],
    } | given)  # fmt: skip


def found(chosen: WikiVideo) -> tuple[list[Pair], list[LeftOut]]:
    entries = list(pairs(chosen))
    return [e for e in entries if isinstance(e, Pair)], [e for e in entries if isinstance(e, LeftOut)]


def changed(event: str, **given: Any) -> dict[str, Any]:
    return ANNOTATIONS | {event: ANNOTATIONS[event] | given}


# video, audio, ocr: the published labels of video, audio, audiovisual, and the corrected ones
TRUTHS = {
    (0, 0, 0): ((0, 0, 0), (0, 0, 0)),
    (0, 0, 1): ((1, 0, 0), (1, 0, 1)),
    (0, 1, 0): ((0, 1, 1), (0, 1, 1)),
    (0, 1, 1): ((1, 0, 1), (1, 1, 1)),
    (1, 0, 0): ((1, 0, 1), (1, 0, 1)),
    (1, 0, 1): ((1, 0, 1), (1, 0, 1)),
    (1, 1, 0): ((1, 0, 1), (1, 1, 1)),
    (1, 1, 1): ((1, 0, 1), (1, 1, 1)),
}


@pytest.mark.parametrize("flags", list(product((0, 1), repeat=3)))
def test_the_label_rules(flags: tuple[int, int, int]) -> None:
    support = Support(*map(bool, flags))
    for rule, labels in zip(("published", "corrected"), TRUTHS[flags], strict=True):
        said = [is_supported(support, modality, rule) for modality in ("video", "audio", "audiovisual")]
        assert said == list(map(bool, labels)), rule


def test_claims_go_with_the_videos_that_they_list_and_in_training_with_the_others_too(tmp_path: Path) -> None:
    chosen, _ = found(settings(tmp_path, modalities=["video"]))
    rows = [(pair.split, pair.hypothesis, Path(str(pair.media_path)).name, pair.label) for pair in chosen]
    assert rows == [
        ("train", FIRE, "abc-1.mp4", True),
        ("train", FIRE, "_xyz.mp4", False),
        ("train", "The spire fell ", "abc-1.mp4", False),
        ("train", "The spire fell ", "_xyz.mp4", False),
        ("test", QUAKE, "q1.mp4", False),
    ]
    everywhere, _ = found(settings(tmp_path, modalities=["video"], negatives=["train", "test"]))
    assert len(everywhere) == 4 + 4
    nowhere, _ = found(settings(tmp_path, modalities=["video"], negatives=[]))
    assert [pair.hypothesis for pair in nowhere] == [FIRE, QUAKE]


def test_the_audio_rule_of_the_published_code_denies_what_is_also_seen(tmp_path: Path) -> None:
    for rule, heard in (("published", False), ("corrected", True)):
        chosen, _ = found(settings(tmp_path, label_rule=rule, modalities=["audio"], negatives=[]))
        assert [pair.label for pair in chosen] == [heard, True]
        assert [Path(str(pair.media_path)).name for pair in chosen] == ["abc-1.wav", "q1.wav"]


@pytest.mark.parametrize("spelling", ["2025_Myanmar_earthquake", "2025 Myanmar earthquake"])
def test_a_title_may_be_spelled_with_blanks_or_underscores(tmp_path: Path, spelling: str) -> None:
    chosen, _ = found(settings(tmp_path, test_events=[spelling, "Notre-Dame_fire"], negatives=[]))
    assert {(pair.event, pair.split) for pair in chosen} == {
        ("Notre-Dame fire", "test"), ("2025 Myanmar earthquake", "test"),
    }  # fmt: skip


def test_a_held_out_event_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"final_data\.json: test_events.*'Notre Dame fire'.*mean 'Notre-Dame fire'"):
        found(settings(tmp_path, test_events=["Notre Dame fire"]))


def test_repeated_claims_are_one_and_counted(tmp_path: Path) -> None:
    chosen, aside = found(settings(tmp_path))
    assert len({(pair.hypothesis, pair.media_path, pair.modality) for pair in chosen}) == len(chosen)
    assert [(entry.row, entry.value, entry.status) for entry in aside] == [(3, FIRE, "duplicate")]


def test_faulty_claims_and_flags_are_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    faulty = changed(
        "Notre-Dame fire",
        claims=[[FIRE, "Nobody knows", " ", None]],
        claims_to_supporting_videos={
            FIRE: {
                "supporting_videos": ["abc-1", "no-flags"],
                "videos_modalities": {
                    "abc-1": {"audio": True, "video": False, "ocr": True},
                    "listed": ["video", "ocr"],
                    "half": {"audio": True, "video": None, "ocr": False},
                },
            },
            "A claim of no sentence": {"supporting_videos": [], "videos_modalities": {}},
        },
    )
    chosen, aside = found(settings(tmp_path, faulty, modalities=["video"]))
    assert [(pair.hypothesis, pair.label) for pair in chosen] == [(FIRE, True), (FIRE, False), (QUAKE, False)]
    assert [(entry.column, entry.status) for entry in aside] == [
        ("listed", "malformed"), ("half", "malformed"), ("no-flags", "malformed"), ("claims", "malformed"),
        ("claims", "malformed"), ("claims", "malformed"), ("claims_to_supporting_videos", "unused"),
    ]  # fmt: skip
    assert all("Notre-Dame fire" in entry.reason for entry in aside)


JUDGMENTS = [
    {"claim": QUAKE, "path": "videos/q1.mp4", "probability": 0.85, "label": {"audio": True, "video": 0, "omni": 0}},
    {"claim": f"{QUAKE} ", "path": "q1.mp4", "probability": 0.6, "label": {}},
    {"claim": QUAKE, "path": "q2.mp4", "probability": 0.1, "label": {}},
    {"claim": "Never claimed", "path": "q1.mp4", "probability": 0.1, "label": {}},
    {"claim": PURPOSE, "path": "q1.mp4", "probability": "85 %", "label": {}},
    {"claim": PURPOSE, "probability": 0.5},
]


def test_judgments_join_by_claim_and_video_and_no_judgment_is_lost(tmp_path: Path) -> None:
    chosen, aside = found(settings(tmp_path, judgments=JUDGMENTS))
    judged = {pair.modality: pair.probability for pair in chosen if pair.probability is not None}
    assert judged == {"video": 0.85, "audio": 0.85, "audiovisual": 0.85}, "the first counts, in every modality"
    of_judgments = [(e.row, e.column, e.status) for e in aside if e.source.endswith("annotation.json")]
    assert sorted(of_judgments) == [
        (2, "", "duplicate"), (3, "", "unused"), (4, "", "unused"), (5, "probability", "malformed"),
        (6, "path", "malformed"),
    ]  # fmt: skip
    repeated = next(entry for entry in aside if entry.status == "duplicate" and entry.row == 2)
    assert "0.6" in repeated.reason
    assert "0.85" in repeated.reason


def test_judgments_on_another_scale_are_no_probabilities(tmp_path: Path) -> None:
    percents = [
        {"claim": QUAKE, "path": "q1.mp4", "probability": 1},
        {"claim": QUAKE, "path": "q2.mp4", "probability": 85},
    ]
    with pytest.raises(ValueError, match=r"annotation\.json: probability goes from 1 to 85.*`scale: .*mend the file"):
        found(settings(tmp_path, judgments=percents))
    chosen, _ = found(settings(tmp_path, judgments=percents, scale=100))
    assert {pair.probability for pair in chosen} >= {0.01}


def test_with_negatives_in_the_test_split_more_judgments_find_their_pair(tmp_path: Path) -> None:
    chosen, _ = found(settings(tmp_path, judgments=JUDGMENTS, negatives=["train", "test"], modalities=["video"]))
    assert [pair.probability for pair in chosen if pair.split == "test"] == [0.85, 0.1, None, None]


@pytest.mark.parametrize(
    ("annotations", "words"),
    [([], "not an object of events"), ({"An event": {"claims": []}}, "An event lacks .*claims_to_supporting_videos")],
)
def test_another_file_is_an_error(tmp_path: Path, annotations: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        found(settings(tmp_path, annotations, test_events=[]))


def test_items_keep_pairs_whose_media_are_missing_and_one_of_equal_videos(tmp_path: Path) -> None:
    (tmp_path / "combined_videos").mkdir()
    for name in ("abc-1", "_xyz"):  # uploaded twice: the same bytes
        (tmp_path / f"combined_videos/{name}.mp4").write_bytes(b"frames")
    chosen = settings(tmp_path, modalities=["video", "audiovisual"])
    items, left_out = tmp_path / "items.parquet", tmp_path / "left_out.parquet"
    write_items(pairs(chosen), dataset="wikivideo", items=items, left_out=left_out, workers=2)
    rows = read_rows(items, ITEMS)
    assert {row["event"] for row in rows} == {"wikivideo/Notre-Dame fire", "wikivideo/2025 Myanmar earthquake"}
    assert [row["media_id"][:8] for row in rows if row["split"] == "test"] == ["missing-"] * 2
    assert len(rows) == 2 * 2 + 2
    repeated = [row for row in read_rows(left_out, LEFT_OUT) if row["status"] == "duplicate" and row["row"] != 3]
    assert [row["column"] for row in repeated] == ["_xyz audiovisual", "_xyz video"] * 2


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("modalities", [], "at least 1"),
        ("modalities", ["video", "video"], "video: give each once"),
        ("modalities", ["text"], "audiovisual"),
        ("label_rule", "right", "published"),
        ("negatives", ["validation"], "train"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, key: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(tmp_path, **{key: value})


def test_the_documented_settings_are_right() -> None:
    page = (Path(__file__).parents[3] / "docs/wikivideo.md").read_text()
    dataset, teacher = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.S))
    assert len(WikiVideo.model_validate(dataset["datasets"]["wikivideo"]).test_events) == 10
    ImportedTeacher.model_validate(teacher["imported_teachers"]["published"])
    rows = re.findall(r"^\| (?:–|yes) \|.*\|$", page, flags=re.M)
    table = [[cell == "yes" for cell in re.findall(r"–|yes", row)] for row in rows]
    wanted = {flags: [*map(bool, published + corrected)] for flags, (published, corrected) in TRUTHS.items()}
    assert {tuple(map(int, row[:3])): row[3:] for row in table} == wanted, "the truth table is that of the test"
