"""A lease on a job's outputs, so that no two jobs write them together, be they of one machine or of a cluster.

The lease is a small file beside the first output that tells who holds it; its holder touches it every few seconds.
It is made by linking, broken by renaming: of any number of processes on a shared file system one succeeds.

Whether a holder is gone is seen in two ways.  On its own machine its process is looked at: it is broken at once when
that is gone, and never while it lives.  From other machines only the heartbeat is seen: the lease is stale when
`STALE_S` seconds of the watcher's own clock have passed without one, whatever the clocks of the machines show.  What
stands in its place and cannot be read, such as a file that a lost machine left empty, is a stranger's: only its
heartbeat tells.
"""

import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from threading import Event, Thread
from typing import Any, get_type_hints

from umui.files.regular import read_regular
from umui.processes.say import say

HEARTBEAT_S = 5.0
STALE_S = 90.0  # NFS may show a touch a minute late
POLL_S = 0.5
TOLD_EVERY_S = 60.0
MOST_BYTES = 65536  # of a lease
MOST_PID = 2**31
STARTED = 18  # field of /proc/PID/stat after the state


@dataclass(frozen=True)
class Holder:
    """Who holds a lease: a process, known by its id and start on a machine, and what it runs."""

    token: str
    host: str
    boot: str
    pid: int
    started: int
    since: str
    job: str

    def __str__(self) -> str:
        words = f"process {self.pid} on {self.host} (since {self.since}: {self.job})"
        return "".join(letter if letter.isprintable() else "?" for letter in words)

    def is_gone(self) -> bool | None:
        """Say whether the process is gone; None for one on another machine, or in another container."""
        if (self.host, self.boot) != _machine():
            return None
        return _started(self.pid) != self.started


@dataclass(frozen=True)
class Stranger:
    """Who holds a lease that cannot be read: the file's number, and its fault in words."""

    inode: int
    fault: str

    def __str__(self) -> str:
        return f"someone unknown, for the lease cannot be read ({self.fault})"

    def is_gone(self) -> None:
        """Return None: nobody can tell."""


def lease_path(outputs: Sequence[Path]) -> Path:
    """Return where the lease on a job's outputs is; each output belongs to one job, so one file stands for all."""
    first = min(outputs)
    return first.with_name(f".{first.name}.lease")


@contextmanager
def leased(outputs: Sequence[Path], job: str, lost: Callable[[], None]) -> Iterator[None]:
    """Hold the lease on `outputs` while the block runs; wait, and say for whom, while another process holds it.

    `job` says in words what runs.  `lost` is called from another thread when the lease turns out to be another's:
    this process must have been silent for longer than `STALE_S`, and has to stop writing.
    """
    path = lease_path(outputs)
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = _holder(job)
    _acquire(path, mine)
    ended = Event()
    beating = Thread(target=_beat, args=(path, mine, ended, lost), daemon=True)
    beating.start()
    try:
        _remove_parts(outputs)
        yield
    finally:
        ended.set()
        beating.join()
        if _read(path) == mine:
            path.unlink()


def _holder(job: str) -> Holder:
    started = _started(os.getpid())
    assert started is not None
    since = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return Holder(secrets.token_hex(8), *_machine(), os.getpid(), started, since, job)


def _machine() -> tuple[str, str]:
    """Return the host's name, and what tells apart its boots and the containers on it that number processes anew."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return socket.gethostname(), f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"


def _started(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the boot; None when it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(fields[STARTED])


def _acquire(path: Path, mine: Holder) -> None:
    """Make the lease `mine`, after whoever holds it is done or gone."""
    draft = path.with_name(f"{path.name}.{mine.token}")
    while True:
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(json.dumps(asdict(mine)))
                file.flush()
                os.fsync(file.fileno())  # a machine that loses power must not leave an empty lease
            os.link(draft, path)
            return
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
        _wait(path)


def _wait(path: Path) -> None:
    """Return when the lease at `path` has ended: it was given back, or its holder is gone and it was broken."""
    told_s, seen_s, beat = -TOLD_EVERY_S, time.monotonic(), _beat_of(path)
    while (holder := _read(path)) is not None:
        now_s, latest = time.monotonic(), _beat_of(path)
        if latest != beat:
            seen_s, beat = now_s, latest
        gone = holder.is_gone()
        if gone:
            return _break(path, holder, "that process is gone")
        if gone is None and now_s - seen_s > STALE_S:
            return _break(path, holder, f"which has not been heard of for {STALE_S:g} s")
        if now_s - told_s >= TOLD_EVERY_S:
            told_s = now_s
            say(f"{path}: the outputs are being written by {holder}; waiting until it is done", of="lease")
        time.sleep(POLL_S)


def _break(path: Path, stale: Holder | Stranger, why: str) -> None:
    """Remove the lease of `stale`; a renamed file shows whether it still was that one."""
    grave = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with suppress(FileNotFoundError):
        path.rename(grave)
        if _read(grave) == stale:
            say(f"{path}: broke the lease of {stale}, {why}", of="lease")
        else:  # someone else broke it first, and has it now
            with suppress(FileExistsError):
                os.link(grave, path)
        if grave.is_dir() and not grave.is_symlink():
            say(f"{grave}: a directory stood in the lease's place; kept there, delete it", of="lease")
        else:
            grave.unlink()


def _beat(path: Path, mine: Holder, ended: Event, lost: Callable[[], None]) -> None:
    """Touch the lease until the job has ended, or the lease is another's."""
    missing = 0
    while not ended.wait(HEARTBEAT_S):
        holder = _read(path)
        missing = 0 if holder == mine else missing + 1  # for a moment, it may be in the hands of `_break`
        if missing > 1 or (isinstance(holder, Holder) and holder != mine):
            say(
                f"{path}: the lease was lost to {holder or 'someone who deleted it'}; this job stops writing",
                of="lease",
            )
            return lost()
        with suppress(OSError):  # a file system that fails for a moment ends no heartbeat
            os.utime(path, follow_symlinks=False)


def _read(path: Path) -> Holder | Stranger | None:
    """Return who holds the lease; None when there is none."""
    try:
        inode = path.lstat().st_ino
    except FileNotFoundError:
        return None
    try:
        return _holder_of(json.loads(read_regular(path, MOST_BYTES, follow=False)))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Stranger(inode, error.strerror or "it is out of reach")
    except (ValueError, TypeError, RecursionError) as error:
        fault = str(error) if type(error) is ValueError else "it is not what this program writes"
        return Stranger(inode, fault)


def _holder_of(said: Any) -> Holder:
    """Return the holder that a lease names.  Raises TypeError or ValueError when it names none."""
    holder = Holder(**said)
    for name, kind in get_type_hints(Holder).items():
        if type(getattr(holder, name)) is not kind:
            raise TypeError(name)
    if not (0 < holder.pid < MOST_PID and holder.started >= 0):
        raise ValueError("it names no process")
    return holder


def _beat_of(path: Path) -> int | None:
    try:
        return path.lstat().st_mtime_ns
    except FileNotFoundError:
        return None


def _remove_parts(outputs: Sequence[Path]) -> None:
    """Remove what a killed job left of files half written; the lease says that nobody is writing them."""
    for output in outputs:
        for part in output.parent.glob(f".{escape(output.name)}.*.part"):
            say(f"{part}: removed; a killed job left it half written", of="lease")
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()
