"""A lease: one job at a time writes an output, and a dead holder stops nobody."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hostile.leases import Damage, damages

from umui.jobs import lease
from umui.jobs.lease import Holder, lease_path, leased

HOLDING = """
import pathlib, sys, time
from umui.jobs.lease import leased
output, job, seconds = sys.argv[1:]
with leased([pathlib.Path(output)], job, lost=lambda: None):
    print("held", time.time(), flush=True)
    time.sleep(float(seconds))
    print("done", time.time(), flush=True)
"""


def hold(output: Path, job: str, seconds: float) -> subprocess.Popen[str]:
    """Start a process that holds the lease on `output` for some time, and says when."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(output), job, str(seconds)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "votes" / "0.parquet"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HEARTBEAT_S": 0.05, "STALE_S": 0.6, "POLL_S": 0.02, "TOLD_EVERY_S": 0.2}.items():
        monkeypatch.setattr(lease, name, value)


@pytest.fixture
def elsewhere(output: Path) -> Iterator[Holder]:
    """A lease that a process on another machine holds."""
    holder = Holder("token", "node7", "boot", 4711, 1, "2026-01-01 12:00:00 UTC", "ask teacher 0")
    output.parent.mkdir()
    lease_path([output]).write_text(json.dumps(asdict(holder)))
    return holder


def told(text: str) -> list[float]:
    return [float(line.split()[1]) for line in text.splitlines()]


def test_a_second_job_waits_for_the_first_and_says_for_whom(output: Path) -> None:
    first = hold(output, "ask teacher 0", 2)
    assert first.stdout is not None
    held = first.stdout.readline()
    second = hold(output, "ask teacher 0 again", 0)
    first_out, _ = first.communicate(timeout=60)
    second_out, second_said = second.communicate(timeout=60)
    (_, first_done), (second_held, _) = told(held + first_out), told(second_out)
    assert second_held >= first_done
    assert f"being written by process {first.pid} on {socket.gethostname()} (since 20" in second_said
    assert "ask teacher 0); waiting" in second_said
    assert not list(output.parent.iterdir())


def test_of_many_at_once_one_writes_at_a_time(output: Path) -> None:
    spans = []
    for process in [hold(output, "job", 0.2) for _ in range(6)]:
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        spans.append(told(out))
    spans.sort()
    assert all(done <= held for (_, done), (held, _) in itertools.pairwise(spans))


def test_a_killed_holder_on_this_machine_is_replaced_at_once(output: Path) -> None:
    first = hold(output, "ask teacher 0", 600)
    assert first.stdout is not None
    first.stdout.readline()
    first.send_signal(signal.SIGKILL)
    first.wait()
    began = time.monotonic()
    _, said = hold(output, "next", 0).communicate(timeout=60)
    assert time.monotonic() - began < lease.STALE_S / 4
    assert f"broke the lease of process {first.pid} on" in said
    assert "that process is gone" in said


def test_a_stopped_holder_on_this_machine_is_waited_for(output: Path, quick: None) -> None:
    """It may go on at any time; only other machines' processes are judged by their heartbeat."""
    first = hold(output, "job", 600)
    assert first.stdout is not None
    first.stdout.readline()
    first.send_signal(signal.SIGSTOP)
    waiting = threading.Thread(target=lambda: _hold_once(output), daemon=True)
    waiting.start()
    time.sleep(3 * lease.STALE_S)
    assert waiting.is_alive()
    first.kill()
    first.wait()
    waiting.join(10)
    assert not waiting.is_alive()


def test_another_process_under_the_old_number_is_not_the_holder(output: Path, quick: None) -> None:
    output.parent.mkdir()
    machine = lease._machine()
    old = Holder("token", *machine, pid=os.getpid(), started=1, since="then", job="job")
    lease_path([output]).write_text(json.dumps(asdict(old)))
    _hold_once(output)


