"""The paper's tables: their figures as a tidy CSV, and as a page for readers, from a template beside this file.

A table is its entry in LAYOUTS and its template ``NAME.jinja``; everything else is common to all.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jinja2
import pandas as pd

from umui.arguments import Option
from umui.config.evaluation import Evaluation
from umui.files.atomic import write_text
from umui.files.parquet import read_table
from umui.tables import METRICS, MODALITIES

COLUMNS = [
    "model", "role", "parameters", "dataset", "modality", "metric", "value", "ci_low", "ci_high", "n_items",
    "n_clusters",
]  # fmt: skip
ROLES = ("baseline", "teacher", "control", "oracle", "student")
"""The order of the rows, as in the paper: what was there before, then the students."""

RANKED = ("baseline", "control", "student")
"""Who can be the best of a column: a teacher costs several large answers an item, an oracle knows the truth."""


@dataclass(frozen=True)
class Measure:
    """How a metric is shown: its number format, whether low or high is best, and what it needs to know of an item."""

    shown: str
    best: Callable[[Iterable[float]], float] | None = None
    needs: str = "true probability"


MEASURES = {
    "mse_x100": Measure(".2f", min),
    "mse_x100_graded": Measure(".2f", min),
    "squared_difference_of_means": Measure(".1e", min),
    "nll_nats": Measure(".3f", min),
    "ece": Measure(".3f", min),
    "accuracy": Measure(".3f", max, "label"),
    "precision": Measure(".3f", None, "label"),
    "recall": Measure(".3f", None, "label"),
    "f1": Measure(".3f", max, "label"),
    "brier": Measure(".3f", min, "label"),
    "nll_label_nats": Measure(".3f", min, "label"),
    "krippendorff_alpha": Measure(".3f", max, "two annotations"),
    "krippendorff_alpha_annotators": Measure(".3f", None, "two annotations"),
    "temperature": Measure(".2f", None, "held-out probability"),
}


@dataclass(frozen=True)
class Layout:
    """The metrics of a table's CSV, whose rows it has, and who of these can be the best of a column."""

    metrics: tuple[str, ...]
    roles: tuple[str, ...] = ROLES
    ranked: tuple[str, ...] = RANKED


OF_TEACHERS = {"roles": ("teacher", "control", "oracle"), "ranked": ("teacher", "control")}
LAYOUTS = {
    "table1": Layout(("accuracy", "mse_x100", "squared_difference_of_means"), **OF_TEACHERS),
    "table2": Layout(("accuracy", "f1", "precision", "recall")),
    "table3": Layout(("mse_x100",)),
    "table3-graded": Layout(("mse_x100_graded",)),
    "table4": Layout(("mse_x100", "accuracy", "f1"), ("control", "student")),
    "table5": Layout(
        ("accuracy", "mse_x100", "squared_difference_of_means", "krippendorff_alpha", "krippendorff_alpha_annotators"),
        **OF_TEACHERS,
    ),
    "table7": Layout(("accuracy", "mse_x100", "nll_nats", "ece", "temperature"), ("baseline", "control", "student")),
    "table8": Layout(("mse_x100", "nll_nats", "ece", "brier", "nll_label_nats")),
}


def table(
    table: Annotated[str, "its name, such as table3"],
    settings: Evaluation,
    metrics: Annotated[Sequence[Path], "metrics tables"],
    negative_ratios: Annotated[
        Sequence[tuple[str, str]],
        "of Table 4: a student and its training negatives for one positive, or all",
        Option(name="--negative-ratio", values=("NAME", "RATIO"), may_be_empty=True),
    ],
    csv: Annotated[Path, "the figures, a row each, written"],
    markdown: Annotated[Path, "the same for readers, written"],
) -> None:
    """Lay out the metrics of models as one of the paper's tables.

    A model has one metrics table; those of other roles than the table's may be among them.  With `negative_ratios`, of
    models, the rows are in the order of the ratios, which the CSV has as a further column.
    """
    layout, columns = LAYOUTS[table], COLUMNS
    rows = ordered(read_table(metrics, METRICS).to_pandas())
    rows = rows[rows["role"].isin(layout.roles)]
    if negative_ratios:
        rows, columns = by_ratio(rows, dict(negative_ratios)), [*COLUMNS, "negative_ratio"]
    write_text(csv, tidy(rows, layout.metrics)[columns].to_csv(index=False, lineterminator="\n"))
    write_text(markdown, page(f"{table}.jinja", rows, layout, settings))


