"""Predict with a trained student: each premise is read once for all of its hypotheses."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import torch

from umui.arguments import Base, Features, FeaturesMb, Items, Option, Revision, Shard, Shards, Splits, Workers
from umui.backbone.encoding import Encoder
from umui.backbone.omni import Omni
from umui.backbone.premise_reader import PremiseReader, Shelf, shelf
from umui.config.models import Media
from umui.config.students import Student
from umui.evidence.decoded import AskedPremise, Evidence, Premise, View
from umui.files.digests import shard_of
from umui.files.parquet import read_table, write_table
from umui.processes.progress import reported
from umui.students import directory as student_directory
from umui.students.heads.head import NOT_FINITE, Answer
from umui.students.student import Reader
from umui.tables import ITEMS, MODALITIES, PREDICTIONS

_COLUMNS = ["item_id", "split", "premise_id", "modality", "premise_text", "media_id", "hypothesis"]


def predict_shard(
    settings: Student,
    media_settings: Media,
    base: Base,
    revision: Revision,
    student: Annotated[Path, "the student's directory"],
    views: Annotated[
        Sequence[tuple[View, str, str]],
        "full, or frames or sound: of audiovisual premises only, with the other stream withheld; "
        "the model's name in the table; the predictions table, written",
        Option(name="--view", values=("VIEW", "NAME", "FILE")),
    ],
    splits: Splits,
    items: Items,
    shard: Shard,
    shards: Shards,
    evidence: Annotated[Path, "evidence table of the shard"],
    workers: Workers = 1,
    features: Features = None,
    features_mb: FeaturesMb = 0,
) -> None:
    """Predict one shard with a student.

    `features` are kept between runs (premise_reader.py).  Raises ValueError when the student was trained on another
    base.
    """
    torch.set_num_threads(workers)
    model, trained = load(student, base, revision)
    shown = Evidence.read([evidence])
    encoder = Encoder(model, settings.prompt, media_settings, shown)
    base_digest = student_directory.describe(student).base_digest
    with shelf(features, features_mb, base_digest, media_settings, trained.thinker) as kept_features:
        predictor = Predictor(trained, encoder, kept_features)
        for view, name, predictions in views:
            asked = _asked(items, splits, shard, shards, view)
            if encoder.claim_first:
                asked = _apart(asked)
            rows = _predicted(predictor, encoder, shown, asked, name, settings.batch_premises)
            write_table(Path(predictions), PREDICTIONS, rows)


def _predicted(
    predictor: "Predictor", encoder: Encoder, shown: Evidence, asked: "Asked", name: str, batch_premises: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    shown_at_all = {premise: hypotheses for premise, hypotheses in asked.items() if encoder.can_show(premise)}
    for premise in asked.keys() - shown_at_all.keys():
        rows += [_row(item_id, name, ("no_evidence", None, None)) for item_id, _ in asked[premise]]
    lengths = {item_id: predictor.length(premise, hypothesis)
               for premise, group in shown_at_all.items() for item_id, hypothesis in group}  # fmt: skip
    rows += [
        _row(item_id, name, ("too_long", None, None))
        for item_id in lengths
        if lengths[item_id] > encoder.context_tokens
    ]
    if told := encoder.too_long(lengths):
        print(told, flush=True)
    able = {premise: fitting for premise, group in shown_at_all.items()
            if (fitting := [pair for pair in group if lengths[pair[0]] <= encoder.context_tokens])}  # fmt: skip
    batches = list(_batches(able, shown, batch_premises))
    for batch in reported(batches, len(batches), "batches of premises"):
        answers = predictor.answer(batch, [[hypothesis for _, hypothesis in able[premise]] for premise in batch])
        item_ids = [item_id for premise in batch for item_id, _ in able[premise]]
        rows += [_row(item_id, name, answer) for item_id, answer in zip(item_ids, answers, strict=True)]
    if unsound := sum(row["status"] == NOT_FINITE[0] for row in rows):
        print(f"not_finite: {unsound} of {len(rows)} answers are no numbers; the weights may be damaged", flush=True)
    return rows


def load(student: Path, base: str, revision: str | None) -> tuple[Omni, Reader]:
    """Load a student with its base, on the GPU where there is one.

    Raises ValueError when the student was trained on another base.
    """
    model, trained = student_directory.load(student, base, revision, student_directory.describe(student).dtype)
    return model, trained.to("cuda" if torch.cuda.is_available() else "cpu")


Asked = dict[Premise, list[tuple[str, str]]]  # item_id and hypothesis of each item


class Predictor:
    """Answers batches of premises with their hypotheses."""

    def __init__(self, student: Reader, encoder: Encoder, shelf: Shelf | None = None) -> None:
        self._student, self._encoder = student, encoder
        self._reader = PremiseReader(encoder, student.thinker, shelf, memory_bytes=0)

    def length(self, premise: Premise, hypothesis: str) -> int:
        """Return the tokens that are read to answer, and those of the answer."""
        return self._encoder.length(premise, hypothesis, self._student.head.words(0.0))

    @torch.no_grad()
    def answer(self, premises: Sequence[Premise], hypotheses: Sequence[Sequence[str]]) -> list[Answer]:
        """Return the answers on all hypotheses, premise by premise."""
        encoded, features = self._reader.read(premises)
        suffixes = [
            [self._encoder.hypothesis(premise, hypothesis) for hypothesis in group]
            for premise, group in zip(premises, hypotheses, strict=True)
        ]
        student = self._student
        answers = student.head.answers(student.thinker, self._encoder, encoded, features, suffixes)
        return [answer if _is_finite(answer) else NOT_FINITE for answer in answers]


def _is_finite(answer: Answer) -> bool:
    _, probability, masses = answer
    return all(map(math.isfinite, [0.0 if probability is None else probability, *(masses or [])]))


def _asked(items: Sequence[Path], splits: Sequence[str], shard: int, shards: int, view: View) -> Asked:
    """Return the shard's items by premise, each premise as the view shows it."""
    table = read_table(items, ITEMS, _COLUMNS)
    table = table.filter(pc.is_in(table["split"], pa.array(splits, pa.string())))
    if view != "full":
        table = table.filter(pc.equal(table["modality"], "audiovisual"))
    asked: Asked = defaultdict(list)
    for row in table.to_pylist():
        if shard_of(row["media_id"], row["premise_id"], shards) == shard:
            premise = Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])
            asked[premise.seen_as(view)].append((row["item_id"], row["hypothesis"]))
    return asked


def _apart(asked: Asked) -> Asked:
    """Return each hypothesis with its premise as a premise of its own."""
    apart: Asked = defaultdict(list)
    for premise, group in asked.items():
        for item_id, hypothesis in group:
            apart[AskedPremise.of(premise, hypothesis)].append((item_id, hypothesis))
    return apart


def _batches(asked: Asked, evidence: Evidence, size: int) -> Iterator[list[Premise]]:
    """Yield batches of one modality and similar lengths, the longest first: memory runs out at once or never."""
    for modality in MODALITIES:
        premises = [premise for premise in asked if premise.modality == modality]
        premises.sort(key=lambda premise: _length(premise, evidence), reverse=True)
        for start in range(0, len(premises), size):
            yield premises[start : start + size]


def _length(premise: Premise, evidence: Evidence) -> tuple[float, ...]:
    media_id = premise.media_id
    return evidence.n_frames(media_id), evidence.sound_s(media_id), len(premise.text or "")


def _row(item_id: str, model: str, answer: Answer) -> dict[str, Any]:
    status, probability, distribution = answer
    row = {"item_id": item_id, "model": model, "status": status}
    return {**row, "probability": probability, "distribution": distribution}
