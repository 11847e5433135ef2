"""Start the vLLM server that a job needs, on the loopback interface, and end it with the job however the job ends."""

import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from umui.config.judges import Server
from umui.config.models import Media
from umui.evidence.shown import HEARS, SEES, stated_rate_hz
from umui.processes.say import say
from umui.tables import Modality

HOST = "127.0.0.1"
SUPERVISOR = Path(__file__).parents[1] / "processes" / "supervisor.py"
STOP_TIMEOUT_S = 15.0
PROGRESS_EVERY_S = 10.0
TAIL_LINES = 10
NO_KEYS = frozenset({"none", "EMPTY"})  # what is sent where there is no key
SHORTEST_KEY = 4  # a shorter one is no secret, and would be struck out of words and numbers
PROMPTS_A_STEP = 4  # on a CPU: the longest prompts that are read at a time; of shorter ones more
_ERROR = re.compile(r"(?:^|\] )(?:[\w.]*(?:Error|Exception)|vllm: error): ")


@dataclass(frozen=True)
class Address:
    """Where a server listens, and whether it is `ours`; of one that is not, we cannot see whether it is `alive`."""

    url: str
    key: str
    model: str
    ours: bool
    alive: Callable[[], bool] = lambda: True

    @property
    def shown_url(self) -> str:
        """The url without a name and a password, which nobody else should read."""
        return re.sub(r"(?<=://)[^/?#]*@", "", self.url)

    def without_key(self, text: str) -> str:
        """Return `text` without the key, also as JSON and addresses write it; a server may say it back."""
        if self.key in NO_KEYS or len(self.key) < SHORTEST_KEY:
            return text
        forms = {self.key, json.dumps(self.key)[1:-1], quote(self.key, safe=""), quote(self.key)}
        return re.sub("|".join(map(re.escape, sorted(forms, key=len, reverse=True))), "[key]", text)


