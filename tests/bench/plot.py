"""Draw how many times faster ours is against the number of hypotheses a premise, from results/bench/*.csv.

CORE_PYTHON tests/bench/plot.py --plot docs/performance.svg
"""

from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from bench import Row, parser, read

ONE_BY_ONE = "one claim a sequence"


def lines_of(rows: list[Row]) -> dict[str, list[tuple[int, Row]]]:
    """Return the times against the published recipe's way, by modality and premise length, along the hypotheses."""
    lines: dict[str, list[tuple[int, Row]]] = defaultdict(list)
    for row in rows:
        case = dict(part.split("=") for part in row.case.split(","))
        if row.unit == "s" and row.other_name.startswith(ONE_BY_ONE):
            lines[f"{case['modality']}, {case['premise_tokens']} tokens"].append((int(case["hypotheses"]), row))
    return {name: sorted(line, key=lambda point: point[0]) for name, line in lines.items()}


def main() -> None:
    """Write the figure."""
    options = parser(__doc__)
    options.add_argument("--plot", type=Path, default=Path("results/bench/performance.svg"), help="written")
    arguments = options.parse_args()
    mpl.rcParams["svg.hashsalt"] = "umui"
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for axis, benchmark in zip(axes, ("training", "prediction"), strict=True):
        for name, line in lines_of(read(arguments.output / f"{benchmark}.csv")).items():
            ratios = [row.ratio for _, row in line]
            below, above = ([abs(row.ratio - end) for _, row in line for end in [getattr(row, which)]]
                            for which in ("ratio_low", "ratio_high"))  # fmt: skip
            axis.errorbar([count for count, _ in line], ratios, (below, above), marker="o", capsize=2, label=name)
        axis.axhline(1, color="grey", linewidth=0.8)
        axis.set(title=benchmark, xlabel="hypotheses a premise", xscale="log", yscale="log")
        axis.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"], minor=False)
        axis.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axis.minorticks_off()
    axes[0].set_ylabel("times faster than one claim a sequence")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(arguments.plot, metadata={"Date": None})


if __name__ == "__main__":
    main()
