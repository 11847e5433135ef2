"""Figures: tables of numbers in, pictures out.

The pictures are deterministic, the colours are those of Okabe and Ito, and the widths are a page's text.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import matplotlib.style
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from umui.arguments import Option, Png, Svg
from umui.files.atomic import replacing, write_text
from umui.files.parquet import read_table
from umui.tables import MODALITIES, TRAINING_LOG

COLOURS = {
    "text": "#0072B2", "audio": "#E69F00", "video": "#009E73", "audiovisual": "#CC79A7", "mixed": "#444444",
}  # fmt: skip
DASHES = {"text": "-", "audio": "--", "video": "-.", "audiovisual": (0, (1, 1)), "mixed": "-"}
GREY = "#888888"
TEXT_WIDTH_IN = 6.9
POINTS_OF_A_CURVE = 25
BATCHING_COLUMNS = [
    "student", "batching", "step", "loss", "loss_p10", "loss_p90", "gradient_norm", "gradient_norm_p10",
    "gradient_norm_p90", "n_steps",
]  # fmt: skip
CURVE_COLUMNS = ["student", "modality", "step", "loss", "gradient_norm", "n_steps"]
STYLE: dict[Any, Any] = {
    "font.size": 8, "axes.titlesize": 8, "axes.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2, "legend.frameon": False,
    "figure.dpi": 200, "svg.hashsalt": "umui",
}  # fmt: skip

Logs = Annotated[Mapping[str, Sequence[Path]], "the training log of a student"]
Losses = Annotated[
    Sequence[tuple[str, str]],
    "a student and what its loss is, with the unit",
    Option(name="--loss", values=("NAME", "LABEL")),
]


def reliability_figure(csv: Annotated[Path, "as written by the stage reliability"], svg: Svg, png: Png) -> None:
    """Draw the reliability diagrams.

    There is a row of panels a model, and a column a dataset and modality.
    """
    bins = pd.read_csv(csv)
    save(lambda: draw_reliability(bins), svg, png)


def training_curves(
    logs: Logs, losses: Losses, csv: Annotated[Path, "the drawn means, written"], svg: Svg, png: Png
) -> None:
    """Summarise and draw loss and gradient norm of students.

    Curves are by modality, as means over stretches of steps.
    """
    curves = _of_students(logs, summarise_log)
    write_text(csv, curves[CURVE_COLUMNS].to_csv(index=False, lineterminator="\n"))
    save(lambda: draw_curves(curves, dict(losses)), svg, png)


def batching_curves(
    logs: Logs, losses: Losses, csv: Annotated[Path, "the drawn means, written"], svg: Svg, png: Png
) -> None:
    """Draw the training of students by their batching.

    It is Figure 5 of the paper.  The students' losses must be comparable: one read-out, one kind of labels.
    """
    curves = _of_students(logs, summarise_batching)
    write_text(csv, curves[BATCHING_COLUMNS].to_csv(index=False, lineterminator="\n"))
    save(lambda: draw_batching(curves, dict(losses)), svg, png)


def _of_students(logs: Mapping[str, Sequence[Path]], summarise: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Return the summaries of the students' training logs, with the column `student`."""
    return pd.concat(
        summarise(read_table(files, TRAINING_LOG).to_pandas()).assign(student=student)
        for student, files in logs.items()
    )


