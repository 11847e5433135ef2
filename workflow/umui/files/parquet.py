"""Files that stages leave to each other: written whole or not at all, checked by schema, named by content."""

import ast
import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from umui.files.quarantine import remedy, whole
from umui.tables import Table

PACKAGE = Path(__file__).parents[1]
# Without the checksums most changed bytes would be read as other values.
_WRITING: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def digest_bytes(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the sha256 of a JSON value, whatever the order of its keys."""
    return digest_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_pinned(model: str, revision: str | None) -> None:
    """Raise ValueError when a hub name comes without a commit: what it stands for may change."""
    if revision is None:
        raise ValueError(
            f"{model}: no such directory, and a hub name needs its commit (models.NAME.revision); "
            "`snakemake results/models.lock.yaml` with the same --configfile writes the commits of all models"
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write `text` whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read what another stage wrote as JSON.  Raises ValueError naming a damaged file, and sets it aside."""
    with whole(path, "JSON"):
        return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: Table, rows: pa.Table | Sequence[Mapping[str, Any]]) -> None:
    """Write `rows`, checked against the schema of `table` and sorted by its key.

    Raises ValueError when a column is missing, unknown or of a wrong type, when a null stands where none may, or when
    a key stands twice.
    """
    data = rows if isinstance(rows, pa.Table) else _from_rows(table, rows)
    data = _conform(data, table, str(path)).sort_by([(column, "ascending") for column in table.key])
    keys = data.select(list(table.key))
    if keys.group_by(list(table.key)).aggregate([]).num_rows != data.num_rows:
        raise ValueError(f"{path}: a key ({', '.join(table.key)}) stands twice in the {table.name} table")
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
            for key in zip(*(data[column].to_pylist() for column in table.key), strict=True):
                if key <= last:
                    raise ValueError(f"{path}: {table.name} rows must come in order: {key} after {last}")
                last = key
            writer.write_table(data)


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
        with whole(file, "Parquet"):
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
        what_now = remedy([second, first], "delete the one that is a copy and run again")
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


def shard_of(media_id: str | None, premise_id: str, shards: int) -> int:
    """Return the shard, in 0..shards-1, of a premise.

    It depends on the premise alone, so that adding an item moves no other, all hypotheses of a premise share a shard,
    and premises cut from one file share its extraction.
    """
    return int(digest_bytes((media_id or premise_id).encode())[:12], 16) % shards


def source_digest(module: str) -> str:
    """Return 16 hexadecimal digits that change with the code of `module` or of any umui module that it imports.

    Snakemake sees neither imported modules nor templates; a rule that carries this digest among its parameters reruns
    when, and only when, its own code changes.  Templates (``*.jinja``) beside a module in the closure count as code.
    """
    files = sorted(_import_closure(module))
    templates = sorted({template for file in files for template in file.parent.glob("*.jinja")})
    parts = [f"{file.relative_to(PACKAGE)}:{_code_digest(file)}" for file in [*files, *templates]]
    return digest_bytes("\n".join(parts).encode())[:16]


def _code_digest(file: Path) -> str:
    """Comments and layout do not count: the syntax tree of a Python file is what is digested."""
    if file.suffix == ".py":
        return digest_bytes(ast.dump(ast.parse(file.read_text(encoding="utf-8"))).encode())
    return digest_file(file)


# The configuration is left out: what it can change reaches a stage as its
# settings.
NOT_CODE = "umui.config"


def _import_closure(module: str, seen: set[Path] | None = None) -> set[Path]:
    seen = set() if seen is None else seen
    if module.startswith(NOT_CODE):
        return seen
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or Path(spec.origin) in seen:
        return seen
    seen.add(Path(spec.origin))
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("umui"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in [node.module, *names]:
                if _is_module(name):
                    _import_closure(name, seen)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("umui"):
                    _import_closure(alias.name, seen)
    return seen


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()
