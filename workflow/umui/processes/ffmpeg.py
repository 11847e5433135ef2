"""Find the ffmpeg binary and run it: no shell, limits on time, memory and written bytes, its messages kept short."""

import errno
import os
import re
import resource
import select
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache

import imageio_ffmpeg

from umui.processes.worker import limit

MESSAGE_BYTES = 2000
# Exit codes of an ffmpeg that was told to stop, that was killed, as by a system without memory, or that could not write
# (AVERROR(ENOSPC) and AVERROR(EDQUOT) as exit codes).
NOT_THE_FILE = {
    255: "ended by SIGTERM or SIGINT",
    -signal.SIGHUP: "ended by SIGHUP",
    -signal.SIGKILL: "ended by SIGKILL",
    256 - errno.ENOSPC: "no space left on device",
    256 - errno.EDQUOT: "disk quota exceeded",
}
ADDRESS = re.compile(r" @ 0x[0-9a-f]+")  # in memory, another one each time
NO_MEMORY = re.compile(r"allocate memory|Resource temporarily unavailable|get_buffer\(\) failed")


class FfmpegError(ValueError):
    """ffmpeg could not be started, or failed where it must not."""


@dataclass(frozen=True)
class Outcome:
    """How ffmpeg ended: its exit code, or null when its time ran out, and the beginning of what it complained of."""

    exit_code: int | None
    messages: str

    @property
    def lacked_memory(self) -> bool:
        """Say whether it failed and complained of too little memory."""
        return self.exit_code != 0 and NO_MEMORY.search(self.messages) is not None


def binary(path: str | None = None) -> str:
    """Return `path`, or that of the ffmpeg from the imageio-ffmpeg wheel."""
    found: str = path or imageio_ffmpeg.get_ffmpeg_exe()
    return found


@cache
def version(program: str) -> str:
    """Return the version that an ffmpeg binary says it has, such as ``n9.0.2``.

    Raises FfmpegError when the binary does not run.
    """
    try:
        said = subprocess.run([program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise FfmpegError(f"media.ffmpeg: {program!r} does not run ({error}); give the path of an ffmpeg") from error
    return said.stdout.decode().split()[2]


def command(program: str) -> list[str]:
    """Return the beginning of every command line: no terminal, errors only, filters in one thread."""
    return [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-filter_complex_threads", "1"]


def run(
    arguments: list[str],
    given: bytes = b"",
    timeout_s: float | None = None,
    max_file_bytes: int | None = None,
    max_memory_bytes: int | None = None,
) -> Outcome:
    """Run a command line with `given` on its standard input, in a process group of its own.

    At `timeout_s` the whole group is killed.  No file that it writes grows beyond `max_file_bytes`, and each of its
    processes has at most `max_memory_bytes` of addresses (Linux).
    Raises FfmpegError when someone else ended it or the disk is full: that must not be taken for a fault of the file.
    """
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as words:
        words.write(given)
        words.seek(0)
        process = subprocess.Popen(
            arguments, stdin=words, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
        in_time = False
        try:
            for kind, most in ((resource.RLIMIT_FSIZE, max_file_bytes), (resource.RLIMIT_AS, max_memory_bytes)):
                if most is not None:
                    limit(process.pid, kind, most)
            in_time = _ends(process.pid, timeout_s)
        finally:
            if not in_time:
                os.killpg(process.pid, signal.SIGKILL)
            exit_code = process.wait()
        log.seek(0)
        messages = log.read(MESSAGE_BYTES).decode(errors="replace").strip()
    if not in_time:
        return Outcome(None, ADDRESS.sub("", messages))
    if exit_code in NOT_THE_FILE:
        raise FfmpegError(
            f"{shlex.join(arguments)}: {NOT_THE_FILE[exit_code]}, which is no fault of the file; free memory, or space "
            f"in the results and in {tempfile.gettempdir()}, and run again; finished work is kept"
        )
    return Outcome(exit_code, ADDRESS.sub("", messages))


def _ends(pid: int, timeout_s: float | None) -> bool:
    """Say whether a child ends in time.

    The kernel tells when it does: subprocess looks every 50 ms where time is limited, as long as a short file takes.
    """
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else 1000 * timeout_s))
    finally:
        os.close(descriptor)