def summarise_batching(log: pd.DataFrame) -> pd.DataFrame:
    """Return mean, 10th and 90th percentile of loss and gradient norm over equal stretches of steps."""
    width = math.ceil(log["step"].max() / POINTS_OF_A_CURVE)
    stretches = log.groupby((log["step"] - 1) // width)
    columns = {"step": stretches["step"].mean(), "n_steps": stretches.size()}
    for name in ("loss", "gradient_norm"):
        columns[name] = stretches[name].mean()
        columns |= {f"{name}_p10": stretches[name].quantile(0.1), f"{name}_p90": stretches[name].quantile(0.9)}
    batching = "mixed" if (log["modality"] == "mixed").all() else "by_modality"
    return pd.DataFrame(columns).reset_index(drop=True).assign(batching=batching)


def summarise_log(log: pd.DataFrame) -> pd.DataFrame:
    """Return the mean step, loss and gradient norm of each modality over equal stretches of steps."""
    width = math.ceil(log["step"].max() / POINTS_OF_A_CURVE)
    stretches = log.assign(stretch=(log["step"] - 1) // width).groupby(["modality", "stretch"])
    means = stretches[["step", "loss", "gradient_norm"]].mean().assign(n_steps=stretches.size())
    return means.reset_index()


def draw_reliability(bins: pd.DataFrame) -> Figure:
    """Draw mean true against mean predicted probability, with the interval as a band, above the items of each bin.

    `bins` has the columns of the stage ``reliability``; without rows, the figure says that nothing was measured.
    """
    if bins.empty:
        figure = Figure(figsize=(TEXT_WIDTH_IN, 1))
        figure.text(0.5, 0.5, "no model was measured", ha="center")
        return figure
    models = list(dict.fromkeys(bins["model"]))
    places = set(zip(bins["dataset"], bins["modality"], strict=True))
    columns = sorted(places, key=lambda place: (place[0], MODALITIES.index(place[1])))
    width_in = min(TEXT_WIDTH_IN, 2.4 * len(columns)) + 0.3
    figure = Figure(figsize=(width_in, 2.3 * len(models) + 0.2), layout="constrained")
    heights = [4, 1] * len(models)
    grid = figure.subplots(len(heights), len(columns), sharex=True, sharey="row", squeeze=False, height_ratios=heights)
    for row, model in enumerate(models):
        for column, (dataset, modality) in enumerate(columns):
            diagram, counts = grid[2 * row][column], grid[2 * row + 1][column]
            chosen = (bins["model"] == model) & (bins["dataset"] == dataset) & (bins["modality"] == modality)
            _panel(diagram, counts, bins[chosen], COLOURS[modality])
            if row == 0:
                diagram.set_title(f"{dataset} {modality}")
            if column == 0:
                diagram.set_ylabel(f"{model}\nmean true probability")
                counts.set_ylabel("items")
    figure.supxlabel("mean predicted probability of a bin", fontsize=8)
    return figure


def _panel(diagram: Axes, counts: Axes, bins: pd.DataFrame, colour: str) -> None:
    diagram.plot([0, 1], [0, 1], color=GREY, linewidth=0.7)
    diagram.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    filled = bins[bins["n_items"] > 0]
    diagram.fill_between(filled["mean_predicted"], filled["ci_low"], filled["ci_high"], color=colour, alpha=0.25, lw=0)
    diagram.plot(filled["mean_predicted"], filled["mean_true"], "o-", color=colour, markersize=2.5, clip_on=False)
    width = bins["bin_high"] - bins["bin_low"]
    counts.bar(
        bins["bin_low"], bins["n_items"], width=width, align="edge", color=colour, edgecolor="white", linewidth=0.4
    )
    counts.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    if bins.empty:
        diagram.text(0.5, 0.5, "not asked", ha="center", va="center", color=GREY)


def draw_curves(curves: pd.DataFrame, losses: Mapping[str, str]) -> Figure:
    """Draw loss and gradient norm against the optimizer step, on logarithmic scales: a row of panels a student."""
    students = list(dict.fromkeys(curves["student"]))
    figure = Figure(figsize=(TEXT_WIDTH_IN, 2.0 * len(students) + 0.4), layout="constrained")
    grid = figure.subplots(len(students), 2, squeeze=False)
    for axes_of_student, student in zip(grid, students, strict=True):
        of_student = curves[curves["student"] == student]
        drawn = (("loss", losses[student]), ("gradient_norm", "gradient norm"))
        for axes, (column, label) in zip(axes_of_student, drawn, strict=True):
            for modality, curve in of_student.groupby("modality"):
                axes.plot(curve["step"], curve[column], color=COLOURS[modality], ls=DASHES[modality], label=modality)
            axes.set(yscale="log", ylabel=label, title=student, xlim=(0, None))
            axes.yaxis.set_major_locator(LogLocator(subs=[1, 2, 3, 5]))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter("{x:g}")
    for axes in grid[-1]:
        axes.set_xlabel("optimizer step")
    handles = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    names = [name for name in COLOURS if name in handles]
    figure.legend([handles[name] for name in names], names, loc="outside lower center", ncols=len(names))
    return figure


def draw_batching(curves: pd.DataFrame, losses: Mapping[str, str]) -> Figure:
    """Draw loss and gradient norm against the optimizer step, with a band from the 10th to the 90th percentile."""
    figure = Figure(figsize=(TEXT_WIDTH_IN, 2.6), layout="constrained")
    grid = figure.subplots(1, 2)
    colours = {"by_modality": COLOURS["text"], "mixed": COLOURS["audio"]}
    loss = losses[curves["student"].iloc[0]]  # the same of all, who differ in batching alone
    for axes, (column, label) in zip(grid, (("loss", loss), ("gradient_norm", "gradient norm")), strict=True):
        for student, curve in curves.groupby("student", sort=False):
            batching = str(curve["batching"].iloc[0])
            colour, dashes = colours[batching], "-" if batching == "by_modality" else "--"
            axes.fill_between(
                curve["step"], curve[f"{column}_p10"], curve[f"{column}_p90"], color=colour, alpha=0.2, lw=0
            )
            axes.plot(curve["step"], curve[column], color=colour, ls=dashes,
                      label=f"{student}: {batching.replace('_', ' ')}")  # fmt: skip
        axes.set(yscale="log", ylabel=label, xlabel="optimizer step", xlim=(0, None))
        axes.yaxis.set_major_locator(LogLocator(subs=[1, 2, 3, 5]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def save(draw: Callable[[], Figure], svg: Path, png: Path) -> None:
    """Draw in one style, whatever the user's; write SVG and PNG without dates: the same numbers give the same bytes."""
    metadata: dict[str, dict[str, Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    with matplotlib.style.context(["default", STYLE]):
        figure = draw()
        for path, kind in ((svg, "svg"), (png, "png")):
            with replacing(path) as temporary:
                figure.savefig(temporary, format=kind, metadata=metadata[kind])
