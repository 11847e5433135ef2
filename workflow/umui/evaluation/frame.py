"""Items beside what a model said about them: the frame that every figure is computed from."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from umui.evaluation.arrays import FloatArray, IntArray
from umui.files.parquet import read_table, within_range
from umui.tables import ITEMS, MODALITIES, PREDICTIONS, Modality

Reference = Literal["truth", "label", "annotations"]
"""What predictions are compared with: the probability, whether it came true (0 or 1), the annotators' probabilities."""

ITEM_COLUMNS = [
    "item_id", "dataset", "split", "event", "modality", "hypothesis", "label", "probability", "annotations",
]  # fmt: skip


def read_items(files: Sequence[Path], splits: Sequence[str]) -> pd.DataFrame:
    """Read the items of some splits; the column `truth` is the item's probability, nan where it is not known."""
    items: pd.DataFrame = read_table(files, ITEMS, ITEM_COLUMNS).to_pandas()
    return items[items["split"].isin(splits)].rename(columns={"probability": "truth"}).reset_index(drop=True)


def reference_of(rows: pd.DataFrame, reference: Reference) -> FloatArray:
    """Return what a metric compares with, nan where it is not known.

    `truth` and `label` are (N,); `annotations` are (N, A), where A is the most that a row has.
    """
    if reference != "annotations":
        return rows[reference].to_numpy(dtype=np.float64, na_value=np.nan)
    lists = [[] if given is None else given for given in rows["annotations"]]
    padded = np.full((len(lists), max(map(len, lists), default=0)), np.nan)
    for row, given in zip(padded, lists, strict=True):
        row[: len(given)] = given
    return padded


def read_predictions(files: Sequence[Path], items: Sequence[Path]) -> pd.DataFrame:
    """Read item_id and `predicted`, nan where the model gave no probability, or a number that is none; tell of these.

    Raises ValueError when a prediction belongs to none of the items, or when an item is predicted twice.
    """
    table = read_table(files, PREDICTIONS, ["item_id", "probability"])
    sound = pc.fill_null(within_range(table["probability"]), True)
    if unsound := len(table) - pc.sum(sound, min_count=0).as_py():
        print(f"{_named(files)}: {unsound} of {len(table)} predictions are not from 0 to 1, and count as missing")
        values = pc.if_else(sound, table["probability"], pa.scalar(None, pa.float64()))
        table = table.set_column(1, "probability", values)
    predictions: pd.DataFrame = table.to_pandas()
    known = read_table(items, ITEMS, ["item_id"]).to_pandas()["item_id"]
    for fault, rows in (
        ("is not among the items", predictions[~predictions["item_id"].isin(known)]),
        ("is predicted twice", predictions[predictions["item_id"].duplicated()]),
    ):
        if len(rows):
            raise ValueError(
                f"{_named(files)}: {rows['item_id'].iloc[0]} {fault} ({len(rows)} such rows); predict again"
            )
    return predictions.rename(columns={"probability": "predicted"})


def _named(files: Sequence[Path]) -> str:
    return ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")


def read_models(predictions: Mapping[str, Sequence[Path]], items: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """Read the predictions of each model, as `read_predictions` does, by item_id."""
    return {model: read_predictions(files, items).set_index("item_id") for model, files in predictions.items()}


def cells(joined: pd.DataFrame) -> Iterator[tuple[str, Modality, pd.DataFrame]]:
    """Yield dataset, modality and their rows, in the order of the tables."""
    for dataset in sorted(joined["dataset"].unique()):
        for modality in MODALITIES:
            rows = joined[(joined["dataset"] == dataset) & (joined["modality"] == modality)]
            if len(rows):
                yield dataset, modality, rows


def cluster_of(rows: pd.DataFrame) -> IntArray:
    """Return each row's cluster, numbered from 0: the items of one event of one dataset depend on each other.

    This is the one place that says what is resampled together.
    """
    return rows.groupby(["dataset", "event"], sort=True).ngroup().to_numpy().astype(np.intp)
