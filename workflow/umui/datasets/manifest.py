"""A user's own pairs: one CSV, JSONL or Parquet file with a row a pair, no code.

Columns: `hypothesis`, and `premise` (text), `video` or `audio` (a media path relative to the manifest), at least one of
the three; optionally `modality` (default: what the row gives; audiovisual for the sound and picture of one video must
be said), `label` (true or false), `probability` (0 to 1), `annotations` (a list of such), `split` (train, validation or
test; default test) and `event` (what clusters dependent pairs).
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pyarrow as pa
import pyarrow.parquet as pq

from umui.config.datasets import Manifest
from umui.datasets.importing import Pair, malformed
from umui.datasets.rows import Fault, Row, check_columns, csv_rows, jsonl_rows, text, visible
from umui.datasets.scales import Columns, judged
from umui.tables import LeftOut, Modality, Split

COLUMNS = {
    "premise", "video", "audio", "modality", "hypothesis", "label", "probability", "annotations", "split", "event",
}  # fmt: skip
SPLITS: tuple[Split, ...] = get_args(Split)
MODALITIES_OF: dict[str, tuple[Modality, ...]] = {
    "premise": ("text",), "audio": ("audio",), "video": ("video", "audio", "audiovisual"),
}  # fmt: skip
"""What can be shown of a column's premise; the first is the default."""
MAY_BE_UNKNOWN = COLUMNS - {"hypothesis", "premise", "event"}  # the others are texts, in which such words may stand
UNKNOWN = {"nan", "na", "n/a", "#n/a", "<na>", "null", "none"}
TRUTHS = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}


def pairs(settings: Manifest) -> Iterator[Pair | LeftOut]:
    """Read a manifest; a malformed row is left out, the others go on.

    Raises ValueError when the file's format or a column is unknown, or when a column of probabilities is on another
    scale than the settings say.
    """
    columns = Columns(settings.file, settings)
    yield from judged(_found(settings, columns), columns)


def _found(settings: Manifest, columns: Columns) -> Iterator[Pair | LeftOut]:
    for number, row in _rows(Path(settings.file)):
        try:
            if isinstance(row, Fault):
                raise row
            yield _pair(settings.file, number, _given(row), columns)
        except Fault as fault:
            yield malformed(settings.file, number, fault)


def files(settings: Manifest) -> list[str]:
    """Return the files that the items are made of, media apart."""
    return [settings.file]


def _rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    """Yield each row with its number as an editor shows it."""
    if path.suffix == ".csv":
        yield from csv_rows(path, {"hypothesis"}, COLUMNS)
    elif path.suffix in (".jsonl", ".ndjson"):
        yield from jsonl_rows(path)
    elif path.suffix == ".parquet":
        yield from enumerate(_parquet_rows(path), start=1)
    else:
        raise ValueError(f"{path}: a manifest is a .csv, .jsonl or .parquet file")


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        data = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file: {error}") from None
    check_columns(path, data.schema_arrow.names, {"hypothesis"}, COLUMNS)
    for batch in data.iter_batches():
        yield from batch.to_pylist()


def _given(row: Row) -> Row:
    """Return the columns that say something.  Raises Fault at an unknown one: JSONL has no header to check."""
    if unknown := sorted(row.keys() - COLUMNS):
        said = f"unknown {visible(unknown[0])}; known are {', '.join(sorted(COLUMNS))}"
        raise Fault(unknown[0], row[unknown[0]], said)
    return {name: value for name, value in row.items() if not _is_unknown(name, value)}


def _is_unknown(name: str, value: object) -> bool:
    """Whether a field says nothing: null, blank, or not a number, as pandas, R and spreadsheets write it."""
    if isinstance(value, str):
        word = value.strip()
        return not word or (name in MAY_BE_UNKNOWN and word.lower() in UNKNOWN)
    return value is None or (isinstance(value, float) and math.isnan(value))


def _pair(source: str, number: int, row: Row, columns: Columns) -> Pair:
    hypothesis = text(row, "hypothesis", "give a declarative sentence")
    if "video" in row and "audio" in row:
        raise Fault("audio", row["audio"], "a row has one medium; for a video's own sound say modality audiovisual")
    shown = "video" if "video" in row else "audio" if "audio" in row else "premise"
    medium = text(row, shown, "give a premise as text, or the path of a video or audio file")
    possible = MODALITIES_OF[shown]
    modality = row.get("modality", possible[0])
    if modality not in possible:
        raise Fault("modality", modality, f"give one of {', '.join(possible)}, which the column {shown} allows")
    split = row.get("split", "test")
    if split not in SPLITS:
        raise Fault("split", split, f"give one of {', '.join(SPLITS)}")
    return Pair(
        source=source,
        row=number,
        split=split,
        modality=modality,
        premise_text=text(row, "premise", "give text") if "premise" in row else None,
        media_path=None if shown == "premise" else str(Path(source).parent / medium),
        hypothesis=hypothesis,
        label=_label(row["label"]) if "label" in row else None,
        probability=columns.probability("probability", row["probability"]) if "probability" in row else None,
        annotations=_annotations(row["annotations"], columns) if "annotations" in row else None,
        event=str(row["event"]) if "event" in row else None,
    )


def _label(value: object) -> bool:
    truth = TRUTHS.get(str(value).strip().lower())
    if truth is None:
        raise Fault("label", value, "give true or false")
    return truth


def _annotations(value: object, columns: Columns) -> list[float] | None:
    """Return what people said; one who said nothing (null or NaN) is not counted, and null is that nobody did."""
    try:
        values = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not values:
        raise Fault("annotations", value, "give a list such as [0.2, 0.35]")
    said = [columns.probability("annotations", one) for one in values if not _is_unknown("annotations", one)]
    return said or None
