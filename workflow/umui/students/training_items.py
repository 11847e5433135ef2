"""What a student trains on: the labelled hypotheses of the training splits, by premise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from umui.backbone.encoding import Encoder
from umui.config.students import Student, Training, TrainingSource
from umui.evidence.decoded import AskedPremise, Evidence, Premise
from umui.files.digests import digest_json
from umui.files.parquet import read_table
from umui.tables import ITEMS, LABELS

_COLUMNS = ["item_id", "dataset", "split", "premise_id", "modality", "premise_text", "media_id", "hypothesis"]
_OWN_LABELS = [*_COLUMNS, "label", "probability"]


@dataclass(frozen=True)
class TrainingItems:
    """Items sorted by premise; those of premise `p` are rows `starts[p]` to `starts[p + 1]`."""

    table: pa.Table  # item_id, ..., hypothesis, label
    starts: Sequence[int]
    counts: Mapping[str, int]  # of the items that train, and of those that do not, by reason

    @property
    def n_premises(self) -> int:
        """How many premises there are."""
        return len(self.starts) - 1

    def modalities(self) -> list[str]:
        """Return the modality of each premise."""
        values: list[str] = self.table["modality"].take(pa.array(self.starts[:-1])).to_pylist()
        return values

    def n_hypotheses(self) -> list[int]:
        """Return the number of hypotheses of each premise."""
        return [int(count) for count in np.diff(self.starts)]

    def premise(self, number: int) -> Premise:
        """Return a premise."""
        row = self._row(self.starts[number])
        return Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])

    def hypothesis(self, premise: int, number: int) -> tuple[str, float]:
        """Return a premise's hypothesis and its label."""
        row = self._row(self.starts[premise] + number)
        return row["hypothesis"], row["label"]

    def digest(self, evidence: Evidence) -> str:
        """Return the sha256 of all that is shown and of the labels."""
        media = sorted(set(filter(None, self.table["media_id"].to_pylist())))
        return digest_json([self.table.to_pydict(), [evidence.digest(media_id) for media_id in media]])

    def _row(self, number: int) -> dict[str, Any]:
        return {name: self.table[name][number].as_py() for name in self.table.column_names}


def read(
    settings: Student,
    items: Sequence[Path],
    labels: Mapping[str, Sequence[Path]],
    encoder: Encoder,
    answer: Callable[[float], str | None] = lambda label: None,
) -> TrainingItems:
    """Read the items that train, and count those that do not; `answer` is what the student learns to say for a label.

    Raises ValueError when a source with a teacher has no labels, and the reverse.
    """
    pieces = [
        _labelled(dataset, source, items, labels.get(dataset, [])) for dataset, source in settings.sources.items()
    ]
    table = pa.concat_tables(pieces).sort_by([("premise_id", "ascending"), ("item_id", "ascending")])
    wanted = table.num_rows
    table = table.filter(pc.is_valid(table["label"]))
    labelled = table.num_rows
    table = table.filter(table["agrees"]).drop_columns(["agrees"])
    agreed = table.num_rows
    table = table.filter(pa.array(_can_show(table, encoder), pa.bool_()))
    shown = table.num_rows
    table = table.filter(pa.array(_fits(table, encoder, answer), pa.bool_()))
    fitting = table.num_rows
    table = table.filter(pa.array(balanced(table["label"].to_numpy(), settings.training))).combine_chunks()
    premises = table["premise_id"].to_numpy()
    starts = [0, *(np.flatnonzero(premises[1:] != premises[:-1]) + 1).tolist(), len(premises)] if len(premises) else [0]
    counts = {
        "items": table.num_rows,
        "without label": wanted - labelled,
        "without agreement": labelled - agreed,
        "without evidence": agreed - shown,
        "beyond the negative ratio": fitting - table.num_rows,
        **({"too long": shown - fitting} if fitting < shown else {}),
    }
    return TrainingItems(table, starts, counts)


def balanced(labels_N: np.ndarray[Any, np.dtype[np.float64]], settings: Training) -> np.ndarray[Any, Any]:
    """Return which items to keep: of those with labels below 0.5, at most `negative_ratio` for each other one."""
    keep_N = np.ones(len(labels_N), dtype=bool)
    if settings.negative_ratio is not None:
        negatives = np.flatnonzero(labels_N < 0.5)
        most = int(settings.negative_ratio * (len(labels_N) - len(negatives)))
        order = np.random.default_rng([settings.seed, len(labels_N)]).permutation(negatives)
        keep_N[order[most:]] = False
    return keep_N


def _labelled(dataset: str, source: TrainingSource, items: Sequence[Path], labels: Sequence[Path]) -> pa.Table:
    """Return a dataset's training items with the column `label`, which may be null, and whether it `agrees`."""
    if (source.teacher is None) != (not labels):
        raise ValueError(
            f"--labels: {len(labels)} files for {dataset}; sources.{dataset}.teacher is {source.teacher}, "
            "and labels belong to a teacher"
        )
    table = read_table(items, ITEMS, _OWN_LABELS)
    of_source = pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["split"], "train"))
    table = table.filter(pc.and_(of_source, pc.is_in(table["modality"], pa.array(source.modalities, pa.string()))))
    table = table.rename_columns([*_COLUMNS, "own", "label"])
    if labels:
        of_teacher = read_table(labels, LABELS, ["item_id", "probability"]).rename_columns(["item_id", "label"])
        table = table.drop_columns(["label"]).join(of_teacher, "item_id", join_type="left outer")
    agrees = pc.fill_null(pc.equal(pc.greater_equal(table["label"], 0.5), table["own"]), False)
    if not source.agreement_filter:
        agrees = pa.repeat(True, table.num_rows)
    return table.append_column("agrees", agrees).select([*_COLUMNS, "label", "agrees"])


def _fits(table: pa.Table, encoder: Encoder, answer: Callable[[float], str | None]) -> list[bool]:
    """Return which items the model's context holds; tell of the longest of the others."""
    lengths = {}
    for row in table.to_pylist():
        premise = Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])
        if encoder.claim_first:
            premise = AskedPremise.of(premise, row["hypothesis"])
        lengths[row["item_id"]] = encoder.length(premise, row["hypothesis"], answer(row["label"]))
    if told := encoder.too_long(lengths):
        print(f"{told}; they do not train", flush=True)
    return [length <= encoder.context_tokens for length in lengths.values()]


def _can_show(table: pa.Table, encoder: Encoder) -> list[bool]:
    columns = [table[name].to_pylist() for name in ("premise_id", "modality", "premise_text", "media_id")]
    known: dict[str, bool] = {}
    for premise_id, modality, text, media_id in zip(*columns, strict=True):
        if premise_id not in known:
            known[premise_id] = encoder.can_show(Premise(premise_id, modality, text, media_id))
    return [known[premise_id] for premise_id in columns[0]]
