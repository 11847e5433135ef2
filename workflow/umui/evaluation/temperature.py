"""Temperature scaling: the logits of a model's probabilities, divided by one number that is fitted on held-out items.

After Guo et al. (On Calibration of Modern Neural Networks, ICML 2017), for a model of which only the probability is
known.  A temperature above 1 pulls probabilities towards 0.5, one below 1 pushes them apart; none moves a probability
across 0.5, so that accuracies stay as they are.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from umui.arguments import Items, ModelDirectory, Role
from umui.config.evaluation import Evaluation
from umui.evaluation.arrays import FloatArray
from umui.evaluation.evaluate import metrics_of, n_parameters
from umui.evaluation.frame import cluster_of, read_items, read_predictions
from umui.evaluation.metrics.calibration import nll
from umui.files.digests import digest_json
from umui.files.parquet import write_table
from umui.tables import METRICS

LOWEST, HIGHEST = 0.01, 100.0
"""The temperatures that are searched.  One at the high end says that the logits are best ignored."""


def evaluate_scaled(
    settings: Evaluation,
    model: Annotated[str, "its name in the tables"],
    role: Role,
    model_directory: ModelDirectory,
    items: Items,
    predictions: Annotated[Sequence[Path], "predictions tables, all shards"],
    metrics: Annotated[Path, "metrics table, written"],
) -> None:
    """Compute a model's metrics after temperature scaling, fitted on the configuration's evaluation.calibration_split.

    The temperature is one more metric of each dataset and modality.  It is fitted on the items of that split that the
    model predicted, of all datasets and modalities together, against the probability where it is known and the label
    elsewhere.  There are no rows when no such item is there.
    """
    answers = read_predictions(predictions, items)
    held_out = read_items(items, [settings.calibration_split] if settings.calibration_split else [])
    known = held_out["truth"].fillna(held_out["label"].astype("float64"))
    fitted_on = held_out.assign(known=known).merge(answers, on="item_id").dropna(subset=["known", "predicted"])
    rows: list[dict[str, Any]] = []
    if len(fitted_on):
        predicted, known_N = fitted_on["predicted"].to_numpy(), fitted_on["known"].to_numpy()
        temperature = fit(predicted, known_N, settings.probability_clip)
        scaled = answers.assign(
            predicted=scale(answers["predicted"].to_numpy(), temperature, settings.probability_clip)
        )
        joined = read_items(items, settings.splits).merge(scaled, on="item_id", how="left", indicator="asked")
        identity = {"model": f"{model}, scaled", "role": role, "parameters": n_parameters(model_directory)}
        fitted = {
            "metric": "temperature", "value": temperature, "ci_low": None, "ci_high": None,
            "n_items": len(fitted_on), "n_missing": len(held_out) - len(fitted_on),
            "n_clusters": int(cluster_of(fitted_on).max()) + 1, "interval_method": "none: fitted once",
            "predictions_digest": digest_json(fitted_on[["item_id", "predicted"]].to_numpy().tolist()),
        }  # fmt: skip
        rows = metrics_of(joined, identity, settings)
        places = dict.fromkeys((row["dataset"], row["modality"]) for row in rows)
        rows += [identity | fitted | {"dataset": dataset, "modality": modality} for dataset, modality in places]
    write_table(metrics, METRICS, rows)


def scale(predicted: FloatArray, temperature: float, clip: float) -> FloatArray:
    """Return the probabilities with their logits divided by the temperature; nan stays nan.

    Logits are of probabilities clipped to [clip, 1 - clip].
    """
    scaled: FloatArray = expit(logit(np.clip(predicted, clip, 1 - clip)) / temperature)
    return scaled


def fit(predicted: FloatArray, known: FloatArray, clip: float) -> float:
    """Return the temperature, in LOWEST..HIGHEST, of the least negative log likelihood of what is known.

    The likelihood is convex in 1 / temperature, so that there is one minimum.
    """
    loss = nll("truth", clip)

    def of_logarithm(log_temperature: float) -> float:
        value = loss.of(scale(predicted, math.exp(log_temperature), clip), known)
        assert value is not None, "there are items"
        return value

    found = minimize_scalar(of_logarithm, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    return math.exp(float(found.x))
