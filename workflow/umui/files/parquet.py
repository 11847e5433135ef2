"""Tables on disk: checked by schema, sorted by key, written whole or not at all, checked again when they are read."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from umui.files.atomic import replacing
from umui.files.quarantine import set_aside, set_aside_if_damaged
from umui.tables import Table

PROBABILITIES = ("probability", "distribution", "annotations")  # columns, whatever the table
ROUNDING = 1e-9  # above 1, of a sum of masses
# Without the checksums most changed bytes would be read as other values.
_WRITING: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def write_table(path: Path, table: Table, rows: pa.Table | Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, checked against the schema of `table` and sorted by its key.

    Raises ValueError when a column is missing, unknown or of a wrong type, when a null stands where none may, when a
    key stands twice, or when a probability is not in [0, 1].
    """
    data = rows if isinstance(rows, pa.Table) else _from_rows(table, rows)
    data = _conform(data, table, str(path)).sort_by([(column, "ascending") for column in table.key])
    keys = data.select(list(table.key))
    if keys.group_by(list(table.key)).aggregate([]).num_rows != data.num_rows:
        raise ValueError(f"{path}: a key ({', '.join(table.key)}) stands twice in the {table.name} table")
    _check_probabilities(data, table, str(path))
    with replacing(path) as temporary:
        pq.write_table(data.replace_schema_metadata(_mark(table)).combine_chunks(), temporary, **_WRITING)


def write_groups(path: Path, table: Table, groups: Iterable[pa.Table | Sequence[Mapping[str, Any]]]) -> None:
    """Write groups of rows as they come, with one group in memory at a time, checked as by `write_table`.

    Raises ValueError as `write_table` does, and when the rows do not come in order of the key.
    """
    last: tuple[Any, ...] = ()
    schema = table.schema.with_metadata(_mark(table))
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, **_WRITING) as writer:
        for rows in groups:
            data = rows if isinstance(rows, pa.Table) else _from_rows(table, rows)
            data = _conform(data, table, str(path))
            _check_probabilities(data, table, str(path))
            for key in zip(*(data[column].to_pylist() for column in table.key), strict=True):
                if key <= last:
                    raise ValueError(f"{path}: {table.name} rows must come in order: {key} after {last}")
                last = key
            writer.write_table(data)


def within_range(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which values are in [0, 1]; nan is not, and a null stays null."""
    return pc.and_(pc.greater_equal(values, 0.0), pc.less_equal(values, 1.0 + ROUNDING))


def _check_probabilities(data: pa.Table, table: Table, where: str) -> None:
    for name in PROBABILITIES:
        if name not in data.column_names:
            continue
        column, is_list = data[name], pa.types.is_list(data.schema.field(name).type)
        values = pc.list_flatten(column) if is_list else column
        if pc.all(within_range(values), min_count=0).as_py():
            continue
        rows = pc.list_parent_indices(column) if is_list else pa.array(range(len(values)))
        place = pc.index(within_range(values), False).as_py()
        row = data.slice(rows[place].as_py(), 1).select(list(table.key)).to_pylist()[0]
        named = ", ".join(map(str, row.values()))
        raise ValueError(f"{where}: {name} of {named} is {values[place].as_py()}, which is not from 0 to 1")


def _mark(table: Table) -> dict[str, str]:
    return {"umui.table": table.name, "umui.version": str(table.version)}


def read_table(paths: Path | Iterable[Path], table: Table, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one file, or several as one table in the order given, checked against the schema of `table`.

    Raises ValueError naming the file that is not such a table, or that repeats rows of another; what is damaged, or a
    copy, is set aside (``umui.files.quarantine``).
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    chosen = list(columns) if columns is not None else table.schema.names
    names = [*chosen, *(name for name in table.identity if name not in chosen and len(files) > 1)]
    pieces = []
    for file in files:
        with set_aside_if_damaged(file, "Parquet"):
            data = pq.read_table(file, columns=names, page_checksum_verification=True)
        found = (data.schema.metadata or {}).get(b"umui.version", b"none").decode()
        if found != str(table.version):
            raise ValueError(f"{file}: holds version {found} of {table.name}, this program reads {table.version}")
        pieces.append(_conform(data, table, str(file), names))
    if len(files) > 1:
        _check_apart(files, pieces, table)
    empty = pa.schema([table.schema.field(name) for name in chosen]).empty_table()
    return pa.concat_tables([piece.select(chosen) for piece in pieces]) if pieces else empty


def _check_apart(files: Sequence[Path], pieces: Sequence[pa.Table], table: Table) -> None:
    """Raise ValueError when a row stands in two of the files, as when a shard was copied over another.

    Nothing tells which is the copy, so both are set aside.
    """
    columns = list(table.identity)
    rows = pa.concat_tables(
        piece.select(columns).append_column("file", pa.array([number] * len(piece), pa.int64()))
        for number, piece in enumerate(pieces)
    )
    found = rows.group_by(columns).aggregate([("file", "count"), ("file", "min"), ("file", "max")])
    repeated = found.filter(pc.greater(found["file_count"], 1))
    if len(repeated):
        row = repeated.slice(0, 1).to_pylist()[0]
        named = ", ".join(str(row[column]) for column in columns)
        first, second = files[row["file_min"]], files[row["file_max"]]
        what_now = set_aside([second, first], "delete the one that is a copy and run again")
        raise ValueError(
            f"{second}: {len(repeated)} rows of the {table.name} table are in {first} too, such as {named}; {what_now}"
        )


def read_rows(paths: Path | Iterable[Path], table: Table, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Read as `read_table`, as a list of dictionaries."""
    rows: list[dict[str, Any]] = read_table(paths, table, columns).to_pylist()
    return rows


def _from_rows(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    unknown = {column for row in rows for column in row} - set(table.schema.names)
    if unknown:
        raise ValueError(f"the {table.name} table has no column {', '.join(sorted(unknown))}")
    return pa.Table.from_pylist(list(rows), schema=table.schema)


def _conform(data: pa.Table, table: Table, where: str, names: Sequence[str] | None = None) -> pa.Table:
    wanted = pa.schema([table.schema.field(name) for name in names or table.schema.names])
    if set(data.column_names) != set(wanted.names):
        raise ValueError(f"{where}: {table.name} needs the columns {wanted.names}, found {data.column_names}")
    try:
        data = data.select(wanted.names).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise ValueError(f"{where}: not a {table.name} table: {error}") from error
    return data