def test_a_holder_elsewhere_is_replaced_after_its_heartbeat_has_stopped(
    output: Path, elsewhere: Holder, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    _hold_once(output)
    assert time.monotonic() - began > lease.STALE_S
    said = capsys.readouterr().err
    assert "being written by process 4711 on node7 (since 2026-01-01 12:00:00 UTC: ask teacher 0)" in said
    assert "broke the lease of process 4711 on node7" in said
    assert "not been heard of for 0.6 s" in said


def test_a_holder_elsewhere_with_a_heartbeat_is_waited_for_whatever_its_clock(
    output: Path, elsewhere: Holder, quick: None
) -> None:
    waiting = threading.Thread(target=lambda: _hold_once(output), daemon=True)
    waiting.start()
    for beat in range(20):
        os.utime(lease_path([output]), (beat, beat))  # a clock that stands in 1970
        time.sleep(0.1)
    assert waiting.is_alive()
    lease_path([output]).unlink()
    waiting.join(10)
    assert not waiting.is_alive()


def test_who_has_lost_the_lease_is_told_and_leaves_the_others_alone(
    output: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = threading.Event()
    with leased([output], "job", lost.set):
        path = lease_path([output])
        mine = Holder(**json.loads(path.read_text()))
        path.write_text(json.dumps(asdict(replace(mine, token="another", host="node8"))))
        assert lost.wait(10)
    assert "was lost to process" in capsys.readouterr().err
    assert path.exists()


def test_breaking_gives_back_what_another_has_taken_since(output: Path, elsewhere: Holder) -> None:
    """Two see a stale lease; the slower one must not break the lease that the quicker one took."""
    path = lease_path([output])
    path.write_text(json.dumps(asdict(replace(elsewhere, token="quicker"))))
    lease._break(path, elsewhere, "it is stale")
    assert json.loads(path.read_text())["token"] == "quicker"
    assert [file.name for file in output.parent.iterdir()] == [path.name]


def test_what_a_killed_job_left_half_written_is_removed(output: Path) -> None:
    output.parent.mkdir()
    (output.parent / ".0.parquet.abc.part").write_bytes(b"half")
    (output.parent / ".student.xyz.part").mkdir()
    (output.parent / ".student.xyz.part" / "weights").write_bytes(b"half")
    (output.parent / ".1.parquet.abc.part").write_bytes(b"another job's")
    with leased([output, output.parent / "student"], "job", lambda: None):
        left = {path.name for path in output.parent.iterdir()}
    assert left == {".1.parquet.abc.part", lease_path([output]).name}


WHOLE = asdict(Holder("token", "node7", "boot", 4711, 1, "2026-01-01 12:00:00 UTC", "ask teacher 0"))


@pytest.mark.parametrize("damage", [pytest.param(damage, id=name) for name, damage in damages(WHOLE, seed=0).items()])
def test_an_unreadable_lease_is_a_strangers_and_stale_without_a_heartbeat(
    damage: Damage, output: Path, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lease, "STALE_S", 0.15)
    output.parent.mkdir()
    path = lease_path([output])
    damage(path)
    began = time.monotonic()
    _hold_once(output)
    assert time.monotonic() - began > lease.STALE_S
    said = capsys.readouterr().err
    assert f"{path}: the outputs are being written by someone unknown, for the lease cannot be read" in said
    assert f"{path}: broke the lease of someone unknown" in said
    assert not path.exists()
    assert not path.is_symlink()


def test_an_unreadable_lease_with_a_heartbeat_is_waited_for(output: Path, quick: None) -> None:
    output.parent.mkdir()
    path = lease_path([output])
    path.touch()
    waiting = threading.Thread(target=lambda: _hold_once(output), daemon=True)
    waiting.start()
    for beat in range(20):
        os.utime(path, (beat, beat))
        time.sleep(0.1)
    assert waiting.is_alive()
    path.unlink()
    waiting.join(10)
    assert not waiting.is_alive()


def test_who_finds_the_own_lease_garbled_stops_writing(
    output: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = threading.Event()
    with leased([output], "job", lost.set):
        lease_path([output]).write_bytes(b"")
        assert lost.wait(10)
    assert "the lease was lost to someone unknown" in capsys.readouterr().err


def test_a_lease_is_on_the_disk_before_it_counts(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    with leased([output], "job", lambda: None):
        assert synced == [lease_path([output]).stat().st_ino]


def test_words_of_a_holder_cannot_steer_a_terminal(elsewhere: Holder) -> None:
    assert str(replace(elsewhere, job="\N{ESCAPE}[2J\n")).endswith("?[2J?)")


def test_a_link_in_the_place_of_a_half_written_directory_is_removed_alone(output: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    output.parent.mkdir()
    (output.parent / f".{output.name}.abc.part").symlink_to(tmp_path / "kept")
    _hold_once(output)
    assert list(output.parent.iterdir()) == []
    assert (tmp_path / "kept").is_dir()


def _hold_once(output: Path) -> None:
    with leased([output], "job", lambda: None):
        pass
