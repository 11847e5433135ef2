"""Predictions -> metrics: one model's figures on each dataset and modality, with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from umui.arguments import Items, ModelDirectory, Role
from umui.config.evaluation import Evaluation
from umui.evaluation import intervals
from umui.evaluation.frame import cells, cluster_of, read_items, read_predictions, reference_of
from umui.evaluation.metrics.lists import all_metrics
from umui.evaluation.metrics.metric import Metric
from umui.files.atomic import read_json
from umui.files.digests import digest_json
from umui.files.parquet import write_table
from umui.tables import METRICS


def evaluate(
    settings: Evaluation,
    model: Annotated[str, "its name in the tables"],
    role: Role,
    model_directory: ModelDirectory,
    items: Items,
    predictions: Annotated[Sequence[Path], "predictions tables, all shards"],
    metrics: Annotated[Path, "metrics table, written"],
) -> None:
    """Compute a model's metrics with their intervals.

    A dataset and modality of which the predictions hold no item has no row: the model was not asked about it.
    """
    answers = read_predictions(predictions, items)
    joined = read_items(items, settings.splits).merge(answers, on="item_id", how="left", indicator="asked")
    identity = {"model": model, "role": role, "parameters": n_parameters(model_directory)}
    write_table(metrics, METRICS, metrics_of(joined, identity, settings))


def n_parameters(directory: Path | None) -> int | None:
    """Return how many parameters the model in a directory has; None without a directory."""
    return None if directory is None else int(read_json(directory / "parameters.json")["parameters"])


def metrics_of(joined: pd.DataFrame, identity: dict[str, Any], settings: Evaluation) -> list[dict[str, Any]]:
    """Return all figures of a model on each dataset and modality that it was asked about.

    `joined` has the columns of `measure`, and `asked`, which is "both" for items that have a prediction.
    """
    chosen = all_metrics(settings.reliability_bins, settings.probability_clip)
    return [
        identity | {"dataset": dataset, "modality": modality} | measure(metric, cell, settings)
        for dataset, modality, cell in cells(joined)
        if (cell["asked"] == "both").any()
        for metric in chosen
    ]


def measure(metric: Metric, cell: pd.DataFrame, settings: Evaluation) -> dict[str, Any]:
    """Return one figure of one dataset and modality, with its interval and counts.

    `cell` has the columns item_id, dataset, modality, event, truth, label, annotations and predicted (nan where the
    model gave none).  Items of which the metric's reference is unknown do not count; items without a prediction are
    counted as missing.
    """
    counting = cell[metric.keeps(reference_of(cell, metric.reference))]
    used = counting[counting["predicted"].notna()].sort_values("item_id")
    predicted, reference = used["predicted"].to_numpy(), reference_of(used, metric.reference)
    figures = metric.clustered([predicted], reference, cluster_of(used))
    replicates_R = intervals.replicates_of(figures, cell, settings)[:, 0]
    low, high = intervals.percentile_interval(replicates_R, settings.confidence)
    return {
        "metric": metric.name,
        "value": metric.of(predicted, reference),
        "ci_low": low,
        "ci_high": high,
        "n_items": len(used),
        "n_missing": len(counting) - len(used),
        "n_clusters": figures.n_clusters,
        "interval_method": intervals.method(settings.replicates, settings.confidence, figures.n_clusters),
        "predictions_digest": digest_json(list(zip(used["item_id"].tolist(), predicted.tolist(), strict=True))),
    }
