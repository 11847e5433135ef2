"""What a job reads, named by content: a file's sha256, a directory's from its files'."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from umui.files.digests import digest_bytes, digest_file, digest_json
from umui.files.regular import read_regular
from umui.store.manifest import SHA256

KEPT_FROM_BYTES = 1_000_000  # smaller files are read again sooner than their digest is looked up
MOST_NOTE_BYTES = 65536
SETTLED_S = 2.0  # a file that changed this lately may change again without another time stamp


def digest_of(path: Path, known: Path) -> str:
    """Return the digest of a file or directory; `known` is a directory that keeps the digests of large files.

    A directory's is made of the names and digests of all files below it; hidden ones, such as a download's records, are
    left out.  Raises FileNotFoundError when there is nothing at `path`.
    """
    if not path.is_dir():
        return _digest_of_file(path, known)
    listed = [[str(file.relative_to(path)), _digest_of_file(file, known)] for file in files_below(path)]
    return digest_json(listed)


def files_below(directory: Path) -> Iterator[Path]:
    """Yield all files below a directory that are not hidden, sorted by name."""
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path


def _digest_of_file(path: Path, known: Path) -> str:
    """Return a file's digest, from the kept one where size, times and inode are as they were."""
    status = path.stat()
    if status.st_size < KEPT_FROM_BYTES:
        return digest_file(path)
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    entry = known / f"{digest_bytes(str(path.absolute()).encode())}.json"
    try:
        kept = json.loads(read_regular(entry, MOST_NOTE_BYTES))
        if kept["stamp"] == stamp and SHA256.fullmatch(kept["sha256"]):
            return str(kept["sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # never read, half-written by a killed job, or damaged
    digest = digest_file(path)
    if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_S:
        with suppress(OSError):  # without the note the file is read again
            known.mkdir(parents=True, exist_ok=True)
            temporary = entry.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps({"path": str(path), "stamp": stamp, "sha256": digest}))
            temporary.replace(entry)
    return digest
