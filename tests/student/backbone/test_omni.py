"""The layout of published checkpoints: what is written is read again whole, and what is not whole is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from umui.backbone import omni


def test_weights_survive_the_round_trip(base: Path, tmp_path: Path) -> None:
    first = omni.load(base, torch.float32)
    omni.save(first, tmp_path / "again")
    again = omni.load(tmp_path / "again", torch.float32)
    weights, wanted = again.thinker.state_dict(), first.thinker.state_dict()
    assert weights.keys() == wanted.keys()
    assert all(torch.equal(weights[name], wanted[name]) for name in wanted)
    text = "<|im_start|>user\nThe balls were red.<|im_end|>"
    assert again.processor.tokenizer(text)["input_ids"] == first.processor.tokenizer(text)["input_ids"]


def test_names_and_configuration_are_those_of_published_checkpoints(base: Path) -> None:
    names = load_file(base / "model.safetensors").keys()
    assert {name.rsplit(".layers.")[0] for name in names if "q_proj" in name} == {
        "thinker.model",
        "thinker.audio_tower",
    }
    assert {
        "thinker.lm_head.weight",
        "thinker.model.embed_tokens.weight",
        "thinker.visual.merger.mlp.0.weight",
    } <= names
    config = json.loads((base / "config.json").read_text())
    assert config["architectures"] == ["Qwen2_5OmniModel"]
    assert config["thinker_config"]["model_type"] == "qwen2_5_omni_thinker"
    assert config["thinker_config"]["vision_start_token_id"] is not None


@pytest.fixture
def altered(base: Path, tmp_path: Path) -> Path:
    return shutil.copytree(base, tmp_path / "altered")


def test_other_parts_of_a_checkpoint_are_left_out(altered: Path, base: Path) -> None:
    weights = load_file(altered / "model.safetensors") | {"talker.model.norm.weight": torch.ones(3)}
    save_file(weights, altered / "model.safetensors", metadata={"format": "pt"})
    assert omni.load(altered, torch.float32).thinker.state_dict().keys()
    assert omni.digest(altered) != omni.digest(base)


def test_missing_weights_are_refused(altered: Path) -> None:
    weights = load_file(altered / "model.safetensors")
    del weights["thinker.model.layers.1.mlp.up_proj.weight"]
    save_file(weights, altered / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 weights, such as .*layers\.1\.mlp\.up_proj"):
        omni.load(altered, torch.float32)


def test_unknown_weights_are_refused(altered: Path) -> None:
    weights = load_file(altered / "model.safetensors") | {"thinker.model.layers.7.mlp.up_proj.weight": torch.ones(3)}
    save_file(weights, altered / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="unknown"):
        omni.load(altered, torch.float32)


def test_other_families_are_refused(altered: Path) -> None:
    (altered / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    with pytest.raises(ValueError, match=r"model_type is 'qwen3'.*must be a qwen2_5_omni"):
        omni.resolve(str(altered), None)
