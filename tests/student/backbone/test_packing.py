"""A premise read once for several hypotheses gives what separate prompts through the plain processor give."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from student_world import HYPOTHESES, MEDIA, evidence_of, premises_of, student_settings

from umui.backbone import forward as reading
from umui.backbone.encoding import Encoder, video_arguments
from umui.backbone.forward import tower_features
from umui.backbone.generation import greedy
from umui.backbone.omni import Omni
from umui.backbone.packing import Batch, pack
from umui.backbone.premise_reader import PremiseReader
from umui.evidence.decoded import Evidence, Premise
from umui.evidence.shown import HEARS, SEES
from umui.prompts import rendering
from umui.students.student import Student
from umui.tables import EVIDENCE, MODALITIES


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


def separate_losses(
    model: Omni, student: Student, evidence: Evidence, asked: dict[Premise, tuple[str, ...]], labels_N: torch.Tensor
) -> torch.Tensor:
    """The divergences of whole prompts, one forward pass each."""
    losses = []
    for premise, hypotheses in asked.items():
        for hypothesis in hypotheses:
            inputs = plain_inputs(model, evidence, premise, hypothesis)
            state_H = student.thinker.model(**inputs).last_hidden_state[0, -1]
            log_masses_I = student.head(state_H).float().log_softmax(-1)
            distances_I = np.linspace(0, 1, 20) - float(labels_N[len(losses)])
            target_I = np.exp(-(distances_I**2) / (2 * 0.05**2))
            target_I = torch.tensor(target_I / target_I.sum())
            losses.append((target_I * (target_I.clamp(min=1e-300).log() - log_masses_I)).sum())
    return torch.stack(losses)


def packed(encoder: Encoder, asked: dict[Premise, tuple[str, ...]]) -> Batch:
    suffixes = [[encoder.hypothesis(premise, words) for words in hypotheses] for premise, hypotheses in asked.items()]
    return pack(encoder.encode(list(asked)), suffixes, encoder.pad_token)


def as_read(way: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fix how a batch is read, whatever its shape; return the number of hypotheses of each premise."""
    monkeypatch.setattr(reading, "LONG_PREFIX", 0 if way == "prefix first" else 10**6)
    return [1, 1, 1] if way == "one hypothesis" else [2, 3, 4]


