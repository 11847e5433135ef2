"""The wrapper of jobs: exit codes and signals pass, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

PACKAGE = Path(__file__).parents[3] / "workflow"
# A command with a child of its own; both say that they run, and neither ends by itself.
TREE = """
import pathlib, subprocess, sys, time
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, __file__])
    pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""


def wrapped(*command: str) -> list[str]:
    given = ["--code", "c", "--environment", "e", "--outputs", "result"]
    return [sys.executable, "-m", "umui.jobs", *given, "--", *command]


def start(directory: Path, *command: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    return subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(script: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if str(script) in _words(process)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else []
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    script = tmp_path / "tree.py"
    script.write_text(TREE)
    return script


@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["bash", "-c", "exit 7"], 7), (["bash", "-c", "kill -9 $$"], 137), (["/no/such/command"], 127)],
)
def test_the_exit_code_is_the_commands(tmp_path: Path, command: list[str], code: int) -> None:
    assert start(tmp_path, *wrapped(*command)).wait(20) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_command_once(tmp_path: Path, number: signal.Signals) -> None:
    script = f"trap 'echo got >> told; sleep 0.3; exit 9' {number.name[3:]}; touch ready; while :; do sleep 0.05; done"
    job = start(tmp_path, *wrapped("bash", "-c", script))
    until((tmp_path / "ready").exists)
    job.send_signal(number)
    assert job.wait(20) == 9
    assert (tmp_path / "told").read_text() == "got\n"


def test_nothing_outlives_a_killed_wrapper(tmp_path: Path, tree: Path) -> None:
    job = start(tmp_path, *wrapped(sys.executable, str(tree), "ready"))
    until((tmp_path / "ready").exists)
    job.kill()
    until(lambda: not running(tree))


def test_nothing_outlives_a_killed_shell(tmp_path: Path, tree: Path) -> None:
    shell = start(tmp_path, "bash", "-c", '"$@"; exit $?', "rule", *wrapped(sys.executable, str(tree), "ready"))
    until((tmp_path / "ready").exists)
    shell.kill()
    until(lambda: not running(tree))


def test_children_that_a_command_leaves_are_ended(tmp_path: Path, tree: Path) -> None:
    job = start(tmp_path, *wrapped("bash", "-c", f"{sys.executable} {tree} ready & until test -e ready; do :; done"))
    assert job.wait(20) == 0
    until(lambda: not running(tree))


def test_waiting_for_the_wrapper_is_short() -> None:
    """Every job waits for it: what it imports is bounded."""
    listed = subprocess.run(
        [sys.executable, "-c", "import sys, umui.jobs.__main__; print(*sys.modules)"],
        env=os.environ | {"PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not {"pydantic", "pyarrow", "numpy", "fsspec", "botocore"} & set(listed.stdout.split())


def test_nothing_outlives_a_killed_snakemake(tmp_path: Path, tree: Path) -> None:
    """Its shells live on, so that the wrapper must look further up."""
    shell = f"{' '.join(wrapped(sys.executable, str(tree), 'ready'))}; exit $?"
    snakemake = "import os, subprocess, sys; os.environ['UMUI_SNAKEMAKE_PID'] = str(os.getpid()); "
    snakemake += "subprocess.run(['bash', '-c', sys.argv[1]])"
    killed = start(tmp_path, sys.executable, "-c", snakemake, shell)
    until((tmp_path / "ready").exists)
    killed.kill()
    until(lambda: not running(tree))
    assert killed.stderr is not None
    assert "the Snakemake or the shell of this job is gone" in killed.stderr.read()
    assert not list(tmp_path.glob(".result.lease*"))


def test_a_second_job_on_the_same_output_waits(tmp_path: Path) -> None:
    script = "echo $1 starts >> told; touch ready; sleep 2; echo $1 ends >> told"
    jobs = [start(tmp_path, *wrapped("bash", "-c", script, "rule", "one"))]
    until((tmp_path / "ready").exists)
    jobs.append(start(tmp_path, *wrapped("bash", "-c", script, "rule", "two")))
    said = [job.communicate(timeout=30)[1] for job in jobs]
    assert (tmp_path / "told").read_text().split() == ["one", "starts", "one", "ends", "two", "starts", "two", "ends"]
    assert f"being written by process {jobs[0].pid}" in said[1]
