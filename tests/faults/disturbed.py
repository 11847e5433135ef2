"""A pipeline of the smallest size in a clone of the repository: started, watched, killed, and looked at afterwards."""

import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from repository_copy import copy_repository

TARGETS = ("results/table3.csv", "results/comparisons.csv", "results/coverage.csv")
CONFIG = "tests/faults/small.yaml"
# What a run may leave that tells of its way and not of its result.
NOT_RESULTS = ("logs", "benchmarks", "timings", "journals", "checkpoints", "features")
RUN_TIMEOUT_S = 900.0
ORPHANS_GONE_S = 30.0


class Clone:
    """A copy of the repository as it stands, on its environments."""

    def __init__(self, path: Path, targets: tuple[str, ...] = TARGETS, configs: tuple[str, ...] = (CONFIG,)) -> None:
        """Copy the repository to `path`; runs are for `targets`."""
        self.path, self.targets, self.configs = path, targets, configs
        copy_repository(path)

    def start(self, lock: bool = True) -> "Run":
        """Start a run as the Makefile does, in a process group of its own, as a terminal would."""
        held = ["flock", "--nonblock", "--conflict-exit-code", "75", ".snakemake.lock"] if lock else []
        snakemake = [*held, sys.executable, "-m", "snakemake", "--nolock", "--cores", "2"]
        command = [*snakemake, "--configfile", *self.configs, "--", *self.targets]
        said = self.path / f"said-{time.monotonic_ns()}.txt"
        with said.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.path, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        return Run(process, said)

    def run(self, lock: bool = True) -> "Run":
        """Run to the end."""
        running = self.start(lock)
        running.process.wait(RUN_TIMEOUT_S)
        return running

    def processes(self) -> list[psutil.Process]:
        """Return what runs in the clone; every process of a run works in its directory."""
        found = []
        for process in psutil.process_iter(["cwd", "cmdline", "status", "name"]):
            inside = process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(self.path)
            if inside and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def orphans(self) -> list[psutil.Process]:
        """Return what still runs after a moment's grace."""
        end = time.monotonic() + ORPHANS_GONE_S
        while ((left := self.processes()) or self.is_locked()) and time.monotonic() < end:
            time.sleep(0.2)
        return left

    def is_locked(self) -> bool:
        """Say whether a process, even one that has all but ended, still keeps others from running here."""
        with (self.path / ".snakemake.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def results(self) -> dict[str, str]:
        """Return the digest of every file of the results."""
        results = self.path / "results"
        files = [path for path in results.rglob("*") if path.is_file()] if results.exists() else []
        names = {str(path.relative_to(results)): path for path in files}
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in sorted(names.items())
            if name.split("/")[0] not in NOT_RESULTS and not path.name.endswith(".damaged")
        }

    def journals(self) -> dict[str, bytes]:
        """Return the whole lines of every journal of votes."""
        files = sorted((self.path / "results/journals").rglob("*.jsonl"))
        return {str(file): file.read_bytes().rpartition(b"\n")[0] for file in files}


@dataclass(frozen=True)
class Run:
    """A run, and the file with what it says."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self.file.read_text(errors="replace")

    @property
    def code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.process.poll()


def answered_twice(journals: Mapping[str, bytes]) -> int:
    """Return how many votes were asked although the journal had them."""
    digests = [json.loads(line)["request_digest"] for lines in journals.values() for line in lines.splitlines()]
    return len(digests) - len(set(digests))


def stage_of(process: psutil.Process) -> str | None:
    """Return the subcommand that a process, no shell or launcher around it, runs."""
    words = _words(process)
    if "umui.cli" not in words or _is_wrapper(words) or _is_launcher(words):
        return None
    return words[words.index("umui.cli") + 1]


def _is_wrapper(words: list[str]) -> bool:
    before = words[: words.index("umui.cli")]
    return "umui.jobs" in before or any(word.endswith("supervisor.py") for word in before)


def _is_launcher(words: list[str]) -> bool:
    return any(word.endswith("processes/ranks.py") for word in words[:4])


def _words(process: psutil.Process) -> list[str]:
    return process.info["cmdline"] or []


def roles(processes: list[psutil.Process], run: Run) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the processes of a run that can be killed, with what each is."""
    for process in processes:
        words = _words(process)
        if process.pid == run.process.pid:
            continue
        if words[1:3] == ["-m", "snakemake"]:
            yield "snakemake", process
        elif "umui.jobs" in words[:4] and words[1:2] != ["-c"]:
            yield "wrapper", process
        elif any(word.endswith("supervisor.py") for word in words[:4]):
            yield "supervisor", process
        elif _is_launcher(words):
            yield "launcher", process
        elif words[:1] and Path(words[0]).name.startswith("ffmpeg"):
            yield "ffmpeg", process
        elif process.info["name"].startswith("VLLM::") or "EngineCore" in " ".join(words[:1]):
            yield "engine", process
        elif len(words) > 2 and words[1].endswith("/vllm"):
            yield "server", process
        elif (stage := stage_of(process)) is not None:
            yield ("rank" if stage == "train-student" else "stage"), process
