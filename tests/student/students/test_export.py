"""An exported student says in plain transformers what it says here, and each bin is one token."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from student_world import EVERYWHERE, HYPOTHESES, MEDIA, TINY, base_model, run, student_settings
from transformers import Qwen2_5OmniProcessor, Qwen2_5OmniThinkerForConditionalGeneration

from umui.backbone import omni
from umui.backbone.encoding import Encoder, video_arguments
from umui.environments.build import digest
from umui.evidence.decoded import Evidence, Premise
from umui.evidence.shown import HEARS, SEES
from umui.files.parquet import read_rows
from umui.prompts.rendering import render
from umui.students import directory as student_directory
from umui.students.export import export, merge
from umui.students.predict import Predictor
from umui.tables import ITEMS, MODALITIES
from umui.use.scorer import Scorer

ROOT = Path(__file__).parents[3]
BINS = 20
SETTINGS = student_settings(steps=12, lora=EVERYWHERE, learning_rate=0.02)


@pytest.fixture(scope="module")
def student(base: Path, world: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(SETTINGS, base, world, tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def exported(student: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("exported") / "merged"
    export(student, str(base), directory)
    return directory


def premises(world: dict[str, Path], modality: str) -> list[Premise]:
    rows = {row["premise_id"]: row for row in read_rows(world["items"], ITEMS) if row["modality"] == modality}
    return [Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])
            for name, row in sorted(rows.items()) if "/train/" in name]  # fmt: skip


@torch.no_grad()
def plain(exported: Path, premise: Premise, hypothesis: str, evidence: Evidence) -> torch.Tensor:
    """The distribution by transformers alone: its own processor's prompt, its whole model, its logits."""
    processor = Qwen2_5OmniProcessor.from_pretrained(exported)
    thinker = Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(exported, dtype="auto").eval()
    words = render("claim-v1", premise.modality, premise.text, hypothesis)
    content: list[dict[str, str]] = []
    inputs: dict[str, Any] = {}
    if premise.modality in SEES:
        content.append({"type": "video", "video": ""})
        frames = evidence.frames(str(premise.media_id))
        inputs |= {"videos": [frames], "videos_kwargs": {**video_arguments(MEDIA), "cap_pixels_per_frame": False}}
    if premise.modality in HEARS:
        content.append({"type": "audio", "audio": ""})
        inputs["audio"] = [evidence.sound(str(premise.media_id))]
    content.append({"type": "text", "text": words.premise + words.hypothesis})
    messages = [{"role": "user", "content": content}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    logits = thinker(**processor(text=[text], return_tensors="pt", **inputs)).logits[0, -1]
    tokens = [processor.tokenizer.convert_tokens_to_ids(f"<CONF_{number}>") for number in range(BINS)]
    return torch.log_softmax(logits[tokens].double(), -1)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_exported_distribution_is_the_student_s(
    modality: str, student: Path, exported: Path, base: Path, world: dict[str, Path]
) -> None:
    evidence = Evidence.read([world["evidence"]])
    model, reader = student_directory.load(student, str(base), None, torch.float32)
    predictor = Predictor(reader, Encoder(model, "claim-v1", MEDIA, evidence))
    for premise in premises(world, modality)[:2]:
        (_, _, wanted), *_ = predictor.answer([premise], [HYPOTHESES[:2]])
        found = plain(exported, premise, HYPOTHESES[0], evidence)
        assert wanted is not None
        torch.testing.assert_close(found.exp(), torch.tensor(wanted, dtype=torch.float64), atol=1e-5, rtol=0)
        assert max(wanted) > 1.5 / BINS, "a student that has learned nothing would prove little"


def test_the_readme_s_program_runs(student: Path, exported: Path) -> None:
    program = (exported / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", program], cwd=exported, check=True, capture_output=True, text=True)
    wanted = Scorer.from_pretrained(student).score("The street is wet.", text="It rained all night.")
    assert float(done.stdout) == pytest.approx(wanted.probability, abs=1e-5)


@pytest.mark.slow
def test_a_server_says_the_same(world: dict[str, Path], tmp_path: Path) -> None:
    python = ROOT / ".envs" / f"teacher-{digest(ROOT / 'envs' / 'teacher.txt')}" / "bin" / "python"
    assert python.exists(), f"{python}: the teacher's environment is not there; make environments builds it"
    # vLLM on CPUs needs attention heads of at least 32 dimensions.
    base, exported = base_model(TINY.model_copy(update={"hidden_size": 128}), tmp_path / "base"), tmp_path / "exported"
    student = run(SETTINGS, base, world, tmp_path)
    export(student, str(base), exported)
    model, reader = student_directory.load(student, str(base), None, torch.float32)
    predictor = Predictor(reader, Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]])))
    tokenizer = omni.load(exported, torch.float32).processor.tokenizer
    token_ids = tokenizer.convert_tokens_to_ids([f"<CONF_{number}>" for number in range(BINS)])
    asked = [premise for modality in MODALITIES for premise in premises(world, modality)[:2]]
    questions = [
        {"modality": premise.modality, "text": premise.text, "media_id": premise.media_id,
         "hypothesis": HYPOTHESES[1], "token_ids": token_ids}
        for premise in asked
    ]  # fmt: skip
    done = subprocess.run(
        [python, Path(__file__).with_name("ask_export.py"), exported, world["evidence"], tmp_path / "server.log"],
        input=json.dumps(questions), stdout=subprocess.PIPE, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
    )  # fmt: skip
    for premise, line in zip(asked, done.stdout.splitlines(), strict=True):
        ((_, _, wanted),) = predictor.answer([premise], [[HYPOTHESES[1]]])
        found = torch.tensor(json.loads(line), dtype=torch.float64).exp()
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), atol=1e-5, rtol=0)


