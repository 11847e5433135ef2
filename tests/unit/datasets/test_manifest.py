"""A user's own manifest: what each format says becomes the same pairs, and one bad row costs no other."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile import manifests

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
        ("x,,,,h,,inf,,,", "probability"),
        ("x,,,,h,,,0.5,,", "annotations"),
        ('x,,,,h,,,"[0.5, ""2/3""]",,', "annotations"),
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


@pytest.mark.parametrize(
    "row",
    ['x,"open', '"open,h', 'x,"', 'x,"open, with ""quotes""', 'x,"two\nlines" more'],
)
def test_an_open_quote_costs_its_own_row(tmp_path: Path, row: str) -> None:
    rows = [*(f"x,h{n}" for n in range(9)), row, *(f'"x","h{n}"' for n in range(9, 50)), ""]
    found = read_csv(tmp_path, "premise,hypothesis\n" + "\n".join(rows))
    faults = [entry.row for entry in found if isinstance(entry, LeftOut)]
    assert faults[0] == 11
    assert set(faults) <= {11, 12}, "a row of two lines is two lines when its quote is wrong"
    assert [entry.hypothesis for entry in found if isinstance(entry, Pair)] == [f"h{n}" for n in range(50)]


def test_a_quote_that_closes_by_chance_swallows_nothing(tmp_path: Path) -> None:
    text = 'premise,hypothesis,event\nx,"open,a\nx,h1,a\n",however",h2,a\nx,"two\nlines",b\n5" pipe,"two\nlines",b\n'
    found = read_csv(tmp_path, text)
    assert next(entry.row for entry in found if isinstance(entry, LeftOut)) == 2
    assert [entry.row for entry in found if isinstance(entry, Pair)] == [3, 4, 5, 7]


def test_the_remedy_of_an_open_quote_says_what_it_would_swallow(tmp_path: Path) -> None:
    found = read_csv(tmp_path, 'premise,hypothesis\nx,"open\nx,h\ny,h\n')
    assert fault(found[0]) == (2, "")
    assert isinstance(found[0], LeftOut)
    assert "would swallow 2 lines" in found[0].reason


PERCENT = "premise,hypothesis,probability\np1,h,85\np2,h,1\np3,h,0\np4,h,40\np5,h,0.5\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PERCENT, "probability goes from 0 to 85"),
        ("premise,hypothesis,probability\np1,h,1\np2,h,1\np3,h,5\n", "probability goes from 1 to 5"),
        ("premise,hypothesis,probability\np1,h,0\np2,h,1\np3,h,-1\n", "probability goes from -1 to 1"),
        ("premise,hypothesis,probability\np1,h,1.01\n", "probability goes from 1.01 to 1.01"),
        ('premise,hypothesis,annotations\np1,h,"[1, 0, 1]"\np2,h,"[85, 2]"\n', "annotations goes from 0 to 85"),
    ],
)
def test_a_column_on_another_scale_is_refused_as_a_whole(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"pairs\.csv: {said}.*`scale: .*or mend the file"):
        read_csv(tmp_path, text)


@pytest.mark.parametrize(("scale", "first"), [(100, [0.85, 0.01, 0.0, 0.4, 0.005]), ([-15, 85], [1.0, 0.16, 0.15])])
def test_a_scale_converts(tmp_path: Path, scale: Any, first: list[float]) -> None:
    (tmp_path / "pairs.csv").write_text(PERCENT)
    settings = Manifest(kind="manifest", file=str(tmp_path / "pairs.csv"), scale=scale)
    found = [entry.probability for entry in pairs(settings) if isinstance(entry, Pair)]
    assert found[: len(first)] == pytest.approx(first)


def test_a_scale_that_is_not_the_columns_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(PERCENT)
    for scale, said in ((50, "from 0 to 50"), (100, "as if from 0 to 1")):
        with pytest.raises(ValueError, match=said):
            list(pairs(Manifest(kind="manifest", file=str(tmp_path / "pairs.csv"), scale=scale)))
        (tmp_path / "pairs.csv").write_text("premise,hypothesis,probability\np1,h,0.85\np2,h,0.01\n")
    for wrong in (0, -1, [1, 1], [5, 1], ["a", 1], float("inf")):
        with pytest.raises(ValueError, match="scale"):
            Manifest(kind="manifest", file="pairs.csv", scale=wrong)


def test_settings_without_a_scale_are_as_before() -> None:
    assert Manifest(kind="manifest", file="pairs.csv").as_json() == '{"file": "pairs.csv", "kind": "manifest"}'


def test_codes_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_csv(tmp_path, "premise,hypothesis,probability\nx,h,1\ny,h,0\n")
    assert "probability is 0 or 1" in capsys.readouterr().err
    read_csv(tmp_path, "premise,hypothesis,probability\nx,h,1\ny,h,0.25\n")
    assert not capsys.readouterr().err


@pytest.mark.parametrize("nothing", ["NaN", "NA", "nan", "N/A", "<NA>", "null", " "])
def test_what_is_no_number_is_unknown(tmp_path: Path, nothing: str) -> None:
    header = "premise,hypothesis,label,probability,annotations,split,modality"
    (found,) = read_csv(tmp_path, f"{header}\nx,h,{','.join([nothing] * 5)}\n")
    assert isinstance(found, Pair)
    assert (found.label, found.probability, found.annotations, found.split) == (None, None, None, "test")


def test_nan_is_unknown_in_json_and_parquet(tmp_path: Path) -> None:
    line = '{"premise": "x", "hypothesis": "h", "probability": NaN, "label": NaN, "annotations": [0.5, NaN, null]}'
    (found,) = read_jsonl(tmp_path, line)
    assert isinstance(found, Pair)
    assert (found.label, found.probability, found.annotations) == (None, None, [0.5])
    path = tmp_path / "pairs.parquet"
    rows = {"premise": ["x", "y"], "hypothesis": ["h", "h"], "probability": [float("nan"), 0.25]}
    pq.write_table(pa.table(rows), path)
    assert [entry.probability for entry in read(path) if isinstance(entry, Pair)] == [None, 0.25]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (",premise,hypothesis", r"column without a name \(''.*pandas' index.*index=False"),
        ("Unnamed: 0,premise,hypothesis", "Unnamed: 0 .*index=False"),
        ("premise,hypothesis,hypothesis ", "'hypothesis '"),
        ("premise,hypothesis,\u200bevent", r"'\\u200bevent'"),
        ("premise,hypothesis,\u00a0", r"'\\xa0'"),
    ],
)
def test_names_that_cannot_be_seen_are_shown(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"pairs\.csv: the header has the unknown .*{said}"):
        read_csv(tmp_path, f"{header}\n0,x,h\n")


def test_the_index_in_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"premise": ["x"], "hypothesis": ["h"], "__index_level_0__": [3]}), path)
    with pytest.raises(ValueError, match=r"__index_level_0__ \(pandas' index.*index=False"):
        read(path)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac-roman", "cp1251"])
def test_a_file_in_another_encoding_is_refused_as_a_whole(tmp_path: Path, encoding: str) -> None:
    word = "Ночь" if encoding == "cp1251" else "Un café."
    text = f'premise,hypothesis\n"{word}","Il fait nuit."\n"Oui.","Non."\n'
    with pytest.raises(ValueError, match=r"pairs\.csv: not UTF-8: line 2 has the byte 0x.*save the file as UTF-8"):
        read_csv(tmp_path, text.encode(encoding))
    with pytest.raises(ValueError, match=r"the header has the byte 0xe9 \(é in Windows-1252\); save the file as UTF-8"):
        read_csv(tmp_path, b"premise,hypoth\xe9se\nx,h\n")


def test_bytes_that_are_no_utf_8_cost_their_row_alone(tmp_path: Path) -> None:
    found = read_csv(tmp_path, b"premise,hypothesis\nx,caf\xe9\nx,caf\xc3\xa9\n")
    assert fault(found[0]) == (2, "")
    assert isinstance(found[0], LeftOut)
    assert "save the file as UTF-8" in found[0].reason
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
        ('{"premise": "x", "hypothesis": "h", "probability": Infinity}', "probability"),
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


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("seed", range(25))
def test_bad_rows_anywhere_cost_no_good_one(tmp_path: Path, seed: int, suffix: str) -> None:
    made = manifests.manifest(seed, suffix)
    path = tmp_path / f"pairs{suffix}"
    path.write_bytes(made.data)
    found = read(path)
    said = [(e.premise_text, e.hypothesis, e.probability) for e in found if isinstance(e, Pair)]
    assert said == made.good
    assert sum(isinstance(entry, LeftOut) for entry in found) >= made.n_bad
