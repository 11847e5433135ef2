"""A worker that dies, is late or lacks memory is replaced, and none outlives whoever asks."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from umui.processes.worker import PACKAGES, DiedError, LateError, StartError, Workers

WORKER = """
import os, signal, sys, time
from umui.processes.worker import questions, say
waiting = questions()
while True:
    question = waiting.get()
    if question.get("late"):
        time.sleep(60)
    if question.get("signal"):
        os.kill(os.getpid(), question["signal"])
    if question.get("memory"):
        try:
            bytearray(question["memory"])
        except MemoryError:
            say({"spent": True})
            continue
    say({"pid": os.getpid()})
"""


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workers:
    (tmp_path / "answering.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Workers("answering", 1_000_000_000)


def test_a_worker_is_kept_and_one_that_fails_is_replaced(workers: Workers) -> None:
    first = workers.ask({}, 30)["pid"]
    assert workers.ask({}, 30)["pid"] == first
    with pytest.raises(LateError):
        workers.ask({"late": True}, 0.1)
    second = workers.ask({}, 30)["pid"]
    assert second != first
    with pytest.raises(DiedError, match="SIGSEGV"):
        workers.ask({"signal": 11}, 30)
    assert workers.ask({"memory": 2_000_000_000}, 30) == {"spent": True}
    assert workers.ask({}, 30)["pid"] not in (first, second)
    workers.end()


def test_a_worker_that_something_else_killed_is_asked_again(workers: Workers) -> None:
    first = workers.ask({}, 30)["pid"]
    os.kill(first, 9)
    assert workers.ask({}, 30)["pid"] != first
    with pytest.raises(DiedError, match="SIGKILL"):
        workers.ask({"signal": 9}, 30)
    workers.end()


def test_a_worker_that_cannot_start_is_no_fault_of_what_it_is_asked() -> None:
    with pytest.raises(StartError, match="python -m nowhere: not ready"):
        Workers("nowhere", 1_000_000_000).ask({}, 30)


def test_a_worker_ends_with_whoever_asks(tmp_path: Path) -> None:
    (tmp_path / "answering.py").write_text(WORKER)
    code = (
        "import os; from umui.processes.worker import Worker; w = Worker('answering', 10**9); "
        "print(w.ask({}, 30)['pid'], flush=True); "
        "w._process.stdin.write(b'{\"late\": true}\\n'); os.kill(os.getpid(), 9)"
    )
    paths = os.pathsep.join([str(PACKAGES), str(tmp_path)])
    said = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE)
    pid = int(said.stdout)
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the worker lives on")
