"""Files are whole or absent, tables keep their schema, digests change with what matters."""

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rows import item, label, prediction

from umui.files.parquet import read_rows, read_table, write_groups, write_table
from umui.tables import ITEMS, LABELS, PREDICTIONS, TIMINGS


def row(item_id: str, vote: int) -> dict[str, object]:
    return {"item_id": item_id, "vote": vote, "asked_at_s": 1.5, "latency_s": 0.25}


def test_rows_come_back_sorted_by_key(tmp_path: Path) -> None:
    file = tmp_path / "timings.parquet"
    write_table(file, TIMINGS, [row("b", 0), row("a", 1), row("a", 0)])
    assert [(r["item_id"], r["vote"]) for r in read_rows(file, TIMINGS)] == [("a", 0), ("a", 1), ("b", 0)]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [row("b", 0), row("a", 1), row("a", 0)]
    write_table(tmp_path / "one.parquet", TIMINGS, rows)
    write_table(tmp_path / "two.parquet", TIMINGS, rows[::-1])
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("a", 0), row("a", 0)], "stands twice"),
        ([row("a", 0) | {"speed": 1}], "no column speed"),
        ([{"item_id": "a", "vote": 0, "asked_at_s": None, "latency_s": 1.0}], "'asked_at_s' with null values"),
    ],
)
def test_bad_rows_are_refused_and_leave_nothing(tmp_path: Path, rows: list[dict[str, object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_table(tmp_path / "timings.parquet", TIMINGS, rows)
    assert list(tmp_path.iterdir()) == []


def test_groups_are_one_table(tmp_path: Path) -> None:
    rows = [row("a", 0), row("a", 1), row("b", 0)]
    write_groups(tmp_path / "groups.parquet", TIMINGS, iter([rows[:2], [], rows[2:]]))
    assert read_rows(tmp_path / "groups.parquet", TIMINGS) == rows


@pytest.mark.parametrize("second", [("a", 0), ("a", 1)])
def test_groups_out_of_order_leave_nothing(tmp_path: Path, second: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match="must come in order"):
        write_groups(tmp_path / "groups.parquet", TIMINGS, [[row("a", 1)], [row(*second)]])
    assert list(tmp_path.iterdir()) == []


def test_another_table_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "timings.parquet", TIMINGS, [row("a", 0)])
    with pytest.raises(ValueError, match=r"timings\.parquet"):
        read_table(tmp_path / "timings.parquet", LABELS)


def test_a_torn_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "timings.parquet"
    write_table(file, TIMINGS, [row("a", 0)])
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"timings\.parquet: cannot be read as Parquet"):
        read_table(file, TIMINGS)


def test_a_shard_that_is_there_twice_is_named(tmp_path: Path) -> None:
    first, second, copy = (tmp_path / f"{name}.parquet" for name in "012")
    write_table(first, TIMINGS, [row("a", 0), row("a", 1)])
    write_table(second, TIMINGS, [row("b", 0)])
    copy.write_bytes(first.read_bytes())
    assert read_table([first, second], TIMINGS, ["latency_s"]).column_names == ["latency_s"]
    with pytest.raises(ValueError, match=r"2\.parquet: 2 rows .* are in .*0\.parquet too, such as a, [01]; delete"):
        read_table([first, second, copy], TIMINGS, ["latency_s"])


def test_a_changed_byte_of_any_column_that_is_read_is_found(tmp_path: Path) -> None:
    file = tmp_path / "timings.parquet"
    write_table(file, TIMINGS, [row("a", vote) for vote in range(100)])
    data = file.read_bytes()
    for column in range(len(TIMINGS.schema)):
        page = pq.read_metadata(file).row_group(0).column(column)
        place = (page.dictionary_page_offset or page.data_page_offset) + page.total_compressed_size - 1
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ValueError, match=r"timings\.parquet: cannot be read as Parquet .*; replace it"):
            read_table(file, TIMINGS)
        file.write_bytes(data)


def test_labels_of_two_teachers_may_be_read_together(tmp_path: Path) -> None:
    for teacher in ("one", "two"):
        write_table(tmp_path / teacher, LABELS, [label("a", 0.5) | {"teacher": teacher}])
    assert len(read_table([tmp_path / "one", tmp_path / "two"], LABELS)) == 2


def test_an_older_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "timings.parquet"
    write_table(file, TIMINGS, [row("a", 0)])
    data = pq.read_table(file)
    pq.write_table(data.replace_schema_metadata({"umui.version": "0"}), file)
    with pytest.raises(ValueError, match="holds version 0"):
        read_table(file, TIMINGS)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, -1e-9, 1.001, 65.0])
def test_a_probability_out_of_its_range_is_refused_and_named(tmp_path: Path, odd: float) -> None:
    good = prediction("a", 0.5)
    for table, row in (
        (PREDICTIONS, good | {"item_id": "b", "probability": odd}),
        (PREDICTIONS, good | {"item_id": "b", "distribution": [0.5, odd]}),
        (ITEMS, item("b") | {"annotations": [odd, 0.5]}),
    ):
        rows = [good, row] if table is PREDICTIONS else [item("a"), row]
        for write in (write_table, lambda path, table, rows: write_groups(path, table, [rows])):
            with pytest.raises(ValueError, match=r"of b is \S+, which is not from 0 to 1"):
                write(tmp_path / "table.parquet", table, rows)
    assert list(tmp_path.iterdir()) == []


def test_the_ends_rounding_and_null_are_in_range(tmp_path: Path) -> None:
    rows = [prediction(str(number), value) for number, value in enumerate([0.0, 1.0, 1.0 + 2e-16, None])]
    write_table(tmp_path / "predictions.parquet", PREDICTIONS, rows)
    assert len(read_rows(tmp_path / "predictions.parquet", PREDICTIONS)) == 4
