"""Votes -> labels: what a teacher's answers about an item say together.

Any number of votes up to those stored can be aggregated without asking the teacher again, since the votes are numbered
and fewer votes are the first of more.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from umui.config.judges import Label
from umui.files.parquet import read_table, write_table
from umui.tables import LABELS, VOTES

FloatArray = npt.NDArray[np.float64]


def aggregate_votes(
    settings: Label,
    votes: Annotated[Sequence[Path], "votes tables, all pieces"],
    labels: Annotated[Path, "labels table, written"],
) -> None:
    """Turn a judge's votes into labels.

    A voted item has one label, of its first `settings.votes` votes.  An item whose asking stopped before, since its
    votes agreed (status not_asked), is labelled by those that it has, and needs no more parsed ones than that.  Raises
    ValueError naming the files' directory and the item that has fewer stored votes than that.
    """
    columns = ["item_id", "teacher", "vote", "probability", "parse_status"]
    stored = read_table(votes, VOTES, columns).to_pandas()
    items = stored.drop_duplicates("item_id").sort_values("item_id")
    asked = stored["parse_status"].ne("not_asked") & stored["vote"].lt(settings.votes)
    n_asked = asked.groupby(stored["item_id"]).sum().to_numpy()  # in the order of the items' ids
    votes_NV = first_votes(stored, settings.votes, votes[0].parent)
    n_parsed = np.isfinite(votes_NV).sum(axis=1)
    needed = np.minimum(settings.min_parsed, n_asked)
    probability = np.where(n_parsed >= needed, aggregate(votes_NV, settings.aggregation), np.nan)
    labelled = {
        "item_id": items["item_id"],
        "teacher": items["teacher"],
        "aggregation": settings.aggregation,
        "n_votes": n_asked,
        "n_parsed": n_parsed,
        "probability": probability,
        "vote_std": pd.DataFrame(votes_NV).std(axis="columns", ddof=1).to_numpy(),
    }
    rows = pa.Table.from_pandas(pd.DataFrame(labelled), schema=LABELS.schema, preserve_index=False)
    write_table(labels, LABELS, rows)


def first_votes(stored: pd.DataFrame, n_votes: int, source: Path) -> FloatArray:
    """Return the probabilities of votes 0..n_votes-1 as (items, n_votes), items in the order of their ids.

    A vote that says no probability is nan.  Raises ValueError when an item lacks one of these votes.
    """
    wanted = stored[stored["vote"].between(0, n_votes - 1)].sort_values(["item_id", "vote"])
    counts = wanted["item_id"].value_counts().reindex(stored["item_id"].unique(), fill_value=0)
    if (counts < n_votes).any():
        item = min(counts.index[counts < n_votes])
        raise ValueError(
            f"{source}: item {item} has {counts[item]} of the votes 0 to {n_votes - 1}; ask for the missing ones by "
            f"raising the teacher's sampling.votes to {n_votes} or more, or lower the label's `votes`"
        )
    return wanted["probability"].to_numpy(np.float64).reshape(-1, n_votes)


def aggregate(votes_NV: FloatArray, aggregation: Literal["mean", "max", "first"]) -> FloatArray:
    """Return one probability an item, nan where no vote that counts says one.

    mean
        of the parsed votes ("average model confidence", section 3.1 of the paper).
    max
        the mean of the votes on the majority's side of 0.5 ("majority model confidence", ibid.).  A vote of exactly
        0.5 stands on both sides; when the sides are equally strong, all votes count.  The rule is symmetric: turning
        every vote p into 1 - p turns the label into 1 - label.
    first
        vote 0 alone, parsed or not.

    `votes_NV` is (items, votes), in [0, 1], nan where a vote was not parsed.
    """
    if aggregation == "first":
        return votes_NV[:, 0]
    if aggregation == "mean":
        return _row_means(votes_NV)
    high, low = votes_NV >= 0.5, votes_NV <= 0.5
    lead = high.sum(axis=1, keepdims=True) - low.sum(axis=1, keepdims=True)
    loses = ((lead > 0) & ~high) | ((lead < 0) & ~low)
    return _row_means(np.where(loses, np.nan, votes_NV))


def _row_means(values: FloatArray) -> FloatArray:
    return pd.DataFrame(values).mean(axis="columns").to_numpy(np.float64)
