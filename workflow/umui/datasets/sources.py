"""Media files and other sources as they lie on the disk: where, with which bytes, and whether they are as they were.

A path may come from anyone.  What cannot be read, is no regular file or is too large is no file: its items stay, and
the media table says later what is wrong.
"""

import errno
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from umui.files.digests import digest_bytes, digest_json

MAX_SOURCE_BYTES = 100_000_000_000  # an hour at 200 Mbit/s
PIECE_BYTES = 2**20
OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # faults of this process, not of a file


def media_id(path: str) -> str:
    """Return the sha256 of a file's bytes, or of its path after ``missing-`` where there is no file to be read."""
    return _digest(path) or f"missing-{digest_bytes(path.encode())}"


def located(path: str) -> str:
    """Return the path of the file that is meant, which is `path` itself where there is one, or none at all.

    Else a name may be spelled in the other Unicode form (copied from or to a Mac), or with Windows' separators.
    """
    if _exists(path):
        return path
    for spelled in dict.fromkeys((path, path.replace("\\", "/"))):
        found = Path(spelled).root
        for part in Path(spelled).relative_to(found).parts:
            forms = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
            found = next((there for form in forms if _exists(there := str(Path(found, form)))), "")
            if not found:
                break
        else:
            return found
    return path


def state(files: Iterable[str], media: Iterable[str]) -> str:
    """Return a digest that is another when one of these is replaced, changed, added or removed.

    Of files the bytes are compared; of media, which may be large, sizes and times of change, whether later or earlier.
    """
    return digest_json([
        [[path, media_id(path)] for path in sorted(set(files))],
        [[path, *_stat(path)] for path in sorted(set(media))],
    ])  # fmt: skip


def _stat(path: str) -> list[int]:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return []
    return [found.st_size, found.st_mtime_ns]


def _exists(path: str) -> bool:
    return bool(_stat(path))


def _digest(path: str) -> str | None:
    """Return the sha256 of a regular file; no more is read than it says to hold, which devices in disguise exceed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_SOURCE_BYTES:
                return None
            digest, left = hashlib.sha256(), found.st_size
            while left and (piece := file.read(min(PIECE_BYTES, left))):
                digest.update(piece)
                left -= len(piece)
            return digest.hexdigest()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in OURS:
            raise
        return None
