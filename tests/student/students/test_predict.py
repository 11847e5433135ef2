"""Predictions on a shard: all of its items, each once, with what failed as rows with a status."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from student_world import MEDIA, predict, run, student_settings

from umui.backbone import omni
from umui.backbone.encoding import Encoder
from umui.backbone.forward import tower_features
from umui.backbone.packing import pack
from umui.evidence.decoded import Evidence, Premise
from umui.files.digests import shard_of
from umui.files.parquet import read_rows
from umui.students.directory import load
from umui.students.heads import text
from umui.students.targets import expectation
from umui.tables import ITEMS


@pytest.fixture(scope="module")
def student(base: Path, world: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(student_settings(steps=12), base, world, tmp_path_factory.mktemp("student"))


def test_shards_cover_every_item_once(student: Path, base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    items = {row["item_id"]: row for row in read_rows(world["items"], ITEMS)}
    rows = []
    for shard in range(2):
        piece = predict(student, base, world, tmp_path / f"{shard}", student_settings(), shard=shard, shards=2,
                        splits=["train", "test"])  # fmt: skip
        owners = [items[row["item_id"]] for row in piece]
        assert {shard_of(item["media_id"], item["premise_id"], 2) for item in owners} == {shard}
        rows += piece
    assert sorted(row["item_id"] for row in rows) == sorted(items)
    for row in rows:
        item = items[row["item_id"]]
        if item["media_id"] is not None and "/test/" in item["item_id"] and item["premise_id"].endswith("/1"):
            assert (row["status"], row["probability"], row["distribution"]) == ("no_evidence", None, None)
        else:
            assert row["status"] == "ok"
            assert sum(row["distribution"]) == pytest.approx(1)
            mean = sum(mass * place / 19 for place, mass in enumerate(row["distribution"]))
            assert row["probability"] == pytest.approx(mean)
    assert len({row["probability"] for row in rows}) > len(items) / 2


@pytest.mark.parametrize(("view", "modality"), [("frames", "video"), ("sound", "audio")])
def test_a_view_withholds_the_other_stream(
    view: str, modality: Any, student: Path, base: Path, world: dict[str, Path], tmp_path: Path
) -> None:
    rows = predict(student, base, world, tmp_path / "view", student_settings(), view=view)
    items = {row["item_id"]: row for row in read_rows(world["items"], ITEMS)}
    assert {items[row["item_id"]]["modality"] for row in rows} == {"audiovisual"}
    row = next(row for row in rows if row["status"] == "ok")
    item = items[row["item_id"]]
    model, trained = load(student, str(base), None, torch.float32)
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    premise = Premise("as if it had one stream", modality, None, item["media_id"])
    encoded = encoder.encode([premise])
    batch = pack(encoded, [[encoder.hypothesis(premise, item["hypothesis"])]], encoder.pad_token)
    with torch.no_grad():
        (wanted,) = expectation(trained.head.masses(trained.thinker, batch, tower_features(model.thinker, encoded)))
    assert row["probability"] == pytest.approx(float(wanted), abs=1e-5)


def test_a_student_of_another_base_is_refused(
    student: Path, base: Path, world: dict[str, Path], tmp_path: Path
) -> None:
    other = shutil.copytree(base, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    weights["thinker.model.norm.weight"] += 0.001
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"trained on the base .* but the given base has"):
        predict(student, other, world, tmp_path / "out", student_settings())


def test_answers_in_words_are_read_strictly(
    base: Path, world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = student_settings(read_out="text", steps=1)
    student = run(settings, base, world, tmp_path)
    tokenizer = omni.load(base, torch.float32).processor.tokenizer
    said = ["<answer>0.65</answer>", "<answer>1.65</answer>", "surely", ""]
    answers = [tokenizer(words)["input_ids"] for words in said]
    monkeypatch.setattr(text, "greedy", lambda thinker, premises, *rest: answers * len(premises))
    rows = predict(student, base, world, tmp_path / "rows", settings)
    answered = [row for row in rows if row["status"] != "no_evidence"]
    wanted = {"0": ("ok", 0.65), "1": ("unparsed", None), "2": ("unparsed", None), "3": ("unparsed", None)}
    assert {row["item_id"][-1]: (row["status"], row["probability"]) for row in answered} == wanted
    monkeypatch.undo()
    untaught = predict(student, base, world, tmp_path / "untaught", settings)
    assert {row["status"] for row in untaught} == {"unparsed", "no_evidence"}