def test_the_adapters_change_what_the_base_says(student: Path, exported: Path, base: Path) -> None:
    weights, merged = load_file(base / "model.safetensors"), load_file(exported / "model.safetensors")
    assert weights.keys() == merged.keys()
    name = "thinker.model.layers.0.self_attn.q_proj.weight"
    assert (weights[name] - merged[name]).abs().max() > 1e-3
    untouched = next(name for name in weights if "visual" in name)
    assert torch.equal(weights[untouched], merged[untouched])


def test_every_bin_is_one_token_and_its_row_is_the_head_s(student: Path, exported: Path, base: Path) -> None:
    loaded = omni.load(exported, torch.float32)
    tokenizer = loaded.processor.tokenizer
    names = [f"<CONF_{number}>" for number in range(BINS)]
    ids = [tokenizer(name)["input_ids"] for name in names]
    assert [len(one) for one in ids] == [1] * BINS
    assert tokenizer.decode([one[0] for one in ids]) == "".join(names)
    assert len({one[0] for one in ids}) == BINS
    head = load_file(student / "confidence_head.safetensors")["weight"]
    assert torch.equal(loaded.thinker.lm_head.weight[[one[0] for one in ids]], head)
    before = omni.load(base, torch.float32).processor.tokenizer
    text = "<|im_start|>user\nClaim: It is red.<|im_end|>"
    assert tokenizer(text)["input_ids"] == before(text)["input_ids"]


def test_a_base_with_spare_rows_is_not_enlarged(student: Path, base: Path) -> None:
    model, reader = student_directory.load(student, str(base), None, torch.float32)
    spare = len(model.processor.tokenizer) + BINS + 7
    model.thinker.resize_token_embeddings(spare, mean_resizing=False)
    merged = merge(model, reader)
    assert merged.thinker.lm_head.weight.shape[0] == merged.thinker.config.text_config.vocab_size == spare


def test_an_export_survives_the_round_trip(exported: Path, tmp_path: Path) -> None:
    loaded = omni.load(exported, torch.float32)
    omni.save(loaded, tmp_path / "again")
    weights, again = load_file(exported / "model.safetensors"), load_file(tmp_path / "again" / "model.safetensors")
    assert weights.keys() == again.keys()
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_what_is_there_is_not_overwritten(student: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exists; delete it"):
        export(student, str(base), tmp_path)
