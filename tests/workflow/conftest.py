"""The pipeline is run once for all tests that look at it: with damaged media in it, and killed twice on the way.
Its stages record what they execute, of which test_definitions.py makes use.

Environments are those of the repository, so that they are built once.
"""

from pathlib import Path

import pytest
from pipeline_clone import SHARED, TARGETS, Clone, journalled


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first clone puts its results for others."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Clone:
    clone = Clone.of_repository(tmp_path_factory.mktemp("first") / "clone", store)
    clone.record()
    return clone


@pytest.fixture(scope="session")
def damaged(clone: Clone) -> Clone:
    clone.build_and_damage_the_world()
    return clone


@pytest.fixture(scope="session")
def finished(damaged: Clone) -> Clone:
    """The run is killed while it labels, again while it trains, and then let through."""
    damaged.run_and_kill(lambda: len(journalled(damaged)) >= 40, "umui.cli ask --judge tiny-teacher")
    damaged.votes_before = len(journalled(damaged))
    checkpoints = damaged.path / "results/checkpoints/clue-d"
    damaged.run_and_kill(lambda: any(checkpoints.rglob("complete.json")),
                         "train-student results/checkpoints/clue-d")  # fmt: skip
    result = damaged.snakemake(*TARGETS, overlays=SHARED)
    assert result.returncode == 0, result.stdout + result.stderr
    return damaged
