"""`docs/paper-audit.md`: which printed figures cannot be what their label says, calculated from the figures themselves.

Run again after a change of `data/paper_results.csv`, of the arithmetic or of the page:

    python -m umui.cli paper-audit --published data/paper_results.csv --controls docs/clotho-controls.csv \\
        --markdown docs/paper-audit.md
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any

import jinja2
import pandas as pd

from umui.files.atomic import write_text
from umui.papers.clue import checks
from umui.papers.clue.results import read, records, rounded_from

BINS, SIGMA = 100, 0.05
"""Of the paper's target distribution, section 3.2."""
ECE_BINS = 10
"""Of the published evaluation."""
RATERS = 4
"""The paper's annotators, appendix B.3."""
LABELS = (0.0, 0.01, 0.05, 0.1, 0.5)
"""Where the target's mean is shown; it is symmetric about 0.5."""
SCALED = ", scaled"


def paper_audit(
    published: Annotated[Path, "data/paper_results.csv"],
    controls: Annotated[Path, "as written by control-table for Clotho"],
    markdown: Annotated[Path, "docs/paper-audit.md, written"],
) -> None:
    """Calculate what the paper's figures can and cannot mean."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=jinja2.StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    cells = read(published)
    page = environment.get_template("audit.jinja").render(
        checks=checks, bins=BINS, sigma=SIGMA, raters=RATERS, ece_bins=ECE_BINS,
        printed=lambda *key: value(cells, *key),
        teachers=teachers(cells), below_floor=below_floor(cells), disagreements=disagreements(cells),
        scaled=scaled(cells), impossible=impossible(cells), ratios=ratios(cells), positives=shared_positives(cells),
        denominators=pilot_sizes(cells), turned=turned(cells), targets=targets(),
        control=control(pd.read_csv(controls)), doubtful=doubtful(cells),
    )  # fmt: skip
    write_text(markdown, page)


def value(cells: pd.DataFrame, table: str, row: str, column: str) -> float:
    """Return one printed figure as a quantity: shares of 1, squared errors of probabilities."""
    (found,) = records(cells[(cells["table"] == table) & (cells["row"] == row) & (cells["column"] == column)])
    return float(found.value / found.scale)


def teachers(cells: pd.DataFrame) -> str:
    """Return Table 5 with what each MSE implies."""
    lines = []
    for row in _rows(cells, "table5"):
        accuracy, mse = value(cells, "table5", row, "Acc."), value(cells, "table5", row, "MSE")
        lines.append((
            row, f"{accuracy:.4f}", f"{mse:.3e}", f"{checks.bias(mse):.4f}",
            f"{checks.least_mse_of_classes(accuracy):.3f}", f"{checks.farthest_from_half(accuracy, mse):.3f}",
        ))  # fmt: skip
    head = ("teacher, votes", "accuracy", '"MSE"', "difference of means", "least MSE, labels 0 and 1",
            "people's distance from 0.5 if it were one")  # fmt: skip
    return _table(head, lines)


def below_floor(cells: pd.DataFrame) -> int:
    """Return how many of Table 5's MSEs are less than their accuracy allows against labels 0 and 1."""
    return sum(
        value(cells, "table5", row, "MSE") < checks.least_mse_of_classes(value(cells, "table5", row, "Acc."))
        for row in _rows(cells, "table5")
    )


def disagreements(cells: pd.DataFrame) -> str:
    """Return what is printed of one quantity in two tables, where no number rounds to both."""
    lines = []
    for (model, dataset, metric), same in cells[cells["dataset"] != ""].groupby(["model", "dataset", "metric"]):
        for one, other in combinations(records(same), 2):
            apart = _apart(one, other)
            if apart is not None:
                verdict = "not by rounding" if apart > 0 else "only if the figure is exactly between both"
                lines.append((f"{model}, {dataset}, {metric}", f"{one.table}: {one.as_printed}",
                              f"{other.table}: {other.as_printed}", verdict, _doubt(one, other)))  # fmt: skip
    return _table(("figure", "here", "there", "can both be right?", "read from the print"), lines)


def _apart(one: Any, other: Any) -> float | None:
    """Return the distance of what the two are rounded from; None where this overlaps."""
    (low, high), (other_low, other_high) = (
        [float(end) / cell.scale for end in rounded_from(cell.as_printed)] for cell in (one, other)
    )
    gap = max(low, other_low) - min(high, other_high)
    # Ends that touch differ by less than any printed digit, after division by 100.
    return None if gap < -1e-9 else max(0.0, round(gap, 9))


def _doubt(*found: Any) -> str:
    return "doubtful" if any(cell.note.startswith("doubtful: the text") for cell in found) else "clear"


