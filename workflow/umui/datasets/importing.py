"""From a data set's own rows to its items: the part that all adapters share.

An adapter is a module named after the `kind` of its data set.  Its ``files(settings)`` names the files that the items
are made of, media apart.  Its ``pairs(settings)`` reads them and yields a `Pair` for each premise and hypothesis, and a
`LeftOut` for each row or field that becomes none.

Items are written in order, whatever the order of the pairs, and a million of them must not fill the memory: they are
first sorted into piles on the disk, whose order is that of the items, and then within each pile.
"""

import importlib
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc

from umui.arguments import Workers
from umui.config.datasets import Dataset, Manifest
from umui.datasets.rows import Fault
from umui.datasets.sources import located, media_id, state
from umui.files.digests import digest_bytes, digest_json
from umui.files.parquet import write_groups, write_table
from umui.processes.progress import reported
from umui.tables import ITEMS, LEFT_OUT, LeftOut, Modality, Split

CHUNK_ROWS = 20_000  # of which Python's objects are in memory at a time
SHOWN_DIGITS = 12  # hexadecimal, of the digest that ends a premise's name
Medium = tuple[str | None, str | None]
"""A medium's identity and where it lies."""
NO_MEDIUM: Medium = (None, None)
PAIRS = pa.schema([*ITEMS.schema, *(LEFT_OUT.schema.field(name) for name in LEFT_OUT.key)])  # and whence an item is


@dataclass(frozen=True)
class Pair:
    """A premise and a hypothesis, as row `row` of `source` gives them.

    `event` clusters dependent items (null: those that share the premise's medium, or its text where there is none);
    `label` and `probability` are null where the data set has none.  `column` tells apart the pairs of one row.
    """

    source: str
    row: int
    split: Split
    modality: Modality
    premise_text: str | None
    media_path: str | None
    hypothesis: str
    label: bool | None = None
    probability: float | None = None
    annotations: list[float] | None = None
    event: str | None = None
    column: str = ""


def import_items(
    settings: Annotated[
        Dataset, "an entry of the configuration's datasets as JSON; its `kind` says how the files are read"
    ],
    dataset: Annotated[str, "its name in the configuration"],
    items: Annotated[Path, "items table, written"],
    left_out: Annotated[Path, "table of the rows that became no item, written"],
    workers: Workers = 1,
) -> None:
    """Turn a data set's own files into items.

    The adapter of its kind reads them; `write_items` says what becomes of what it finds.
    """
    gather = isinstance(settings, Manifest) and settings.gather is not None
    write_items(_adapter(settings).pairs(settings), dataset, items, left_out, workers, gather=gather)


def sources_state(settings: Any) -> str:
    """Return a digest that is another when a file of a data set, or a medium that it names, is replaced or changed.

    It is cheap: the files are read, of media only sizes and dates.  What cannot be read, the import itself will tell.
    """
    files = files_of(settings)
    if settings.kind == "unli":  # has texts alone
        return state(files, [])
    try:
        with redirect_stderr(StringIO()):  # what there is to say, the import itself says
            found = _adapter(settings).pairs(settings)
            named = {entry.media_path for entry in found if isinstance(entry, Pair) and entry.media_path is not None}
    except (ValueError, OSError):
        return state(files, [])
    return state(files, map(located, named))


def files_of(settings: Any) -> list[str]:
    """Return the files that a data set's items are made of, media apart.  An urn world is made of none."""
    files: list[str] = _adapter(settings).files(settings)
    return files


def _adapter(settings: Any) -> Any:
    """A digest of code does not see what is found by this name: the rule import_items names it."""
    return importlib.import_module(f"umui.datasets.{settings.kind}")


def write_items(
    found: Iterable[Pair | LeftOut], dataset: str, items: Path, left_out: Path, workers: int, *, gather: bool = False
) -> None:
    """Write the items and left_out tables.

    A pair that stands twice becomes one item; the later one is left out as a duplicate, or, with `gather`, is another
    person's answer.  A medium that does not exist or cannot be read keeps its item, and becomes missing evidence later.
    Raises ValueError when there is no item at all.
    """
    aside: list[LeftOut] = []
    n_items = n_premises = 0

    def sorted_groups(piles: Piles) -> Iterator[pa.Table]:
        nonlocal n_items, n_premises
        for pile in piles:
            kept, duplicates = _without_duplicates(_gathered(pile) if gather else pile)
            aside.extend(duplicates)
            n_items += kept.num_rows
            n_premises += len(kept["premise_id"].unique())
            yield kept

    items.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".items-", dir=items.parent) as directory, ThreadPoolExecutor(workers) as pool:
        piles = Piles(Path(directory))
        media: dict[str, Medium] = {}
        for chunk in _chunks(found, CHUNK_ROWS):
            pairs = [entry for entry in chunk if isinstance(entry, Pair)]
            aside += [entry for entry in chunk if isinstance(entry, LeftOut)]
            new = sorted({pair.media_path for pair in pairs if pair.media_path is not None} - media.keys())
            media.update(zip(new, reported(pool.map(_medium, new), len(new), "media digests"), strict=True))
            piles.add([_item(dataset, pair, media.get(pair.media_path or "", NO_MEDIUM)) for pair in pairs])
        if not piles.names:
            reasons = "; ".join(f"{entry.source}, row {entry.row}: {entry.reason}" for entry in aside[:3])
            raise ValueError(f"datasets.{dataset}: no row became an item; the first reasons: {reasons or 'no rows'}")
        write_groups(items, ITEMS, _joined(sorted_groups(piles)))
    write_table(left_out, LEFT_OUT, [entry.as_row() for entry in aside])
    print(f"{n_items} items of {n_premises} premises, {len(aside)} left out")


