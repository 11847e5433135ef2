"""A handful of faults on the cheap stages of a real run; `make test-faults` is the long form.

One clone is disturbed by every test in turn, and each time must come back to the bytes of the first, undisturbed run.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disturbed import CONFIG, Clone, Run, stage_of
from kills import Harness

TARGETS = ("results/evidence/0.parquet", "results/leakage.csv")
CONFIGS = (CONFIG, "tests/faults/pairs.yaml")
RESULTS_BYTES = 4_000_000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    return Harness(Clone(tmp_path_factory.mktemp("clone"), TARGETS, CONFIGS), seed=0, count=4)


@pytest.fixture
def clone(harness: Harness) -> Iterator[Clone]:
    """The clone without results, which must get back those of the undisturbed run."""
    results = harness.clone.path / "results"
    shutil.rmtree(results)
    yield harness.clone
    again = harness.clone.run()
    assert again.code == 0, again.said
    assert harness.clone.results() == harness.reference
    assert not harness.clone.orphans()


def test_killed_runs_end_as_undisturbed_ones(harness: Harness) -> None:
    harness.disturb()
    assert harness.tally() == 0


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_space(clone: Clone) -> None:
    with small_disk(clone.path / "results", 100_000) as enlarge:
        run = clone.run()
        assert run.code == 1
        assert "o space left on device" in run.said
        assert not clone.orphans()
        enlarge(RESULTS_BYTES)
        assert clone.run().code == 0
        shutil.copytree(clone.path / "results", clone.path / "results-kept")
    shutil.rmtree(clone.path / "results")
    (clone.path / "results-kept").rename(clone.path / "results")


def test_a_truncated_table_is_named_and_set_aside(clone: Clone) -> None:
    assert clone.run().code == 0
    items = clone.path / "results/items/urn/items.parquet"
    items.write_bytes(items.read_bytes()[:-100])
    (clone.path / "results/evidence/0.parquet").unlink()
    run = clone.run()
    assert run.code == 1
    assert "results/items/urn/items.parquet: cannot be read as Parquet" in run.said
    assert "the same command run again makes it anew" in run.said
    assert not items.exists()
    assert items.with_name("items.parquet.damaged").exists()


def test_tables_with_the_same_rows_are_named_and_set_aside(clone: Clone) -> None:
    assert clone.run().code == 0
    urn, pairs = (clone.path / f"results/items/{name}/items.parquet" for name in ("urn", "pairs"))
    shutil.copy(pairs, urn)
    (clone.path / "results/leakage.csv").unlink()
    run = clone.run()
    assert run.code == 1
    assert "2 rows of the items table are in results/items/" in run.said
    assert not urn.exists()
    assert not pairs.exists()


def test_a_second_run_in_the_directory_is_turned_away(clone: Clone) -> None:
    first = clone.start()
    wait_for_a_stage(clone, first)
    second = clone.run()
    assert second.code == 75, "make says what it means"
    assert first.process.wait(600) == 0


def test_two_runs_that_ignore_the_lock_never_write_together(clone: Clone) -> None:
    """Snakemake deletes what it is about to make, so one of them may fail; what is written is written by one.

    A look at the processes takes a while, and a child shows its parent's command until it has its own; so only what two
    looks in a row have seen counts.
    """
    runs = [clone.start(lock=False) for _ in range(2)]
    together: list[str] = []
    seen: set[str] = set()
    before: set[tuple[int, str]] = set()
    while any(run.code is None for run in runs):
        now = {(process.pid, stage) for process in clone.processes() if (stage := stage_of(process))}
        stages = [stage for _, stage in now & before]
        seen |= set(stages)
        together += [stage for stage in stages if stages.count(stage) > 1]
        before = now
        time.sleep(0.02)
    assert "build-urn" in seen
    assert not together
    assert any("waiting until it is done" in run.said for run in runs)


def wait_for_a_stage(clone: Clone, run: Run) -> None:
    while not any(stage_of(process) for process in clone.processes()):
        assert run.code is None, run.said
        time.sleep(0.1)


@contextmanager
def small_disk(directory: Path, size_bytes: int) -> Iterator[object]:
    """Mount a file system of a stated size; yield what enlarges it.  Skips the test where mounting is not allowed."""
    directory.mkdir()

    def mount(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(directory)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    if (mounted := mount(f"size={size_bytes}")).returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield lambda size: mount("remount", f"size={size}")
    finally:
        subprocess.run(["umount", str(directory)], check=True)
