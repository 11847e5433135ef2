"""Only whole checkpoints are resumed from, and the journal is cut back to them."""

from pathlib import Path

import pytest

from umui.students.checkpoints import Checkpoints


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
    assert "state.pt has changed" in capsys.readouterr().out
    (path / "state.pt").unlink()
    assert kept.latest() == 5


def test_another_trainings_checkpoints_are_left_alone(kept: Checkpoints, capsys: pytest.CaptureFixture[str]) -> None:
    save(kept, 5)
    other = Checkpoints(kept.directory.parent, digest="b" * 64)
    other.prepare()
    assert other.latest() == 0
    assert f"{kept.directory.name}: of other settings, data or bases" in capsys.readouterr().out
    assert kept.latest() == 5


def test_the_journal_is_cut_back_to_the_checkpoint(kept: Checkpoints) -> None:
    for step in range(1, 8):
        kept.log({"step": step, "loss": 1 / step})
    with (kept.directory / "training_log.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')  # the kill came here
    kept.cut_back(5)
    kept.log({"step": 6, "loss": 0.0})
    assert [row["step"] for row in kept.logged()] == [1, 2, 3, 4, 5, 6]
    assert kept.logged()[4] == {"step": 5, "loss": 1 / 5}
