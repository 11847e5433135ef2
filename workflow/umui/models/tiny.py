"""Make a tiny model on the spot: train every weight of a small thinker on the lessons of the datasets' training splits.

Two curricula: `describe` teaches to answer questions about the premise (the base of a student), and `judge` teaches to
describe it and to judge hypotheses as the prompt asks (a teacher).  The description is part of both, since it is what
teaches the towers to see and to hear.
"""

import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from torch.nn import functional

from umui.arguments import EvidenceTables, Items, Workers
from umui.backbone import omni
from umui.backbone.encoding import Encoder
from umui.backbone.forward import answer_positions, hidden_states_after, tower_features
from umui.backbone.packing import EncodedPremise, Suffix, pack
from umui.config.models import Media, Tiny
from umui.evidence.decoded import Evidence, Premise
from umui.files.parquet import read_rows
from umui.models import tiny_architecture
from umui.processes.progress import reported
from umui.prompts import rendering
from umui.tables import ITEMS, LESSONS, MODALITIES, Modality

BETAS, WEIGHT_DECAY, GRADIENT_CLIP = (0.9, 0.98), 0.01, 1.0
WARMUP_STEPS, LAST_RATE = 30, 0.05  # the learning rate falls along a cosine to this share
CALIBRATION_CLIPS = 64
ENCODED_TOGETHER = 32
ANSWER = "<answer>{}</answer>"


@dataclass(frozen=True)
class Lessons:
    """What is taught about one premise: its first question is its description."""

    premise: EncodedPremise
    questions: list[Suffix]
    judgments: list[Suffix]

    def some(self, curriculum: str, count: int, random: np.random.Generator) -> list[Suffix]:
        """Choose the description and other lessons, `count` in all where there are as many."""
        others = self.judgments if curriculum == "judge" else self.questions[1:]
        chosen = random.choice(len(others), min(count - 1, len(others)), replace=False)
        return [self.questions[0], *(others[number] for number in chosen)]


def make(
    settings: Tiny,
    prompt: Annotated[str, "template of the judgments' prompt"],
    media_settings: Media,
    items: Items,
    lessons: Annotated[Sequence[Path], "lessons tables"],
    evidence: EvidenceTables,
    output: Annotated[Path, "the model's directory, written"],
    workers: Workers = 1,
) -> None:
    """Train a tiny model from random weights on the lessons.

    Its directory has the layout of the published checkpoints.
    The same inputs, settings and number of threads (`workers`) give the same bytes.
    Raises ValueError when the training splits have no lessons, or when the prompt puts the claim first.
    """
    if rendering.claim_first(prompt):
        raise ValueError(f"prompt: {prompt!r} puts the claim first; a model is made with a prompt that puts it last")
    torch.set_num_threads(workers)
    premises, taught = _read(items, lessons)
    words = dict.fromkeys(_words(prompt, premises, taught))
    processor = tiny_architecture.processor(settings, media_settings, words)
    model = omni.Omni(tiny_architecture.thinker(settings, processor.tokenizer), processor)
    encoder = Encoder(model, prompt, media_settings, Evidence.read(evidence))
    school = _encode(settings.curriculum, encoder, premises, taught)
    heard = [pupil.premise.mel_FT for group in school.values() for pupil in group if pupil.premise.mel_FT is not None]
    if heard:
        tiny_architecture.calibrate_audio(model.thinker, heard[:CALIBRATION_CLIPS])
    _train(settings, model.thinker, school, processor.tokenizer.pad_token_id)
    with tempfile.TemporaryDirectory(dir=_parent(output), prefix=f".{output.name}.", suffix=".part") as parent:
        made = Path(parent) / output.name
        omni.save(model, made)
        omni.load(made, torch.float32)
        if output.exists():
            shutil.rmtree(output)
        made.rename(output)


def _parent(output: Path) -> Path:
    output.parent.mkdir(parents=True, exist_ok=True)
    return output.parent


def _read(items: Sequence[Path], lessons: Sequence[Path]) -> tuple[list[Premise], dict[str, list[dict[str, Any]]]]:
    """Return the premises of the training splits that have lessons, and the lessons by premise."""
    taught: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for lesson in read_rows(lessons, LESSONS):
        taught[lesson["premise_id"]].append(lesson)
    columns = ["premise_id", "split", "modality", "premise_text", "media_id"]
    premises = {
        row["premise_id"]: Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])
        for row in read_rows(items, ITEMS, columns)
        if row["split"] == "train" and row["premise_id"] in taught
    }
    if not premises:
        raise ValueError(f"{', '.join(map(str, lessons))}: no lessons on a premise of a training split")
    return list(premises.values()), taught


