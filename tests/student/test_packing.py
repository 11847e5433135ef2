"""A premise read once for several hypotheses gives what separate prompts through the plain processor give."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from student_world import HYPOTHESES, MEDIA, evidence_of, student_settings

from umui.artifacts import read_rows
from umui.prompts import rendering
from umui.student.encoding import Encoder, video_arguments
from umui.student.evidence import HEARS, SEES, Evidence, Premise
from umui.student.generation import greedy
from umui.student.model import Student
from umui.student.omni import Omni
from umui.student.packing import pack
from umui.student.premise_reader import PremiseReader
from umui.student.reading import tower_features
from umui.tables import EVIDENCE, ITEMS, MODALITIES


def premises_of(world: dict[str, Path], modality: str) -> list[Premise]:
    rows = {row["premise_id"]: row for row in read_rows(world["items"], ITEMS) if row["split"] == "train"}
    return [
        Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])
        for row in rows.values()
        if row["modality"] == modality
    ]


def plain_inputs(model: Omni, evidence: Evidence, premise: Premise, hypothesis: str) -> Any:
    """One whole prompt through the processor's own chat template and call, as its documentation has it."""
    words = rendering.render("claim-v1", premise.modality, premise.text, hypothesis)
    content = [{"type": "video"}] if premise.modality in SEES else []
    content += [{"type": "audio"}] if premise.modality in HEARS else []
    content += [{"type": "text", "text": words.premise + words.hypothesis}]
    text = model.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    media: dict[str, Any] = {}
    if premise.modality in SEES:
        media |= {"videos": [evidence.frames(str(premise.media_id))], "videos_kwargs": video_arguments(MEDIA)}
    if premise.modality in HEARS:
        media |= {"audio": [evidence.sound(str(premise.media_id))]}
    return model.processor(text=[text], return_tensors="pt", **media)


def test_frame_pairs_stand_at_their_true_times(model: Omni) -> None:
    """At 6.25 frames a second a pair lasts 0.32 s, which are 8 positions of 1/25 s, without an exception."""
    row = evidence_of("clip", "video", np.random.default_rng(0))
    evidence = Evidence(pa.Table.from_pylist([row | {"frames": row["frames"][:1] * 40}], EVIDENCE.schema))
    (encoded,) = Encoder(model, "claim-v1", MEDIA, evidence).encode([Premise("p", "video", None, "clip")])
    here = encoded.tokens_P == model.thinker.config.video_token_id
    times = encoded.positions_3P[0][here].unique()
    assert (times - times[0]).tolist() == [8 * pair for pair in range(20)]


@pytest.fixture
def student(model: Omni) -> Student:
    """A student whose adapters and head are no longer at their start, without dropout."""
    made = Student(model, student_settings())
    generator = torch.Generator().manual_seed(0)
    for name, weight in made.named_parameters():
        if "lora_B" in name or name.startswith("head"):
            weight.data.normal_(0, 0.3, generator=generator)
    return made.eval()


def loss_gradients(student: Student, losses: torch.Tensor) -> list[torch.Tensor]:
    trained = [weight for weight in student.parameters() if weight.requires_grad]
    return list(torch.autograd.grad(losses.sum(), trained))


@pytest.mark.parametrize("modality", MODALITIES)
def test_packed_losses_and_gradients_are_those_of_separate_prompts(
    modality: str, model: Omni, student: Student, world: dict[str, Path]
) -> None:
    evidence = Evidence.read([world["evidence"]])
    encoder = Encoder(model, "claim-v1", MEDIA, evidence)
    premises = premises_of(world, modality)[:3]
    asked = [HYPOTHESES[: number + 2] for number in range(3)]
    suffixes = [
        [encoder.hypothesis(premise, hypothesis) for hypothesis in group]
        for premise, group in zip(premises, asked, strict=True)
    ]
    encoded = encoder.encode(premises)
    batch = pack(encoded, suffixes, encoder.pad_token)
    labels_N = torch.linspace(0, 1, 2 + 3 + 4)
    packed_N = student(batch, tower_features(student.thinker, encoded), labels_N)

    separate = []
    for premise, group in zip(premises, asked, strict=True):
        for hypothesis in group:
            inputs = plain_inputs(model, evidence, premise, hypothesis)
            state_H = student.thinker.model(**inputs).last_hidden_state[0, -1]
            log_masses_I = student.head(state_H).log_softmax(-1)
            distances_I = np.linspace(0, 1, 20) - float(labels_N[len(separate)])
            target_I = np.exp(-(distances_I**2) / (2 * 0.05**2))
            target_I = torch.tensor(target_I / target_I.sum())
            separate.append((target_I * (target_I.clamp(min=1e-300).log() - log_masses_I)).sum())
    separate_N = torch.stack(separate)
    assert separate_N.std() > 0.1, "the prompts must differ, or equality says nothing"
    torch.testing.assert_close(packed_N.double(), separate_N, rtol=1e-4, atol=1e-4)
    for packed, alone in zip(loss_gradients(student, packed_N), loss_gradients(student, separate_N), strict=True):
        assert (packed - alone).abs().max() <= 1e-4 * alone.abs().max() + 1e-6

    batch.positions_3BT[:, batch.segments_BT > 1] += 7
    moved_N = student(batch, tower_features(student.thinker, encoded), labels_N)
    assert (moved_N - packed_N).abs().max() > 1e-2, "wrong positions must show"


@pytest.mark.parametrize("modality", MODALITIES)
def test_greedy_answers_are_those_of_generate(modality: str, model: Omni, world: dict[str, Path]) -> None:
    evidence = Evidence.read([world["evidence"]])
    encoder = Encoder(model, "claim-v1", MEDIA, evidence)
    premises = premises_of(world, modality)
    encoded = encoder.encode(premises)
    suffixes = [[encoder.hypothesis(premise, hypothesis) for hypothesis in HYPOTHESES[:3]] for premise in premises]
    features = tower_features(model.thinker, encoded)
    found = greedy(model.thinker, encoded, features, suffixes, 6, encoder.end_token, encoder.pad_token)
    wanted = []
    for premise, prefix, group in zip(premises, encoded, suffixes, strict=True):
        for suffix, hypothesis in zip(group, HYPOTHESES, strict=False):
            inputs = plain_inputs(model, evidence, premise, hypothesis)
            assert inputs["input_ids"][0].tolist() == prefix.tokens_P.tolist() + suffix.prompt
            output = model.thinker.generate(**inputs, do_sample=False, max_new_tokens=6)
            answer = output[0, inputs["input_ids"].shape[1] :].tolist()
            wanted.append(answer[: answer.index(encoder.end_token)] if encoder.end_token in answer else answer)
    assert found == wanted
    assert len({tuple(answer) for answer in found}) > 1


def test_frames_keep_their_times_and_their_size(model: Omni, world: dict[str, Path]) -> None:
    evidence = Evidence.read([world["evidence"]])
    (premise,) = premises_of(world, "video")[:1]
    (encoded,) = Encoder(model, "claim-v1", MEDIA, evidence).encode([premise])
    n_frames = evidence.n_frames(premise.media_id)
    assert encoded.grid_3.tolist() == [n_frames // 2, 4, 4]  # two frames a patch in time, 14 pixels a patch in space
    pictures = encoded.tokens_P == model.thinker.config.video_token_id
    times = encoded.positions_3P[0, pictures].unique()
    assert (times - times[0]).tolist() == [8 * number for number in range(n_frames // 2)]  # 2 / 6.25 Hz x 25 a second


def test_remembered_premises_equal_those_read_anew(model: Omni, world: dict[str, Path]) -> None:
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    premises = premises_of(world, "audiovisual")
    remembering, forgetful = PremiseReader(encoder, model), PremiseReader(encoder, model, memory_bytes=0)
    remembering.read(premises)
    for ours, anew in zip(remembering.read(premises[::-1])[1], forgetful.read(premises[::-1])[1], strict=True):
        for feature, other in zip(ours, anew, strict=True):
            assert feature is not None
            assert other is not None
            assert torch.equal(feature, other)
