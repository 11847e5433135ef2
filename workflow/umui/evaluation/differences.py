"""Is the first student different from each other model, when so many are compared?

The difference of a pair has a two-sided p-value from the same resamples as its interval: twice the smaller share of
replicates on either side of 0, a replicate at 0 counting on both, with one added to counts and replicates, so that no
p-value is 0 (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.2).  It is at or below
1 - confidence about when the percentile interval leaves 0 out, and as rough with few events.

The models of one column of a table (one dataset, modality and metric) are one family: its p-values are adjusted by
Holm's step-down procedure (Holm, Scandinavian Journal of Statistics 6, 1979), which bounds the chance of any false
difference among them, however they depend on each other.
"""

from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from umui.arguments import Items, Predictions
from umui.config.evaluation import Evaluation
from umui.evaluation.arrays import FloatArray
from umui.evaluation.compare import both_asked, paired
from umui.evaluation.frame import cells, read_items, read_models
from umui.evaluation.metrics.lists import tested_metrics
from umui.files.atomic import write_text

COLUMNS = [
    "dataset", "modality", "metric", "model_a", "model_b", "value_a", "value_b", "difference", "difference_ci_low",
    "difference_ci_high", "p_value", "p_holm", "n_models", "n_items", "n_clusters",
]  # fmt: skip
FAMILY = ["dataset", "modality", "metric"]


def differences(
    settings: Evaluation,
    first: Annotated[str, "name of the model that the others are compared with"],
    items: Items,
    predictions: Predictions,
    csv: Annotated[Path, "the differences, written"],
) -> None:
    """Test one model against all others, adjusted for their number.

    Written is value(first) - value(other) for each other model, with its p-value before and after Holm's adjustment.
    A pair is compared on the items that both predicted.  `n_models` is the number of p-values that are adjusted
    together; what is undefined is null and does not count among them.
    """
    metrics = tested_metrics(settings.probability_clip)
    evaluated = read_items(items, settings.splits)
    answers = read_models(predictions, items)
    rows: list[dict[str, Any]] = []
    for other in answers:
        if other == first:
            continue
        asked = both_asked(evaluated, answers[first], answers[other])
        for (dataset, modality, cell), metric in product(cells(asked), metrics):
            names = {"dataset": dataset, "modality": modality, "metric": metric.name}
            rows.append(names | {"model_a": first, "model_b": other} | paired(metric, cell, settings))
    compared = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("p_holm", "n_models")])
    families = compared.groupby(FAMILY)["p_value"]
    compared["p_holm"] = families.transform(lambda p_values: holm(p_values.to_numpy(dtype=np.float64)))
    compared["n_models"] = families.transform("count")
    compared["place"] = compared.groupby(FAMILY, sort=False).ngroup()
    compared = compared.sort_values(["place", "model_b"])
    write_text(csv, compared[COLUMNS].to_csv(index=False, lineterminator="\n"))


def holm(p_values: FloatArray) -> FloatArray:
    """Return the adjusted p-values of one family; nan stays nan and does not count.

    The i-th smallest of m, from 0, is multiplied by m - i; none may be below a smaller one's, nor above 1.
    """
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted
