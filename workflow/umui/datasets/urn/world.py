"""The urn world: a small data set whose probabilities are known exactly (docs/urn.md).

A premise shows the draws from an urn as text, sound, video, or as a video whose draws are each either seen or heard.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
from numpy.typing import NDArray

from umui.arguments import Workers
from umui.config.datasets import Urn
from umui.datasets.urn import rendering as urn_rendering
from umui.datasets.urn.mathematics import HYPOTHESES, Draws, Outcome, draw, held_out, judge, letters, probabilities
from umui.files.digests import digest_file
from umui.files.parquet import write_table
from umui.processes.progress import reported
from umui.tables import ITEMS, LESSONS, MODALITIES, Modality, Split

SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Premise:
    """What one premise shows (`seen`, `heard`: by draw), what became of its urn, and what the annotators say.

    `annotations` are by hypothesis, then by annotator.  `asked` are the numbers of the hypotheses that become items.
    """

    dataset: str
    split: Split
    modality: Modality
    index: int
    draws: Draws
    seen: Draws
    heard: Draws
    outcome: Outcome
    probabilities: list[float]
    annotations: list[list[float]]
    asked: list[int]
    text: str | None
    rendering: np.random.Generator

    @property
    def premise_id(self) -> str:
        """The premise's identity, such as urn/test/video/0012."""
        return f"{self.dataset}/{self.split}/{self.modality}/{self.index:04d}"

    @property
    def file_name(self) -> str:
        """The name of the media file, such as urn-test-video-0012.mp4."""
        return self.premise_id.replace("/", "-") + (".wav" if self.modality == "audio" else ".mp4")


def build(
    settings: Urn,
    dataset: Annotated[str, "its name in the configuration"],
    media_directory: Annotated[Path, "where the mp4 and wav files go"],
    items: Annotated[Path, "items table, written"],
    lessons: Annotated[Path, "lessons table, written"],
    workers: Workers = 1,
) -> None:
    """Write the urn world: items, lessons and media files.

    `media_directory` is made afresh.  The same settings give the same bytes, and more premises change none of the
    others.  `workers` files are written at a time.  Raises FfmpegError when ffmpeg does not run.
    """
    reserved = held_out(settings.draws_min, settings.draws_max, settings.held_out_share, settings.seed)
    premises = [
        imagine(settings, dataset, reserved, split, modality, index)
        for split in SPLITS
        for modality in MODALITIES
        for index in range(getattr(settings.premises, split))
    ]
    with _fresh(media_directory) as directory, ThreadPoolExecutor(workers) as pool:
        filmed = [premise for premise in premises if premise.modality != "text"]
        written = pool.map(partial(_write_media, settings, directory), filmed)
        digests = {
            premise.premise_id: digest
            for premise, digest in zip(filmed, reported(written, len(filmed), "media files"), strict=True)
        }
    item_rows = [
        row for premise in premises for row in _items(premise, digests.get(premise.premise_id), media_directory)
    ]
    write_table(items, ITEMS, item_rows)
    taught = [premise for premise in premises if premise.split == "train"]
    write_table(lessons, LESSONS, [row for premise in taught for row in _lessons(premise)])


def imagine(
    settings: Urn, dataset: str, reserved: frozenset[Draws], split: Split, modality: Modality, index: int
) -> Premise:
    """Draw one premise from generators of its own; it shows a `reserved` sequence if and only if its split is test."""
    key = [settings.seed, SPLITS.index(split), MODALITIES.index(modality), index]
    world, rendering, people, choice = np.random.default_rng(key).spawn(4)
    while True:
        length = int(world.integers(settings.draws_min, settings.draws_max, endpoint=True))
        draws, outcome = draw(length, settings.prior_red, settings.prior_blue, world)
        if (draws in reserved) == (split == "test"):
            break
    seen = _shared_out(length, world) if modality == "audiovisual" else (modality == "video",) * length
    heard = tuple(not shown for shown in seen) if modality == "audiovisual" else (modality == "audio",) * length
    exact = probabilities(draws, settings.prior_red, settings.prior_blue)
    annotations = [
        [judge(probability, settings.annotator_noise_sd, settings.slider_step, people)
         for _ in range(settings.annotators)]
        for probability in exact
    ]  # fmt: skip
    count = settings.hypotheses_train if split == "train" else len(HYPOTHESES)
    asked = sorted(int(number) for number in choice.choice(len(HYPOTHESES), count, replace=False))
    text = urn_rendering.words(draws, rendering) if modality == "text" else None
    return Premise(
        dataset, split, modality, index, draws, seen, heard, outcome, exact, annotations, asked, text, rendering
    )


