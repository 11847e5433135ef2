"""Jobs on one machine get GPUs that no other job has; fake ones, since only their names are dealt out."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from umui.jobs.devices import own_gpus

PACKAGE = Path(__file__).parents[3] / "workflow"
HOLD = """
import pathlib, sys, time
from umui.jobs.devices import own_gpus
with own_gpus(int(sys.argv[1])) as gpus:
    print(gpus.variables.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with three GPUs, outside SLURM."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-5f")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)


def hold(gpus: int) -> subprocess.Popen[str]:
    """Start a job that keeps its GPUs until its standard input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(gpus)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def told(job: subprocess.Popen[str]) -> set[str]:
    assert job.stdout is not None
    return set(job.stdout.readline().strip().split(","))


@pytest.mark.usefixtures("machine")
def test_jobs_side_by_side_have_no_gpu_in_common_and_the_third_waits() -> None:
    first, second = hold(1), hold(2)
    devices = told(first), told(second)
    assert devices[0] | devices[1] == {"0", "1", "GPU-5f"}
    assert len(devices[0]) == 1
    third = hold(1)
    assert third.stderr is not None
    assert "waiting for 1 of the GPUs 0,1,GPU-5f" in third.stderr.readline()
    first.communicate("")
    assert told(third) == devices[0]
    for job in (second, third):
        job.communicate("")


@pytest.mark.usefixtures("machine")
def test_a_killed_jobs_gpus_are_free_again() -> None:
    holder = hold(3)
    told(holder)
    waiting = hold(3)
    assert waiting.stderr is not None
    waiting.stderr.readline()
    holder.send_signal(signal.SIGKILL)
    assert told(waiting) == {"0", "1", "GPU-5f"}
    holder.communicate()
    waiting.communicate("")


@pytest.mark.usefixtures("machine")
def test_a_job_of_many_gpus_is_not_overtaken_by_small_ones() -> None:
    small = [hold(1) for _ in range(3)]
    for job in small:
        told(job)
    large = hold(3)
    assert large.stderr is not None
    large.stderr.readline()
    late = hold(1)
    assert late.stderr is not None
    assert "waiting behind another job" in late.stderr.readline()
    for job in small:
        job.communicate("")
    assert len(told(large)) == 3
    large.communicate("")
    assert len(told(late)) == 1
    late.communicate("")


@pytest.mark.usefixtures("machine")
def test_many_jobs_at_once_all_get_their_turn() -> None:
    jobs = [hold(1 + number % 3) for number in range(9)]
    for job in jobs:
        assert job.stdin is not None
        job.stdin.close()
    assert [len(told(job)) for job in jobs] == [1 + number % 3 for number in range(9)]
    for job in jobs:
        job.wait(20)


@pytest.mark.usefixtures("machine")
def test_a_gpu_stays_leased_until_what_a_killed_wrapper_ran_has_ended(tmp_path: Path) -> None:
    """The command ignores SIGTERM, so that it outlives the wrapper for the supervisor's grace."""
    script = "trap '' TERM; echo $CUDA_VISIBLE_DEVICES > devices; touch ready; while :; do sleep 0.1; done"
    given = ["--code", "c", "--environment", "e", "--outputs", "result", "--gpus", "3", "--"]
    job = subprocess.Popen([sys.executable, "-m", "umui.jobs", *given, "bash", "-c", script], cwd=tmp_path)
    while not (tmp_path / "ready").exists():
        assert job.poll() is None
        time.sleep(0.05)
    assert (tmp_path / "devices").read_text() == "0,1,GPU-5f\n"
    killed_at = time.monotonic()
    job.kill()
    job.wait()
    with own_gpus(3):
        assert time.monotonic() - killed_at > 5


@pytest.mark.usefixtures("machine")
def test_more_gpus_than_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"needs 4 GPUs, there are 3 .*--set-resources"), own_gpus(4):
        pass


@pytest.mark.usefixtures("machine")
def test_slurm_and_jobs_without_gpus_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with own_gpus(0) as gpus:
        assert gpus.variables == {}
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with own_gpus(99) as gpus:
        assert gpus.variables == {}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,GPU-5f"


@pytest.mark.usefixtures("machine")
def test_a_gpu_that_is_named_twice_is_still_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,0")
    with pytest.raises(ValueError, match="needs 2 GPUs, there are 1"), own_gpus(2):
        pass


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_locks_are_not_kept_where_others_may_write(mode: int, tmp_path: Path) -> None:
    directory = tmp_path / f"umui-gpus-{os.getuid()}"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(ValueError, match=rf"umui-gpus-.* with the mode {mode:o}.*; delete it, or name"), own_gpus(1):
        pass
    assert list(directory.iterdir()) == []


@pytest.mark.usefixtures("machine")
def test_a_directory_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "umui-gpus-4711").mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    with pytest.raises(ValueError, match=r"umui-gpus-4711: of user \d+ with the mode 700"), own_gpus(1):
        pass


@pytest.mark.usefixtures("machine")
def test_links_among_the_locks_are_not_followed(tmp_path: Path) -> None:
    own = tmp_path / f"umui-gpus-{os.getuid()}"
    own.mkdir(mode=0o700)
    (own / "gate").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="gate"), own_gpus(1):
        pass
    assert not (tmp_path / "victim").exists()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_directory_of_locks_is_no_link_and_no_file(kind: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    own = tmp_path / f"umui-gpus-{os.getuid()}"
    own.symlink_to("elsewhere") if kind == "link" else own.touch()
    with pytest.raises(ValueError, match=r"umui-gpus-.*: no directory"), own_gpus(1):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []
