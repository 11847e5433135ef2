"""A student whose files were damaged or made by somebody else is refused by name, or answers nothing."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from student_world import predict, run, student_settings

from umui.backbone import omni
from umui.files.digests import digest_bytes
from umui.students import adapters
from umui.students.directory import describe, load
from umui.use.scorer import Scorer, Unscorable


@pytest.fixture(scope="module")
def trained(base: Path, world: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(student_settings(steps=1), base, world, tmp_path_factory.mktemp("student"))


@pytest.fixture
def student(trained: Path, tmp_path: Path) -> Path:
    """A copy that may be spoiled."""
    return shutil.copytree(trained, tmp_path / "student")


def changed(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def weights_changed(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_not_finite_gives_no_number(
    value: float, student: Path, base: Path, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights_changed(student / "confidence_head.safetensors", lambda weights: weights["weight"][3, 5].fill_(value))
    rows = predict(student, base, world, tmp_path / "rows", student_settings())
    assert {row["status"] for row in rows} == {"not_finite", "no_evidence"}
    assert all(row["probability"] is None and row["distribution"] is None for row in rows)
    assert "not_finite: " in capsys.readouterr().out
    with pytest.raises(Unscorable, match="not finite; its weights may be damaged") as caught:
        Scorer.from_pretrained(student).score("It is red.", text="The balls were red.")
    assert caught.value.status == "not_finite"


def test_words_from_weights_that_are_not_finite_are_no_answer(
    base: Path, world: dict[str, Path], tmp_path: Path
) -> None:
    settings = student_settings(read_out="text", steps=1)
    student = run(settings, base, world, tmp_path)
    name = next(iter(load_file(student / adapters.WEIGHTS)))
    weights_changed(student / adapters.WEIGHTS, lambda weights: weights[name].fill_(math.nan))
    rows = predict(student, base, world, tmp_path / "rows", settings)
    assert {row["status"] for row in rows} == {"not_finite", "no_evidence"}


def test_a_training_stops_where_its_numbers_end(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    spoiled = shutil.copytree(base, tmp_path / "base")
    weights_changed(spoiled / "model.safetensors", lambda weights: weights["thinker.model.norm.weight"].fill_(math.nan))
    with pytest.raises(ValueError, match=r"step 1: the loss is nan .*lower training\.learning_rate"):
        run(student_settings(steps=2), spoiled, world, tmp_path)
    assert not (tmp_path / "student").exists()
    assert not list((tmp_path / "checkpoints").rglob("complete.json"))


def test_what_the_context_does_not_hold_is_told_and_not_answered(
    student: Path, base: Path, world: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    whole = predict(student, base, world, tmp_path / "whole", student_settings())
    capsys.readouterr()
    loaded = omni.load

    def short(*given: Any) -> omni.Omni:
        model = loaded(*given)
        model.thinker.config.text_config.max_position_embeddings = 45
        return model

    monkeypatch.setattr(omni, "load", short)
    rows = predict(student, base, world, tmp_path / "rows", student_settings())
    told = capsys.readouterr().out
    by_status = {status: [row["item_id"] for row in rows if row["status"] == status]
                 for status in ("ok", "too_long", "no_evidence")}  # fmt: skip
    assert by_status["ok"], told
    assert by_status["too_long"]
    assert len(rows) == sum(map(len, by_status.values())) == len(whole)
    assert f"too_long: {len(by_status['too_long'])} of " in told
    assert "the model's context holds 45" in told
    scorer = Scorer.from_pretrained(student)
    with pytest.raises(Unscorable, match=r"the text: \d+,\d+ tokens .* context holds 45; cut it") as caught:
        scorer.score("It is red.", text="The balls were red. " * 1000)
    assert caught.value.status == "too_long"
    run(student_settings(steps=1), base, world, tmp_path / "short")
    card = json.loads((tmp_path / "short/student/run_card.json").read_text())
    assert card["counts"]["too long"] > 0
    assert "they do not train" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"peft_type": "XLORA"}, {"peft_type": None}, {"init_lora_weights": "pissa"}, {"target_modules": "(.*.*)*$"},
        {"target_modules": None}, {"target_modules": ["lm_head"]}, {"target_modules": ["q_proj", 1]}, {"r": 10**9},
        {"r": "4"}, {"lora_alpha": "8"}, {"lora_alpha": math.nan}, {"lora_dropout": 2}, {"use_rslora": True},
        {"alpha_pattern": {"(.*.*)*$": 1}}, {"modules_to_save": ["lm_head"]}, {"megatron_config": {"a": 1}},
        {"trainable_token_indices": [1]}, {"layers_to_transform": [0]}, {"unknown": "x"},
    ],
)  # fmt: skip
def test_settings_of_adapters_that_this_program_does_not_write_are_refused(
    changes: dict[str, Any], student: Path
) -> None:
    weights = adapters.read_weights(student / adapters.WEIGHTS)
    adapters.read_settings(student, weights, own=True)
    changed(student / adapters.SETTINGS, **changes)
    with pytest.raises(ValueError, match=rf"{adapters.SETTINGS}: .*{next(iter(changes))}"):
        adapters.read_settings(student, weights, own=True)


@pytest.mark.parametrize("content", [b"", b"\0" * 9, b"\xff" * 8 + b"{}", b"\x02\0\0\0\0\0\0\0[]", b"noise"])
def test_damaged_weights_are_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "head.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"head\.safetensors: cannot be read as safetensors"):
        adapters.read_weights(tmp_path / "head.safetensors")
    with pytest.raises(ValueError, match="absent: no such file"):
        adapters.read_weights(tmp_path / "absent")


def test_half_the_adapters_are_none(student: Path, base: Path) -> None:
    weights_changed(student / adapters.WEIGHTS, lambda weights: [weights.pop(name) for name in list(weights)[:4]])
    with pytest.raises(ValueError, match="has other adapters than its configuration"):
        load(student, str(base), None, torch.float32)


@pytest.mark.parametrize(
    "changes",
    [{"bins": -1}, {"bins": "20"}, {"bins": 10**12}, {"bins": [1]}, {"head": {"read_out": "head"}},
     {"head": {"read_out": "a.b"}}, {"head": {"read_out": ""}}, {"head": {"read_out": "text", "bins": 3}}],
)  # fmt: skip
def test_heads_that_do_not_fit_are_refused(changes: dict[str, Any], student: Path, base: Path) -> None:
    used_with = json.loads((student / "clue.json").read_text())
    used_with = {key: value for key, value in used_with.items() if key != "bins"} | changes
    (student / "clue.json").write_text(json.dumps(used_with))
    with pytest.raises(ValueError, match=r"student|read_out"):
        load(student, str(base), None, torch.float32)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '"x"', "1", "[" * 100_000, "{}", '{"media": {}}', '{"media": null, "bins": 3}', "\0"]
)
def test_a_description_of_another_shape_is_named(text: str, student: Path) -> None:
    (student / "clue.json").write_text(text)
    with pytest.raises(ValueError, match=r"clue\.json: "):
        describe(student)


@pytest.mark.parametrize("field", ["base", "base_digest", "prompt", "dtype", "revision"])
def test_a_field_that_is_no_text_is_named(field: str, student: Path) -> None:
    changed(student / "clue.json", **{field: [digest_bytes(b"")]})
    with pytest.raises(ValueError, match=r"clue\.json: not as this version writes it"):
        describe(student)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors", "processor_config.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_a_base_with_a_damaged_file_is_named(file: str, content: bytes, base: Path, tmp_path: Path) -> None:
    spoiled = shutil.copytree(base, tmp_path / "base")
    (spoiled / file).write_bytes(content)
    with pytest.raises(ValueError, match=str(spoiled)):
        omni.load(omni.resolve(str(spoiled), None), torch.float32)
