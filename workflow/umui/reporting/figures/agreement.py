"""Figure 3 of the paper: who agrees with whom, as matrices."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from umui.arguments import Png, Svg
from umui.reporting.figures.curves import GREY, TEXT_WIDTH_IN, save

PANELS = {
    "pearson": ("Pearson correlation", True),
    "spearman": ("Spearman rank correlation", True),
    "mse": ("mean squared difference", False),
    "jensen_shannon": ("Jensen–Shannon distance", False),
}
"""The statistics, their titles, and whether high is agreement; agreement is dark."""


def agreement_figure(csv: Annotated[Path, "as written by the stage agreement"], svg: Svg, png: Png) -> None:
    """Draw the agreement of annotators and models."""
    pairs = pd.read_csv(csv)
    save(lambda: draw_agreement(pairs), svg, png)


def draw_agreement(pairs: pd.DataFrame) -> Figure:
    """Draw a matrix a statistic, four a dataset; without annotated items, the figure says so."""
    datasets = sorted(pairs["dataset"].unique())
    if not datasets:
        figure = Figure(figsize=(TEXT_WIDTH_IN, 1))
        figure.text(0.5, 0.5, "no item has annotations", ha="center")
        return figure
    figure = Figure(figsize=(TEXT_WIDTH_IN, 6.6 * len(datasets)), layout="constrained")
    grid = figure.subplots(2 * len(datasets), 2, squeeze=False)
    for number, dataset in enumerate(datasets):
        of_dataset = pairs[pairs["dataset"] == dataset]
        for axes, (statistic, (title, high_agrees)) in zip(grid[2 * number :][:2].flat, PANELS.items(), strict=True):
            _matrix(axes, of_dataset[of_dataset["statistic"] == statistic], high_agrees)
            axes.set_title(title if len(datasets) == 1 else f"{dataset}: {title}")
        for axes in grid[2 * number :][:2, 1]:
            axes.set_yticklabels([])
        for axes in grid[2 * number]:
            axes.set_xticklabels([])
    return figure


def _matrix(axes: Axes, pairs: pd.DataFrame, high_agrees: bool) -> None:
    raters = list(dict.fromkeys(pairs["rater_a"]))
    values_AB = pairs.pivot(index="rater_a", columns="rater_b", values="value").loc[raters, raters].to_numpy()
    itself = np.eye(len(raters), dtype=bool)
    shown: Any = np.ma.masked_array(values_AB, itself | np.isnan(values_AB))
    image = axes.imshow(shown, cmap="Blues" if high_agrees else "Blues_r")
    for (row, column), value in np.ndenumerate(values_AB):
        if row == column or np.isnan(value):
            axes.text(column, row, "–", ha="center", va="center", color=GREY, fontsize=6)
            continue
        red, green, blue, _ = image.cmap(image.norm(value))
        dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
        said = f"{value:.2f}" if high_agrees or value >= 0.0995 else f"{value:.3f}"
        said = said.replace("0.", ".", 1)
        axes.text(column, row, said, ha="center", va="center", fontsize=6, color="white" if dark else "black")
    places = range(len(raters))
    axes.set_xticks(places, raters, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, raters)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
