"""Only whole checkpoints are resumed from, and the journal is cut back to them."""

import json
import os
from pathlib import Path

import pytest
from hostile import checkpoints as hostile

from umui.students.checkpoints import Checkpoints

ROW = {
    "modality": "text",
    "loss": 0.5,
    "gradient_norm": 1.0,
    "learning_rate": 0.1,
    "n_tokens": 7,
    "padding_share": 0.25,
}


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    made = Checkpoints(tmp_path, digest="a" * 64)
    made.prepare()
    return made


def save(kept: Checkpoints, step: int, complete: bool = True) -> Path:
    path = kept.directory / kept.name(step)
    path.mkdir()
    (path / "state.pt").write_bytes(b"state" * 100)
    if complete:
        kept.complete(step)
    return path


def test_the_latest_of_the_last_two_is_used(kept: Checkpoints) -> None:
    assert kept.latest() == 0
    for step in (5, 10, 15):
        save(kept, step)
    assert kept.latest() == 15
    assert sorted(path.name for path in kept.directory.glob("step-*")) == ["step-00000010", "step-00000015"]


def test_a_checkpoint_that_was_not_finished_is_skipped(kept: Checkpoints, capsys: pytest.CaptureFixture[str]) -> None:
    save(kept, 5)
    save(kept, 10, complete=False)
    assert kept.latest() == 5
    assert "step-00000010: it was not written to its end" in capsys.readouterr().out


def test_a_damaged_checkpoint_is_skipped(kept: Checkpoints, capsys: pytest.CaptureFixture[str]) -> None:
    save(kept, 5)
    path = save(kept, 10)
    (path / "state.pt").write_bytes(b"stale" + b"state" * 99)
    assert kept.latest() == 5
    assert (
        "state.pt has changed; the checkpoint before it is used; set aside as step-00000010" in capsys.readouterr().out
    )
    assert path.with_name("step-00000010.damaged").is_dir()
    assert kept.latest() == 5
    assert not capsys.readouterr().out
    (kept.directory / "step-00000005" / "state.pt").unlink()
    assert kept.latest() == 0
    assert "state.pt is missing; the training begins anew" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [pytest.param(d, id=n) for n, d in hostile.checkpoint_damages(seed=0).items()])
def test_whatever_became_of_a_checkpoint_the_one_before_is_used(
    kept: Checkpoints, damage: hostile.Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    save(kept, 5)
    path = save(kept, 10)
    damage(path)
    assert kept.latest() == 5
    assert f"{path}: " in capsys.readouterr().out
    assert not path.exists()
    save(kept, 10)
    assert kept.latest() == 10


def test_strays_are_no_checkpoints(kept: Checkpoints) -> None:
    save(kept, 5)
    hostile.strays(kept.directory)
    assert kept.latest() == 5
    save(kept, 10)
    save(kept, 15)
    assert kept.latest() == 15
    assert (kept.directory / "step-old").is_dir()


def test_a_checkpoint_beyond_the_trainings_end_is_not_its_own(
    kept: Checkpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    save(kept, 5)
    save(kept, 10)
    assert kept.latest(last_step=8) == 5
    assert "the training ends after step 8" in capsys.readouterr().out


def test_a_checkpoint_of_an_earlier_version_is_whole(kept: Checkpoints) -> None:
    note = save(kept, 5) / "complete.json"
    said = json.loads(note.read_text())
    del said["step"]
    note.write_text(json.dumps(said))
    assert kept.latest() == 5


def test_a_bad_line_of_the_journal_comes_back_from_the_checkpoint(
    kept: Checkpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"step": step, **ROW} for step in range(1, 6)]
    for row in rows:
        kept.log(row)
    save(kept, 5)
    journal = kept.directory / "training_log.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)
    for line in hostile.lines(seed=0, row=rows[2]):
        journal.write_bytes(b"".join([*whole[:2], line + b"\n", *whole[3:]]))
        kept.cut_back(5)
        assert f"{journal}: line 3 is not a row of the training log" in capsys.readouterr().out, line
        assert kept.logged() == rows
    journal.unlink()
    os.mkfifo(journal)
    kept.cut_back(5)
    assert kept.logged() == rows


def test_a_row_that_no_checkpoint_has_is_told_and_left_out(kept: Checkpoints) -> None:
    kept.log({"step": 1, **ROW})
    kept.log({"step": 1, **ROW})
    kept.log({"step": 2, **ROW, "loss": None})
    assert kept.logged() == [{"step": 1, **ROW}]


def test_another_trainings_checkpoints_are_left_alone(kept: Checkpoints, capsys: pytest.CaptureFixture[str]) -> None:
    save(kept, 5)
    other = Checkpoints(kept.directory.parent, digest="b" * 64)
    other.prepare()
    assert other.latest() == 0
    assert f"{kept.directory.name}: of other settings, data or bases" in capsys.readouterr().out
    assert kept.latest() == 5


def test_the_journal_is_cut_back_to_the_checkpoint(kept: Checkpoints) -> None:
    for step in range(1, 8):
        kept.log({"step": step, **ROW, "loss": 1 / step})
    with (kept.directory / "training_log.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')  # the kill came here
    kept.cut_back(5)
    kept.log({"step": 6, **ROW})
    assert [row["step"] for row in kept.logged()] == [1, 2, 3, 4, 5, 6]
    assert kept.logged()[4] == {"step": 5, **ROW, "loss": 1 / 5}
