"""What another teacher changes, as a page and a picture: labels that moved, and figures that moved with them."""

from pathlib import Path
from typing import Annotated, Any

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from umui.arguments import Png, Svg
from umui.files.atomic import write_text
from umui.files.outside import in_markdown
from umui.reporting.coverage import markdown_table
from umui.reporting.figures.curves import COLOURS, GREY, TEXT_WIDTH_IN, save
from umui.reporting.tables import MEASURES, with_interval
from umui.tables import MODALITIES

LARGEST = 10
LONGEST_HYPOTHESIS = 120


def impact_page(
    old: Annotated[str, "title of the old teacher"],
    new: Annotated[str, "title of the new teacher"],
    moves: Annotated[Path, "as written by the stage impact"],
    labels: Annotated[Path, "as written by the stage impact"],
    metrics: Annotated[Path, "as written by the stage impact"],
    markdown: Annotated[Path, "a page for readers, written"],
    svg: Svg,
    png: Png,
) -> None:
    """Lay out what another teacher changes.

    The figure shows the last aggregation's labels, new against old.
    """
    moved, summaries, figures = pd.read_csv(moves), pd.read_csv(labels), pd.read_csv(metrics)
    write_text(markdown, page(old, new, moved, summaries, figures))
    last = moved[moved["label"] == summaries["label"].iloc[-1]] if len(summaries) else moved
    save(lambda: draw_moves(old, new, last), svg, png)


def page(old: str, new: str, moved: pd.DataFrame, summaries: pd.DataFrame, figures: pd.DataFrame) -> str:
    """Render the page from the three tables of the stage ``impact``."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    labels = [
        (label, _summary(rows), _largest(moved[moved["label"] == label]))
        for label, rows in summaries.groupby("label", sort=False)
    ]
    pairs = figures.dropna(subset=["value_old"]).groupby(["model_new", "model_old"], sort=False)
    return environment.get_template("impact.jinja").render(
        old=old, new=new, labels=labels,
        figures=[(f"{a} against {b}", _figures(rows)) for (a, b), rows in pairs],
        n_changed=int(_is_more_than_chance(figures).sum()), n_figures=int(figures["difference_ci_low"].notna().sum()),
        students=len(pairs) > len(labels),
    )  # fmt: skip


def _summary(rows: pd.DataFrame) -> str:
    header = [
        "dataset", "modality", "items", "moved", "mean", "mean absolute", "median", "90 %", "largest", "changed side",
        "lost", "gained",
    ]  # fmt: skip
    lines: list[list[Any]] = []
    for row in rows.to_dict("records"):
        moved = f"{row['n_moved']} ({100 * row['share_moved']:.0f} %)" if row["n_items"] else "0"
        names = ("mean_absolute_move", "absolute_move_p50", "absolute_move_p90", "absolute_move_max")
        sizes = [f"{row[name]:.3f}" if row["n_items"] else "–" for name in names]
        mean = f"{row['mean_move']:+.3f}" if row["n_items"] else "–"
        counts = [row["n_changed_side"], row["n_lost"], row["n_gained"]]
        lines.append([row["dataset"], row["modality"], row["n_items"], moved, mean, *sizes, *counts])
    return markdown_table(header, lines)


def _largest(moved: pd.DataFrame) -> str:
    """Return the largest moves as a table; nothing where no label moved."""
    some = moved[moved["move"].abs() > 0]
    some = some.reindex(some["move"].abs().sort_values(ascending=False, kind="stable").index)[:LARGEST]
    if some.empty:
        return ""
    lines = [
        [f"`{row['item_id']}`", row["modality"], _in_words(row["hypothesis"]), f"{row['old']:.3f}", f"{row['new']:.3f}",
         f"{row['move']:+.3f}"]
        for row in some.to_dict("records")
    ]  # fmt: skip
    return markdown_table(["item", "modality", "hypothesis", "old", "new", "move"], lines)


def _in_words(text: str) -> str:
    """Return a data set's text so that it can stand in a cell of a table."""
    line = " ".join(text.split())
    line = line if len(line) <= LONGEST_HYPOTHESIS else f"{line[: LONGEST_HYPOTHESIS - 3]}..."
    return in_markdown(line)


def _is_more_than_chance(figures: pd.DataFrame) -> pd.Series:
    return (figures["difference_ci_low"] > 0) | (figures["difference_ci_high"] < 0)


def _figures(rows: pd.DataFrame) -> str:
    lines: list[list[Any]] = []
    for row, is_more in zip(rows.to_dict("records"), _is_more_than_chance(rows), strict=True):
        shown = MEASURES[str(row["metric"])].shown
        interval = {"ci_low": row["difference_ci_low"], "ci_high": row["difference_ci_high"]}
        difference = with_interval({"value": row["difference"], **interval}, f"+{shown}")
        values = [f"{row['value_old']:{shown}}", f"{row['value_new']:{shown}}"]
        items = f"{row['n_items']} ({row['n_clusters']})"
        place = [row["dataset"], row["modality"], row["metric"]]
        lines.append([*place, *values, f"**{difference}**" if is_more else difference, items])
    return markdown_table(["dataset", "modality", "metric", "old", "new", "new - old", "items (events)"], lines)


def draw_moves(old: str, new: str, moved: pd.DataFrame) -> Figure:
    """Draw one aggregation's new labels against the old ones, a panel a dataset and modality."""
    both = moved.dropna(subset=["move"])
    places = sorted(
        set(zip(both["dataset"], both["modality"], strict=True)),
        key=lambda place: (place[0], MODALITIES.index(place[1])),
    )
    if not places:
        figure = Figure(figsize=(TEXT_WIDTH_IN, 1))
        figure.text(0.5, 0.5, "no item has labels of both", ha="center")
        return figure
    figure = Figure(figsize=(min(TEXT_WIDTH_IN, 2.4 * len(places) + 0.3), 2.3), layout="constrained")
    grid = figure.subplots(1, len(places), sharex=True, sharey=True, squeeze=False)
    for axes, (dataset, modality) in zip(grid[0], places, strict=True):
        chosen = both[(both["dataset"] == dataset) & (both["modality"] == modality)]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.7)
        # Dots as an image: a vector picture of all items would be too large.
        axes.scatter(chosen["old"], chosen["new"], s=4, alpha=0.3, lw=0, color=COLOURS[modality], rasterized=True)
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
        axes.set_title(f"{dataset} {modality}")
    label = moved["label"].iloc[0]
    grid[0][0].set_ylabel(f"{new}, {label}")
    figure.supxlabel(f"{old}, {label}", fontsize=8)
    return figure
