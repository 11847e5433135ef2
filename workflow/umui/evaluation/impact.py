"""What another teacher changes: how far its labels moved from the old one's, and which figures moved with them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import pandas as pd

from umui.arguments import Items, Option, Predictions
from umui.config.evaluation import Evaluation
from umui.evaluation.compare import compared
from umui.evaluation.frame import cells, read_items, read_models
from umui.evaluation.metrics.lists import tested_metrics
from umui.evaluation.metrics.yes_no import says_yes
from umui.files.atomic import write_text
from umui.files.outside import in_csv
from umui.files.parquet import read_table
from umui.tables import LABELS, Split

MOVE_COLUMNS = ["label", "item_id", "dataset", "split", "modality", "hypothesis", "old", "new", "move"]
LABEL_COLUMNS = [
    "label", "dataset", "modality", "n_items", "n_moved", "share_moved", "mean_move", "mean_absolute_move",
    "absolute_move_p50", "absolute_move_p90", "absolute_move_max", "n_changed_side", "n_lost", "n_gained",
]  # fmt: skip
METRIC_COLUMNS = [
    "model_old", "model_new", "dataset", "modality", "metric", "value_old", "value_new", "difference",
    "difference_ci_low", "difference_ci_high", "n_items", "n_clusters",
]  # fmt: skip
SAME = 1e-9
"""Labels this close are the same: means of the same votes may differ in the last place."""


def impact(
    settings: Evaluation,
    items: Items,
    old_labels: Annotated[Mapping[str, Sequence[Path]], "the old teacher's labels tables of an aggregation"],
    new_labels: Annotated[Mapping[str, Sequence[Path]], "the new teacher's labels tables of the same aggregations"],
    predictions: Predictions,
    pairs: Annotated[
        Sequence[tuple[str, str]],
        "names of two models that differ in the teacher alone: NEW - OLD is written",
        Option(name="--pair", values=("NEW", "OLD")),
    ],
    moves: Annotated[Path, "a row an aggregation and item, written"],
    labels: Annotated[Path, "how far labels moved, by modality, written"],
    metrics: Annotated[Path, "how figures moved, written"],
) -> None:
    """Say how far another teacher's labels are from the old one's, and which figures moved.

    Differences are new - old, with intervals from the same resamples of events.  Raises ValueError when a pair names a
    model that has no predictions.
    """
    everything = read_items(items, get_args(Split))
    moved = pd.concat([moves_of(label, old_labels[label], new_labels[label], everything) for label in old_labels])
    summaries = [
        {"label": label, "dataset": dataset, "modality": modality} | summary(cell)
        for label, of_label in moved.groupby("label", sort=False)
        for dataset, modality, cell in cells(of_label)
    ]
    answers = read_models(predictions, items)
    metrics_tested = tested_metrics(settings.probability_clip)
    rows = compared(read_items(items, settings.splits), answers, pairs, metrics_tested, settings)
    names = {"model_a": "model_new", "model_b": "model_old", "value_a": "value_new", "value_b": "value_old"}
    for path, frame, columns in (
        (moves, moved, MOVE_COLUMNS),
        (labels, pd.DataFrame(summaries), LABEL_COLUMNS),
        (metrics, pd.DataFrame(rows).rename(columns=names), METRIC_COLUMNS),
    ):
        shown = frame.reindex(columns=columns)
        if "hypothesis" in columns:
            shown["hypothesis"] = shown["hypothesis"].map(in_csv, na_action="ignore")
        write_text(path, shown.to_csv(index=False, lineterminator="\n"))


def moves_of(label: str, old: Sequence[Path], new: Sequence[Path], items: pd.DataFrame) -> pd.DataFrame:
    """Return the items that both teachers were asked about, with both labels (nan: none) and `move`, new - old."""
    pair = [_probabilities(files).rename(name) for name, files in (("old", old), ("new", new))]
    both = items.join(pd.concat(pair, axis=1, join="inner").astype(np.float64), on="item_id", how="inner")
    return both.assign(label=label, move=both["new"] - both["old"]).sort_values("item_id")


def _probabilities(files: Sequence[Path]) -> pd.Series:
    labels: pd.DataFrame = read_table(files, LABELS, ["item_id", "probability"]).to_pandas()
    return labels.set_index("item_id")["probability"]


def summary(cell: pd.DataFrame) -> dict[str, Any]:
    """Return how far the labels of a frame with `old`, `new` and `move` moved.

    `n_items` have both labels; `n_lost` have an old one alone, `n_gained` a new one alone; `n_changed_side` are on
    another side of 0.5.  What rests on no item is null.
    """
    both = cell.dropna(subset=["move"])
    distance = both["move"].abs()
    return {
        "n_items": len(both),
        "n_moved": int((distance > SAME).sum()),
        "share_moved": (distance > SAME).mean(),
        "mean_move": both["move"].mean(),
        "mean_absolute_move": distance.mean(),
        "absolute_move_p50": distance.quantile(0.5),
        "absolute_move_p90": distance.quantile(0.9),
        "absolute_move_max": distance.max(),
        "n_changed_side": int((says_yes(both["old"].to_numpy()) != says_yes(both["new"].to_numpy())).sum()),
        "n_lost": int((cell["old"].notna() & cell["new"].isna()).sum()),
        "n_gained": int((cell["old"].isna() & cell["new"].notna()).sum()),
    }
