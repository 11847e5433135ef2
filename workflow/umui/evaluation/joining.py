"""Items beside what a model said about them: the frame that every figure is computed from."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from umui.artifacts import read_table
from umui.tables import ITEMS, MODALITIES, PREDICTIONS, Modality

ITEM_COLUMNS = ["item_id", "dataset", "split", "event", "modality", "hypothesis", "probability"]


def read_items(files: Sequence[Path], splits: Sequence[str]) -> pd.DataFrame:
    """Read the items of some splits; the column `truth` is the item's probability, nan where it is not known."""
    items: pd.DataFrame = read_table(files, ITEMS, ITEM_COLUMNS).to_pandas()
    return items[items["split"].isin(splits)].rename(columns={"probability": "truth"}).reset_index(drop=True)


def read_predictions(files: Sequence[Path], items: Sequence[Path]) -> pd.DataFrame:
    """Read item_id and `predicted`, nan where the model gave no probability.

    Raises ValueError when a prediction belongs to none of the items, or when an item is predicted twice.
    """
    predictions: pd.DataFrame = read_table(files, PREDICTIONS, ["item_id", "probability"]).to_pandas()
    known = read_table(items, ITEMS, ["item_id"]).to_pandas()["item_id"]
    for fault, rows in (
        ("is not among the items", predictions[~predictions["item_id"].isin(known)]),
        ("is predicted twice", predictions[predictions["item_id"].duplicated()]),
    ):
        if len(rows):
            named = ", ".join(map(str, files[:3])) + (", ..." if len(files) > 3 else "")
            raise ValueError(f"{named}: {rows['item_id'].iloc[0]} {fault} ({len(rows)} such rows); predict again")
    return predictions.rename(columns={"probability": "predicted"})


def cells(joined: pd.DataFrame) -> Iterator[tuple[str, Modality, pd.DataFrame]]:
    """Yield dataset, modality and their rows, in the order of the tables."""
    for dataset in sorted(joined["dataset"].unique()):
        for modality in MODALITIES:
            rows = joined[(joined["dataset"] == dataset) & (joined["modality"] == modality)]
            if len(rows):
                yield dataset, modality, rows


def cluster_of(rows: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Return each row's cluster, numbered from 0: the items of one event of one dataset depend on each other.

    This is the one place that says what is resampled together.
    """
    return rows.groupby(["dataset", "event"], sort=True).ngroup().to_numpy().astype(np.intp)
