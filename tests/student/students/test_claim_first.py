"""With the claim first nothing is shared: losses and answers are those of one whole prompt after another."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from student_world import MEDIA, predict, run, student_settings

from umui.backbone import omni
from umui.backbone.encoding import Encoder, video_arguments
from umui.backbone.forward import tower_features
from umui.backbone.generation import greedy
from umui.backbone.omni import Omni
from umui.evidence.decoded import AskedPremise, Evidence, Premise
from umui.evidence.shown import HEARS, SEES
from umui.files.parquet import read_rows
from umui.students.directory import load
from umui.students.student import Student
from umui.tables import ITEMS, LABELS, TRAINING_LOG

PROMPT = "claim-first-v1"


def whole_prompt(model: Omni, evidence: Evidence, item: dict[str, Any]) -> Any:
    """The claim, the evidence, the premise's words: through the processor's own chat template and call."""
    content = [{"type": "text", "text": f"Claim: {item['hypothesis']}\n"}]
    media: dict[str, Any] = {}
    if item["modality"] in SEES:
        content.append({"type": "video"})
        media |= {"videos": [evidence.frames(item["media_id"])], "videos_kwargs": video_arguments(MEDIA)}
    if item["modality"] in HEARS:
        content.append({"type": "audio"})
        media |= {"audio": [evidence.sound(item["media_id"])]}
    content.append({"type": "text", "text": f"{item['premise_text'] or ''}\n"})
    text = model.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    return model.processor(text=[text], return_tensors="pt", **media)


def test_training_and_prediction_are_those_of_whole_prompts(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    lora = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj", "down_proj"]}
    settings = student_settings(
        prompt=PROMPT, lora=lora, steps=12, premises_per_batch=4, hypotheses_per_premise=4, warmup_steps=0
    )
    directory = run(settings, base, world, tmp_path)
    evidence = Evidence.read([world["evidence"]])
    items = read_rows(world["items"], ITEMS)

    first = read_rows(directory / "training_log.parquet", TRAINING_LOG)[0]
    labels = {row["item_id"]: row["probability"] for row in read_rows(world["labels"], LABELS)}
    model = omni.load(base, torch.float32)
    untrained = Student(model, settings).eval()
    losses, n_tokens = [], 0
    for item in items:
        if item["modality"] == first["modality"] and labels.get(item["item_id"]) is not None:
            inputs = whole_prompt(model, evidence, item)
            with torch.no_grad():
                state_H = untrained.thinker.model(**inputs).last_hidden_state[0, -1]
                log_masses_I = untrained.head(state_H).double().log_softmax(-1)
            target_I = np.exp(-((np.linspace(0, 1, 20) - labels[item["item_id"]]) ** 2) / (2 * 0.05**2))
            target_I = torch.tensor(target_I / target_I.sum()).clamp(min=1e-300)
            losses.append(float((target_I * (target_I.log() - log_masses_I)).sum()))
            n_tokens += inputs["input_ids"].shape[1]
    assert len(losses) >= 15, "all items of a modality are in its step"
    assert first["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert first["n_tokens"] == n_tokens

    rows = predict(directory, base, world, tmp_path / "predictions", settings)
    assert [row["item_id"] for row in rows] == sorted(item["item_id"] for item in items if item["split"] == "test")
    model, trained = load(directory, str(base), None, torch.float32)
    told = {row["item_id"]: row for row in rows if row["status"] == "ok"}
    assert {item["modality"] for item in items if item["item_id"] in told} == {"text", "audio", "video", "audiovisual"}
    for item in items:
        if item["item_id"] in told:
            with torch.no_grad():
                state_H = trained.thinker.model(**whole_prompt(model, evidence, item)).last_hidden_state[0, -1]
                wanted_I = trained.head(state_H).double().softmax(-1)
            np.testing.assert_allclose(told[item["item_id"]]["distribution"], wanted_I, atol=1e-5)
    assert np.std([row["probability"] for row in told.values()]) > 1e-3, "the prompts must differ"


def test_answers_in_words_are_those_of_generate(base: Path, world: dict[str, Path]) -> None:
    evidence, model = Evidence.read([world["evidence"]]), omni.load(base, torch.float32)
    encoder = Encoder(model, PROMPT, MEDIA, evidence)
    items = [item for item in read_rows(world["items"], ITEMS) if item["premise_id"] == "world/train/audiovisual/0"]
    premises = [
        AskedPremise.of(Premise(item["premise_id"], "audiovisual", None, item["media_id"]), item["hypothesis"])
        for item in items
    ]
    encoded = encoder.encode(premises)
    suffixes = [[encoder.hypothesis(premise, premise.hypothesis)] for premise in premises]
    ends = encoder.end_token, encoder.pad_token
    found = greedy(model.thinker, encoded, tower_features(model.thinker, encoded), suffixes, 6, *ends)
    wanted = []
    for item in items:
        inputs = whole_prompt(model, evidence, item)
        output = model.thinker.generate(**inputs, do_sample=False, max_new_tokens=6)
        answer = output[0, inputs["input_ids"].shape[1] :].tolist()
        wanted.append(answer[: answer.index(ends[0])] if ends[0] in answer else answer)
    assert found == wanted
