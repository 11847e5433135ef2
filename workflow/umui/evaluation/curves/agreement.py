"""Who agrees with whom: annotators and models, pair by pair, item by item."""

from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from scipy.special import entr
from scipy.stats import pearsonr, spearmanr

from umui.arguments import AnyPredictions, Items
from umui.config.evaluation import Evaluation
from umui.evaluation.arrays import FloatArray
from umui.evaluation.frame import read_items, read_models, reference_of
from umui.files.atomic import write_text

COLUMNS = ["dataset", "statistic", "rater_a", "rater_b", "value", "n_items"]


def agreement(
    settings: Evaluation,
    items: Items,
    predictions: AnyPredictions,
    csv: Annotated[Path, "a row a pair and statistic, written"],
) -> None:
    """Compare annotators and models, pair by pair: no drawing.

    Raters are the annotators, by their place in an item's list, and the models of `predictions`.  A pair is compared
    on the annotated items of each dataset that both judged, over all of its modalities.
    """
    evaluated = read_items(items, settings.splits)
    annotated = evaluated[(~np.isnan(reference_of(evaluated, "annotations"))).any(axis=1)]
    answers = read_models(predictions, items)
    rows: list[dict[str, Any]] = []
    for dataset, of_dataset in annotated.groupby("dataset"):
        annotations_NA = reference_of(pd.DataFrame(of_dataset), "annotations")
        raters = {f"annotator {n}": said for n, said in enumerate(annotations_NA.T, start=1)}
        for name, answer in answers.items():
            raters[name] = of_dataset["item_id"].map(answer["predicted"]).to_numpy(dtype=np.float64)
        for (name_a, a), (name_b, b) in product(raters.items(), repeat=2):
            names = {"dataset": dataset, "rater_a": name_a, "rater_b": name_b}
            rows += [names | statistic for statistic in compared(a, b)]
    write_text(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def compared(a: FloatArray, b: FloatArray) -> list[dict[str, Any]]:
    """Return each statistic of two raters' probabilities, (N,), over the items that both judged (nan: not judged).

    pearson, spearman
        Correlations; null with fewer than two items, or when a rater always says the same.
    mse
        The mean squared difference.
    jensen_shannon
        The mean over items of the Jensen-Shannon distance, the square root of the divergence in bits, between the two
        raters' distributions over true and false: 0 when they say the same, 1 between 0 and 1.
    """
    both = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[both], b[both]
    varied = len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
    values = {
        "pearson": float(pearsonr(a, b).statistic) if varied else None,
        "spearman": float(spearmanr(a, b).statistic) if varied else None,
        "mse": float(np.mean((a - b) ** 2)) if len(a) else None,
        "jensen_shannon": float(jensen_shannon(a, b).mean()) if len(a) else None,
    }
    return [{"statistic": name, "value": value, "n_items": len(a)} for name, value in values.items()]


def jensen_shannon(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the Jensen-Shannon distance, in 0..1, of the distributions (a, 1 - a) and (b, 1 - b), item by item.

    The square root of H((a + b) / 2) - (H(a) + H(b)) / 2, with entropies H in bits (Endres and Schindelin, 2003).
    """

    def entropy(p: FloatArray) -> FloatArray:
        bits: FloatArray = (entr(p) + entr(1 - p)) / np.log(2)
        return bits

    divergence = entropy((a + b) / 2) - (entropy(a) + entropy(b)) / 2
    distance: FloatArray = np.sqrt(np.maximum(divergence, 0))  # rounding may leave a little less than 0
    return distance