@pytest.mark.parametrize("way", ["one pass", "prefix first", "one hypothesis"])
@pytest.mark.parametrize("modality", MODALITIES)
def test_packed_losses_and_gradients_are_those_of_separate_prompts(
    modality: str, way: str, model: Omni, student: Student, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = as_read(way, monkeypatch)
    evidence = Evidence.read([world["evidence"]])
    encoder = Encoder(model, "claim-v1", MEDIA, evidence)
    asked = {
        premise: HYPOTHESES[:count] for premise, count in zip(premises_of(world, modality)[:3], counts, strict=True)
    }
    batch = packed(encoder, asked)
    features = tower_features(student.thinker, batch.premises)
    labels_N = torch.linspace(0, 1, sum(counts))
    packed_N = student(batch, features, labels_N)
    separate_N = separate_losses(model, student, evidence, asked, labels_N)
    assert separate_N.std() > 0.1, "the prompts must differ, or equality says nothing"
    torch.testing.assert_close(packed_N.double(), separate_N, rtol=1e-4, atol=1e-4)
    for ours, alone in zip(loss_gradients(student, packed_N), loss_gradients(student, separate_N), strict=True):
        assert (ours - alone).abs().max() <= 1e-4 * alone.abs().max() + 1e-6

    batch.positions_3BT[:, batch.segments_BT >= 1] += 7
    moved_N = student(batch, features, labels_N)
    assert (moved_N - packed_N).abs().max() > 1e-3, "wrong positions must show"


@pytest.mark.parametrize("way", ["one pass", "prefix first"])
def test_a_hypothesis_that_sees_another_shows(
    way: str, model: Omni, student: Student, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_read(way, monkeypatch)
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    batch = packed(encoder, dict.fromkeys(premises_of(world, "text")[:2], HYPOTHESES))
    wanted_NI = student.head.masses(student.thinker, batch, [(None, None)] * 2)
    shown = torch.where(batch.segments_BT > 0, 1, batch.segments_BT)
    seen_NI = student.head.masses(student.thinker, dataclasses.replace(batch, segments_BT=shown), [(None, None)] * 2)
    assert (seen_NI - wanted_NI).abs().max() > 0.01


@pytest.mark.parametrize("way", ["one pass", "prefix first", "one hypothesis"])
@pytest.mark.parametrize("modality", MODALITIES)
def test_in_half_precision_packing_is_as_exact_as_separate_prompts(
    modality: str, way: str, model: Omni, student: Student, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both differ from single precision by rounding; packing by no more than separate prompts do."""
    counts = as_read(way, monkeypatch)
    evidence = Evidence.read([world["evidence"]])
    encoder = Encoder(model, "claim-v1", MEDIA, evidence)
    asked = {
        premise: HYPOTHESES[:count] for premise, count in zip(premises_of(world, modality)[:3], counts, strict=True)
    }
    batch, labels_N = packed(encoder, asked), torch.linspace(0, 1, sum(counts))

    def results(losses_N: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gradients = torch.cat([gradient.flatten() for gradient in loss_gradients(student, losses_N)])
        return losses_N.detach().double(), gradients.double()

    exact = results(separate_losses(model, student, evidence, asked, labels_N))
    student.bfloat16()
    separate = results(separate_losses(model, student, evidence, asked, labels_N))
    ours = results(student(batch, tower_features(student.thinker, batch.premises), labels_N))
    for true, alone, together in zip(exact, separate, ours, strict=True):
        error, expected = ((value - true).norm() / true.norm() for value in (together, alone))
        assert error <= 1.5 * expected + 0.005
    batch.positions_3BT[:, batch.segments_BT >= 1] += 7
    moved = results(student(batch, tower_features(student.thinker, batch.premises), labels_N))
    assert (moved[1] - exact[1]).norm() > 1.5 * (separate[1] - exact[1]).norm() + 0.005 * exact[1].norm()


@pytest.mark.parametrize("way", ["one pass", "prefix first"])
def test_gradients_reach_what_the_prefix_alone_passes_through(
    way: str, model: Omni, student: Student, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys and values that hypotheses read are trained through, not held fixed."""
    as_read(way, monkeypatch)
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    batch = packed(encoder, dict.fromkeys(premises_of(world, "text")[:1], HYPOTHESES))
    table = student.thinker.get_input_embeddings().weight.requires_grad_()
    prefix_only = torch.isin(
        batch.tokens_BT[batch.segments_BT == 0], batch.tokens_BT[batch.segments_BT > 0]
    ).logical_not()
    (gradient,) = torch.autograd.grad(student(batch, [(None, None)], torch.linspace(0, 1, 4)).sum(), table)
    words = batch.tokens_BT[batch.segments_BT == 0][prefix_only]
    assert len(words)
    assert (gradient[words].abs().amax(1) > 0).all()


def test_no_logits_over_the_vocabulary(model: Omni, student: Student, world: dict[str, Path]) -> None:
    """Neither training nor prediction of a distribution runs the vocabulary's head."""
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    batch = packed(encoder, dict.fromkeys(premises_of(world, "text")[:2], HYPOTHESES))

    def refuse(*arguments: Any) -> None:
        raise AssertionError("the vocabulary's head was run")

    model.thinker.lm_head.register_forward_pre_hook(refuse)
    with pytest.raises(AssertionError, match="head was run"):
        model.thinker.lm_head(torch.zeros(1, model.thinker.config.text_config.hidden_size))
    student(batch, [(None, None)] * 2, torch.linspace(0, 1, 8)).sum().backward()
    student.head.masses(student.thinker, batch, [(None, None)] * 2)


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


@pytest.mark.parametrize("modality", MODALITIES)
def test_lengths_are_known_without_decoding(modality: str, model: Omni, world: dict[str, Path]) -> None:
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    premises = premises_of(world, modality)
    lengths = [len(encoded.tokens_P) for encoded in encoder.encode(premises)]
    assert [encoder.n_tokens(premise) for premise in premises] == lengths


def test_remembered_premises_equal_those_read_anew(model: Omni, world: dict[str, Path]) -> None:
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence.read([world["evidence"]]))
    premises = premises_of(world, "audiovisual")
    thinker = model.thinker.requires_grad_(False)
    remembering, forgetful = PremiseReader(encoder, thinker), PremiseReader(encoder, thinker, memory_bytes=0)
    remembering.read(premises)
    for ours, anew in zip(remembering.read(premises[::-1])[1], forgetful.read(premises[::-1])[1], strict=True):
        for feature, other in zip(ours, anew, strict=True):
            assert feature is not None
            assert other is not None
            assert torch.equal(feature, other)
