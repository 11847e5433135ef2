"""Rows of CSV and JSONL files with their numbers, and the values in them.

What cannot be read becomes a `Fault`, and the rows after it go on: one bad row costs no other.
"""

import csv
import json
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


class Fault(ValueError):
    """A field that cannot be read: its column (empty for the whole row), its value and the remedy."""

    def __init__(self, column: str, value: object, remedy: str) -> None:
        super().__init__(f"{column}: {value!r}: {remedy}")
        self.column, self.value, self.remedy = column, value, remedy


class _Lines:
    """The lines of a file for a reader of CSV, which may go back to the second line of the row that it is in."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file = iter(file)
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 1  # of the first line of `taken`

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        return line

    def begin(self) -> int:
        """Let go of the row before; return the number of the next row's first line."""
        self.number += len(self.taken)
        self.taken = []
        return self.number

    def go_back(self) -> int:
        """Give all lines of the row again but its first; return how many these are."""
        swallowed = self.taken[1:]
        self._again.extendleft(reversed(swallowed))
        self.taken = self.taken[:1]
        return len(swallowed)


def csv_rows(path: Path, required: Collection[str], known: Collection[str] = ()) -> Iterator[tuple[int, Row | Fault]]:
    """Yield each row of a CSV file as its header's columns, with the number of its first line; the header is line 1.

    Columns are those in `known` alone, if it is given.  A quote that is never closed costs its own line.  Raises
    ValueError when the header lacks a required column, has an unknown one, or has one twice; and, at the end, when the
    file as a whole is in another encoding: no character beyond ASCII in it is UTF-8.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        lines = _Lines(file)
        header = _header(path, csv.reader(lines, strict=True))
        check_columns(path, header, required, known)
        has_utf8, foreign = not "".join(header).isascii(), ""
        for number, row in _csv_fields(lines):
            if isinstance(row, Fault):
                yield number, row
            elif said := _foreign(joined := "".join(row)):
                foreign = foreign or f"line {number} {said}"
                yield number, Fault("", "", f"not UTF-8: it {said}; save the file as UTF-8")
            else:
                has_utf8 = has_utf8 or not joined.isascii()
                if len(row) == len(header):
                    yield number, dict(zip(header, row, strict=True))
                elif row:  # an empty line is no row
                    remedy = f"{len(row)} fields where the header has {len(header)}; quote what holds a comma"
                    yield number, Fault("", ",".join(row), remedy)
    if foreign and not has_utf8:
        raise ValueError(
            f"{path}: not UTF-8: {foreign}; save the file as UTF-8 (in a spreadsheet program: CSV UTF-8).  Without "
            "the rows with such characters the others would not stand for all"
        )


def _csv_fields(lines: _Lines) -> Iterator[tuple[int, list[str] | Fault]]:
    """Yield each row's fields with the number of its first line; after a fault, go on at the line after that."""
    reader = csv.reader(lines, strict=True)
    while True:
        number = lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"not CSV: {error}"
        else:
            if not (len(lines.taken) > 1 and _closes_by_chance(fields, lines.taken[-1])):
                yield number, fields
                continue
            fault = "not CSV: a quote opens and does not close"
        first = lines.taken[0] if lines.taken else ""
        swallowed = lines.go_back()
        lost = f" (it would swallow {swallowed} lines, which are read by themselves)" if swallowed else ""
        yield number, Fault("", first.rstrip("\r\n"), f"{fault}{lost}; close each quote, and double one in a field")
        reader = csv.reader(lines, strict=True)


def _closes_by_chance(fields: list[str], last_line: str) -> bool:
    """Whether the quote that ends a field of several lines opens another one there, as in ``...,",not"``.

    Then a quote stands bare in a later field; in a well-formed row such a field is quoted, and its quotes doubled.
    """
    after = max((place for place, field in enumerate(fields) if "\n" in field or "\r" in field), default=len(fields))
    later = [field for field in fields[after + 1 :] if '"' in field]
    return bool(later) and last_line.count('"') < 1 + sum(2 + 2 * field.count('"') for field in later)


def _foreign(text: str) -> str:
    """Return what says that a text is no UTF-8, as `surrogateescape` has read it; empty where it is."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) & 0xFF
        meant = bytes([byte]).decode("cp1252", errors="replace")
        return f"has the byte 0x{byte:02x}" + (f" ({meant} in Windows-1252)" if meant.isprintable() else "")
    return ""


def _header(path: Path, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise ValueError(f"{path}: the header is not CSV: {error}") from None
    if said := _foreign("".join(header)):
        raise ValueError(f"{path}: not UTF-8: the header {said}; save the file as UTF-8")
    return header


def check_columns(path: Path, names: list[str], required: Collection[str], known: Collection[str]) -> None:
    """Raise ValueError unless `names` has every required column, none twice, and those in `known` alone, if given."""
    unknown = sorted(set(names) - set(known or names))
    missing = sorted(set(required) - set(names))
    twice = sorted({name for name in names if names.count(name) > 1})
    faults = [
        f"{fault} {', '.join(map(visible, columns))}"
        for fault, columns in (("lacks", missing), ("has the unknown", unknown), ("repeats", twice))
        if columns
    ]
    if faults:
        others = f"; known are {', '.join(sorted(known))}" if known else ""
        raise ValueError(f"{path}: the header {', '.join(faults)}; it needs {', '.join(sorted(required))}{others}")


def visible(name: str) -> str:
    """Return a column's name so that a reader sees it: what is blank or shows nothing is quoted and explained."""
    if not name.strip():
        return f"column without a name ({name!a}; if it is pandas' index, write with index=False)"
    if re.fullmatch(r"__index_level_\d+__|Unnamed: \d+(_level_\d+)?", name):
        return f"{name} (pandas' index, a column without a name: write with index=False)"
    return name if name.isprintable() and name == name.strip() else ascii(name)


def jsonl_rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    """Yield each object of a JSONL file with the number of its line, from 1; blank lines are no rows."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _json_object(line)


def _json_object(line: str) -> Row | Fault:
    if said := _foreign(line):
        return Fault("", line, f"not UTF-8: it {said}; save the file as UTF-8")
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