def scaled(cells: pd.DataFrame) -> str:
    """Return the baselines' accuracies before and after temperature scaling: Tables 2 and 7."""
    lines = []
    for after in records(cells[(cells["table"] == "table7") & cells["model"].str.endswith(SCALED)]):
        before = value(cells, "table2", after.row, after.column)
        moved = after.value / after.scale - before
        if round(moved, 9):
            lines.append((after.row, after.column, f"{100 * before:.1f}", after.as_printed, f"{100 * moved:+.1f}"))
    return _table(("model", "data", "Table 2, %", "Table 7, %", "points"), lines)


def impossible(cells: pd.DataFrame) -> str:
    """Return the cells of Table 8 whose squared error is too large, or too small, for their calibration error."""
    lines = []
    for cell in records(cells[(cells["table"] == "table8") & (cells["metric"] == "mse")]):
        ece = value(cells, "table8", cell.row, cell.column.replace("MSE", "ECE"))
        least, greatest = ece**2, checks.greatest_mse(ece, ECE_BINS)
        if not least <= cell.value <= greatest:
            lines.append((cell.row, cell.dataset, f"{cell.value:.3f}", f"{ece:.3f}", f"{least:.3f} to {greatest:.3f}"))
    return _table(("model", "data", "MSE", "ECE", "MSE that goes with this ECE"), lines)


def ratios(cells: pd.DataFrame) -> str:
    """Return Table 4 with the true positives and the range of the share of true items that each row implies."""
    lines = []
    for row in _rows(cells, "table4"):
        accuracy, f1 = value(cells, "table4", row, "Acc."), value(cells, "table4", row, "F1")
        share = checks.positives(accuracy, f1, unit=0.001)
        hits = checks.true_positives(accuracy, f1)
        lines.append((row, f"{accuracy:.3f}", f"{f1:.3f}", f"{hits:.3f}", f"{accuracy - hits:.3f}",
                      f"{share.low:.3f} to {share.high:.3f}"))  # fmt: skip
    head = ("ratio", "accuracy", "F1", "true positives", "true negatives", "true items")
    return _table(head, lines)


def shared_positives(cells: pd.DataFrame) -> checks.Range:
    """Return the share of true items that all rows of Table 4 allow."""
    return checks.intersection(
        checks.positives(value(cells, "table4", row, "Acc."), value(cells, "table4", row, "F1"), unit=0.001)
        for row in _rows(cells, "table4")
    )


def pilot_sizes(cells: pd.DataFrame) -> list[int]:
    """Return the numbers of items, to 1,000, of which all accuracies of Table 5 can be shares."""
    accuracies = [value(cells, "table5", row, "Acc.") for row in _rows(cells, "table5")]
    return checks.denominators(accuracies, unit=0.0001, largest=1000)


def turned(cells: pd.DataFrame) -> str:
    """Return the baselines of Table 2 that, with yes and no exchanged, have more than both students."""
    lines = []
    binary = cells[cells["table"] == "table2"]
    for column, found in binary.groupby("column"):
        students = found["model"].str.startswith("CLUE")
        best = found[students]["value"].max()
        for cell in records(found[~students & (100 - found["value"] > best)]):
            lines.append((cell.row, column, cell.as_printed, f"{100 - cell.value:.1f}", f"{best:.1f}"))
    return _table(("model", "data", "accuracy, %", "answers exchanged, %", "better student, %"), lines)


def targets() -> str:
    """Return the mean of the paper's target by label, and the squared error of a student that has learnt it exactly."""
    lines = []
    for label in LABELS:
        mean = checks.mean_of_target(label, BINS, SIGMA)
        lines.append((f"{label:g}", f"{mean:.4f}", f"{mean - label:+.4f}", f"{100 * (mean - label) ** 2:.3f}"))
    return _table(("label", "target's mean", "difference", "squared, × 100"), lines)


def control(found: pd.DataFrame) -> Any:
    """Return the row of the hypothesis-only control's accuracy."""
    (row,) = records(found[(found["control"] == "hypothesis-only") & (found["metric"] == "accuracy")])
    return row


def doubtful(cells: pd.DataFrame) -> str:
    """Return the cells that the print leaves in doubt."""
    found = cells[cells["note"].str.startswith("doubtful")]
    lines = [(cell.table, cell.row, cell.column, cell.as_printed, cell.note.removeprefix("doubtful: "))
             for cell in records(found)]  # fmt: skip
    return _table(("table", "row", "column", "taken as", "why"), lines)


def _rows(cells: pd.DataFrame, table: str) -> list[str]:
    return list(dict.fromkeys(cells[cells["table"] == table]["row"]))


def _table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    every = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in every)