def by_ratio(rows: pd.DataFrame, ratios: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows with `negative_ratio`: models without one, then rising ratios, then those that keep `all`."""
    ratio = rows["model"].map(ratios)
    rank = pd.to_numeric(ratio.replace("all", "inf")).fillna(0)
    return rows.assign(negative_ratio=ratio, rank=rank).sort_values("rank", kind="stable").drop(columns="rank")


def tidy(rows: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some metrics: models and places in the order of `rows`, then the metrics in theirs."""
    chosen = rows[rows["metric"].isin(metrics)]
    place = chosen.groupby(["model", "dataset", "modality"], sort=False).ngroup()
    chosen = chosen.assign(place=place, number=chosen["metric"].map(metrics.index))
    return chosen.sort_values(["place", "number"])[rows.columns]


def page(template: str, rows: pd.DataFrame, layout: Layout, settings: Evaluation) -> str:
    """Render a table's template, which says in words what its figures are and where each metric's part goes."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    methods = sorted({method for method in rows["interval_method"] if not method.startswith("none")})
    return environment.get_template(template).render(
        settings=settings,
        wrong_nats=-math.log(settings.probability_clip),
        method="; ".join(methods) or "no intervals, since fewer than two events were measured",
        wide=lambda metric: wide(rows[rows["metric"] == metric], metric, layout.ranked),
        models=lambda metric: _records(rows[rows["metric"] == metric].drop_duplicates("model")),
        notes=notes(tidy(rows, layout.metrics)),
    )


def ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics by role, model, dataset and modality, in the orders of the tables."""
    ranks = {"role": ROLES.index, "modality": MODALITIES.index}
    rows = rows.sort_values(
        ["role", "model", "dataset", "modality"],
        key=lambda column: column.map(ranks[column.name]) if column.name in ranks else column,
        ignore_index=True,
    )
    return rows.assign(parameters=rows["parameters"].astype("Int64"))


def wide(rows: pd.DataFrame, metric: str, ranked: Sequence[str] = RANKED) -> str:
    """Return one metric as a Markdown table: a line a model, a column a dataset and modality."""
    measure = MEASURES[metric]
    found = {(row["model"], row["dataset"], row["modality"]): row for row in _records(rows)}
    columns = sorted({key[1:] for key in found}, key=lambda column: (column[0], MODALITIES.index(column[1])))
    best = {column: _best(found, column, measure, ranked) for column in columns}
    header = ["model", "role", "parameters", *(f"{dataset} {modality}" for dataset, modality in columns)]
    lines = [header, ["---", "---", *["---:"] * (len(header) - 2)]]
    for model, role, parameters in rows[["model", "role", "parameters"]].drop_duplicates().itertuples(index=False):
        line = [model, role, in_short(parameters)]
        for column in columns:
            shown = with_interval(found.get((model, *column)), measure.shown)
            line.append(f"**{shown}**" if (model, *column) in best[column] else shown)
        lines.append(line)
    counts = (max(row["n_items"] for key, row in found.items() if key[1:] == column) for column in columns)
    events = (max(row["n_clusters"] for key, row in found.items() if key[1:] == column) for column in columns)
    lines.append(["*items (events)*", "", "", *(f"*{n} ({m})*" for n, m in zip(counts, events, strict=True))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


Found = Mapping[tuple[str, str, str], dict[str, Any]]
"""A metric's rows by model, dataset and modality."""


def _best(found: Found, column: tuple[str, str], measure: Measure, ranked: Sequence[str]) -> set[tuple[str, str, str]]:
    values = {key: row["value"] for key, row in found.items() if key[1:] == column and row["role"] in ranked}
    known = [value for value in values.values() if pd.notna(value)]
    if measure.best is None or not known:
        return set()
    return {key for key, value in values.items() if value == measure.best(known)}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def with_interval(row: Mapping[str, Any] | None, shown: str) -> str:
    """Return a value with its interval, such as ``5.70 [4.90, 6.61]``; a dash where there is none."""
    if row is None or pd.isna(row["value"]):
        return "–"
    interval = f" [{row['ci_low']:{shown}}, {row['ci_high']:{shown}}]" if pd.notna(row["ci_low"]) else ""
    return f"{row['value']:{shown}}{interval}"


def in_short(parameters: int | None) -> str:
    """Return a count of parameters such as ``3.1 B``, ``1.3 M``, or a dash."""
    if parameters is None or pd.isna(parameters):
        return "–"
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if parameters >= size:
            return f"{parameters / size:.3g} {unit}"
    return str(parameters)


def notes(rows: pd.DataFrame) -> str:
    """Return a line for each model that lacks items, a value or an interval somewhere."""
    reasons: dict[str, dict[str, None]] = {}
    for row in _records(rows):
        if row["metric"] != "temperature" and (reason := _lack(row)):
            reasons.setdefault(row["model"], {})[reason] = None
    lines = [f"- {model}: {'; '.join(found)}." for model, found in reasons.items()]
    return "\n".join(lines) or "- none: every model gave a probability for each item."


def _lack(row: Mapping[str, Any]) -> str | None:
    where = f"{row['dataset']} {row['modality']}"
    total = row["n_items"] + row["n_missing"]
    if total == 0:
        return f"{where} has no value, since no item's {MEASURES[row['metric']].needs} is known"
    if row["n_missing"]:
        return f"{where} lacks {row['n_missing']} of {total} items"
    if pd.isna(row["value"]):
        return f"{where} has no {row['metric']}, a division by 0"
    if pd.isna(row["ci_low"]):
        method = row["interval_method"]
        reason = method.removeprefix("none: ") if method.startswith("none") else "undefined in some resamples"
        return f"{where} has no interval ({reason})"
    return None
