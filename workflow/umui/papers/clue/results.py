"""The figures that the paper prints, as they stand in `data/paper_results.csv`."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = [
    "table", "row", "column", "model", "dataset", "modality", "metric", "value", "scale", "as_printed", "note",
]  # fmt: skip
KEY = ["table", "row", "column"]


def read(path: Path) -> pd.DataFrame:
    """Return the printed figures, a row each; what is empty is "".

    `value` is `as_printed` as a number, and `scale` times the quantity: 100 where percent or a hundredfold is printed.
    Raises ValueError when the columns are others, a cell stands twice, or a value is not what is printed.
    """
    found = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(found) != COLUMNS:
        raise ValueError(f"{path}: needs the columns {', '.join(COLUMNS)}, found {', '.join(map(str, found))}")
    twice = found.duplicated(KEY)
    if twice.any():
        raise ValueError(f"{path}: {' / '.join(found[twice].iloc[0][KEY])} stands twice; a cell has one row")
    found = found.astype({"value": float, "scale": float})
    wrong = found["value"] != found["as_printed"].map(float)
    if wrong.any():
        row = found[wrong].iloc[0]
        raise ValueError(f"{path}: {' / '.join(row[KEY])} has value {row['value']}, but prints {row['as_printed']}")
    return found


def records(cells: pd.DataFrame) -> list[Any]:
    """Return the rows, each with its columns as attributes."""
    return list(cells.itertuples(index=False))


def rounded_from(as_printed: str) -> tuple[Decimal, Decimal]:
    """Return the ends of what rounds to a printed figure: 2.75 and 2.85 for 2.8, 0.085 and 0.095 for 9e-2.

    Printed values are exact here, so that ends can be compared.
    """
    value = Decimal(as_printed)
    half_unit = Decimal((0, (5,), int(value.as_tuple().exponent) - 1))
    return value - half_unit, value + half_unit
