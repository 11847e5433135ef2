"""From a data set's own rows to its items: the part that all adapters share.

An adapter is a module named after the `kind` of its data set, with ``pairs(settings)``: it reads the data set's files
and yields a `Pair` for each premise and hypothesis, and a `LeftOut` for each row or field that becomes none.
"""

import importlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umui.artifacts import digest_bytes, digest_file, digest_json, write_table
from umui.datasets.reading import Fault
from umui.left_out import LeftOut
from umui.progress import reported
from umui.tables import ITEMS, LEFT_OUT, Modality, Split


@dataclass(frozen=True)
class Pair:
    """A premise and a hypothesis, as row `row` of `source` gives them.

    `event` clusters dependent items (null: those that share the premise's medium, or its text where there is none);
    `label` and `probability` are null where the data set has none.  `column` tells apart the pairs of one row.
    """

    source: str
    row: int
    split: Split
    modality: Modality
    premise_text: str | None
    media_path: str | None
    hypothesis: str
    label: bool | None = None
    probability: float | None = None
    annotations: list[float] | None = None
    event: str | None = None
    column: str = ""


def import_items(settings: Any, dataset: str, items: Path, left_out: Path, workers: int) -> None:
    """Read a data set by the adapter of its kind, and write the items and left_out tables as `write_items` does."""
    adapter = importlib.import_module(f"umui.datasets.{settings.kind}")
    write_items(adapter.pairs(settings), dataset, items, left_out, workers)


def write_items(found: Iterable[Pair | LeftOut], dataset: str, items: Path, left_out: Path, workers: int) -> None:
    """Write the items and left_out tables.

    A pair that stands twice becomes one item; the later one is left out as a duplicate.  A medium that does not exist
    keeps its item, and becomes missing evidence later.  Raises ValueError when there is no item at all.
    """
    everything = list(found)
    pairs = [entry for entry in everything if isinstance(entry, Pair)]
    aside = [entry for entry in everything if isinstance(entry, LeftOut)]
    media_ids = _digests({pair.media_path for pair in pairs if pair.media_path is not None}, workers)
    rows: dict[str, dict[str, Any]] = {}
    origins: dict[str, Pair] = {}
    for pair in pairs:
        row = _item(dataset, pair, None if pair.media_path is None else media_ids[pair.media_path])
        first = origins.setdefault(row["item_id"], pair)
        if first is pair:
            rows[row["item_id"]] = row
        else:
            aside.append(_duplicate(pair, first))
    if not rows:
        reasons = "; ".join(f"{entry.source}, row {entry.row}: {entry.reason}" for entry in aside[:3])
        raise ValueError(f"datasets.{dataset}: no row became an item; the first reasons: {reasons or 'no rows'}")
    write_table(items, ITEMS, list(rows.values()))
    write_table(left_out, LEFT_OUT, [entry.as_row() for entry in aside])
    print(f"{len(rows)} items of {len({row['premise_id'] for row in rows.values()})} premises, {len(aside)} left out")


def _digests(paths: Iterable[str], workers: int) -> dict[str, str]:
    ordered = sorted(paths)
    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(ordered, reported(pool.map(media_id, ordered), len(ordered), "media digests"), strict=True))


def media_id(path: str) -> str:
    """Return the sha256 of a file's bytes, or of its path after ``missing-`` where there is no file."""
    return digest_file(Path(path)) if Path(path).is_file() else f"missing-{digest_bytes(path.encode())}"


def _item(dataset: str, pair: Pair, medium: str | None) -> dict[str, Any]:
    """Return an item's row; its identity rests on what it says alone, so that other items never change it."""
    shown = digest_json([pair.premise_text, medium])[:12]
    shared = shown if medium is None else digest_bytes(medium.encode())[:12]
    premise_id = f"{dataset}/{pair.split}/{pair.modality}/{shown}"
    return {
        "item_id": f"{premise_id}#{digest_bytes(pair.hypothesis.encode())[:8]}",
        "dataset": dataset,
        "split": pair.split,
        "event": f"{dataset}/{pair.event if pair.event is not None else shared}",
        "premise_id": premise_id,
        "modality": pair.modality,
        "premise_text": pair.premise_text,
        "media_id": medium,
        "media_path": pair.media_path,
        "hypothesis": pair.hypothesis,
        "label": pair.label,
        "probability": pair.probability,
        "annotations": pair.annotations,
    }


def _duplicate(pair: Pair, first: Pair) -> LeftOut:
    same = (pair.label, pair.probability, pair.annotations) == (first.label, first.probability, first.annotations)
    reason = f"the premise and hypothesis of {first.source}, row {first.row}" + ("" if same else ", labelled otherwise")
    return LeftOut(pair.source, pair.row, pair.column, pair.hypothesis, "duplicate", reason)


def malformed(source: str, row: int, fault: Fault) -> LeftOut:
    """Return what says that a field cannot be read."""
    return LeftOut(source, row, fault.column, str(fault.value), "malformed", fault.remedy)


def unused(source: str, column: str, count: int, reason: str) -> LeftOut:
    """Return one row for all that a setting leaves aside of a file, or of one of its columns."""
    return LeftOut(source, 0, column, f"{count} rows", "unused", reason)
