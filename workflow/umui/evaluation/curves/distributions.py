"""How probabilities are spread: histograms of what annotators and models say, and models' mean distributions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from umui.arguments import AnyPredictions, Items
from umui.config.evaluation import Evaluation
from umui.evaluation.arrays import FloatArray
from umui.evaluation.frame import cells, read_items, read_predictions, reference_of
from umui.evaluation.metrics.calibration import bin_of
from umui.files.atomic import write_text
from umui.files.parquet import read_table
from umui.tables import PREDICTIONS

COLUMNS = ["dataset", "modality", "source", "bin", "bin_low", "bin_high", "count", "share", "mean_mass"]
ANNOTATORS, TRUTH = "annotators", "true probability"


def distributions(
    settings: Evaluation,
    items: Items,
    predictions: AnyPredictions,
    csv: Annotated[Path, "a row a bin, written"],
) -> None:
    """Count the probabilities of people and models: no drawing.

    There is a histogram of each source on each dataset and modality.  Sources are the single annotators' probabilities
    together, the true probabilities, and the models.  `mean_mass` is the mean over items of the mass that a model's own
    distribution has in the bin; models without one have none.
    """
    evaluated = read_items(items, settings.splits)
    rows: list[dict[str, Any]] = []
    for dataset, modality, cell in cells(evaluated):
        for source, said, masses in _sources(cell, items, predictions):
            if len(said):
                names = {"dataset": dataset, "modality": modality, "source": source}
                rows += [names | row for row in histogram(said, masses, settings.reliability_bins)]
    write_text(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def _sources(
    cell: pd.DataFrame, items: Sequence[Path], predictions: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Yield name, probabilities, (N,), and distributions, (N, B) or (0, 0), of each source."""
    none = np.empty((0, 0))
    yield ANNOTATORS, _known(reference_of(cell, "annotations").ravel()), none
    yield TRUTH, _known(reference_of(cell, "truth")), none
    for name, files in predictions.items():
        answers = cell.merge(read_predictions(files, items), on="item_id")
        masses = read_table(files, PREDICTIONS, ["item_id", "distribution"]).to_pandas()
        answered = answers.loc[answers["predicted"].notna(), "item_id"]
        given = masses[masses["item_id"].isin(answered)]["distribution"].dropna()
        yield name, _known(answers["predicted"].to_numpy()), np.array(given.tolist()) if len(given) else none


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def histogram(said: FloatArray, masses: FloatArray, bins: int) -> list[dict[str, Any]]:
    """Return count and share of the probabilities `said`, (N,), N > 0, in each of `bins` bins of equal width.

    `masses`, (M, B), are distributions over the probabilities i / (B - 1); without any, `mean_mass` is null.
    """
    counts = np.bincount(bin_of(said, bins), minlength=bins)
    mean_mass: Sequence[float | None] = [None] * bins
    if len(masses):
        values = np.linspace(0, 1, masses.shape[1])
        mean_mass = np.bincount(bin_of(values, bins), weights=masses.mean(axis=0), minlength=bins).tolist()
    return [
        {"bin": number, "bin_low": number / bins, "bin_high": (number + 1) / bins, "count": int(count),
         "share": count / len(said), "mean_mass": mass}
        for number, (count, mass) in enumerate(zip(counts, mean_mass, strict=True))
    ]  # fmt: skip