def _words(prompt: str, premises: list[Premise], taught: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield all that the model will read or write."""
    for premise in premises:
        for lesson in taught[premise.premise_id]:
            words = rendering.render(prompt, premise.modality, premise.text, lesson["hypothesis"] or "")
            yield from (words.system, f"user\n{words.premise}", words.hypothesis, "assistant\n")
            yield from (lesson["instruction"] or "", lesson["response"])


def _encode(
    curriculum: str, encoder: Encoder, premises: list[Premise], taught: dict[str, list[dict[str, Any]]]
) -> dict[Modality, list[Lessons]]:
    """Encode premises and lessons, by modality.  Only judgments come under the prompt's system words."""
    shown = sorted((premise for premise in premises if encoder.can_show(premise)), key=lambda shown: shown.modality)
    if len(shown) < len(premises):
        reported_missing = len(premises) - len(shown)
        print(f"{reported_missing} of {len(premises)} premises have no usable evidence and are not taught")
    system = None if curriculum == "judge" else ""
    school: dict[Modality, list[Lessons]] = {modality: [] for modality in MODALITIES}
    pieces = [shown[start : start + ENCODED_TOGETHER] for start in range(0, len(shown), ENCODED_TOGETHER)]
    for piece in reported(pieces, len(pieces), "premises encoded, in groups"):
        for premise, encoded in zip(piece, encoder.encode(piece, system), strict=True):
            questions, judgments = [], []
            for lesson in taught[premise.premise_id]:
                if lesson["instruction"] is not None:
                    questions.append(encoder.suffix(lesson["instruction"], lesson["response"]))
                else:
                    answer = ANSWER.format(lesson["response"])
                    judgments.append(encoder.hypothesis(premise, lesson["hypothesis"], answer))
            school[premise.modality].append(Lessons(encoded, questions, judgments))
    return {modality: pupils for modality, pupils in school.items() if pupils}


def _train(settings: Tiny, thinker: Any, school: dict[Modality, list[Lessons]], pad_token: int) -> None:
    """Train all weights on small batches of all modalities."""
    random = np.random.default_rng([settings.seed, 1])
    weights = [weight for weight in thinker.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, settings.learning_rate, betas=BETAS, weight_decay=WEIGHT_DECAY)
    thinker.train()
    losses = _steps(settings, thinker, school, pad_token, random, optimizer, weights)
    for _ in reported(losses, settings.steps, "steps", detail=lambda loss: f"loss {loss:.3f}"):
        pass
    thinker.eval()


def _steps(
    settings: Tiny,
    thinker: Any,
    school: dict[Modality, list[Lessons]],
    pad_token: int,
    random: np.random.Generator,
    optimizer: torch.optim.Optimizer,
    weights: Sequence[torch.nn.Parameter],
) -> Iterator[float]:
    """Take the optimizer's steps; yield the loss of each, in nats a token.

    All premises begin with the prompt's system words, up to where they name the modality; these are read once a step.
    """
    shared = _shared_tokens([pupil.premise.tokens_P for pupils in school.values() for pupil in pupils])
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(step, settings.steps)
        chosen = [
            pupils[number]
            for pupils in school.values()
            for number in random.integers(0, len(pupils), settings.premises_per_step)
        ]
        lessons = [pupil.some(settings.curriculum, settings.lessons_per_premise, random) for pupil in chosen]
        batch = pack([pupil.premise for pupil in chosen], lessons, pad_token)
        states_BTH = hidden_states_after(thinker, batch, tower_features(thinker, batch.premises), shared)
        rows_A, columns_A, tokens_A, _ = answer_positions(batch)
        logits_AV = thinker.lm_head(states_BTH[rows_A, columns_A - shared])
        loss = functional.cross_entropy(logits_AV, tokens_A)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, GRADIENT_CLIP)
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item()


def _shared_tokens(prefixes: list[torch.Tensor]) -> int:
    """Return how many tokens all prefixes begin with."""
    length = min(len(prefix) for prefix in prefixes)
    same_T = (torch.stack([prefix[:length] for prefix in prefixes]) == prefixes[0][:length]).all(0)
    return int(same_T.long().cumprod(0).sum())


def _schedule(step: int, steps: int) -> float:
    """Return the learning rate's share: a linear warm-up, then a cosine."""
    fall = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / WARMUP_STEPS) * fall
