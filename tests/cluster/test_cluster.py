"""The workflow as SLURM jobs, on a cluster that is brought up here: `make test-cluster`.

Toy stages (stages.py) meet what real ones meet, run by the project's own profile and job wrapper.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import slurm_cluster
from repository_copy import copy_repository

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if reason := slurm_cluster.missing():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("cluster")
    try:
        try:
            slurm_cluster.up(directory)
        except (OSError, subprocess.CalledProcessError) as error:  # as in a container that may not make devices
            pytest.skip(f"no cluster comes up here: {error}")
        yield
        (directory / "jobs.txt").write_text(job_list())
    finally:
        for process in Run.started:
            if process.poll() is None:  # of a test that failed
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        slurm_cluster.down(directory)


class Run:
    """Snakemake at work in a directory of its own, by default on the toy stages."""

    started: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, directory: Path, *targets: str, snakefile: Path = HERE / "Snakefile", more: str = "") -> None:
        self.directory = directory
        self.log = directory / "snakemake.log"
        command = [
            sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--nolock", *more.split(),
            "--profile", str(ROOT / "profiles/slurm"), "--workflow-profile", str(HERE / "site"), "--", *targets,
        ]  # fmt: skip
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log, start_new_session=True)
        self.started.append(self.process)

    def succeeds(self, timeout_s: float = 600) -> None:
        assert self.process.wait(timeout_s) == 0, self.log.read_text()

    def until(self, condition: Callable[[], object], timeout_s: float = 240) -> None:
        """Wait for something to happen while it works."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, f"it ended early: {self.log.read_text()}"
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.5)

    def said(self, name: str) -> str:
        return (self.directory / name).read_text()


