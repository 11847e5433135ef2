"""Predictions -> metrics: one model's figures on each dataset and modality, with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from umui.artifacts import digest_json, write_table
from umui.config import Evaluation
from umui.evaluation import intervals
from umui.evaluation.joining import cells, cluster_of, read_items, read_predictions
from umui.evaluation.metrics import MAE, MSE_X100, MSE_X100_GRADED, Metric, ece
from umui.tables import METRICS


def evaluate(
    settings: Evaluation,
    model: str,
    role: str,
    parameters: int | None,
    items: Sequence[Path],
    predictions: Sequence[Path],
    metrics: Path,
) -> None:
    """Write the metrics of `model` on the evaluated splits.

    A dataset and modality of which the predictions hold no item has no row: the model was not asked about it.
    """
    answers = read_predictions(predictions, items)
    joined = read_items(items, settings.splits).merge(answers, on="item_id", how="left", indicator="asked")
    rows: list[dict[str, Any]] = []
    for dataset, modality, cell in cells(joined):
        if (cell["asked"] == "both").any():
            identity = {"model": model, "role": role, "parameters": parameters}
            identity |= {"dataset": dataset, "modality": modality}
            chosen = (MSE_X100, MSE_X100_GRADED, MAE, ece(settings.reliability_bins))
            rows += [identity | measure(metric, cell, settings) for metric in chosen]
    write_table(metrics, METRICS, rows)


def measure(metric: Metric, cell: pd.DataFrame, settings: Evaluation) -> dict[str, Any]:
    """Return one figure of one dataset and modality, with its interval and counts.

    `cell` has the columns item_id, dataset, modality, event, truth and predicted (nan where the model gave none).
    Items of unknown truth have no error and do not count; items without a prediction are counted as missing.
    """
    known = cell[cell["truth"].notna()]
    counting = known[metric.keeps(known["truth"].to_numpy())]
    used = counting[counting["predicted"].notna()].sort_values("item_id")
    predicted, truth = used["predicted"].to_numpy(), used["truth"].to_numpy()
    sums_CK = intervals.cluster_sums(metric.terms(predicted, truth), cluster_of(used))
    # The stream does not depend on the model: models are judged on the same resamples of the same events.
    random = intervals.generator(settings.seed, cell["dataset"].iloc[0], cell["modality"].iloc[0])
    totals_RK = intervals.resampled_totals(sums_CK, settings.replicates, random)
    low, high = intervals.percentile_interval(metric.value(totals_RK), settings.confidence)
    return {
        "metric": metric.name,
        "value": metric.of(predicted, truth),
        "ci_low": low,
        "ci_high": high,
        "n_items": len(used),
        "n_missing": len(counting) - len(used),
        "n_clusters": len(sums_CK),
        "interval_method": intervals.method(settings.replicates, settings.confidence, len(sums_CK)),
        "predictions_digest": digest_json(list(zip(used["item_id"].tolist(), predicted.tolist(), strict=True))),
    }