def _shared_out(length: int, random: np.random.Generator) -> Draws:
    """Return which draws are seen, the others being heard: at least one of each where there are two."""
    seen = [bool(side) for side in random.random(length) < 0.5]
    if len(set(seen)) == 1 < length:
        odd = int(random.integers(length))
        seen[odd] = not seen[odd]
    return tuple(seen)


def _write_media(settings: Urn, directory: Path, premise: Premise) -> str:
    """Write a premise's file; return the sha256 of its bytes."""
    path = directory / premise.file_name
    if premise.modality == "audio":
        urn_rendering.write_sound(path, _sound(settings, premise))
    else:
        samples = _sound(settings, premise) if premise.modality == "audiovisual" else None
        frames = urn_rendering.pictures(premise.draws, premise.seen, settings, premise.rendering)
        urn_rendering.write_video(path, frames, samples, settings.frame_rate_hz)
    return digest_file(path)


def _sound(settings: Urn, premise: Premise) -> NDArray[np.int16]:
    return urn_rendering.sound(premise.draws, premise.heard, settings, premise.rendering)


def _items(premise: Premise, media_id: str | None, media_directory: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a premise's items.

    The event is the sequence: whatever shows the same draws has the same truth, so these items are no independent
    evidence on a model.
    """
    for number in premise.asked:
        yield {
            "item_id": f"{premise.premise_id}#{number}",
            "dataset": premise.dataset,
            "split": premise.split,
            "event": f"{premise.dataset}/{letters(premise.draws)}",
            "premise_id": premise.premise_id,
            "modality": premise.modality,
            "premise_text": premise.text,
            "media_id": media_id,
            "media_path": media_id and os.path.relpath(media_directory / premise.file_name),
            "hypothesis": HYPOTHESES[number].sentence,
            "label": HYPOTHESES[number].came_true(premise.draws, premise.outcome),
            "probability": premise.probabilities[number],
            "annotations": premise.annotations[number],
        }


def _lessons(premise: Premise) -> Iterator[dict[str, Any]]:
    """Yield what a tiny model is taught about a premise: questions first, then the annotators' judgments."""
    colours = [urn_rendering.COLOURS[red] for red in premise.draws]
    questions = [("Describe the draws.", " ".join(colours))]
    questions += [
        (f"How many balls were {colour}?", f"{colours.count(colour)} of {len(colours)}") for colour in ("red", "blue")
    ]
    questions += [(f"What colour was ball {place}?", colour) for place, colour in enumerate(colours, start=1)]
    rows: list[tuple[str | None, str | None, str]] = [(question, None, response) for question, response in questions]
    for hypothesis, annotations in zip(HYPOTHESES, premise.annotations, strict=True):
        rows += [(None, hypothesis.sentence, f"{said:.2f}") for said in annotations]
    for number, (instruction, sentence, response) in enumerate(rows):
        yield {
            "premise_id": premise.premise_id,
            "lesson": number,
            "instruction": instruction,
            "hypothesis": sentence,
            "response": response,
        }


@contextmanager
def _fresh(directory: Path) -> Iterator[Path]:
    """Yield an empty directory that takes the place of `directory` when the block ends without an error."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}.", suffix=".part") as parent:
        made = Path(parent) / directory.name
        made.mkdir()
        yield made
        if directory.exists():
            shutil.rmtree(directory)
        made.rename(directory)
