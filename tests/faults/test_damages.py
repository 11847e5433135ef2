"""Damage is done only where the next run has to notice it."""

import random
from pathlib import Path

import pytest
from damages import spoiled_checkpoint


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state in the later one of two whole checkpoints."""
    for step in (3, 6):
        checkpoint = tmp_path / f"checkpoints/clue-d/run-0/step-{step:08d}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "state.pt").write_bytes(b"state")
        (checkpoint / "complete.json").touch()
    return checkpoint / "state.pt"


def test_the_last_checkpoint_of_a_training_under_way_is_damaged(tmp_path: Path, state: Path) -> None:
    damage = spoiled_checkpoint(tmp_path, random.Random(0))
    assert damage is not None
    assert damage.message.startswith("step-00000006: ")
    assert state.read_bytes() != b"state"


def test_a_training_that_has_ended_reads_no_checkpoint(tmp_path: Path, state: Path) -> None:
    (tmp_path / "students/clue-d").mkdir(parents=True)
    assert spoiled_checkpoint(tmp_path, random.Random(0)) is None
    assert state.read_bytes() == b"state"
