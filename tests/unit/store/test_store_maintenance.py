"""Looking after a store: what is old goes, what is used stays, what is damaged is named."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from store_clone import DAMAGES, Clone, manifest_of, objects, swap_manifest

from umui.store import maintenance
from umui.store.backends import Directory
from umui.store.manifest import manifest_name


def age(shared: Path, name: str, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(shared / name, (then, then))


@pytest.fixture
def three(one: Clone, shared: Path) -> list[str]:
    """Three results, last used 1, 10 and 100 days ago; the names of their manifests, in this order."""
    names = [manifest_name(manifest_of(shared).key)]
    for number in (1, 2):
        (one.path / "input.txt").write_text(f"word{number} ")
        before = set(shared.glob("keys/*"))
        assert one.run() == 1
        (new,) = set(shared.glob("keys/*")) - before
        names.append(str(new.relative_to(shared)))
    for name, days in zip(names, (1, 10, 100), strict=True):
        age(shared, name, days)
    for file in objects(shared):
        age(shared, str(file.relative_to(shared)), 200)
    return names


def left(shared: Path) -> set[str]:
    return {str(path.relative_to(shared)) for path in shared.glob("keys/*")}


def test_results_unused_for_long_go_with_their_objects(three: list[str], shared: Path) -> None:
    maintenance.collect(str(shared), older_than=30, larger_than=None, dry_run=True)
    assert left(shared) == set(three)
    maintenance.collect(str(shared), older_than=30, larger_than=None, dry_run=False)
    assert left(shared) == set(three[:2])
    assert len(objects(shared)) == 6
    maintenance.verify(str(shared))


def test_the_least_recently_used_goes_first_while_there_is_too_much(three: list[str], shared: Path) -> None:
    maintenance.collect(str(shared), older_than=None, larger_than=80_000 / 1e9, dry_run=False)
    assert left(shared) == set(three[:2]), "each has 36 kB"


def test_objects_that_a_writer_may_be_about_to_name_stay(three: list[str], shared: Path) -> None:
    (shared / "objects/ab").mkdir(exist_ok=True)
    (shared / "objects/ab/new").write_bytes(b"a running writer's")
    (shared / "objects/ab/x.part-1").write_bytes(b"a killed writer's")
    age(shared, "objects/ab/x.part-1", 2)
    maintenance.collect(str(shared), older_than=None, larger_than=None, dry_run=False)
    assert (shared / "objects/ab/new").exists()
    assert not (shared / "objects/ab/x.part-1").exists()
    assert len(left(shared)) == 3


def test_taking_a_result_is_a_use_of_it(three: list[str], one: Clone, shared: Path) -> None:
    assert one.run() == 0, "the one unused for 100 days"
    maintenance.collect(str(shared), older_than=30, larger_than=None, dry_run=False)
    assert left(shared) == set(three)


def test_objects_of_an_old_result_are_renewed_for_a_new_one(one: Clone, shared: Path) -> None:
    """Else a collection between looking and naming would take them from under the writer."""
    for file in objects(shared):
        age(shared, str(file.relative_to(shared)), 200)
    assert one.run("--other") == 1
    assert all(Directory(shared).entry(str(file.relative_to(shared))).age_s < 60 for file in objects(shared))  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", DAMAGES)
def test_verifying_names_what_is_damaged(
    one: Clone, shared: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    maintenance.verify(str(shared))
    maintenance.list_results(str(shared))
    assert "results/model results/table.txt" in capsys.readouterr().out
    damage(shared)
    if damage is not swap_manifest:  # what a job may write is known to the job alone
        with pytest.raises(ValueError, match=r"1 faults.*\n(objects/|keys/)"):
            maintenance.verify(str(shared))
    maintenance.list_results(str(shared))


def test_a_bucket_is_looked_after_like_a_directory(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UMUI_STORE", bucket)
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    clone = Clone(tmp_path / "one", monkeypatch)
    assert clone.run() == 1
    maintenance.verify(bucket)
    maintenance.collect(bucket, older_than=0, larger_than=None, dry_run=False)
    assert "removed 1 of 1 results, 0 of 3 objects" in capsys.readouterr().out, "the objects are too young"
    monkeypatch.setattr(maintenance, "GRACE_S", -5.0)
    maintenance.collect(bucket, older_than=None, larger_than=None, dry_run=False)
    assert "removed 0 of 0 results, 3 of 3 objects" in capsys.readouterr().out
    assert clone.run() == 1
