"""What a vote buys: the error of labels against the votes spent, with fixed numbers of votes and with adaptive ones.

    PYTHONPATH=workflow python tests/bench/adaptive_votes.py --votes VOTES.parquet --items ITEMS.parquet

Needs the items of a world whose probabilities are known, and 16 votes or more on each; the stopping rule is replayed on
them, so that all rules see the same answers.  Writes adaptive_votes.csv: a row a rule, with the share of items whose
mean over all stored votes lies in the interval at which the rule stopped.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from umui.asking.adaptive import confidence_interval, enough
from umui.config.judges import Adaptive
from umui.files.parquet import read_table
from umui.tables import ITEMS, VOTES

COLUMNS = ["rule", "width", "confidence", "votes", "votes_most", "mse", "mse_low", "mse_high", "held", "items"]
WIDTHS = (0.7, 0.6, 0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2)
RESAMPLES = 1000


def stopped(votes: np.ndarray, rule: Adaptive) -> int:
    """Return how many of the votes the rule asks for."""
    count = rule.first
    while count < len(votes) and not enough(_said(votes[:count]), rule):
        count = min(count + rule.step, len(votes))
    return count


def _said(votes: np.ndarray) -> list[float]:
    return [float(vote) for vote in votes if np.isfinite(vote)]


def rows(votes_NV: np.ndarray, truth_N: np.ndarray, premises_N: np.ndarray) -> Iterator[dict[str, object]]:
    """Yield a row for each fixed number of votes, and for each width."""
    most = votes_NV.shape[1]
    for count in (n for n in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64) if n <= most):
        yield {"rule": "fixed", **_figures(votes_NV, truth_N, premises_N, np.full(len(truth_N), count), None)}
    for confidence in (0.5, 0.9):
        for width in WIDTHS:
            rule = Adaptive(width=width, confidence=confidence, first=2, step=2)
            counts = np.array([stopped(votes, rule) for votes in votes_NV])
            figures = _figures(votes_NV, truth_N, premises_N, counts, confidence)
            yield {"rule": "adaptive", "width": width, "confidence": confidence, **figures}


def _figures(
    votes_NV: np.ndarray, truth_N: np.ndarray, premises_N: np.ndarray, counts_N: np.ndarray, confidence: float | None
) -> dict[str, object]:
    asked = [_said(votes[:count]) for votes, count in zip(votes_NV, counts_N, strict=True)]
    errors = pd.Series([(np.mean(votes or [0.5]) - truth) ** 2 for votes, truth in zip(asked, truth_N, strict=True)])
    by_premise = errors.groupby(premises_N).agg(["sum", "size"]).to_numpy()
    random = np.random.default_rng(0)
    drawn = by_premise[random.integers(0, len(by_premise), (RESAMPLES, len(by_premise)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    figures = {
        "votes": round(float(counts_N.mean()), 3), "votes_most": int(counts_N.max()), "mse": f"{errors.mean():.5f}",
        "mse_low": f"{low:.5f}", "mse_high": f"{high:.5f}", "items": len(truth_N),
    }  # fmt: skip
    if confidence is not None:
        intervals = np.array([confidence_interval(votes, confidence) for votes in asked])
        means = np.nanmean(votes_NV, axis=1)
        figures["held"] = f"{np.mean((intervals[:, 0] <= means) & (means <= intervals[:, 1])):.4f}"
    return figures


def draw(found: list[dict[str, object]], path: Path) -> None:
    """Draw the mean squared error against the mean number of votes."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    curves = pd.DataFrame(found, columns=COLUMNS)
    for (rule, confidence), curve in curves.groupby(["rule", "confidence"], dropna=False):
        curve = curve.sort_values("votes")
        label = "fixed" if rule == "fixed" else f"adaptive, confidence {confidence:g}"
        axes.plot(curve["votes"].astype(float), 100 * curve["mse"].astype(float), marker="o", markersize=3, label=label)
    axes.set(xlabel="votes an item, mean", ylabel="mean squared error x 100", xscale="log", ylim=(0, None))
    axes.set_xticks([1, 2, 5, 10, 20, 32], labels=["1", "2", "5", "10", "20", "32"])
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    """Replay all rules on the stored votes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--votes", type=Path, nargs="+", required=True)
    parser.add_argument("--items", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, default=Path("results/bench"), help="directory (default: results/bench)")
    parser.add_argument("--figure", type=Path, default=None, help="svg or png, written")
    arguments = parser.parse_args()
    votes = read_table(arguments.votes, VOTES, ["item_id", "vote", "probability"]).to_pandas()
    table = votes.pivot(index="item_id", columns="vote", values="probability").sort_index()
    items = read_table(arguments.items, ITEMS, ["item_id", "premise_id", "probability"]).to_pandas()
    items = items.set_index("item_id").loc[table.index]
    found = list(rows(table.to_numpy(np.float64), items["probability"].to_numpy(), items["premise_id"].to_numpy()))
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (arguments.output / "adaptive_votes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    print(pd.DataFrame(found, columns=COLUMNS).to_string(index=False))
    if arguments.figure is not None:
        draw(found, arguments.figure)


if __name__ == "__main__":
    main()
