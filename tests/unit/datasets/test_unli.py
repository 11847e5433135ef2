"""UNLI in both published layouts."""

import json
from pathlib import Path
from typing import Any

import pytest

from umui.config.datasets import Unli
from umui.datasets.importing import Pair
from umui.datasets.unli import files, pairs
from umui.tables import LeftOut

PAIRS = [
    ("A man, smiling, naps.", "A man sleeps.", 0.95),
    ('A sign says "stop".', "A car stops.", 0.5),
    ("A dog runs.", "A cat runs.", 0.01),
]


def write_csv(directory: Path, name: str, *rows: str) -> None:
    lines = ["id,pre,hyp,nli,unli", *rows]
    (directory / f"{name}.csv").write_text("\n".join(lines) + "\n")


def csv_row(number: int) -> str:
    premise, hypothesis, said = PAIRS[number]
    quoted = premise.replace('"', '""')
    return f'{number},"{quoted}",{hypothesis},1,{said}'


def write_jsonl(directory: Path, name: str, *rows: dict[str, Any] | str) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (directory / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def json_row(number: int) -> dict[str, Any]:
    premise, hypothesis, said = PAIRS[number]
    return {"premise": premise, "hypothesis": hypothesis, "label": said, "snli-label": 1}


def read(directory: Path, test_split: Any = "validation") -> list[Pair | LeftOut]:
    return list(pairs(Unli(kind="unli", directory=str(directory), test_split=test_split)))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_csv(tmp_path, "train", csv_row(0), csv_row(1))
    write_csv(tmp_path, "dev", csv_row(2))
    write_csv(tmp_path, "test", csv_row(0), csv_row(1))
    return tmp_path


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    write_jsonl(tmp_path, "train", json_row(0), json_row(1))
    write_jsonl(tmp_path, "validation", json_row(2))
    write_jsonl(tmp_path, "test", json_row(0), json_row(1))
    return tmp_path


@pytest.mark.parametrize("layout", ["release", "jsonl"])
def test_a_row_becomes_a_pair(layout: str, request: pytest.FixtureRequest) -> None:
    found = [entry for entry in read(request.getfixturevalue(layout)) if isinstance(entry, Pair)]
    assert [(pair.premise_text, pair.hypothesis, pair.probability) for pair in found] == PAIRS
    assert [(pair.split, pair.label, pair.modality) for pair in found] == [
        ("train", True, "text"), ("train", None, "text"), ("test", False, "text"),
    ]  # fmt: skip


def test_the_paper_tests_on_validation_and_leaves_the_test_split_alone(release: Path) -> None:
    (unused,) = [entry for entry in read(release) if isinstance(entry, LeftOut)]
    assert (Path(unused.source).name, unused.row, unused.status, unused.value) == ("test.csv", 0, "unused", "2 rows")
    assert "test_split" in unused.reason


def test_tested_on_test_validation_stays_validation(release: Path) -> None:
    found = read(release, "test")
    assert all(isinstance(entry, Pair) for entry in found)
    assert [entry.split for entry in found if isinstance(entry, Pair)] == [
        "train",
        "train",
        "validation",
        "test",
        "test",
    ]


def test_two_layouts_are_an_error_that_names_both(release: Path) -> None:
    write_jsonl(release, "train", json_row(0))
    with pytest.raises(ValueError, match=r"both layouts.*train\.csv.*train\.jsonl"):
        read(release)


def test_what_is_missing_is_named(release: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (release / "dev.csv").unlink()
    with pytest.raises(ValueError, match=r"dev\.csv: missing.*test_split: validation"):
        read(release)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(ValueError, match=r"train\.csv, dev\.csv, test\.csv or train\.jsonl"):
        read(empty)


def test_an_unused_split_may_be_absent(release: Path) -> None:
    (release / "test.csv").unlink()
    assert all(isinstance(entry, Pair) for entry in read(release))


def test_the_workflow_is_told_which_files_there_are(jsonl: Path) -> None:
    def settings(directory: Path) -> Unli:
        return Unli(kind="unli", directory=str(directory), test_split="test")

    assert files(settings(jsonl)) == [str(jsonl / f"{name}.jsonl") for name in ("train", "validation", "test")]
    assert files(settings(jsonl / "nowhere")) == [str(jsonl / "nowhere")]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("7,A dog.,A cat.,1,", "unli"),
        ("7,A dog.,A cat.,1,1.5 of 2", "unli"),
        ("7,A dog.,,1,0.5", "hyp"),
        ("7,,A cat.,1,0.5", "pre"),
        ("7,A dog, running.,A cat.,1,0.5", ""),
    ],
)
def test_a_bad_row_of_the_release_costs_no_other(release: Path, row: str, column: str) -> None:
    write_csv(release, "dev", csv_row(0), row, csv_row(2))
    found = [entry for entry in read(release) if Path(entry.source).name == "dev.csv"]
    assert [type(entry) for entry in found] == [Pair, LeftOut, Pair]
    assert isinstance(found[1], LeftOut)
    assert (found[1].row, found[1].column, found[1].status) == (3, column, "malformed")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"premise": "A dog.", "hypothesis": "A cat.", "snli-label": 1}, "label"),
        ({"premise": "A dog.", "hypothesis": "A cat.", "label": "entailment"}, "label"),
        ({"premise": "A dog.", "hypothesis": None, "label": 0.5}, "hypothesis"),
        ('{"premise": "A dog.", "hypo', ""),
    ],
)
def test_a_bad_line_costs_no_other(jsonl: Path, row: dict[str, Any] | str, column: str) -> None:
    write_jsonl(jsonl, "validation", json_row(0), row, json_row(2))
    found = [entry for entry in read(jsonl) if Path(entry.source).name == "validation.jsonl"]
    assert [type(entry) for entry in found] == [Pair, LeftOut, Pair]
    assert isinstance(found[1], LeftOut)
    assert (found[1].row, found[1].column, found[1].status) == (2, column, "malformed")


def test_a_header_without_the_probability_is_an_error(release: Path) -> None:
    (release / "dev.csv").write_text("id,pre,hyp,nli\n1,A dog.,A cat.,1\n")
    with pytest.raises(ValueError, match=r"dev\.csv.*unli"):
        read(release)


@pytest.mark.parametrize("layout", ["release", "jsonl"])
def test_percents_are_refused_and_never_certain(layout: str, request: pytest.FixtureRequest) -> None:
    """One per cent beside 85 would else be the certain probability 1, with a label that is true."""
    directory = request.getfixturevalue(layout)
    if layout == "jsonl":
        rows = ({"premise": f"p{n}", "hypothesis": "h", "label": n} for n in (85, 1, 0, 40, 0.5))
        write_jsonl(directory, "train", *map(json.dumps, rows))
    else:
        (directory / "train.csv").write_text("id,pre,hyp,nli,unli\n1,p,h,0,85\n2,q,h,2,1\n3,r,h,2,0.5\n")
    with pytest.raises(
        ValueError, match=r"train\.(csv|jsonl): (unli|label) goes from 0\.?5? to 85.*`scale: \[0, 100\]`"
    ):
        read(directory)
    for other in ("dev.csv", "validation.jsonl"):
        if (directory / other).exists():
            content = (directory / "train.csv" if other == "dev.csv" else directory / "train.jsonl").read_text()
            (directory / other).write_text(content)
    found = list(pairs(Unli(kind="unli", directory=str(directory), test_split="validation", scale=100)))
    said = [entry.probability for entry in found if isinstance(entry, Pair) and entry.split == "train"]
    assert {0.85, 0.01, 0.005} <= set(said)
