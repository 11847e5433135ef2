"""Votes that one project publishes and another imports: the same votes, or an error that names the file."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rows import item, vote, write_items, write_votes

from umui.config.judges import ImportedTeacher
from umui.files.digests import digest_file
from umui.files.parquet import read_rows
from umui.tables import VOTES
from umui.votes.published import import_votes
from umui.votes.shared import publish


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Votes in two shards, published; of three items of the data set `world`, and one of another."""
    shards = [
        [vote("world/a", 0, 0.25), vote("world/a", 1, 0.75), vote("other/x", 0, 0.5)],
        [vote("world/b", 0, 0.5), vote("world/train", 0, 0.125)],
    ]
    files = []
    for number, rows in enumerate(shards):
        files.append(tmp_path / f"{number}.parquet")
        write_votes(files[-1], *rows)
    publish(files, "their teacher", tmp_path / "published")
    return tmp_path / "published" / "manifest.json"


def settings(manifest: Path, **given: Any) -> ImportedTeacher:
    return ImportedTeacher.model_validate({
        "title": "theirs", "dataset": "world", "modalities": ["text"], "splits": ["test"], "files": [str(manifest)],
        "form": "votes", "thinking": False, "votes": 2,
    } | given)  # fmt: skip


def imported(manifest: Path, *more: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The votes, and the status of each item that is left out."""
    directory = manifest.parents[1]
    named = [item(f"world/{name}", dataset="world", split="test", modality="text") for name in ("a", "b", "c")]
    named.append(item("world/train", dataset="world", split="train", modality="text"))
    items = write_items(directory / "items.parquet", *named)
    chosen = settings(manifest, files=[str(manifest), *(str(other) for other in more)])
    import_votes(chosen, "ours", [items], directory / "votes.parquet", directory / "left_out.csv")
    with (directory / "left_out.csv").open(newline="") as file:
        return read_rows(directory / "votes.parquet", VOTES), {
            row["value"]: row["status"] for row in csv.DictReader(file)
        }


def test_votes_come_over_as_they_were_given(published: Path) -> None:
    votes, aside = imported(published)
    expected = [("world/a", 0, 0.25), ("world/a", 1, 0.75), ("world/b", 0, 0.5)]
    assert votes == [vote(*given, teacher="ours") for given in expected]
    assert aside == {"other/x": "unused", "world/train": "unused", "world/c": "no_votes"}


def test_the_manifest_says_what_there_is(published: Path) -> None:
    said = json.loads(published.read_text())
    assert (said["teacher"], said["title"], said["datasets"]) == ("teacher", "their teacher", ["other", "world"])
    assert [(entry["path"], entry["rows"]) for entry in said["files"]] == [("0.parquet", 3), ("1.parquet", 2)]
    assert said["files"][0]["sha256"] == digest_file(published.with_name("0.parquet"))


def test_a_file_that_was_changed_is_named_with_both_digests(published: Path) -> None:
    expected = json.loads(published.read_text())["files"][1]["sha256"]
    shard = published.with_name("1.parquet")
    write_votes(shard, vote("world/b", 0, 0.99))
    with pytest.raises(ValueError, match=rf"1\.parquet: its sha256 is {digest_file(shard)}, .* expects {expected}; "):
        imported(published)


def test_a_file_that_is_missing_is_named(published: Path) -> None:
    published.with_name("0.parquet").unlink()
    with pytest.raises(ValueError, match=r"0\.parquet: missing, though .*manifest\.json names it; fetch"):
        imported(published)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "umui votes 2"}, "its format is 'umui votes 2', this program reads 'umui votes 1'"),
        ({"files": [{"path": "../0.parquet", "sha256": "0"}]}, "names ../0.parquet, which is not beside it"),
        ({"files": 3}, "not a manifest of published votes"),
    ],
)
def test_a_strange_manifest_is_refused(published: Path, change: dict[str, Any], message: str) -> None:
    published.write_text(json.dumps(json.loads(published.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        imported(published)


def test_an_item_that_two_publications_have_is_read_once(published: Path, tmp_path: Path) -> None:
    write_votes(tmp_path / "again.parquet", vote("world/a", 0, 0.875), vote("world/c", 0, 0.625))
    publish([tmp_path / "again.parquet"], "again", tmp_path / "again")
    votes, aside = imported(published, tmp_path / "again" / "manifest.json")
    assert [row["probability"] for row in votes] == [0.25, 0.75, 0.5, 0.625]
    assert aside["world/a"] == "duplicate"


def test_two_teachers_are_not_published_as_one(tmp_path: Path) -> None:
    write_votes(tmp_path / "v.parquet", vote("world/a", 0, 0.5), vote("world/a", 1, 0.5, teacher="other"))
    with pytest.raises(ValueError, match=r"\['other', 'teacher'\]"):
        publish([tmp_path / "v.parquet"], "both", tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_what_is_published_is_never_changed(published: Path) -> None:
    with pytest.raises(ValueError, match="there already"):
        publish([published.parents[1] / "0.parquet"], "their teacher", published.parent)


@pytest.mark.parametrize("wrong", [{"thinking": True}, {"form": "scalar"}])
def test_settings_that_mean_nothing_are_faults(published: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(published, **wrong)
