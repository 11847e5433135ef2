"""The controls that learn from a data set's own labels, with their figures: a table that needs no model."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from umui.arguments import Items
from umui.config.evaluation import Evaluation
from umui.evaluation.controls import CONTROLS, fit_each, fit_of, training_labels
from umui.evaluation.evaluate import measure
from umui.evaluation.frame import cells, read_items
from umui.evaluation.metrics.errors import MSE_X100
from umui.evaluation.metrics.yes_no import ACCURACY
from umui.files.atomic import write_text

COLUMNS = [
    "control", "dataset", "modality", "metric", "value", "ci_low", "ci_high", "n_items", "n_missing", "n_clusters",
    "interval_method",
]  # fmt: skip


def control_table(settings: Evaluation, items: Items, csv: Annotated[Path, "their figures, written"]) -> None:
    """Judge controls that learn from a dataset's own labels.

    They learn from the data sets' own probabilities, whatever students learn from.  A data set whose training split has
    none has no row.
    """
    training, asked = training_labels(read_items(items, ["train"]), []), read_items(items, settings.splits)
    rows: list[dict[str, Any]] = []
    for control in CONTROLS:
        for dataset, modality, cell in cells(fit_each(training, asked, fit_of(settings, control))):
            if cell["predicted"].notna().any():
                identity = {"control": control, "dataset": dataset, "modality": modality}
                rows += [identity | measure(metric, cell, settings) for metric in (MSE_X100, ACCURACY)]
    write_text(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))
