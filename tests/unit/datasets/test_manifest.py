"""A user's own manifest: what each format says becomes the same pairs, and one bad row costs no other."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from umui.config.datasets import Manifest
from umui.datasets.importing import Pair
from umui.datasets.manifest import pairs
from umui.tables import LeftOut

HEADER = "premise,video,audio,modality,hypothesis,label,probability,annotations,split,event"
ROWS = [
    {"premise": 'She said "no", and left.', "hypothesis": "She agreed.", "label": False, "probability": 0.125},
    {"video": "films/a.mp4", "modality": "audiovisual", "hypothesis": "A dog barks.", "annotations": [0.25, 1.0]},
    {"audio": "b.wav", "premise": "Recorded in Ulm.", "hypothesis": "Bells.", "split": "train", "event": "ulm"},
]


def read(path: Path) -> list[Pair | LeftOut]:
    return list(pairs(Manifest(kind="manifest", file=str(path))))


def read_csv(tmp_path: Path, text: str | bytes) -> list[Pair | LeftOut]:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path)


def read_jsonl(tmp_path: Path, *lines: str | bytes) -> list[Pair | LeftOut]:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return read(path)


def fault(found: Pair | LeftOut) -> tuple[int, str]:
    """Return where a row is wrong."""
    assert isinstance(found, LeftOut), found
    assert found.status == "malformed"
    assert found.reason
    return found.row, found.column


def test_a_row_becomes_a_pair(tmp_path: Path) -> None:
    found = read_csv(tmp_path, f'{HEADER}\n,films/a.mp4,,audiovisual,A dog barks.,yes,.5,"[0.25, 1]",train,park\n')
    assert found == [
        Pair(
            source=str(tmp_path / "pairs.csv"), row=2, split="train", modality="audiovisual", premise_text=None,
            media_path=str(tmp_path / "films/a.mp4"), hypothesis="A dog barks.", label=True, probability=0.5,
            annotations=[0.25, 1.0], event="park",
        )
    ]  # fmt: skip


def test_the_formats_say_the_same(tmp_path: Path) -> None:
    def without_origin(found: list[Pair | LeftOut]) -> list[dict[str, Any]]:
        return [vars(pair) | {"source": "", "row": 0} for pair in found]

    def cell(value: object) -> str:
        return '"' + (value if isinstance(value, str) else json.dumps(value)).replace('"', '""') + '"'

    lines = [",".join(cell(row[name]) if name in row else "" for name in HEADER.split(",")) for row in ROWS]
    as_csv = without_origin(read_csv(tmp_path, "\ufeff" + "\r\n".join([HEADER, *lines])))
    assert as_csv == without_origin(read_jsonl(tmp_path, *(json.dumps(row) for row in ROWS)))
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(HEADER.split(",")) | row for row in ROWS]), path)
    assert as_csv == without_origin(read(path))
    assert [row["modality"] for row in as_csv] == ["text", "audiovisual", "audio"]


def test_a_row_has_the_number_of_its_first_line(tmp_path: Path) -> None:
    rows = '"two\nlines",h1\n\nx,\n"two\nlines",h2\n'
    found = read_csv(tmp_path, f"premise,hypothesis\n{rows}")
    assert [entry.row for entry in found] == [2, 5, 6]
    assert isinstance(found[0], Pair)
    assert found[0].premise_text == "two\nlines"
    assert fault(found[1]) == (5, "hypothesis")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("x,,,,   ,,,,,", "hypothesis"),
        (",,,,h,,,,,", "premise"),
        (",a.mp4,b.wav,,h,,,,,", "audio"),
        ("x,,,video,h,,,,,", "modality"),
        (",,b.wav,audiovisual,h,,,,,", "modality"),
        (",a.mp4,,text,h,,,,,", "modality"),
        ("x,,,,h,maybe,,,,", "label"),
        ("x,,,,h,,85%,,,", "probability"),
        ("x,,,,h,,nan,,,", "probability"),
        ("x,,,,h,,1.01,,,", "probability"),
        ("x,,,,h,,,0.5,,", "annotations"),
        ('x,,,,h,,,"[0.5, 2]",,', "annotations"),
        ("x,,,,h,,,,dev,", "split"),
        ("x,,,,one, comma,,,,,", ""),
        ("x,,,,h", ""),
        ('x,,,,"h" and more,,,,,', ""),
    ],
)
def test_a_bad_csv_row_costs_no_other(tmp_path: Path, row: str, column: str) -> None:
    good = "x,,,,h,1.0,0.3,,test,"
    before, bad, after = read_csv(tmp_path, f"{HEADER}\n{good}\n{row}\n{good}\n")
    assert isinstance(before, Pair)
    assert isinstance(after, Pair)
    assert (after.row, after.label) == (4, True)
    assert fault(bad) == (3, column)


def test_an_open_quote_is_reported_where_it_opens(tmp_path: Path) -> None:
    found = read_csv(tmp_path, 'premise,hypothesis\nx,h\nx,"open\nx,h\n')
    assert isinstance(found[0], Pair)
    assert [fault(entry) for entry in found[1:]] == [(3, "")]


def test_bytes_that_are_no_utf_8_cost_their_row_alone(tmp_path: Path) -> None:
    found = read_csv(tmp_path, b"premise,hypothesis\nx,caf\xe9\nx,caf\xc3\xa9\n")
    assert fault(found[0]) == (2, "")
    assert isinstance(found[1], Pair)
    assert found[1].hypothesis == "café"
    found = read_jsonl(tmp_path, b'{"premise": "x", "hypothesis": "caf\xe9"}', '{"premise": "x", "hypothesis": "h"}')
    assert fault(found[0]) == (1, "")
    assert isinstance(found[1], Pair)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("premise,hypotesis", "hypotesis"),
        ("premise,probability", "hypothesis"),
        ("hypothesis,premise,premise", "premise"),
        ("", "hypothesis"),
    ],
)
def test_a_header_that_is_wrong_is_an_error_that_names_it(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"pairs\.csv.*{said}"):
        read_csv(tmp_path, f"{header}\nx,y\n")


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ('{"premise": "x", "hypothesis": }', ""),
        ('["x", "h"]', ""),
        ("[" * 100_000, ""),
        ('{"premise": "x", "hypothesis": "\\ud800"}', ""),
        ('{"premise": "x", "hypothesis": "h", "probability": ' + "1" * 5000 + "}", ""),
        ('{"premise": "x", "hypothesis": 5}', "hypothesis"),
        ('{"premise": ["x"], "hypothesis": "h"}', "premise"),
        ('{"video": true, "hypothesis": "h"}', "video"),
        ('{"premise": "x", "hypothesis": "h", "probability": NaN}', "probability"),
        ('{"premise": "x", "hypothesis": "h", "probability": true}', "probability"),
        ('{"premise": "x", "hypothesis": "h", "annotations": []}', "annotations"),
        ('{"premise": "x", "hypothesis": "h", "split": ["test"]}', "split"),
        ('{"premise": "x", "hypothesis": "h", "labels": true}', "labels"),
    ],
)
def test_a_bad_json_line_costs_no_other(tmp_path: Path, line: str, column: str) -> None:
    good = '{"premise": "x", "hypothesis": "h", "label": 0, "event": null}'
    before, bad, after = read_jsonl(tmp_path, good, "", line, good)
    assert isinstance(before, Pair)
    assert isinstance(after, Pair)
    assert (after.row, after.label, after.event) == (4, False, None)
    assert fault(bad) == (3, column)


def test_a_file_that_is_no_manifest_is_named(tmp_path: Path) -> None:
    for name, said in (("pairs.txt", "csv"), ("pairs.parquet", "Parquet")):
        (tmp_path / name).write_text("premise,hypothesis")
        with pytest.raises(ValueError, match=rf"{name}.*{said}"):
            read(tmp_path / name)
