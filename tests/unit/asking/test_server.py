"""A server of ours shows models what is there, and never outlives the job that started it."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from umui.asking.server import SUPERVISOR, flags, parallelism, serving
from umui.asking.usage import counts
from umui.config.judges import Server
from umui.config.models import Media

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
SETTINGS = Server.model_validate(CONFIG["teachers"]["tiny-teacher"]["server"] | {"start_timeout_s": 20})
MEDIA = Media.model_validate(CONFIG["media"])
STAND_IN = """#!{python}
import http.server, json, os, pathlib, sys
pathlib.Path("{told}").write_text(json.dumps([sys.argv, os.environ["VLLM_API_KEY"], os.environ["OMP_NUM_THREADS"]]))
{first}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


def stand_in(directory: Path, monkeypatch: pytest.MonkeyPatch, first: str = "") -> Path:
    """Put a stand-in for the vllm command beside a Python that the server's module takes for the running one."""
    (directory / "python").symlink_to(sys.executable)
    told = directory / "told.json"
    (directory / "vllm").write_text(STAND_IN.format(python=sys.executable, told=told, first=first))
    (directory / "vllm").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(directory / "python"))
    return told


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def wait_until_gone(pids: list[int]) -> None:
    for _ in range(200):
        if gone(pids):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {[pid for pid in pids if not gone([pid])]}")


@pytest.mark.parametrize("rate_hz", [6.25, 0.5, 1, 2, 5, 10])
def test_frames_get_whole_positions_in_time(rate_hz: float) -> None:
    line = flags(SETTINGS, MEDIA.model_copy(update={"frame_rate_hz": rate_hz}), ["video"])
    rate = json.loads(line[line.index("--mm-processor-kwargs") + 1])["fps"]
    (seconds,) = struct.unpack("f", struct.pack("f", 2 / rate))  # a pair of frames, in vLLM's single precision
    assert [int(pair * seconds * 25) for pair in range(400)] == [round(pair * 50 / rate_hz) for pair in range(400)]


def test_a_cpu_server_never_splits_a_prompt_since_that_kills_it() -> None:
    line = flags(SETTINGS, MEDIA, ["text"])
    assert "--no-enable-chunked-prefill" in line
    assert int(line[line.index("--max-num-batched-tokens") + 1]) >= SETTINGS.max_model_len
    assert "--no-enable-chunked-prefill" not in flags(
        SETTINGS.model_copy(update={"kv_cache_gib": None}), MEDIA, ["text"]
    )


@pytest.mark.parametrize(
    ("size", "gpus", "copies"),
    [(1, 0, None), (4, 0, None), (1, 1, None), (4, 4, None), (4, 8, "2"), (1, 8, "8")],
)
def test_copies_of_the_model_fill_the_jobs_gpus(size: int, gpus: int, copies: str | None) -> None:
    line = parallelism(SETTINGS.model_copy(update={"tensor_parallel": size}), gpus)
    said = dict(zip(line[::2], line[1::2], strict=True))
    assert said.get("--data-parallel-size") == copies
    assert said.get("--tensor-parallel-size", "1") == str(size)


def test_gpus_that_hold_no_whole_number_of_copies_are_refused() -> None:
    for gpus in (2, 6):
        with pytest.raises(ValueError, match=rf"tensor_parallel: 4 .* {gpus};"):
            parallelism(SETTINGS.model_copy(update={"tensor_parallel": 4}), gpus)


def test_a_server_is_told_its_key_apart_and_is_gone_after_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = stand_in(tmp_path, monkeypatch)
    log = tmp_path / "logs" / "server.log"
    with serving(SETTINGS, MEDIA, ["audio"], "judge", "some/model", "0" * 40, gpus=0, workers=3, log=log) as address:
        assert address.alive()
        arguments, key, threads = json.loads(told.read_text())
        children = [child.pid for child in psutil.Process().children(recursive=True)]
        assert children
    assert (address.key, "3") == (key, threads)
    assert key not in " ".join(arguments)
    assert key not in log.read_text()
    assert arguments[1:6] == ["serve", "some/model", "--served-model-name", "judge", "--revision"]
    assert not address.alive()
    assert gone(children)


def test_a_server_that_ends_while_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, first="raise ValueError('no such model')")
    with (
        pytest.raises(
            ConnectionError, match=r"ended while it started(.|\n)*server\.log(.|\n)*ValueError: no such model"
        ),
        serving(SETTINGS, MEDIA, ["text"], "judge", "m", None, gpus=0, workers=1, log=tmp_path / "server.log"),
    ):
        pass


def test_a_server_that_is_never_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, first="import time; print('loading', flush=True); time.sleep(600)")
    hasty = SETTINGS.model_copy(update={"start_timeout_s": 1})
    with (
        pytest.raises(ConnectionError, match=r"not ready after 1 s \(start_timeout_s\)"),
        serving(hasty, MEDIA, ["text"], "judge", "m", None, gpus=0, workers=1, log=tmp_path / "server.log"),
    ):
        pass
    assert not psutil.Process().children(recursive=True)


def test_nothing_of_a_server_outlives_a_job_that_is_killed(tmp_path: Path) -> None:
    """The command has a child that ignores SIGTERM; both must go when the job is killed without a word."""
    told = tmp_path / "pids"
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    command = (
        "import os, pathlib, subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}]);"
        f"pathlib.Path({str(told)!r}).write_text(f'{{os.getppid()}} {{os.getpid()}} {{child.pid}}.');"
        "time.sleep(600)"
    )
    job = (
        "import subprocess, sys, time;"
        f"subprocess.Popen([sys.executable, {str(SUPERVISOR)!r}, sys.executable, '-c', {command!r}],"
        " stdin=subprocess.PIPE, start_new_session=True); time.sleep(600)"
    )
    running = subprocess.Popen([sys.executable, "-c", job])
    while not (told.exists() and told.read_text().endswith(".")):
        assert running.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)  # until the child ignores SIGTERM
    pids = [int(pid) for pid in told.read_text().removesuffix(".").split()]
    assert not gone(pids[1:])
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    wait_until_gone(pids)


def test_what_a_server_counts_is_summed_over_its_engines() -> None:
    metrics = """# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="a b"} 900.0
vllm:prompt_tokens_total{engine="1",model_name="a b"} 1.1e+02
vllm:prompt_tokens_cached_total{engine="0",model_name="a b"} 640.0
vllm:mm_cache_hits_created{engine="0"} 1.7e+09
"""
    assert counts(metrics) == {
        "prompt_tokens": 1010, "prompt_tokens_cached": 640, "completion_tokens": 0, "media": 0, "media_cached": 0,
    }  # fmt: skip
