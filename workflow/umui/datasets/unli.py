"""Uncertain natural language inference (Chen et al., ACL 2020): SNLI pairs with a person's probability.

The directory holds one of two layouts: the release's train.csv, dev.csv and test.csv (id, pre, hyp, nli, unli), or
train.jsonl, validation.jsonl and test.jsonl (premise, hypothesis, label, snli-label).  The probability is the person's;
the label is whether it is above 0.5, and null at exactly 0.5.
"""

from collections.abc import Iterator
from pathlib import Path

from umui.config.datasets import Unli
from umui.datasets.importing import Pair, malformed, unused
from umui.datasets.rows import Fault, Row, csv_rows, jsonl_rows, probability, text
from umui.tables import LeftOut, Split

COLUMNS = {".csv": ("pre", "hyp", "unli"), ".jsonl": ("premise", "hypothesis", "label")}


def pairs(settings: Unli) -> Iterator[Pair | LeftOut]:
    """Read the splits that have a part in the work; a malformed row is left out, the others go on.

    Raises ValueError when the directory holds both layouts, neither, or not all the splits that are needed.
    """
    layout = _layout(settings)
    for own_split, split in settings.roles.items():
        path = layout[own_split]
        if split is not None:
            yield from _pairs_of(path, split)
        elif path.is_file():
            count = sum(1 for _ in _rows(path))
            yield unused(str(path), "", count, f"test_split: {settings.test_split}; the {own_split} split is not used")


def _layout(settings: Unli) -> dict[str, Path]:
    found = [layout for layout in settings.layouts if any(path.is_file() for path in layout.values())]
    names = " or ".join(", ".join(path.name for path in layout.values()) for layout in settings.layouts)
    if len(found) > 1:
        there = ", ".join(Path(file).name for file in settings.files)
        raise ValueError(f"{settings.directory}: holds files of both layouts ({there}); keep those of one: {names}")
    if not found:
        raise ValueError(f"{settings.directory}: holds no file of UNLI; put {names} there")
    for own_split, role in settings.roles.items():
        if role is not None and not found[0][own_split].is_file():
            raise ValueError(f"{found[0][own_split]}: missing; test_split: {settings.test_split} needs this split")
    return found[0]


def _rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    return csv_rows(path, COLUMNS[".csv"]) if path.suffix == ".csv" else jsonl_rows(path)


def _pairs_of(path: Path, split: Split) -> Iterator[Pair | LeftOut]:
    for number, row in _rows(path):
        try:
            if isinstance(row, Fault):
                raise row
            yield _pair(path, number, split, row)
        except Fault as fault:
            yield malformed(str(path), number, fault)


def _pair(path: Path, number: int, split: Split, row: Row) -> Pair:
    premise, hypothesis, label = COLUMNS[path.suffix]
    said = probability(label, row.get(label, ""))
    return Pair(
        source=str(path),
        row=number,
        split=split,
        modality="text",
        premise_text=text(row, premise, "give the premise"),
        media_path=None,
        hypothesis=text(row, hypothesis, "give the hypothesis"),
        label=None if said == 0.5 else said > 0.5,
        probability=said,
    )
