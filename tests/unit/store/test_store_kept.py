"""What a job keeps beside its outputs, such as a journal, comes with its result to a clone that has none."""

import json
from pathlib import Path

import pytest
from store_clone import Clone, manifest_of

from umui.files.digests import digest_json
from umui.store import maintenance
from umui.store.manifest import object_name

JOURNALS = ["results/journals/0.jsonl", "results/journals/1.jsonl"]


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Path) -> Clone:
    """A clone at another path than the one that has stored a result and the first of its two journals."""
    first = Clone(tmp_path / "one", monkeypatch)
    write(first, JOURNALS[0], "five votes\n")
    write(first, "results/journals/of another job.jsonl", "its votes\n")
    assert first.run(keeps=JOURNALS) == 1
    return Clone(tmp_path / "two", monkeypatch)


def write(clone: Clone, name: str, text: str) -> None:
    (clone.path / name).parent.mkdir(parents=True, exist_ok=True)
    (clone.path / name).write_text(text)


def journals(clone: Clone) -> dict[str, str]:
    return {path.name: path.read_text() for path in (clone.path / "results").glob("journals/*")}


def kept_object(shared: Path) -> Path:
    (kept,) = manifest_of(shared).kept
    return shared / object_name(kept.sha256)


def test_a_journal_comes_with_the_result_and_can_be_written_on(second: Clone, shared: Path) -> None:
    assert second.run(keeps=JOURNALS) == 0
    assert journals(second) == {"0.jsonl": "five votes\n"}
    with (second.path / JOURNALS[0]).open("a") as file:
        file.write("a sixth\n")
    assert kept_object(shared).read_text() == "five votes\n"


def test_a_journal_of_its_own_is_left_as_it_is(second: Clone) -> None:
    write(second, JOURNALS[0], "seven votes\n")
    assert second.run(keeps=JOURNALS) == 0
    assert journals(second) == {"0.jsonl": "seven votes\n"}


def test_a_journal_with_other_bytes_is_not_taken(
    second: Clone, shared: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = kept_object(shared)
    journal.write_text("five VOTES\n")
    with pytest.raises(ValueError, match="its sha256 is"):
        maintenance.verify(str(shared))
    assert second.run(keeps=JOURNALS) == 1
    assert f"damaged, removed: {journal.relative_to(shared)} ({JOURNALS[0]}): " in capfd.readouterr().err
    assert journals(second) == {}


@pytest.mark.parametrize("path", ["../outside", "results/journals/../../../outside", "stage.py", "results/journals/2"])
def test_nothing_is_kept_but_where_the_job_says(
    second: Clone, shared: Path, capfd: pytest.CaptureFixture[str], path: str
) -> None:
    (file,) = (shared / "keys").iterdir()
    body = json.loads(file.read_text())
    body.pop("digest")
    body["kept"][0]["path"] = path
    file.write_text(json.dumps({**body, "digest": digest_json(body)}))
    assert second.run(keeps=JOURNALS) == 1
    assert f"it names ['{path}'], which the job does not keep" in capfd.readouterr().err
    assert journals(second) == {}
    assert not list(second.path.parent.rglob("outside"))


def test_a_collection_leaves_what_is_kept(second: Clone, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "GRACE_S", -5.0)
    maintenance.collect(str(shared), older_than=None, larger_than=None, dry_run=False)
    maintenance.verify(str(shared))
    assert second.run(keeps=JOURNALS) == 0
    assert journals(second) == {"0.jsonl": "five votes\n"}


def test_an_entry_of_an_earlier_format_is_as_good_as_none(
    second: Clone, shared: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (file,) = (shared / "keys").iterdir()
    body = json.loads(file.read_text())
    del body["digest"], body["kept"]
    body["format"] = 1
    file.write_text(json.dumps({**body, "digest": digest_json(body)}))
    assert second.run(keeps=JOURNALS) == 1
    assert "it has another format than 2, this program's; the job is run instead" in capfd.readouterr().err
    assert second.run(keeps=JOURNALS) == 0
