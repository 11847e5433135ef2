"""Two models on the same items: paired differences and ratios of their errors."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from umui.arguments import Items, Option, Predictions
from umui.config.evaluation import Evaluation
from umui.evaluation import intervals
from umui.evaluation.frame import cells, cluster_of, read_items, read_models, reference_of
from umui.evaluation.metrics.lists import COMPARED_METRICS
from umui.evaluation.metrics.metric import Metric, divide
from umui.files.atomic import write_text

COLUMNS = [
    "comparison", "dataset", "modality", "metric", "model_a", "model_b", "value_a", "value_b",
    "difference", "difference_ci_low", "difference_ci_high", "ratio", "ratio_ci_low", "ratio_ci_high",
    "n_items", "n_clusters",
]  # fmt: skip


def compare(
    settings: Evaluation,
    items: Items,
    predictions: Predictions,
    pairs: Annotated[
        Sequence[tuple[str, str]],
        "names of two models: A - B and A / B are written",
        Option(name="--pair", values=("A", "B")),
    ],
    csv: Annotated[Path, "the comparisons, written"],
) -> None:
    """Compare pairs of models on the same items and resamples.

    There is a row a pair, dataset and modality that both models were asked about.
    Raises ValueError when a pair names a model that has no predictions.
    """
    evaluated = read_items(items, settings.splits)
    answers = read_models(predictions, items)
    rows = [
        {"comparison": f"{row['model_a']} against {row['model_b']}"} | row
        for row in compared(evaluated, answers, pairs, COMPARED_METRICS, settings)
    ]
    write_text(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def compared(
    evaluated: pd.DataFrame,
    answers: Mapping[str, pd.DataFrame],
    pairs: Sequence[tuple[str, str]],
    metrics: Sequence[Metric],
    settings: Evaluation,
) -> list[dict[str, Any]]:
    """Return a row a pair, dataset, modality and metric; `answers` are by item_id.

    Raises ValueError when a pair names a model that has no answers.
    """
    unknown = {name for pair in pairs for name in pair} - answers.keys()
    if unknown:
        raise ValueError(f"--pair: no --predictions for {', '.join(sorted(unknown))}; there are {sorted(answers)}")
    rows = []
    for a, b in pairs:
        asked = both_asked(evaluated, answers[a], answers[b])
        for (dataset, modality, cell), metric in product(cells(asked), metrics):
            names = {"model_a": a, "model_b": b, "dataset": dataset, "modality": modality, "metric": metric.name}
            rows.append(names | paired(metric, cell, settings))
    return rows


def both_asked(items: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Return the items that both were asked about, with `predicted_a` and `predicted_b`; answers are by item_id."""
    joined = items.join(a.rename(columns={"predicted": "predicted_a"}), on="item_id", how="inner")
    return joined.join(b.rename(columns={"predicted": "predicted_b"}), on="item_id", how="inner")


def paired(metric: Metric, cell: pd.DataFrame, settings: Evaluation) -> dict[str, float | int | None]:
    """Return both models' values, their difference a - b and ratio a / b with intervals from the same resamples.

    Only items that both models predicted count.  What is undefined (no items, a division by 0) is null.
    The p-value is that of the module `differences`.
    """
    both = cell.dropna(subset=["predicted_a", "predicted_b"])
    both = both[metric.keeps(reference_of(both, metric.reference))]
    reference = reference_of(both, metric.reference)
    predicted = [both[column].to_numpy() for column in ("predicted_a", "predicted_b")]
    figures = metric.clustered(predicted, reference, cluster_of(both))
    a, b = figures.once_F
    a_R, b_R = intervals.replicates_of(figures, cell, settings).T
    difference = intervals.percentile_interval(a_R - b_R, settings.confidence)
    ratio = intervals.percentile_interval(divide(a_R, b_R), settings.confidence)
    return {
        "value_a": _null(a),
        "value_b": _null(b),
        "difference": _null(a - b),
        "difference_ci_low": difference.low,
        "difference_ci_high": difference.high,
        "p_value": intervals.two_sided_p_value(a_R - b_R),
        "ratio": _null(divide(a, b)),
        "ratio_ci_low": ratio.low,
        "ratio_ci_high": ratio.high,
        "n_items": len(both),
        "n_clusters": figures.n_clusters,
    }


def _null(value: np.ndarray) -> float | None:
    return float(value) if np.isfinite(value) else None
