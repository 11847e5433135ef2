"""Reliability diagrams as numbers: what was true, on average, where a model said so much."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from umui.arguments import AnyPredictions, Items
from umui.config.evaluation import Evaluation
from umui.evaluation import intervals
from umui.evaluation.frame import cells, cluster_of, read_items, read_predictions
from umui.evaluation.metrics.calibration import bin_of
from umui.evaluation.metrics.metric import divide
from umui.files.atomic import write_text

COLUMNS = [
    "model", "dataset", "modality", "bin", "bin_low", "bin_high", "mean_predicted", "mean_true", "ci_low", "ci_high",
    "n_items", "n_clusters",
]  # fmt: skip


def reliability(
    settings: Evaluation,
    items: Items,
    predictions: AnyPredictions,
    csv: Annotated[Path, "one row a bin, written"],
) -> None:
    """Compute reliability diagrams: numbers, no drawing.

    There is one row a model, dataset, modality and bin of the prediction, empty bins included.
    """
    evaluated = read_items(items, settings.splits)
    rows: list[dict[str, Any]] = []
    for model, files in predictions.items():
        answered = evaluated.merge(read_predictions(files, items), on="item_id").dropna(subset=["truth", "predicted"])
        for dataset, modality, cell in cells(answered):
            identity = {"model": model, "dataset": dataset, "modality": modality}
            rows += [identity | row for row in diagram(cell, settings)]
    write_text(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def diagram(cell: pd.DataFrame, settings: Evaluation) -> list[dict[str, Any]]:
    """Return the bins of one dataset and modality, each with the interval of its mean true probability.

    `cell` has the columns dataset, modality, event, truth and predicted, without nulls.  Replicates that draw none of
    a bin's items say nothing about it; a bin whose items are of one event has no interval.
    """
    bins = settings.reliability_bins
    predicted, truth, cluster_N = cell["predicted"].to_numpy(), cell["truth"].to_numpy(), cluster_of(cell)
    in_bin = bin_of(predicted, bins)[:, None] == np.arange(bins)
    terms = np.hstack([in_bin * truth[:, None], in_bin])
    figures = intervals.of_sums(terms, cluster_N, lambda sums: divide(sums[..., :bins], sums[..., bins:]))
    means_RB = intervals.replicates_of(figures, cell, settings)
    rows = []
    for number, members in enumerate(in_bin.T):
        n_clusters = len(np.unique(cluster_N[members]))
        replicates = means_RB[np.isfinite(means_RB[:, number]), number] if n_clusters > 1 else np.empty(0)
        interval = intervals.percentile_interval(replicates, settings.confidence)
        rows.append({
            "bin": number,
            "bin_low": number / bins,
            "bin_high": (number + 1) / bins,
            "mean_predicted": float(predicted[members].mean()) if members.any() else None,
            "mean_true": float(truth[members].mean()) if members.any() else None,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "n_items": int(members.sum()),
            "n_clusters": n_clusters,
        })  # fmt: skip
    return rows
