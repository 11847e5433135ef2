"""A fresh copy of the repository, and what tests do with it."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import psutil
import pyarrow.parquet as pq
import yaml
from repository_copy import copy_repository

TARGETS = ("results/table3.csv", "results/coverage.csv", "results/comparisons.csv", "results/figures/training.svg")
SHARED = ("shared.yaml",)  # an overlay of the clone: results go to a store
RECORD = "executed.txt"  # beside a clone: what its stages executed (recording/sitecustomize.py)
JOURNAL = "results/journals/tiny-teacher/0"


class Clone:
    """A fresh copy of the repository, in which Snakemake is run as a user would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.votes_before = 0  # journalled when the labelling was killed

    @classmethod
    def of_repository(cls, path: Path, store: Path) -> Self:
        """Copy what a clone would hold into `path`; environments are shared, and with an overlay the store."""
        copy_repository(path)
        (path / SHARED[0]).write_text(yaml.safe_dump({"store": str(store)}))
        return cls(path)

    def record(self) -> None:
        """Let every Python of every stage record the definitions that it executes."""
        shutil.copy(Path(__file__).parent / "recording" / "sitecustomize.py", self.path / "workflow")

    def command(self, *arguments: str, overlays: tuple[str, ...] = ()) -> list[str]:
        configs = ["configs/ci.yaml", *overlays]
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--configfile", *configs]

    def snakemake(self, *arguments: str, overlays: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, overlays=overlays), cwd=self.path, capture_output=True, text=True, check=False
        )

    def planned(self, *arguments: str, overlays: tuple[str, ...] = ()) -> dict[str, int]:
        """The jobs that a run would have, by rule."""
        result = self.snakemake("--dry-run", *TARGETS, *arguments, overlays=overlays)
        assert result.returncode == 0, result.stdout + result.stderr
        return jobs_by_rule(result.stdout)

    def build_and_damage_the_world(self) -> None:
        """Build the world; then some of its files come to harm, the same in each clone."""
        result = self.snakemake("results/items/urn/items.parquet", overlays=SHARED)
        assert result.returncode == 0, result.stdout + result.stderr
        items = pq.read_table(self.path / "results/items/urn/items.parquet").to_pandas()
        media = items[(items.split == "test") & (items.modality == "video")].media_path.drop_duplicates().sort_values()
        truncated, empty, gone = (self.path / path for path in media[:3])
        truncated.write_bytes(truncated.read_bytes()[:700])
        empty.write_bytes(b"")
        gone.unlink()

    def run_and_kill(self, ready: Callable[[], bool], victim: str) -> None:
        """Run, wait until `ready`, and kill with SIGKILL those of its processes whose command line has `victim`."""
        running = subprocess.Popen(
            self.command(*TARGETS, overlays=SHARED), cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not ready():
            assert running.poll() is None, "the run ended before it could be killed"
            time.sleep(0.05)
        ours = [process for process in processes(victim) if Path(process.cwd()) == self.path]
        killed = [process for process in ours if process.pid != running.pid]
        assert killed
        for process in killed:
            process.send_signal(signal.SIGKILL)
        assert running.wait(timeout=600) != 0, "a run with a killed job must not end well"


def jobs_by_rule(said: str) -> dict[str, int]:
    """Read the table of jobs that Snakemake prints before a run or in a dry run."""
    table = said.partition("Job stats:\n")[2].partition("\n\n")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.M) if rule != "total"}


def processes(words: str) -> list[psutil.Process]:
    """Running processes, shells left out, whose command line has all of `words`."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if all(word in line for word in words.split()) and "python" in line.split(" ")[0]:
            found.append(process)
    return found


def journalled(clone: Clone) -> list[dict[str, object]]:
    lines = [line for file in sorted((clone.path / JOURNAL).glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.endswith("}")]
