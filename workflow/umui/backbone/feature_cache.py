"""Features of the frozen towers on disk: computed once a premise, mapped into memory by all who need them later.

A shard is one premise's file, named by the digest of all that its content depends on, so it never goes stale.  It is
written beside its place and then moved there, and its content is checked when a process first opens it: concurrent
trainings may share a directory, and one that is killed leaves nothing that another would believe.
"""

import hashlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

Tensors = Mapping[str, torch.Tensor]
SUFFIX, UNFINISHED = ".safetensors", ".part"
ABANDONED_S = 3600.0  # after which an unfinished file is what a kill left
MOST_PENDING = 8  # shards that wait to be written
# Others write too: what they wrote is counted anew after each such share of the limit, so that so much more than the
# limit may be kept for each process.
RECOUNTED_SHARE = 1 / 64


class FeatureCache:
    """Shards below a directory, of at most about `limit_bytes` together.

    When it is full, shards that nobody used since this process began make room, the least recently used first; where
    there are none, what is new is not kept.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory, self._limit_bytes = directory, limit_bytes
        self._started = time.time()
        self._checked: set[str] = set()
        self._used_bytes = self._unrecounted_bytes = 0
        self._pending: deque[Future[None]] = deque()
        self._writer = ThreadPoolExecutor(1, "features")
        self._open = limit_bytes > 0
        if self._open:
            self._make_room(0)

    def load(self, key: str) -> dict[str, torch.Tensor] | None:
        """Return a shard's tensors, mapped into memory, or None; a damaged shard is told of and removed."""
        path = self._path(key)
        try:
            with safe_open(path, framework="pt") as shard:
                tensors = {name: shard.get_tensor(name) for name in shard.keys()}  # noqa: SIM118  (no mapping)
                if key not in self._checked and shard.metadata() != _mark(tensors):
                    raise SafetensorError("its content has changed")
            os.utime(path, (time.time(),) * 2)  # the file system's own clock may lag behind
        except FileNotFoundError:
            return None
        except SafetensorError as error:
            print(f"{path}: {error}; these features are computed anew", flush=True)
            path.unlink(missing_ok=True)
            return None
        self._checked.add(key)
        return tensors

    def store(self, key: str, tensors: Tensors) -> bool:
        """Write a shard in the background; return whether there is room for it."""
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if not (self._open and self._make_room(size)):
            return False
        copies = {name: tensor.detach().to("cpu", non_blocking=True) for name, tensor in tensors.items()}
        copied = torch.cuda.Event() if torch.cuda.is_available() else None
        if copied is not None:
            copied.record()
        self._pending.append(self._writer.submit(self._write, key, copies, copied))
        self._wait_for_all_but(MOST_PENDING)
        return True

    def close(self) -> None:
        """Wait until all is written."""
        self._wait_for_all_but(0)

    def _wait_for_all_but(self, count: int) -> None:
        while len(self._pending) > count:
            self._pending.popleft().result()

    def _write(self, key: str, tensors: Tensors, copied: Any) -> None:
        if copied is not None:
            copied.synchronize()  # this thread waits for the copy; the GPU's work goes on
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, suffix=UNFINISHED)
            os.close(handle)
            temporary = Path(name)
            try:
                save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, _mark(tensors))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except (OSError, SafetensorError) as error:  # a full or read-only disk costs time, not the training
            if self._open:
                print(f"{self._directory}: {error}; further features are not kept", flush=True)
            self._open = False

    def _make_room(self, size: int) -> bool:
        """Say whether `size` bytes more may be kept, after removing what may go for them."""
        self._unrecounted_bytes += size
        full = self._used_bytes + size > self._limit_bytes
        if full or size == 0 or self._unrecounted_bytes > RECOUNTED_SHARE * self._limit_bytes:
            self._used_bytes, self._unrecounted_bytes = self._recounted(self._limit_bytes - size), 0
        if self._used_bytes + size > self._limit_bytes:
            return False
        self._used_bytes += size
        return True

    def _recounted(self, allowed_bytes: int) -> int:
        """Return the bytes that are kept, after removing abandoned files, and old shards down to `allowed_bytes`."""
        found = []
        for path in self._directory.glob("*/*"):
            try:
                about = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            if path.suffix == UNFINISHED and about.st_mtime < time.time() - ABANDONED_S:
                path.unlink(missing_ok=True)
            else:
                found.append((about.st_mtime, about.st_size, path))
        kept = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if kept <= allowed_bytes or used >= self._started:
                break
            path.unlink(missing_ok=True)
            kept -= size
        return kept

    def _path(self, key: str) -> Path:
        return self._directory / key[:2] / f"{key}{SUFFIX}"


def _mark(tensors: Tensors) -> dict[str, str]:
    """Return the digest of the tensors' names, types, shapes and bytes, as a shard's metadata."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return {"sha256": digest.hexdigest()}
