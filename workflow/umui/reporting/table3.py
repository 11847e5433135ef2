"""Table 3 of the paper: mean squared error x 100 by model, dataset and modality, with intervals and counts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from umui.artifacts import read_table, write_text
from umui.tables import METRICS, MODALITIES

COLUMNS = [
    "model", "role", "parameters", "dataset", "modality", "metric", "value", "ci_low", "ci_high", "n_items",
    "n_clusters",
]  # fmt: skip
ROLES = ("baseline", "teacher", "control", "oracle", "student")
"""The order of the rows, as in the paper: what was there before, then the students."""

RANKED = ("baseline", "control", "student")
"""Who can be the best of a column: a teacher costs several large answers an item, an oracle knows the truth."""

MARKDOWN = """\
# Table 3

**Mean squared error × 100 between predicted and true probability; lower is better.**
In brackets: {method}. Bold: the lowest of a column among baselines, controls and students.

A *baseline* was asked zero-shot. A *teacher*'s votes are what students learn from. A *control* never sees the premise:
a model that is no better has not used its evidence. The *oracle* is the exact probability, where the dataset knows it.
A *student* is a trained CLUE model.

{all_items}

## Graded items alone

The same over items whose true probability is neither 0 nor 1. Whether an item is 0 or 1 can often be told from how its
hypothesis is worded; on these it cannot.

{graded_items}

## What is left out

Items for which a model gave no probability are left out of its figures:

{notes}

A dash without an entry here: the model was not asked about this modality. A column's items are those that its most
complete model was measured on; intervals rest on the number of events. `comparisons.csv` compares models on the same
items; `coverage.md` counts everything that was left out on the way.
"""


def table3(metrics: Sequence[Path], csv: Path, graded: Path, markdown: Path) -> None:
    """Write the tidy tables of all items and of graded items, and both as a page for readers."""
    rows = ordered(read_table(metrics, METRICS).to_pandas())
    every, uncertain = (rows[rows["metric"] == name] for name in ("mse_x100", "mse_x100_graded"))
    write_text(csv, every[COLUMNS].to_csv(index=False, lineterminator="\n"))
    write_text(graded, uncertain[COLUMNS].to_csv(index=False, lineterminator="\n"))
    methods = sorted({method for method in rows["interval_method"] if not method.startswith("none")})
    page = MARKDOWN.format(
        method="; ".join(methods) or "no intervals, since fewer than two events were measured",
        all_items=layout(every),
        graded_items=layout(uncertain),
        notes="\n".join(f"- {note}" for note in notes(every))
        or "- none: every model gave a probability for each item.",
    )
    write_text(markdown, page)


def ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics by role, model, dataset and modality, in the orders of the tables."""
    ranks = {"role": ROLES.index, "modality": MODALITIES.index}
    rows = rows.sort_values(
        ["role", "model", "dataset", "modality"],
        key=lambda column: column.map(ranks[column.name]) if column.name in ranks else column,
        ignore_index=True,
    )
    return rows.assign(parameters=rows["parameters"].astype("Int64"))


def layout(rows: pd.DataFrame) -> str:
    """Return one metric as a Markdown table: a line a model, a column a dataset and modality."""
    found = {(row["model"], row["dataset"], row["modality"]): row for row in _records(rows)}
    columns = sorted({key[1:] for key in found}, key=lambda column: (column[0], MODALITIES.index(column[1])))
    best = {column: _best(found, column) for column in columns}
    header = ["model", "role", "parameters", *(f"{dataset} {modality}" for dataset, modality in columns)]
    lines = [header, ["---", "---", *["---:"] * (len(header) - 2)]]
    for model, role, parameters in rows[["model", "role", "parameters"]].drop_duplicates().itertuples(index=False):
        line = [model, role, in_short(parameters)]
        for column in columns:
            shown = with_interval(found.get((model, *column)))
            line.append(f"**{shown}**" if (model, *column) in best[column] else shown)
        lines.append(line)
    counts = (max(row["n_items"] for key, row in found.items() if key[1:] == column) for column in columns)
    events = (max(row["n_clusters"] for key, row in found.items() if key[1:] == column) for column in columns)
    lines.append(["*items (events)*", "", "", *(f"*{n} ({m})*" for n, m in zip(counts, events, strict=True))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _best(found: Mapping[tuple[str, str, str], dict[str, Any]], column: tuple[str, str]) -> set[tuple[str, str, str]]:
    ranked = {key: row["value"] for key, row in found.items() if key[1:] == column and row["role"] in RANKED}
    lowest = min((value for value in ranked.values() if pd.notna(value)), default=None)
    return {key for key, value in ranked.items() if value == lowest}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def with_interval(row: Mapping[str, Any] | None) -> str:
    """Return a value with its interval, such as ``5.70 [4.90, 6.61]``; a dash where there is none."""
    if row is None or pd.isna(row["value"]):
        return "–"
    interval = f" [{row['ci_low']:.2f}, {row['ci_high']:.2f}]" if pd.notna(row["ci_low"]) else ""
    return f"{row['value']:.2f}{interval}"


def in_short(parameters: int | None) -> str:
    """Return a count of parameters such as ``3.1 B``, ``1.3 M``, or a dash."""
    if parameters is None or pd.isna(parameters):
        return "–"
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if parameters >= size:
            return f"{parameters / size:.3g} {unit}"
    return str(parameters)


def notes(rows: pd.DataFrame) -> list[str]:
    """Return a sentence for each model that lacks items, a value or an interval somewhere."""
    reasons: dict[str, list[str]] = {}
    for row in _records(rows):
        where = f"{row['dataset']} {row['modality']}"
        total = row["n_items"] + row["n_missing"]
        if total == 0:
            reason = f"{where} has no value, since no item's true probability is known"
        elif row["n_missing"]:
            reason = f"{where} lacks {row['n_missing']} of {total} items"
        elif pd.isna(row["ci_low"]):
            reason = f"{where} has no interval ({row['interval_method'].removeprefix('none: ')})"
        else:
            continue
        reasons.setdefault(row["model"], []).append(reason)
    return [f"{model}: {'; '.join(found)}." for model, found in reasons.items()]
