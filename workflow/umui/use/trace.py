"""How one item's numbers came about: its file, the evidence, each vote, the labels, each prediction and its error."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc

from umui.files.outside import plain
from umui.files.parquet import read_table
from umui.tables import EVIDENCE, ITEMS, LABELS, MEDIA, PREDICTIONS, VOTES, Table


def trace(
    item: Annotated[str, "its item_id"],
    results: Annotated[Path, "directory of the tables"] = Path("results"),
) -> None:
    """Print how one item's numbers came about, from its file to each error.

    Raises ValueError when there is no such item.
    """
    print("\n".join(lines_of(item, results)))


def lines_of(item_id: str, results: Path) -> Iterator[str]:
    """Yield the lines that `trace` prints; every number stands beside the file that holds it.

    What others wrote stands in them without what would move a cursor or begin another line.
    """
    yield from map(plain, _lines(item_id, results))


def _lines(item_id: str, results: Path) -> Iterator[str]:
    found = list(_rows(results / "items", ITEMS, "item_id", item_id))
    if not found:
        raise ValueError(
            f"--item {item_id}: no such item in {results / 'items'}; item_ids look like urn/test/text/0012#3"
        )
    file, item = found[0]
    truth = item["probability"]
    yield f"item        {item_id}  ({file})"
    yield f"  dataset {item['dataset']}, split {item['split']}, {item['modality']}, event {item['event']}"
    yield f"  premise     {item['premise_id']}" + (f": {item['premise_text']}" if item["premise_text"] else "")
    yield f"  hypothesis  {item['hypothesis']}"
    yield f"  true probability {_number(truth)}, label {item['label']}"
    if item["media_id"]:
        yield from _media_lines(item["media_id"], results)
    yield from _vote_lines(item_id, results)
    yield from _label_lines(item_id, results, truth)
    yield "predictions"
    for file, row in _rows(results / "predictions", PREDICTIONS, "item_id", item_id):
        said = _number(row["probability"]) + _error(row["probability"], truth)
        yield f"  {row['model']}: {said if row['status'] == 'ok' else row['status']}  ({file})"


def _media_lines(media_id: str, results: Path) -> Iterator[str]:
    for file, row in _rows(results / "media", MEDIA, "media_id", media_id):
        yield f"media       {row['media_path']}, sha256 {media_id[:12]}…  ({file})"
        streams = [name for name, there in (("pictures", row["has_video"]), ("sound", row["has_audio"])) if there]
        yield f"  status {row['status']}" + (f": {row['reason']}" if row["reason"] else "") + f"; {', '.join(streams)}"
    columns = ["media_id", "frame_time_s", "settings_digest", "evidence_digest"]
    for file, row in _rows(results / "evidence", EVIDENCE, "media_id", media_id, columns):
        yield f"evidence    {row['evidence_digest'][:12]}…, {len(row['frame_time_s'])} frames  ({file})"


def _vote_lines(item_id: str, results: Path) -> Iterator[str]:
    # Where another number of jobs shared the shards before, their files still lie there; the newest ones count.
    found = sorted(_rows(results / "votes", VOTES, "item_id", item_id), key=lambda entry: entry[0].stat().st_mtime_ns)
    newest = {(row["teacher"], row["vote"]): (file, row) for file, row in found if row["parse_status"] != "not_asked"}
    for (teacher, vote), (file, row) in sorted(newest.items()):
        if vote == 0:
            shown = f", evidence {row['evidence_digest'][:12]}…" if row["evidence_digest"] else ""
            yield f"votes of {teacher}{shown}  ({file})"
        seed = "imported" if row["seed"] is None else f"seed {row['seed']}"
        said = f"{_number(row['probability'])} ({row['parse_status']}), {seed}"
        yield f"  {vote}: {said}: {row['text']!r}"


def _label_lines(item_id: str, results: Path, truth: float | None) -> Iterator[str]:
    yield "labels"
    for file, row in _rows(results / "labels", LABELS, "item_id", item_id):
        counts = f"{row['aggregation']} of {row['n_votes']} votes, {row['n_parsed']} parsed"
        said = _number(row["probability"]) + _error(row["probability"], truth)
        yield f"  {row['teacher']}, {counts}, sd {_number(row['vote_std'])}: {said}  ({file})"


def _rows(
    directory: Path, table: Table, column: str, value: str, columns: list[str] | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each file and row of a kind, below a directory, whose column has a value."""
    for file in sorted(directory.rglob(f"{'items' if table is ITEMS else '*'}.parquet")):
        rows = read_table(file, table, columns)
        for row in rows.filter(pc.equal(rows[column], value)).to_pylist():
            yield file, row


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _error(probability: float | None, truth: float | None) -> str:
    return (
        "" if probability is None or truth is None else f", squared error x 100: {100 * (probability - truth) ** 2:.4g}"
    )