def squeue(column: str, **chosen: str) -> list[str]:
    options = [f"--{name}={value}" for name, value in chosen.items()]
    command = ["squeue", "--noheader", f"--format={column}", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def job_list() -> str:
    """All jobs that the cluster has had; a requeued one's time is that of its last run."""
    columns = "JobID:6,State:12,NodeList:9,TRES-per-job:14,RestartCnt:10,TimeUsed:8,Comment:60"
    command = ["squeue", "--states=all", "--sort=i", f"--Format={columns}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def jobs(run: Run, rule: str) -> list[str]:
    """The ids of the SLURM jobs that a run's log says were submitted for a rule, or for RULE/WILDCARD."""
    return re.findall(rf"SLURM jobid (\d+) \(log: .*rule_{rule}/", run.log.read_text())


def state(job: str) -> str:
    return squeue("%T", jobs=job, states="all")[0]


@dataclass(frozen=True)
class Eventful:
    """A run of jobs, one of which was cancelled after the node that it ran on had been drained."""

    run: Run
    drained: str


@pytest.fixture(scope="module")
def eventful(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Eventful:
    directory = tmp_path_factory.mktemp("eventful")
    run = Run(directory, "gpus-a", "gpus-b", "ranks", "hungry", "held-a", "held-b")
    # The ranks want both nodes, so they have to be done before one is drained.
    run.until(lambda: len(list(directory.glob(".held-?.lease"))) == 2 and (directory / "ranks").exists())
    (drained,) = squeue("%N", jobs=jobs(run, "held/a")[0])
    subprocess.run(["scontrol", "update", f"nodename={drained}", "state=drain", "reason=test"], check=True)
    try:
        subprocess.run(["scancel", *jobs(run, "held/a")], check=True)
        (directory / "go").touch()
        run.succeeds()
    finally:
        subprocess.run(["scontrol", "update", f"nodename={drained}", "state=resume"], check=True)
    return Eventful(run, drained)


def test_each_job_is_bound_to_gpus_of_its_own(eventful: Eventful) -> None:
    (node_a, devices_a), (node_b, devices_b) = (eventful.run.said(f"gpus-{name}.told").split() for name in "ab")
    assert len(devices_a.split(",")) == len(devices_b.split(",")) == 2
    assert node_a != node_b or not set(devices_a.split(",")) & set(devices_b.split(","))


def test_srun_gives_the_ranks_a_node_and_a_gpu_each(eventful: Eventful) -> None:
    (node_0, devices_0), (node_1, devices_1) = (eventful.run.said(f"ranks-{rank}.told").split() for rank in "01")
    assert [node_0, node_1] == ["n1", "n2"], "rank 0 is where the others look for it"
    assert len(devices_0.split(",")) == len(devices_1.split(",")) == 1


def test_a_job_out_of_memory_gets_more(eventful: Eventful) -> None:
    first, *_, last = jobs(eventful.run, "hungry")
    assert state(first) in {"OUT_OF_MEMORY", "FAILED"}
    assert re.search("oom-kill|exceeded memory limit", eventful.run.said(f"results/logs/slurm/rule_hungry/{first}.log"))
    assert state(last) == "COMPLETED"


def test_a_cancelled_job_is_run_again_but_not_on_a_drained_node(eventful: Eventful) -> None:
    cancelled, again = jobs(eventful.run, "held/a")
    assert [state(cancelled), state(again)] == ["CANCELLED", "COMPLETED"]
    job, node = eventful.run.said("held-a").split()
    assert job == again
    assert node != eventful.drained


def test_a_drained_node_ends_the_jobs_that_it_has(eventful: Eventful) -> None:
    assert eventful.run.said("held-b").split() == [*jobs(eventful.run, "held/b"), eventful.drained]


def test_a_killed_snakemake_is_run_again_while_its_jobs_still_run(tmp_path: Path) -> None:
    killed = Run(tmp_path, "held-a", "held-b")
    killed.until(lambda: len(list(tmp_path.glob(".held-?.lease"))) == 2)
    os.killpg(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    first = jobs(killed, "held")
    again = Run(tmp_path, "held-a", "held-b")
    again.until(lambda: len(waiting_for_a_lease(tmp_path)) == 2)
    assert [state(job) for job in first] == ["RUNNING", "RUNNING"]
    (tmp_path / "go").touch()
    again.succeeds()
    assert [state(job) for job in first] == ["COMPLETED", "COMPLETED"]
    assert {again.said(f"held-{name}").split()[0] for name in "ab"} == waiting_for_a_lease(tmp_path)


def waiting_for_a_lease(directory: Path) -> set[str]:
    """The ids of the SLURM jobs that say that they wait for another to be done with their outputs."""
    logs = (directory / "results/logs/slurm").rglob("*.log")
    return {log.stem for log in logs if "are being written by" in log.read_text()}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of the repository holds, with the environments that are there."""
    target = tmp_path_factory.mktemp("clone")
    copy_repository(target)
    return target


SMALL = "--configfile configs/ci.yaml tests/cluster/two_ranks.yaml"


def test_the_workflows_first_stages_are_jobs(clone: Path) -> None:
    run = Run(clone, "results/evidence/0.parquet", snakefile=clone / "Snakefile", more=SMALL)
    run.succeeds()
    assert len(jobs(run, "build_urn")) == len(jobs(run, "extract_evidence")) == 1
    assert list((clone / "results/logs/slurm/rule_build_urn").rglob("*.log")), "SLURM's own logs are in one place"


@contextmanager
def halted(job: str) -> Iterator[None]:
    """Hold the ranks of a job that srun started, for as long as the block lasts, unless they have ended."""
    subprocess.run(["scancel", "--signal=STOP", f"{job}.0"], check=False)
    yield
    subprocess.run(["scancel", "--signal=CONT", f"{job}.0"], check=False)


@pytest.fixture(scope="module")
def long(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A job beyond its time limit, which sleeps most of the time: so it runs beside the others of the longer tests."""
    return Run(tmp_path_factory.mktemp("long"), "long")


@pytest.mark.slow
@pytest.mark.usefixtures("long")
def test_the_workflow_to_table_3_with_a_training_on_two_nodes_that_is_queued_again(clone: Path, tmp_path: Path) -> None:
    run = Run(clone, "results/table3.csv", snakefile=clone / "Snakefile", more=f"--jobs 3 {SMALL}")
    run.until(lambda: list((clone / "results/checkpoints/clue-d").rglob("step-*")), 1800)
    (training,) = jobs(run, "train_student/clue-d")
    log = clone / "results/logs/train_student/clue-d.log"
    with halted(training):  # so that it does not keep its time limit, however fast the machine
        run.until(lambda: "CANCELLED" in log.read_text())  # as SLURM calls a step that is told to end
    run.succeeds(1800)
    assert "CLUE-D" in (clone / "results/table3.csv").read_text()
    assert jobs(run, "train_student/clue-d") == [training]
    shown = subprocess.run(["scontrol", "show", "job", training], capture_output=True, text=True, check=True).stdout
    assert "NumNodes=2" in shown
    assert "Restarts=0" not in shown
    assert "resumed after step" in log.read_text()
    student = clone / "results/students/clue-d"
    by_cluster = {path.name: path.read_bytes() for path in student.iterdir()}
    for kept in ("students/clue-d", "checkpoints/clue-d"):
        shutil.move(clone / "results" / kept, tmp_path / kept.replace("/", "-"))
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", *SMALL.split()]
    subprocess.run([*snakemake, "--", "results/students/clue-d"], cwd=clone, check=True)
    assert {path.name: path.read_bytes() for path in student.iterdir()} == by_cluster, "two ranks on one machine"


@pytest.mark.slow
def test_the_time_limit_puts_a_job_back_into_the_queue_and_it_goes_on(long: Run) -> None:
    long.succeeds()
    (job,) = jobs(long, "long")
    shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout
    assert "Restarts=1" in shown
    steps = long.said("long").split()
    assert steps == [str(number) for number in range(len(steps))], "no step twice, none left out"
