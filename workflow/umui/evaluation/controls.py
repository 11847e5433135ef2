"""Models that a student must beat, or cannot beat, as predictions tables.

constant
    The mean training label: what is known without the premise and the hypothesis.
majority
    0 or 1, whichever side of 0.5 most training labels are on: what accuracy and F1 are without looking at anything.
hypothesis-only
    Ridge regression on the hypothesis' words: what is known without the premise.  A model that is no better has not
    used its evidence.
oracle
    The dataset's own probability, where it is exact: the least error that there is.

All but the oracle learn from the labels that the students learn from, and know the dataset and the modality: they are
fitted for each of these alone.  Where the training split has no label of a modality, they are fitted on the dataset's
other modalities.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from umui.arguments import Items, Option, Splits
from umui.config.evaluation import Evaluation
from umui.evaluation.arrays import FloatArray
from umui.evaluation.frame import cells, read_items
from umui.files.parquet import read_table, write_table
from umui.tables import LABELS, PREDICTIONS

Control = Literal["constant", "majority", "hypothesis-only"]
CONTROLS: tuple[Control, ...] = get_args(Control)
Fit = Callable[[pd.DataFrame, pd.DataFrame], FloatArray]
"""From training rows (hypothesis, target) and asked rows (hypothesis), the asked rows' probabilities."""


def control(
    settings: Evaluation,
    kind: Annotated[
        Control | Literal["oracle"],
        "constant, majority: of the training labels; hypothesis-only: from its words alone; oracle: the truth",
    ],
    items: Items,
    splits: Splits,
    predictions: Annotated[Path, "predictions table, written"],
    labels: Annotated[
        Sequence[Path],
        "the labels that students learn from; a dataset without any is learned from its own probabilities",
        Option(may_be_empty=True),
    ] = (),
) -> None:
    """Predict with a control, which never sees the premise, or the oracle."""
    asked = read_items(items, splits)
    if kind == "oracle":
        write_predictions(predictions, kind, asked.assign(predicted=asked["truth"]))
        return
    training = training_labels(read_items(items, ["train"]), labels)
    write_predictions(predictions, kind, fit_each(training, asked, fit_of(settings, kind)))


def fit_of(settings: Evaluation, kind: Control) -> Fit:
    """Return how a control learns and answers."""

    def fit(learned: pd.DataFrame, shown: pd.DataFrame) -> FloatArray:
        if kind == "constant":
            return np.full(len(shown), learned["target"].mean())
        if kind == "majority":
            return np.full(len(shown), float((learned["target"] > 0.5).mean() > 0.5))
        return hypothesis_only(learned, shown, settings.hypothesis_only.ngram_max, settings.hypothesis_only.l2)

    return fit


def labels_as_predictions(
    name: Annotated[str, "the model's name in the table"],
    items: Items,
    labels: Annotated[Sequence[Path], "labels tables, all shards"],
    splits: Splits,
    predictions: Annotated[Path, "predictions table, written"],
) -> None:
    """Turn a teacher's labels into predictions.

    An item whose label is null has the status no_label; so has one without a label, unless nothing of its dataset,
    split and modality was labelled: the teacher was then not asked, and there is no row.
    """
    given = read_table(labels, LABELS, ["item_id", "probability"]).to_pandas()
    asked = read_items(items, splits)
    labelled = asked["item_id"].isin(given["item_id"])
    asked = asked[labelled.groupby([asked["dataset"], asked["split"], asked["modality"]]).transform("any")]
    answers = given.rename(columns={"probability": "predicted"})
    write_predictions(predictions, name, asked.merge(answers, on="item_id", how="left"))


def training_labels(training: pd.DataFrame, labels: Sequence[Path]) -> pd.DataFrame:
    """Return the training items with `target`, the label that students learn from; items without one are left out.

    A dataset with teacher labels is learned from these, another from its own probabilities.  When students learn from
    different labels of an item, its target is their mean.
    """
    of_label = [[file for file in labels if file.parent == kind] for kind in sorted({file.parent for file in labels})]
    tables = [read_table(files, LABELS, ["item_id", "probability"]) for files in of_label or [[]]]
    given = pa.concat_tables(tables).to_pandas().groupby("item_id")["probability"].mean()
    taught = training["item_id"].isin(given.index).groupby(training["dataset"]).transform("any")
    target = training["truth"].where(~taught, training["item_id"].map(given))
    return training.assign(target=target).dropna(subset=["target"])


def fit_each(training: pd.DataFrame, asked: pd.DataFrame, fit: Fit) -> pd.DataFrame:
    """Return `asked` with `predicted`, fitted for each dataset and modality; nan where a dataset has no label."""
    predicted = pd.Series(np.nan, index=asked.index)
    for dataset, modality, rows in cells(asked):
        of_dataset = training[training["dataset"] == dataset]
        of_modality = of_dataset[of_dataset["modality"] == modality]
        learned = of_modality if len(of_modality) else of_dataset
        if len(learned):
            predicted[rows.index] = fit(learned, rows)
    return asked.assign(predicted=predicted)


def hypothesis_only(training: pd.DataFrame, asked: pd.DataFrame, ngram_max: int, l2: float) -> FloatArray:
    """Return ridge regression's probabilities from the words of the hypothesis, clipped to [0, 1].

    The features are the TF-IDF of word n-grams up to `ngram_max`, single letters and digits included.
    """
    words = TfidfVectorizer(ngram_range=(1, ngram_max), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True)
    model = make_pipeline(words, Ridge(alpha=l2))
    model.fit(training["hypothesis"], training["target"])
    return np.clip(np.asarray(model.predict(asked["hypothesis"]), dtype=np.float64), 0, 1)


def write_predictions(path: Path, model: str, asked: pd.DataFrame) -> None:
    """Write `asked` (item_id, predicted) as the predictions of `model`; nan becomes the status no_label."""
    columns = {
        "item_id": asked["item_id"],
        "model": model,
        "probability": asked["predicted"],
        "distribution": None,
        "status": np.where(asked["predicted"].isna(), "no_label", "ok"),
    }
    rows = pa.Table.from_pandas(pd.DataFrame(columns), schema=PREDICTIONS.schema, preserve_index=False)
    write_table(path, PREDICTIONS, rows)
