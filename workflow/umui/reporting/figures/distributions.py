"""Figures 4 and 6 of the paper: how the probabilities of people, teachers and students are spread."""

from pathlib import Path
from typing import Annotated

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from umui.arguments import Png, Svg
from umui.reporting.figures.curves import COLOURS, GREY, TEXT_WIDTH_IN, save
from umui.tables import MODALITIES

PEOPLE = ("annotators", "true probability")
"""What all others are compared with: the first that there is."""


def distributions_figure(csv: Annotated[Path, "as written by the stage distributions"], svg: Svg, png: Png) -> None:
    """Draw the histograms of probabilities."""
    bins = pd.read_csv(csv)
    save(lambda: draw_distributions(bins), svg, png)


def draw_distributions(bins: pd.DataFrame) -> Figure:
    """Draw a row of panels a source, a column a dataset and modality; people's histogram is outlined in each.

    A black line is the mean over items of a model's own distribution.  Without rows, the figure says so.
    """
    if bins.empty:
        figure = Figure(figsize=(TEXT_WIDTH_IN, 1))
        figure.text(0.5, 0.5, "there are no items", ha="center")
        return figure
    sources = list(dict.fromkeys(bins["source"]))
    people = next((source for source in PEOPLE if source in sources), None)
    places = set(zip(bins["dataset"], bins["modality"], strict=True))
    columns = sorted(places, key=lambda place: (place[0], MODALITIES.index(place[1])))
    size_in = min(TEXT_WIDTH_IN, 2.4 * len(columns) + 0.6), 1.05 * len(sources) + 0.7
    figure = Figure(figsize=size_in, layout="constrained")
    grid = figure.subplots(len(sources), len(columns), sharex=True, sharey=True, squeeze=False)
    for row, source in enumerate(sources):
        for column, (dataset, modality) in enumerate(columns):
            axes, place = grid[row][column], bins[(bins["dataset"] == dataset) & (bins["modality"] == modality)]
            _panel(axes, place[place["source"] == source], place[place["source"] == people], COLOURS[modality])
            if row == 0:
                axes.set_title(f"{dataset} {modality}")
            if column == 0:
                axes.set_ylabel(source.replace(", ", "\n"))
    for axes in grid[-1]:
        axes.set_xlabel("probability")
    keys: list[Patch | Line2D] = [Patch(color="#BBBBBB", label="share of probabilities")]
    if people:
        keys.append(Line2D([], [], color="black", lw=0.8, label=people))
    if bins["mean_mass"].notna().any():
        keys.append(Line2D([], [], color="black", marker="o", ms=2, lw=1, ls=":", label="mean predicted distribution"))
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys))
    return figure


def _panel(axes: Axes, bins: pd.DataFrame, people: pd.DataFrame, colour: str) -> None:
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0", "0.5", "1"])
    if bins.empty:
        axes.text(0.5, 0.5, "not asked", ha="center", va="center", color=GREY, transform=axes.transAxes)
    widths = bins["bin_high"] - bins["bin_low"]
    axes.bar(bins["bin_low"], bins["share"], width=widths, align="edge", color=colour, alpha=0.6, lw=0)
    if len(people):
        edges = [*people["bin_low"], people["bin_high"].iloc[-1]]
        axes.stairs(people["share"], edges, color="black", linewidth=0.8)
    if bins["mean_mass"].notna().any():
        middles = (bins["bin_low"] + bins["bin_high"]) / 2
        axes.plot(middles, bins["mean_mass"], "o:", color="black", markersize=2, linewidth=1)
