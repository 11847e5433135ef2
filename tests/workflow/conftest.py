"""The pipeline is run once for all tests that look at it: with damaged media in it, and killed twice on the way.

Environments are those of the repository, so that they are built once.
"""

import pyarrow.parquet as pq
import pytest
from pipeline_clone import TARGETS, Clone, journalled


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone.of_repository(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def damaged(clone: Clone) -> Clone:
    """The world is built, and then some of its files come to harm."""
    result = clone.snakemake("results/items/urn/items.parquet")
    assert result.returncode == 0, result.stdout + result.stderr
    items = pq.read_table(clone.path / "results/items/urn/items.parquet").to_pandas()
    media = items[(items.split == "test") & (items.modality == "video")].media_path.drop_duplicates().sort_values()
    truncated, empty, gone = (clone.path / path for path in media[:3])
    truncated.write_bytes(truncated.read_bytes()[:700])
    empty.write_bytes(b"")
    gone.unlink()
    return clone


@pytest.fixture(scope="session")
def finished(damaged: Clone) -> Clone:
    """The run is killed while it labels, again while it trains, and then let through."""
    damaged.run_and_kill(lambda: len(journalled(damaged)) >= 40, "umui.cli ask --judge tiny-teacher")
    damaged.votes_before = len(journalled(damaged))
    checkpoints = damaged.path / "results/checkpoints/clue-d"
    damaged.run_and_kill(lambda: any(checkpoints.rglob("complete.json")),
                         "train-student results/checkpoints/clue-d")  # fmt: skip
    result = damaged.snakemake(*TARGETS)
    assert result.returncode == 0, result.stdout + result.stderr
    return damaged
