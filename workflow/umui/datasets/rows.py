"""Rows of CSV and JSONL files with their numbers, and the values in them.

What cannot be read becomes a `Fault`, and the rows after it go on: one bad row costs no other.
"""

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


class Fault(ValueError):
    """A field that cannot be read: its column (empty for the whole row), its value and the remedy."""

    def __init__(self, column: str, value: object, remedy: str) -> None:
        super().__init__(f"{column}: {value!r}: {remedy}")
        self.column, self.value, self.remedy = column, value, remedy


def csv_rows(path: Path, required: Collection[str], known: Collection[str] = ()) -> Iterator[tuple[int, Row | Fault]]:
    """Yield each row of a CSV file as its header's columns, with the number of its first line; the header is line 1.

    Columns are those in `known` alone, if it is given.  Raises ValueError when the header lacks a required column, has
    an unknown one, or has one twice.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.reader(file, strict=True)
        header = _header(path, reader)
        check_columns(path, header, required, known)
        while True:
            number = reader.line_num + 1
            try:
                fields = next(reader)
                "".join(fields).encode()
            except StopIteration:
                return
            except (csv.Error, UnicodeEncodeError) as error:
                yield number, Fault("", "", f"not CSV in UTF-8: {error}; close each quote, and double one in a field")
                continue
            if len(fields) == len(header):
                yield number, dict(zip(header, fields, strict=True))
            elif fields:  # an empty line is no row
                remedy = f"{len(fields)} fields where the header has {len(header)}; quote what holds a comma"
                yield number, Fault("", ",".join(fields), remedy)


def _header(path: Path, reader: Iterator[list[str]]) -> list[str]:
    try:
        return next(reader, [])
    except csv.Error as error:
        raise ValueError(f"{path}: the header is not CSV: {error}") from None


def check_columns(path: Path, names: list[str], required: Collection[str], known: Collection[str]) -> None:
    """Raise ValueError unless `names` has every required column, none twice, and those in `known` alone, if given."""
    unknown = sorted(set(names) - set(known or names))
    missing = sorted(set(required) - set(names))
    twice = sorted({name for name in names if names.count(name) > 1})
    faults = [
        f"{fault} {', '.join(columns)}"
        for fault, columns in (("lacks", missing), ("has the unknown", unknown), ("repeats", twice))
        if columns
    ]
    if faults:
        others = f"; known are {', '.join(sorted(known))}" if known else ""
        raise ValueError(f"{path}: the header {', '.join(faults)}; it needs {', '.join(sorted(required))}{others}")


def jsonl_rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    """Yield each object of a JSONL file with the number of its line, from 1; blank lines are no rows."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _json_object(line)


def _json_object(line: str) -> Row | Fault:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair cannot be written
    except (ValueError, RecursionError) as error:
        return Fault("", line, f"not JSON in UTF-8: {error}; give one object a line")
    return row if isinstance(row, dict) else Fault("", line, "not a JSON object; give one object a line")


def text(row: Row, column: str, remedy: str) -> str:
    """Return the text in a column.  Raises Fault when it is missing, blank or no text."""
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise Fault(column, "" if value is None else value, remedy)
    return value


def probability(column: str, value: object) -> float:
    """Return the probability that `value` says.  Raises Fault when it is no number from 0 to 1."""
    try:
        said = float(str(value))
    except ValueError:
        said = -1.0
    if not 0 <= said <= 1:  # false for nan too
        raise Fault(column, value, "give a number from 0 to 1")
    return said
