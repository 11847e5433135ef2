"""What the training split and the evaluated splits of a data set have in common.

Texts are the same when they differ in case and blanks alone, and media when their bytes are the same.  What it showed
of a shared premise, medium or pair a model can have learned by heart; shared hypotheses are harmless in themselves, but
give a model that never looks at the premise something to go by.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from umui.arguments import Items
from umui.files.atomic import write_text
from umui.files.parquet import read_table
from umui.tables import ITEMS

COLUMNS = ["dataset", "what", "train_unique", "test_unique", "shared", "test_items_affected", "share"]


def leakage(
    items: Items,
    splits: Annotated[Sequence[str], "the evaluated splits"],
    csv: Annotated[Path, "the counts, written"],
) -> None:
    """Count what the training and the evaluated splits have in common.

    There is one row a data set and kind of thing; `splits` together are the test.
    """
    columns = ["dataset", "split", "premise_text", "media_id", "hypothesis"]
    everything: pd.DataFrame = read_table(items, ITEMS, columns).to_pandas()
    rows = []
    for dataset, of_dataset in everything.groupby("dataset", sort=True):
        train, test = of_dataset[of_dataset["split"] == "train"], of_dataset[of_dataset["split"].isin(splits)]
        for what, identity in IDENTITIES.items():
            rows.append({"dataset": dataset, "what": what} | overlap(identity(train), identity(test)))
    write_text(csv, pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def overlap(train: "pd.Series[str]", test: "pd.Series[str]") -> dict[str, Any]:
    """Return how much of `test` is in `train`; both hold an identity an item, null for items without such a thing.

    `share` is of the test items that have such a thing, and null where none has.
    """
    learned, asked = set(train.dropna()), test.dropna()
    affected = int(asked.isin(learned).sum())
    return {
        "train_unique": len(learned),
        "test_unique": asked.nunique(),
        "shared": len(learned & set(asked)),
        "test_items_affected": affected,
        "share": affected / len(asked) if len(asked) else None,
    }


def _words(texts: "pd.Series[str]") -> "pd.Series[str]":
    return texts.map(lambda text: " ".join(text.casefold().split()), na_action="ignore")


def _pairs(items: pd.DataFrame) -> "pd.Series[str]":
    parts = (items["media_id"].fillna(""), _words(items["premise_text"].fillna("")), _words(items["hypothesis"]))
    return parts[0] + "\n" + parts[1] + "\n" + parts[2]


IDENTITIES: dict[str, Callable[[pd.DataFrame], "pd.Series[str]"]] = {
    "premise text": lambda items: _words(items["premise_text"]),
    "medium": lambda items: items["media_id"],
    "hypothesis": lambda items: _words(items["hypothesis"]),
    "pair": _pairs,
}
