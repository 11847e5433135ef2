"""Uncertain natural language inference (Chen et al., ACL 2020): SNLI pairs with a person's probability.

The directory holds one of two layouts: the release's train.csv, dev.csv and test.csv (id, pre, hyp, nli, unli), or
train.jsonl, validation.jsonl and test.jsonl (premise, hypothesis, label, snli-label).  The probability is the person's;
the label is whether it is above 0.5, and null at exactly 0.5.
"""

from collections.abc import Iterator
from pathlib import Path

from umui.config.datasets import Unli
from umui.datasets.importing import Pair, malformed, unused
from umui.datasets.rows import Fault, Row, csv_rows, jsonl_rows, text
from umui.datasets.scales import Columns, judged
from umui.tables import LeftOut, Split

COLUMNS = {".csv": ("pre", "hyp", "unli"), ".jsonl": ("premise", "hypothesis", "label")}


def pairs(settings: Unli) -> Iterator[Pair | LeftOut]:
    """Read the splits that have a part in the work; a malformed row is left out, the others go on.

    Raises ValueError when the directory holds both layouts, neither, or not all the splits that are needed, or when a
    file's probabilities are on another scale than the settings say.
    """
    layout = _layout(settings)
    for own_split, split in roles(settings).items():
        path = layout[own_split]
        if split is not None:
            columns = Columns(path, settings)
            yield from judged(_pairs_of(path, split, columns), columns)
        elif path.is_file():
            count = sum(1 for _ in _rows(path))
            yield unused(str(path), "", count, f"test_split: {settings.test_split}; the {own_split} split is not used")


def files(settings: Unli) -> list[str]:
    """Return the files that are there, in either layout; the directory itself when none is."""
    return [str(path) for layout in layouts(settings) for path in layout.values() if path.is_file()] or [
        settings.directory
    ]


def roles(settings: Unli) -> dict[str, Split | None]:
    """Return what each of its splits is to us; null: unused."""
    kept = settings.test_split == "test"
    return {"train": "train", "validation": "validation" if kept else "test", "test": "test" if kept else None}


def layouts(settings: Unli) -> list[dict[str, Path]]:
    """Return the files of its splits in either layout: the release's CSV, then JSONL."""
    directory = Path(settings.directory)
    release = {"train": "train", "validation": "dev", "test": "test"}
    return [
        {split: directory / f"{name}.csv" for split, name in release.items()},
        {split: directory / f"{split}.jsonl" for split in release},
    ]


def _layout(settings: Unli) -> dict[str, Path]:
    found = [layout for layout in layouts(settings) if any(path.is_file() for path in layout.values())]
    names = " or ".join(", ".join(path.name for path in layout.values()) for layout in layouts(settings))
    if len(found) > 1:
        there = ", ".join(Path(file).name for file in files(settings))
        raise ValueError(f"{settings.directory}: holds files of both layouts ({there}); keep those of one: {names}")
    if not found:
        raise ValueError(f"{settings.directory}: holds no file of UNLI; put {names} there")
    for own_split, role in roles(settings).items():
        if role is not None and not found[0][own_split].is_file():
            raise ValueError(f"{found[0][own_split]}: missing; test_split: {settings.test_split} needs this split")
    return found[0]


def _rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    return csv_rows(path, COLUMNS[".csv"]) if path.suffix == ".csv" else jsonl_rows(path)


def _pairs_of(path: Path, split: Split, columns: Columns) -> Iterator[Pair | LeftOut]:
    for number, row in _rows(path):
        try:
            if isinstance(row, Fault):
                raise row
            yield _pair(path, number, split, row, columns)
        except Fault as fault:
            yield malformed(str(path), number, fault)


def _pair(path: Path, number: int, split: Split, row: Row, columns: Columns) -> Pair:
    premise, hypothesis, label = COLUMNS[path.suffix]
    said = columns.probability(label, row.get(label, ""))
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
