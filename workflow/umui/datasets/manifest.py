"""A user's own pairs: one CSV, JSONL or Parquet file with a row a pair, no code.

Columns: `hypothesis`, and `premise` (text), `video` or `audio` (a media path relative to the manifest), at least one of
the three; optionally `modality` (default: what the row gives; audiovisual for the sound and picture of one video must
be said), `label` (true or false), `probability` (0 to 1), `annotations` (a list of such), `split` (train, validation or
test; default test) and `event` (what clusters dependent pairs).
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pyarrow.parquet as pq

from umui import config
from umui.datasets.importing import LeftOut, Pair, malformed, probability_in
from umui.tables import MODALITIES, Split

COLUMNS = {
    "premise", "video", "audio", "modality", "hypothesis", "label", "probability", "annotations", "split", "event",
}  # fmt: skip
SPLITS: tuple[Split, ...] = get_args(Split)
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Fault(ValueError):
    """A field that cannot be read: its column, its value and the remedy."""

    def __init__(self, column: str, value: object, remedy: str) -> None:
        super().__init__(f"{column}: {value!r}: {remedy}")
        self.column, self.value, self.remedy = column, value, remedy


def pairs(settings: config.Manifest) -> Iterator[Pair | LeftOut]:
    """Read a manifest; a malformed row is left out, the others go on.

    Raises ValueError when the file's format or a column is unknown.
    """
    path = Path(settings.file)
    for number, row in _rows(path):
        try:
            if isinstance(row, Fault):
                raise row
            yield _pair(path, number, row)
        except Fault as fault:
            yield malformed(settings.file, number, fault.column, fault.value, fault.remedy)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | Fault]]:
    """Yield each row with its number as an editor shows it: a CSV's header is row 1."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(path, reader.fieldnames or [])
            for row in reader:
                number = reader.line_num
                if None in row:
                    yield number, Fault("", row[None], "more fields than the header has; quote what holds a comma")
                else:
                    yield number, {name: value for name, value in row.items() if value not in ("", None)}
    elif path.suffix in (".jsonl", ".ndjson"):
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _json_row(line)
    elif path.suffix == ".parquet":
        data = pq.ParquetFile(path)
        _check_columns(path, data.schema_arrow.names)
        number = 0
        for batch in data.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, {name: value for name, value in row.items() if value is not None}
    else:
        raise ValueError(f"{path}: a manifest is a .csv, .jsonl or .parquet file")


def _json_row(line: str) -> Mapping[str, Any] | Fault:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        return Fault("", line, f"not JSON: {error.msg} at character {error.pos + 1}; give one object a line")
    if not isinstance(row, dict):
        return Fault("", line, "not a JSON object; give one object a line")
    if unknown := sorted(row.keys() - COLUMNS):
        return Fault(unknown[0], row[unknown[0]], f"unknown column; known are {', '.join(sorted(COLUMNS))}")
    return {name: value for name, value in row.items() if value is not None}


def _check_columns(path: Path, names: Any) -> None:
    unknown = sorted(set(names) - COLUMNS)
    if unknown or "hypothesis" not in names:
        fault = f"unknown columns {unknown}" if unknown else "the column hypothesis is missing"
        raise ValueError(f"{path}: {fault}; a manifest's columns are {', '.join(sorted(COLUMNS))}")


def _pair(path: Path, number: int, row: Mapping[str, Any]) -> Pair:
    if not str(row.get("hypothesis", "")).strip():
        raise Fault("hypothesis", row.get("hypothesis", ""), "empty; give a declarative sentence")
    if "video" in row and "audio" in row:
        raise Fault("audio", row["audio"], "a row has one medium; for a video's own sound say modality audiovisual")
    medium = row.get("video", row.get("audio"))
    if medium is None and not str(row.get("premise", "")).strip():
        raise Fault("premise", row.get("premise", ""), "empty; give a premise, a video or an audio")
    modality = row.get("modality", "video" if "video" in row else "audio" if "audio" in row else "text")
    if modality not in MODALITIES or (modality == "text") != (medium is None):
        raise Fault("modality", modality, f"give one of {', '.join(MODALITIES)} that fits the row's medium")
    split = row.get("split", "test")
    if split not in SPLITS:
        raise Fault("split", split, f"give one of {', '.join(SPLITS)}")
    return Pair(
        source=str(path),
        row=number,
        split=split,
        modality=modality,
        premise_text=str(row["premise"]) if "premise" in row else None,
        media_path=None if medium is None else str(path.parent / str(medium)),
        hypothesis=str(row["hypothesis"]),
        label=_label(row["label"]) if "label" in row else None,
        probability=_probability("probability", row["probability"]) if "probability" in row else None,
        annotations=_annotations(row["annotations"]) if "annotations" in row else None,
        event=str(row["event"]) if "event" in row else None,
    )


def _label(value: object) -> bool:
    truth = TRUTHS.get(str(value).strip().lower())
    if truth is None:
        raise Fault("label", value, "give true or false")
    return truth


def _probability(column: str, value: object) -> float:
    try:
        return probability_in(str(value))
    except ValueError:
        raise Fault(column, value, "give a number from 0 to 1") from None


def _annotations(value: object) -> list[float]:
    try:
        values = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        raise Fault("annotations", value, "give a list such as [0.2, 0.35]") from None
    if not isinstance(values, list) or not values:
        raise Fault("annotations", value, "give a list such as [0.2, 0.35]")
    return [_probability("annotations", one) for one in values]
