"""What the workflow has made is set aside when it is damaged; what is somebody's own is left where it is."""

import shutil
from pathlib import Path
from threading import Barrier, Thread

import pytest
from rows import label

from umui.files.atomic import read_json, write_json
from umui.files.parquet import read_table, write_table
from umui.tables import LABELS


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def torn(file: Path, keep: int = 50) -> Path:
    write_table(file, LABELS, [label("a", 0.5)])
    file.write_bytes(file.read_bytes()[:keep])
    return file


def fault_of(*files: Path) -> str:
    with pytest.raises(ValueError, match="parquet: ") as caught:
        read_table(files, LABELS)
    return str(caught.value)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_damaged_result_is_set_aside_in_place_of_an_older_one(absolute: bool) -> None:
    file = torn(Path("results/labels/t/5-mean.parquet"))
    aside = file.with_name("5-mean.parquet.damaged")
    aside.write_bytes(b"older")
    said = fault_of(file.absolute() if absolute else file)
    assert "results/labels/t/5-mean.parquet: cannot be read as Parquet" in said
    assert "results/labels/t/5-mean.parquet.damaged; the same command run again makes it anew" in said
    assert [path.name for path in file.parent.iterdir()] == [aside.name]
    assert aside.stat().st_size == 50


@pytest.mark.parametrize("name", ["data/mine.parquet", "results/../data/mine.parquet", "elsewhere/results/x.parquet"])
def test_what_is_somebodys_own_stays(name: str) -> None:
    Path("results").mkdir()
    file = torn(Path(name))
    assert "replace it and run again" in fault_of(file)
    assert file.exists()
    assert not list(Path().rglob("*.damaged"))


def test_both_of_two_tables_with_the_same_rows_are_set_aside() -> None:
    files = [Path(f"results/labels/{name}.parquet") for name in "012"]
    for file, item in zip(files, "abc", strict=True):
        write_table(file, LABELS, [label(item, 0.5)])
    shutil.copy(files[0], files[2])
    said = fault_of(*files)
    assert "2.parquet: 1 rows of the labels table are in results/labels/0.parquet too" in said
    assert "the same command run again makes it anew" in said
    assert [file.exists() for file in files] == [False, True, False]


def test_a_copy_of_somebodys_own_table_stays() -> None:
    files = [Path("results/labels/0.parquet"), Path("data/0.parquet")]
    for file in files:
        write_table(file, LABELS, [label("a", 0.5)])
    assert "delete the one that is a copy" in fault_of(*files)
    assert all(file.exists() for file in files)


def test_a_rules_directory_is_set_aside_as_a_whole() -> None:
    directory, older = Path("results/students/s"), Path("results/students/s.damaged")
    older.mkdir(parents=True)
    (older / "old").touch()
    file = torn(directory / "log.parquet")
    (directory / ".snakemake_timestamp").touch()
    assert "results/students/s.damaged;" in fault_of(file)
    assert not directory.exists()
    assert sorted(path.name for path in older.iterdir()) == [".snakemake_timestamp", "log.parquet"]


def test_stages_that_find_a_fault_at_once_each_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    file, said, both = torn(Path("results/x.parquet")), [], Barrier(2)
    rename = Path.replace

    def after_both_have_read(path: Path, target: Path) -> Path:
        both.wait(10)
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", after_both_have_read)
    stages = [Thread(target=lambda: said.append(fault_of(file))) for _ in range(2)]
    for stage in stages:
        stage.start()
    for stage in stages:
        stage.join()
    assert len(said) == 2
    assert said[0] == said[1]
    assert "set aside" in said[0]


def test_a_file_that_is_not_there_is_no_damage() -> None:
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: 'results/x\.parquet'"):
        read_table(Path("results/x.parquet"), LABELS)


def test_a_truncated_json_file_is_set_aside() -> None:
    file = Path("results/timings/t/0.json")
    write_json(file, {"counts": {"requests": 12}})
    assert read_json(file) == {"counts": {"requests": 12}}
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(
        ValueError, match=r"0\.json: cannot be read as JSON .*; set aside as .*0\.json\.damaged; the same"
    ):
        read_json(file)
    assert not file.exists()
