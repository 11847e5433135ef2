"""Predictions -> metrics: one model's figures on each dataset and modality, with intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from umui.arguments import Items, ModelDirectory, Role
from umui.config.evaluation import Evaluation
from umui.evaluation import intervals
from umui.evaluation.frame import cells, cluster_of, read_items, read_predictions, reference_of
from umui.evaluation.metrics import Metric, every
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
    chosen = every(settings.reliability_bins, settings.probability_clip)
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
    sums_CK = intervals.cluster_sums(metric.terms(predicted, reference), cluster_of(used))
    # The stream does not depend on the model: models are judged on the same resamples of the same events.
    random = intervals.generator(settings.seed, cell["dataset"].iloc[0], cell["modality"].iloc[0])
    totals_RK = intervals.resampled_totals(sums_CK, settings.replicates, random)
    low, high = intervals.percentile_interval(metric.value(totals_RK), settings.confidence)
    return {
        "metric": metric.name,
        "value": metric.of(predicted, reference),
        "ci_low": low,
        "ci_high": high,
        "n_items": len(used),
        "n_missing": len(counting) - len(used),
        "n_clusters": len(sums_CK),
        "interval_method": intervals.method(settings.replicates, settings.confidence, len(sums_CK)),
        "predictions_digest": digest_json(list(zip(used["item_id"].tolist(), predicted.tolist(), strict=True))),
    }