class Piles:
    """Rows on the disk, in piles whose names are in order: split, modality and the first digit of what is shown.

    Iterating gives each pile's rows as one table, in the order in which they were added.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._writers: dict[str, pa.ipc.RecordBatchFileWriter] = {}

    @property
    def names(self) -> list[str]:
        """The names of the piles, in order."""
        return sorted(self._writers)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Put each row on its pile."""
        parted: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            parted.setdefault(row["premise_id"][: 1 - SHOWN_DIGITS], []).append(row)
        for name, of_pile in parted.items():
            if name not in self._writers:
                path = str(self._directory / digest_bytes(name.encode()))
                self._writers[name] = pa.ipc.new_file(path, PAIRS, options=pa.ipc.IpcWriteOptions(compression="zstd"))
            self._writers[name].write_table(pa.Table.from_pylist(of_pile, PAIRS))

    def __iter__(self) -> Iterator[pa.Table]:
        for name in self.names:
            self._writers[name].close()
            yield pa.ipc.open_file(str(self._directory / digest_bytes(name.encode()))).read_all()


def _without_duplicates(pile: pa.Table) -> tuple[pa.Table, list[LeftOut]]:
    """Return a pile's items in order, and what is said of the pairs that stand there again."""
    pile = pile.append_column("place", pa.array(range(pile.num_rows), pa.int64()))
    places = pile.group_by("item_id").aggregate([("place", "min")])
    first = pile.take(places["place_min"]).sort_by("item_id")
    again = pile.filter(pc.invert(pc.is_in(pile["place"], places["place_min"].combine_chunks())))
    origins = {}
    if again.num_rows:
        twice = pc.is_in(first["item_id"], again["item_id"].combine_chunks())
        origins = {row["item_id"]: row for row in first.filter(twice).to_pylist()}
    return first.select(ITEMS.schema.names), [_duplicate(row, origins[row["item_id"]]) for row in again.to_pylist()]


def _gathered(pile: pa.Table) -> pa.Table:
    """Return a pile in which the rows of a pair that say a probability are one: single people's, and their mean.

    A label stays where all of them agree on it.
    """
    first: dict[str, dict[str, Any]] = {}
    labels: dict[str, set[bool | None]] = {}
    others = []
    for row in pile.to_pylist():
        said = row["annotations"] or ([] if row["probability"] is None else [row["probability"]])
        item = first.setdefault(row["item_id"], row | {"annotations": []})
        if said or item["row"] == row["row"]:
            item["annotations"] += said
            labels.setdefault(row["item_id"], set()).add(row["label"])
        else:
            others.append(row)
    for item_id, item in first.items():
        said = item["annotations"]
        agreed = labels[item_id] - {None}
        item["label"] = agreed.pop() if len(agreed) == 1 else None
        item["annotations"], item["probability"] = (said, math.fsum(said) / len(said)) if said else (None, None)
    return pa.Table.from_pylist([*first.values(), *others], pile.schema)


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join neighbours, so that a file of few rows is one group of rows."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= CHUNK_ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _chunks(found: Iterable[Pair | LeftOut], size: int) -> Iterator[list[Pair | LeftOut]]:
    entries = iter(found)
    return iter(lambda: list(islice(entries, size)), [])


def _medium(path: str) -> Medium:
    there = located(path)
    return media_id(there), there


def _item(dataset: str, pair: Pair, of_pair: Medium) -> dict[str, Any]:
    """Return an item's row and whence it is; its identity rests on what it says alone: other items never change it."""
    medium, path = of_pair
    shown = digest_json([pair.premise_text, medium])[:SHOWN_DIGITS]
    shared = shown if medium is None else digest_bytes(medium.encode())[:12]
    premise_id = f"{dataset}/{pair.split}/{pair.modality}/{shown}"
    return {
        "item_id": f"{premise_id}#{digest_bytes(pair.hypothesis.encode())[:8]}",
        "dataset": dataset,
        "split": pair.split,
        "event": f"{dataset}/{pair.event if pair.event is not None else shared}",
        "premise_id": premise_id,
        "modality": pair.modality,
        "premise_text": pair.premise_text,
        "media_id": medium,
        "media_path": path,
        "hypothesis": pair.hypothesis,
        "label": pair.label,
        "probability": pair.probability,
        "annotations": pair.annotations,
        "source": pair.source,
        "row": pair.row,
        "column": pair.column,
    }


def _duplicate(row: dict[str, Any], first: dict[str, Any]) -> LeftOut:
    same = all(row[column] == first[column] for column in ("label", "probability", "annotations"))
    reason = f"the premise and hypothesis of {first['source']}, row {first['row']}"
    reason += "" if same else ", labelled otherwise"
    return LeftOut(row["source"], row["row"], row["column"], row["hypothesis"], "duplicate", reason)


def malformed(source: str, row: int, fault: Fault) -> LeftOut:
    """Return what says that a field cannot be read."""
    return LeftOut(source, row, fault.column, str(fault.value), "malformed", fault.remedy)


def unused(source: str, column: str, count: int, reason: str) -> LeftOut:
    """Return one row for all that a setting leaves aside of a file, or of one of its columns."""
    return LeftOut(source, 0, column, f"{count} rows", "unused", reason)
