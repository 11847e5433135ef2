"""The paper's figures beside those of a run, wherever data set, modality and metric are the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import jinja2
import pandas as pd

from umui.files.atomic import write_text
from umui.files.parquet import read_table
from umui.papers.clue.results import read, records
from umui.reporting.tables import MEASURES, ordered, with_interval
from umui.tables import METRICS

COLUMNS = [
    "dataset", "modality", "metric", "model", "published", "published_in", "as_printed", "note", "value", "ci_low",
    "ci_high", "n_items", "n_clusters",
]  # fmt: skip
METRIC_OF = {"mse": ("mse_x100", 100.0), "accuracy": ("accuracy", 1.0), "f1": ("f1", 1.0), "nll": ("nll_nats", 1.0),
             "ece": ("ece", 1.0)}  # fmt: skip
"""Our name of a printed metric, and what the printed quantity is multiplied by to be in its unit."""
PLACE = ["dataset", "modality", "metric"]
ZERO_SHOT = ", zero-shot"
"""What our baselines' titles add to the names of the paper."""


def paper_comparison(
    published: Annotated[Path, "data/paper_results.csv"],
    metrics: Annotated[Sequence[Path], "metrics tables"],
    csv: Annotated[Path, "a row a model and figure, written"],
    markdown: Annotated[Path, "the same for readers, written"],
) -> None:
    """Lay a run's metrics beside the paper's figures.

    A model that only one of both has keeps its row, with the other's figure empty.  Where nothing is comparable the CSV
    has no rows, and the page says so and what would be needed.
    """
    printed, ours = in_our_units(read(published)), ordered(read_table(metrics, METRICS).to_pandas())
    rows = compare(printed, ours)
    write_text(csv, rows[COLUMNS].to_csv(index=False, lineterminator="\n"))
    write_text(markdown, page(rows, printed, ours))


def in_our_units(printed: pd.DataFrame) -> pd.DataFrame:
    """Return the printed figures of metrics and data that we have names for, as `published`, with our metric's name."""
    known = printed[printed["metric"].isin(METRIC_OF) & (printed["modality"] != "")]
    factors = known["metric"].map({metric: factor for metric, (_, factor) in METRIC_OF.items()})
    return known.assign(
        metric=known["metric"].map({metric: name for metric, (name, _) in METRIC_OF.items()}),
        published=(known["value"] * factors / known["scale"]).round(10),
        published_in=known["table"],
    )


def compare(printed: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of both where a place (data set, modality, metric) has a figure of each.

    Models are the same when their names are, "zero-shot" left out; one that is printed in two tables has two rows.
    """
    named = ours.assign(model=ours["model"].str.removesuffix(ZERO_SHOT).str.replace(f"{ZERO_SHOT}, ", ", "))
    measured = named.dropna(subset=["value"])
    places = measured[PLACE].drop_duplicates().merge(printed[PLACE].drop_duplicates())
    both = printed.drop(columns="value").merge(measured, on=[*PLACE, "model"], how="outer")
    both = places.merge(both, on=PLACE).astype({"n_items": "Int64", "n_clusters": "Int64"})
    return both.sort_values([*PLACE, "published_in", "model"], kind="stable", ignore_index=True)


def page(rows: pd.DataFrame, printed: pd.DataFrame, ours: pd.DataFrame) -> str:
    """Render the page; `printed` and `ours` are all figures, so that it can say what has nothing to stand beside."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    sections = [(" ".join(map(str, place)), _table(cells)) for place, cells in rows.groupby(PLACE, sort=False)]
    beside = set(rows[PLACE].itertuples(index=False, name=None))
    lacking = printed[[place not in beside for place in printed[PLACE].itertuples(index=False, name=None)]]
    return environment.get_template("comparison.jinja").render(
        sections=sections, lacking=_places(lacking), datasets=sorted(ours["dataset"].unique()),
        published_datasets=sorted(printed["dataset"].unique()),
        methods=sorted({method for method in rows["interval_method"].dropna() if not method.startswith("none")}),
    )  # fmt: skip


def _table(cells: pd.DataFrame) -> str:
    """Return one place as a Markdown table: a line a model, and more where the paper prints it more than once."""
    lines = ["| model | paper | in | this run | items (events) |", "| --- | ---: | --- | ---: | ---: |"]
    for cell in records(cells):
        paper, where = "–", "–"
        if pd.notna(cell.published):
            # The printed digits, in our unit.
            paper, where = f"{cell.published:.10g}", cell.published_in.replace("table", "Table ")
            paper += " ?" if cell.note.startswith("doubtful") else ""
        ours = with_interval(cell._asdict(), MEASURES[cell.metric].shown)
        items = f"{cell.n_items} ({cell.n_clusters})" if pd.notna(cell.value) else "–"
        lines.append(f"| {cell.model} | {paper} | {where} | {ours} | {items} |")
    return "\n".join(lines)


def _places(printed: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return data set, modality, and the metrics printed of them."""
    return [
        (str(dataset), str(modality), ", ".join(dict.fromkeys(cells["metric"])))
        for (dataset, modality), cells in printed.groupby(["dataset", "modality"])
    ]