@contextmanager
def serving(
    settings: Server,
    media: Media,
    modalities: Iterable[Modality],
    name: str,
    model: str,
    revision: str | None,
    gpus: int,
    workers: int,
    log: Path,
) -> Iterator[Address]:
    """Serve `model` under `name` until the block ends; the server's output is appended to `log`.

    The key goes by the environment, since every user of the machine can read a command's arguments.
    Raises ConnectionError with the end of the log when the server does not come up.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    key = secrets.token_urlsafe(32)
    command = [*_command(name, model, revision), "--host", HOST, "--port", str(port)]
    command += [*flags(settings, media, modalities), *parallelism(settings, gpus)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(command)}\n".encode())
        output.flush()
        start = output.tell()
        process = subprocess.Popen(
            [sys.executable, str(SUPERVISOR), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=_environment(settings, model, key, workers),
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, port, settings.start_timeout_s, log, start)
            yield Address(f"http://{HOST}:{port}/v1", key, name, ours=True, alive=lambda: process.poll() is None)
        finally:
            _stop(process)


def flags(settings: Server, media: Media, modalities: Iterable[Modality]) -> list[str]:
    """Return the arguments of ``vllm serve`` that decide what the model gets to see, and how it is run.

    Frames come resized and at the evidence's frame rate.  Left alone, vLLM would keep the first 32 frames of a list,
    take them as one a second, and enlarge small ones; so the rate is stated and no limit binds.  The limit of pixels
    holds for a frame in some model families and for all frames of a video in others; a video beyond
    `max_model_len` tokens, each of at most 2 frames x 32 x 32 pixels, cannot be asked about anyway.  Sound would be cut
    in silence at the length that the model's processor is made for.
    The model's own generation settings, such as a top-k, are left out: only the configured sampling counts.
    """
    seen = any(modality in SEES for modality in modalities)
    heard = any(modality in HEARS for modality in modalities)
    arguments: dict[str, Any] = {
        "--dtype": settings.dtype,
        "--max-model-len": settings.max_model_len,
        "--max-num-seqs": settings.max_num_seqs,
        "--block-size": settings.block_size,
        "--generation-config": "vllm",
        "--limit-mm-per-prompt": {"image": 0, "video": int(seen), "audio": int(heard)},
    }
    processing: dict[str, Any] = {}
    if seen:
        size = {"shortest_edge": 28 * 28, "longest_edge": settings.max_model_len * 2 * 32 * 32}
        processing |= {"size": size, "fps": stated_rate_hz(media.frame_rate_hz)}
        arguments["--media-io-kwargs"] = {"video": {"num_frames": -1, "fps": media.frame_rate_hz}}
    if heard:
        processing["audio_kwargs"] = {"truncation": False}
    if processing:
        arguments["--mm-processor-kwargs"] = processing
    line = [
        part
        for flag, value in arguments.items()
        for part in (flag, json.dumps(value) if isinstance(value, dict) else str(value))
    ]
    if _on_cpu(settings):
        # A prompt must not be split over steps: vLLM then rewinds the seeded generator, which a CPU's cannot, and dies.
        budget = str(PROMPTS_A_STEP * settings.max_model_len)
        line += ["--enforce-eager", "--no-enable-chunked-prefill", "--max-num-batched-tokens", budget]
    return [*line, "--disable-uvicorn-access-log", *settings.arguments]


def parallelism(settings: Server, gpus: int) -> list[str]:
    """Return the arguments of ``vllm serve`` that spread copies of the model over the job's `gpus`.

    A job without GPUs of its own gets one copy, on whatever is there.
    Raises ValueError when the GPUs are not a whole number of copies.
    """
    size = settings.tensor_parallel
    if gpus % size:
        raise ValueError(f"server.tensor_parallel: {size} GPUs a copy do not divide the job's {gpus}; change either")
    copies = gpus // size
    line = ["--tensor-parallel-size", str(size)] if size > 1 else []
    return [*line, "--data-parallel-size", str(copies)] if copies > 1 else line


def _command(name: str, model: str, revision: str | None) -> list[str]:
    vllm = Path(sys.executable).parent / "vllm"
    if not vllm.exists():
        raise FileNotFoundError(f"{vllm}: no vLLM beside the running Python; run this in the teacher's environment")
    return [str(vllm), "serve", model, "--served-model-name", name, *(["--revision", revision] if revision else [])]


def _on_cpu(settings: Server) -> bool:
    return settings.kv_cache_gib is not None


def _environment(settings: Server, model: str, key: str, workers: int) -> dict[str, str]:
    environment = {**os.environ, "VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    if Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    if _on_cpu(settings):
        environment |= {
            "VLLM_CPU_KVCACHE_SPACE": f"{settings.kv_cache_gib:g}",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else jobs side by side would share the first cores
            "OMP_NUM_THREADS": str(workers),
        }
    return environment


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, timeout_s: float, log: Path, start: int) -> None:
    began = time.monotonic()
    told = began
    while not _healthy(port):
        now = time.monotonic()
        if process.poll() is not None:
            raise ConnectionError(f"the server ended while it started{_tail(log, start)}")
        if now - began > timeout_s:
            raise ConnectionError(
                f"the server was not ready after {timeout_s:g} s (start_timeout_s){_tail(log, start)}"
            )
        if now - told >= PROGRESS_EVERY_S:
            told = now
            say(f"starting for {now - began:.0f} s of at most {timeout_s:g} s", of="server")
        time.sleep(0.3)
    say(f"ready after {time.monotonic() - began:.0f} s; its log: {log}", of="server")


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)  # which, unlike urllib, ignores proxy variables
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path, start: int) -> str:
    """Tell the first error and the last lines of the log since `start`; vLLM's last error seldom names the cause."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").rstrip().splitlines()
    errors = [line for line in lines if _ERROR.search(line)][:1]
    said = "\n".join(f"  | {line}" for line in [*errors, "...", *lines[-TAIL_LINES:]])
    return (
        f"; the first error and the end of {log}:\n{said}\n"
        "too little memory: lower max_model_len, max_num_seqs or kv_cache_gib; votes that were given are kept"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let go of the supervisor, which ends the server; then see to it that nothing of the group is left."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
